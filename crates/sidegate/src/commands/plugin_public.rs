//! `sidegate plugin approve-public`: what a plugin may offer without a token.
//!
//! It asks the admin API, which knows what the plugin offers; here entries are only passed on.

use super::plugin_view::{Plugin, View, WholePlugin, callable, whole};
use crate::client::AdminApiFlags;
use crate::error::Failure;
use crate::find::{Within, find_within};
use crate::output::printable;
use clap::Args;
use sidegate_api::public_endpoints::{PublicEndpointFields, PublicEndpointsAttributes};

/// What means all endpoints.
const ALL: &str = "*";

/// Serve endpoints of a plugin without a token where the setting SIDEGATE_PUBLIC_ENDPOINTS is approve;
/// counts at once, without a restart
#[derive(Debug, Args)]
pub(crate) struct ApprovePublic {
    /// Name or id
    plugin: String,
    /// A method and a path as `plugin show` names them ("GET /hello"), or a path alone for every
    /// method of it; without any, all that the plugin offers without a token now
    #[arg(value_name = "ROUTE")]
    routes: Vec<String>,
    /// Take approvals back instead: of these, or without any of all
    #[arg(long)]
    revoke: bool,
    #[command(flatten)]
    within: Within,
    #[command(flatten)]
    admin_api: AdminApiFlags,
    #[command(flatten)]
    view: View,
}

/// Runs the command.
pub(super) async fn run(arguments: &ApprovePublic) -> Result<(), Failure> {
    let api = arguments.admin_api.client()?;
    let plugin: Plugin = find_within(&api, &arguments.plugin, &arguments.within).await?;
    let path = format!("plugins/{}/public-endpoints", plugin.id);
    let _: Plugin = api.post(&path, &arguments.fields()).await?;
    let plugin = whole(&api, &plugin.id).await?;
    if arguments.view.is_for_programs() {
        return arguments.view.one(plugin);
    }
    eprintln!("{}", printable(&summary(&plugin)));
    Ok(())
}

impl ApprovePublic {
    fn fields(&self) -> PublicEndpointFields {
        let named = match self.routes.is_empty() {
            true => vec![ALL.to_owned()],
            false => self.routes.clone(),
        };
        match self.revoke {
            true => PublicEndpointFields { approve: None, revoke: Some(named) },
            false => PublicEndpointFields { approve: Some(named), revoke: None },
        }
    }
}

/// What it offers to everybody now, and what waits.
fn summary(plugin: &WholePlugin) -> String {
    let (id, plugin) = (&plugin.id, &plugin.attributes.plugin);
    let name = &plugin.name;
    let PublicEndpointsAttributes { approved, allowed, pending } = &plugin.public_endpoints;
    let approved = match approved.is_empty() {
        true => format!("nothing of plugin {name} is approved to be served without a token"),
        false => format!(
            "approved to be served without a token by plugin {name}: {}",
            approved.join(", ")
        ),
    };
    let callable = callable(id, name);
    let waits = (!pending.is_empty()).then(|| {
        let pending = pending.join(", ");
        format!("; waits for approval: {pending}: `sidegate plugin approve-public {callable}` approves it")
    });
    let allowed = (!allowed.is_empty()).then(|| {
        let allowed = allowed.join(", ");
        format!("; served all the same, because SIDEGATE_PUBLIC_ENDPOINTS is allow: {allowed}")
    });
    [Some(approved), waits, allowed].into_iter().flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::super::plugin_view::WholeAttributes;
    use super::*;
    use clap::Parser;
    use sidegate_api::plugin::PluginAttributes;
    use sidegate_api::resource::{Resource, ResourceType};

    #[derive(Parser)]
    struct Program {
        #[command(flatten)]
        arguments: ApprovePublic,
    }

    fn fields(arguments: &[&str]) -> PublicEndpointFields {
        let always = ["approve-public", "p"];
        Program::parse_from(always.iter().chain(arguments)).arguments.fields()
    }

    fn public(approved: &[&str], allowed: &[&str], pending: &[&str]) -> PublicEndpointsAttributes {
        let [approved, allowed, pending] =
            [approved, allowed, pending].map(|it| it.iter().map(ToString::to_string).collect());
        PublicEndpointsAttributes { approved, allowed, pending }
    }

    #[test]
    fn without_any_route_all_are_meant() {
        let texts = |list: Option<Vec<String>>| list.unwrap_or_default().join(" ");
        assert_eq!(texts(fields(&[]).approve), "*");
        assert_eq!(texts(fields(&["GET /a", "/b/*"]).approve), "GET /a /b/*");
        assert_eq!(texts(fields(&["--revoke"]).revoke), "*");
        let revoke = fields(&["/b", "--revoke"]);
        assert_eq!((texts(revoke.revoke).as_str(), revoke.approve), ("/b", None));
    }

    #[test]
    fn what_was_decided_and_what_it_comes_to_is_said() {
        let said = |public_endpoints| {
            let name = "p".to_owned();
            let plugin = PluginAttributes { name, public_endpoints, ..PluginAttributes::default() };
            let attributes = WholeAttributes { plugin, ..WholeAttributes::default() };
            summary(&Resource { kind: ResourceType::Plugin, id: "1".to_owned(), attributes })
        };
        assert_eq!(
            said(public(&[], &[], &[])),
            "nothing of plugin p is approved to be served without a token"
        );
        assert_eq!(
            said(public(&["GET /a"], &[], &["GET /b"])),
            "approved to be served without a token by plugin p: GET /a; waits for approval: GET /b: \
             `sidegate plugin approve-public p` approves it"
        );
        assert_eq!(
            said(public(&[], &["GET /b"], &[])),
            "nothing of plugin p is approved to be served without a token; served all the same, \
             because SIDEGATE_PUBLIC_ENDPOINTS is allow: GET /b"
        );
    }
}
