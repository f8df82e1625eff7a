//! What only the process beside a console may ask: to change its plugin's configuration.

use std::time::Duration;

use serde::Serialize;
use sidegate_wire::studio::ai_studio_management_service_client::AiStudioManagementServiceClient as Client;
use sidegate_wire::studio::{PluginContext, UpdatePluginConfigRequest};

use super::error::HostError;
use super::line::{Again, Line};

const SCOPE: &str = "plugins.write";
/// A change is answered when it is served everywhere, or when it is known why not.
const DEADLINE: Duration = Duration::from_secs(30);

/// Merges these keys into the configuration; a key that is null is removed. Only while it is as expected, as far as
/// anything is.
pub(super) async fn update_config(
    line: &Line,
    changes: &impl Serialize,
    expected: Option<&impl Serialize>,
) -> Result<String, HostError> {
    let changes = object(changes, "a change of the configuration")?;
    let expected = expected.map(|it| object(it, "what is expected of it")).transpose()?;
    let plugin_id = line.plugin_id();
    let message = UpdatePluginConfigRequest {
        context: Some(context(line, SCOPE)),
        plugin_id,
        config_json: changes,
        expected_json: expected.unwrap_or_default(),
    };
    let call = |channel| {
        let message = message.clone();
        async move { Client::new(channel).update_plugin_config(message).await }
    };
    let answer = line.ask_within(DEADLINE, SCOPE, Again::No, call).await?;
    if answer.success { Ok(answer.message) } else { Err(HostError::Refused(answer.message)) }
}

fn object(value: &impl Serialize, what: &str) -> Result<String, HostError> {
    let value = serde_json::to_value(value).map_err(|error| HostError::json(&error))?;
    match value.is_object() {
        true => Ok(value.to_string()),
        false => Err(HostError::Invalid(format!("{what} is a JSON object"))),
    }
}

pub(super) fn context(line: &Line, scope: &str) -> PluginContext {
    PluginContext { plugin_id: line.plugin_id(), method_scope: scope.to_owned() }
}
