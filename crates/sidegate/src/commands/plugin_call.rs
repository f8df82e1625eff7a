//! `sidegate plugin call`: asks a plugin what its page in the console asks it.
//!
//! It goes by the admin API; what a method means knows the plugin.

use super::plugin_view::Plugin;
use crate::client::AdminApiFlags;
use crate::error::Failure;
use crate::find::{Within, find_within};
use crate::output::print;
use clap::Args;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

/// Ask a plugin what its page in the console asks it, and print its answer as JSON
#[derive(Debug, Args)]
pub(crate) struct Call {
    /// Name or id
    plugin: String,
    /// What is asked, in the plugin's own word
    method: String,
    /// What goes with it: a JSON object
    #[arg(value_name = "JSON", default_value = "{}", value_parser = object)]
    payload: Value,
    #[command(flatten)]
    within: Within,
    #[command(flatten)]
    admin_api: AdminApiFlags,
}

/// Runs the command.
pub(super) async fn run(call: &Call) -> Result<(), Failure> {
    let api = call.admin_api.client()?;
    let plugin: Plugin = find_within(&api, &call.plugin, &call.within).await?;
    let method = utf8_percent_encode(&call.method, NON_ALPHANUMERIC);
    let path = format!("plugins/{}/rpc/{method}", plugin.id);
    let answer = api.ask_plugin(&path, &call.payload).await?;
    print(&format!("{answer:#}\n"))
}

fn object(text: &str) -> Result<Value, String> {
    match serde_json::from_str(text) {
        Ok(object @ Value::Object(_)) => Ok(object),
        Ok(_) => Err("it is no JSON object: {\"name\": \"value\"}".to_owned()),
        Err(error) => Err(format!("it is no JSON: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_object_goes_with_a_question() {
        assert_eq!(object("{\"a\": 1}"), Ok(serde_json::json!({"a": 1})));
        assert!(object("[]").unwrap_err().contains("no JSON object"));
        assert!(object("{a}").unwrap_err().contains("no JSON:"));
    }
}
