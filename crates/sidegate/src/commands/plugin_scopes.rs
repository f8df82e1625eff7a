//! `sidegate plugin grant` and `revoke`: what a plugin may ask of the gateway.
//!
//! It asks the admin API, which knows the scopes; here they are only named in the help.

use super::plugin_view::{Plugin, View, WholePlugin, callable, unmet_wishes, whole};
use crate::client::AdminApiFlags;
use crate::error::Failure;
use crate::find::{Within, find_within};
use crate::output::listed;
use clap::Args;
use sidegate_api::plugin::ScopeFields;

/// A plugin and scopes
#[derive(Debug, Args)]
pub(crate) struct Scopes {
    /// Name or id
    plugin: String,
    /// apps.read, apps.write, budget.read, control.send, credentials.validate, kv.readwrite,
    /// llms.read, plugins.config, plugins.read, plugins.write or pricing.read
    #[arg(required = true, value_name = "SCOPE")]
    scopes: Vec<String>,
    #[command(flatten)]
    within: Within,
    #[command(flatten)]
    admin_api: AdminApiFlags,
    #[command(flatten)]
    view: View,
}

/// Runs the command; `deed` is `grant` or `revoke`.
pub(super) async fn run(scopes: &Scopes, deed: &str) -> Result<(), Failure> {
    let api = scopes.admin_api.client()?;
    let plugin: Plugin = find_within(&api, &scopes.plugin, &scopes.within).await?;
    let named = scopes.scopes.iter().cloned().collect();
    let fields = ScopeFields { scope: None, scopes: Some(named) };
    let plugin: Plugin = api.post(&format!("plugins/{}/{deed}", plugin.id), &fields).await?;
    let plugin = whole(&api, &plugin.id).await?;
    if scopes.view.is_for_programs() {
        return scopes.view.one(plugin);
    }
    eprintln!("{}", summary(&plugin));
    Ok(())
}

/// What it may ask now, and what it still wishes.
fn summary(plugin: &WholePlugin) -> String {
    let (id, plugin) = (&plugin.id, &plugin.attributes.plugin);
    let (name, granted) = (&plugin.name, listed(&plugin.service_scopes));
    let may = match granted.is_empty() {
        true => format!("plugin {name} may ask nothing of the gateway"),
        false => format!("plugin {name} may ask for {granted}"),
    };
    let wishes = unmet_wishes(plugin);
    let callable = callable(id, name);
    match (wishes.grantable.is_empty(), wishes.unknown.is_empty()) {
        (true, true) => may,
        (true, false) => {
            let unknown = wishes.unknown.join(", ");
            format!(
                "{may}; its manifest also names {unknown}, for which this gateway has no service"
            )
        }
        (false, _) => {
            let (listed, arguments) = (wishes.grantable.join(", "), wishes.grantable.join(" "));
            format!(
                "{may}; its manifest also wishes {listed}: `sidegate plugin grant {callable} {arguments}` grants it"
            )
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::plugin_view::WholeAttributes;
    use super::*;
    use sidegate_api::plugin::{ManifestSummary, PluginAttributes, StatusAttributes};
    use sidegate_api::resource::{Resource, ResourceType};
    use sidegate_model::scope::SERVICE_SCOPES;

    fn plugin(granted: &[&str], wishes: &[&str]) -> WholePlugin {
        let requested_scopes = wishes.iter().map(ToString::to_string).collect();
        let manifest = ManifestSummary { requested_scopes, ..ManifestSummary::default() };
        let plugin = PluginAttributes {
            name: "p".to_owned(),
            service_scopes: granted.iter().map(ToString::to_string).collect(),
            status: StatusAttributes { manifest, ..StatusAttributes::default() },
            ..PluginAttributes::default()
        };
        let attributes = WholeAttributes { plugin, ..WholeAttributes::default() };
        Resource { kind: ResourceType::Plugin, id: "1".to_owned(), attributes }
    }

    #[test]
    fn what_is_granted_and_what_is_still_wished_is_said() {
        for (granted, wishes, said) in [
            (&[][..], &[][..], "plugin p may ask nothing of the gateway"),
            (&["kv.readwrite"], &["kv.readwrite"], "plugin p may ask for kv.readwrite"),
            (
                &["kv.readwrite", "llms.read"],
                &["kv.readwrite", "apps.read", "budget.read", "tags.read"],
                "plugin p may ask for kv.readwrite, llms.read; its manifest also wishes apps.read, \
                 budget.read: `sidegate plugin grant p apps.read budget.read` grants it",
            ),
            (
                &[],
                &["tags.read"],
                "plugin p may ask nothing of the gateway; its manifest also names tags.read, for \
                 which this gateway has no service",
            ),
        ] {
            assert_eq!(summary(&plugin(granted, wishes)), said);
        }
    }

    #[test]
    fn the_help_names_every_scope() {
        #[derive(Debug, clap::Parser)]
        struct Program {
            #[command(flatten)]
            _scopes: Scopes,
        }
        let help = <Program as clap::CommandFactory>::command().render_long_help().to_string();
        for scope in SERVICE_SCOPES {
            assert!(help.contains(scope), "{scope} in {help}");
        }
    }
}
