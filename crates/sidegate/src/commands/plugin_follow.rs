//! The end of every command that makes a plugin run: it waits as asked, prints the plugin as it is
//! then, and fails when the plugin failed.
//!
//! It changes nothing.

use super::plugin_view::{View, WholeAttributes, WholePlugin, callable, whole};
use super::plugin_wait::{Outcome, Wait};
use crate::client::AdminApi;
use crate::error::Failure;
use crate::output::printable;
use sidegate_api::plugin::WholeStatusAttributes;
use sidegate_api::public_endpoints::PublicEndpointsAttributes;

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
    let mut plugin = whole(api, id).await?;
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
    let news = before.map(|before| news(before, &plugin)).unwrap_or_default();
    view.one(plugin)?;
    news.iter().for_each(|line| eprintln!("{}", printable(line)));
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

/// What a plugin asks and offers that the process before did not: a difference, one a line.
fn news(before: &WholeStatusAttributes, now: &WholePlugin) -> Vec<String> {
    let (id, plugin) = (&now.id, &now.attributes.plugin);
    let callable = callable(id, &plugin.name);
    let known = &before.manifest.requested_scopes;
    let wished = plugin.missing_scopes.iter().filter(|scope| !known.contains(scope));
    let wished = wished.map(|scope| {
        format!(
            "+{scope}  wished, not granted: `sidegate plugin grant {callable} {scope}` grants it"
        )
    });
    let public = |status: &PublicEndpointsAttributes| {
        [&status.approved[..], &status.allowed, &status.pending].concat()
    };
    let known = public(&before.public_endpoints);
    // Of one that did not run before it is not known what is new.
    let offers = match before.summary.ready_since {
        Some(_) => public(&plugin.public_endpoints),
        None => plugin.public_endpoints.pending.clone(),
    };
    let offered = offers.into_iter().filter(|it| !known.contains(it));
    let pending = &plugin.public_endpoints.pending;
    let offered = offered.map(|endpoint| match pending.contains(&endpoint) {
        true => format!(
            "+{endpoint}  needs no token, waits for approval: `sidegate plugin approve-public {callable} {endpoint:?}` approves it"
        ),
        false => format!("+{endpoint}  needs no token"),
    });
    wished.chain(offered).collect()
}

/// A plugin without why it failed.
fn without_cause(plugin: &mut WholeAttributes, warnings: &[String]) {
    plugin.last_failure = None;
    plugin.plugin.status.summary.reason = None;
    plugin.plugin.status.summary.warnings = warnings.to_vec();
}

#[cfg(test)]
mod tests {
    use super::*;
    use sidegate_api::plugin::{ManifestSummary, PluginAttributes};
    use sidegate_api::resource::{Resource, ResourceType};

    #[test]
    fn what_an_upgrade_asks_and_offers_is_told_as_a_difference() {
        let texts = |list: &[&str]| list.iter().map(ToString::to_string).collect::<Vec<_>>();
        let requested_scopes = texts(&["kv.readwrite", "apps.read"]);
        let manifest = ManifestSummary { requested_scopes, ..ManifestSummary::default() };
        let public = |approved: &[&str], pending: &[&str]| PublicEndpointsAttributes {
            approved: texts(approved),
            pending: texts(pending),
            ..PublicEndpointsAttributes::default()
        };
        let before = WholeStatusAttributes {
            manifest,
            public_endpoints: public(&["GET /a"], &["GET /b"]),
            ..WholeStatusAttributes::default()
        };
        let plugin = PluginAttributes {
            name: "p".to_owned(),
            missing_scopes: texts(&["apps.read", "llms.read"]),
            public_endpoints: public(&["GET /a"], &["GET /b", "GET /c"]),
            ..PluginAttributes::default()
        };
        let attributes = WholeAttributes { plugin, ..WholeAttributes::default() };
        let now = Resource { kind: ResourceType::Plugin, id: "1".to_owned(), attributes };
        assert_eq!(
            news(&before, &now),
            [
                "+llms.read  wished, not granted: `sidegate plugin grant p llms.read` grants it",
                "+GET /c  needs no token, waits for approval: \
                 `sidegate plugin approve-public p \"GET /c\"` approves it",
            ]
        );
    }
}
