//! `sidegate routes`: what clients can call, over all plugins.
//!
//! It asks the admin API; it calls no route.

use crate::client::AdminApiFlags;
use crate::error::Failure;
use crate::output::{Column, Output, listed};
use clap::Args;
use sidegate_api::public_endpoints::PublicState;
use sidegate_api::resource::Resource;
use sidegate_api::route::{RaisedAttributes, RouteAttributes};

type Route = Resource<RouteAttributes>;

const COLUMNS: &[Column<Route>] = &[
    ("PATH", |route| route.attributes.path.clone()),
    ("METHODS", |route| listed(&route.attributes.methods)),
    ("TOKEN", |route| demand(&route.attributes)),
    ("STREAM", |route| if route.attributes.stream_response { "yes" } else { "no" }.to_owned()),
    ("PLUGIN", |route| route.attributes.plugin.clone()),
    ("DESCRIPTION", |route| route.attributes.description.clone()),
];

/// What is demanded of who calls. What waits for approval is not served to anybody.
fn demand(route: &RouteAttributes) -> String {
    match route.public {
        Some(PublicState::NotApproved) => "not approved".to_owned(),
        _ => token(route.require_auth, &route.raised),
    }
}

/// Whether a token is demanded; also where that is so only because GET demands one there.
fn token(is_required: bool, raised: &[RaisedAttributes]) -> String {
    if is_required {
        return "required".to_owned();
    }
    let paths = listed(raised.iter().map(|raised| &raised.path));
    if paths.is_empty() { "no".to_owned() } else { format!("raised on {paths}") }
}

/// List the routes that plugins serve now
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    admin_api: AdminApiFlags,
    #[command(flatten)]
    output: Output,
}

/// Runs the command.
pub(crate) async fn run(arguments: &Arguments) -> Result<(), Failure> {
    let routes = arguments.admin_api.client()?.list("routes").await?;
    arguments.output.list(&routes, COLUMNS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_demand_for_a_token_that_was_raised_is_shown_with_its_places() {
        let shown = |auth: bool, paths: &[&str]| {
            let raised = |path: &&str| RaisedAttributes {
                path: (*path).to_owned(),
                ..RaisedAttributes::default()
            };
            token(auth, &paths.iter().map(raised).collect::<Vec<_>>())
        };
        assert_eq!(shown(true, &[]), "required");
        assert_eq!(shown(false, &[]), "no");
        assert_eq!(
            shown(false, &["/plugins/p/a", "/plugins/p/b/*"]),
            "raised on /plugins/p/a, /plugins/p/b/*"
        );
    }
}
