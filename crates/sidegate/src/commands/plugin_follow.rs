//! The end of every command that makes a plugin run: it waits as asked, prints the plugin as it is
//! then, and fails when the plugin failed.
//!
//! It changes nothing.

use super::plugin_view::{View, WholeAttributes, callable, whole};
use super::plugin_wait::{Outcome, Wait};
use crate::client::AdminApi;
use crate::error::Failure;
use crate::output::printable;
use sidegate_api::plugin::WholeStatusAttributes;

/// Waits as asked (`None` is not at all), prints, and fails when the plugin failed. What was asked
/// is stored in any case, so the data is printed in any case. What served `before` is not what was
/// asked for.
pub(super) async fn follow(
    api: &AdminApi,
    id: &str,
    before: Option<&WholeStatusAttributes>,
    wait: Option<&Wait>,
    view: &View,
) -> Result<(), Failure> {
    let outcome = match wait {
        Some(wait) => wait.for_plugin(api, id, before).await?,
        None => None,
    };
    let mut plugin = whole(api, id, view).await?;
    let name = plugin.attributes.plugin.name.clone();
    let callable = callable(id, &name);
    let mut warnings = plugin.attributes.plugin.status.summary.warnings.clone();
    if let Some(Outcome::Failed(cause) | Outcome::Pending(cause)) = &outcome {
        // It is said at the end, and once is enough.
        warnings.retain(|warning| warning != cause);
        if !view.is_for_programs() {
            without_cause(&mut plugin.attributes, &warnings);
        }
    }
    view.one(plugin)?;
    if view.is_for_programs() {
        // Data is all they print, so a person hears of it here.
        warnings.iter().for_each(|warning| eprintln!("warning: {}", printable(warning)));
    }
    match outcome {
        None | Some(Outcome::Ready) => Ok(()),
        Some(Outcome::Failed(reason) | Outcome::Pending(reason)) => {
            let reason = printable(&reason);
            let hint = format!(
                "it is registered: `sidegate plugin show {callable}` shows how it goes on, `sidegate plugin update {callable} …` changes it"
            );
            Err(Failure::failed(format!("plugin {name} did not become ready: {reason}")).hint(hint))
        }
    }
}

/// A plugin without why it failed.
fn without_cause(plugin: &mut WholeAttributes, warnings: &[String]) {
    plugin.last_failure = None;
    plugin.plugin.status.summary.reason = None;
    plugin.plugin.status.summary.warnings = warnings.to_vec();
}
