//! `sidegate routes`: what clients can call, over all plugins.
//!
//! It asks the admin API; it calls no route.

use crate::client::AdminApiFlags;
use crate::error::Failure;
use crate::output::{Column, Output, listed};
use clap::Args;
use sidegate_api::public_endpoints::PublicState;
use sidegate_api::resource::Resource;
use sidegate_api::route::{DemandedBy, RouteAttributes};

type Route = Resource<RouteAttributes>;

const COLUMNS: &[Column<Route>] = &[
    ("PATH", |route| route.attributes.path.clone()),
    ("METHODS", |route| listed(&route.attributes.methods)),
    ("TOKEN", |route| demand(&route.attributes)),
    ("SCOPES", |route| scopes(&route.attributes)),
    ("STREAM", |route| if route.attributes.stream_response { "yes" } else { "no" }.to_owned()),
    ("PLUGIN", |route| route.attributes.plugin.clone()),
    ("DESCRIPTION", |route| route.attributes.description.clone()),
];

/// What is demanded of who calls. What waits for approval is not served to anybody.
fn demand(route: &RouteAttributes) -> String {
    match route.public {
        Some(PublicState::NotApproved) => "not approved".to_owned(),
        _ => token(route),
    }
}

/// Whether a token is demanded; also where that is so only because GET demands one there.
fn token(route: &RouteAttributes) -> String {
    if route.require_auth {
        let by_policy_alone = route.demanded_by == [DemandedBy::Policy];
        return if by_policy_alone { "required by policy" } else { "required" }.to_owned();
    }
    let paths = listed(route.raised.iter().map(|raised| &raised.path));
    if paths.is_empty() { "no".to_owned() } else { format!("raised on {paths}") }
}

/// What the token must carry; also where that is so only because GET demands it there.
fn scopes(route: &RouteAttributes) -> String {
    let own = (!route.scopes_required.is_empty()).then(|| listed(&route.scopes_required));
    let raised = route.raised.iter().filter(|raised| !raised.scopes_required.is_empty());
    let raised =
        raised.map(|raised| format!("{} on {}", listed(&raised.scopes_required), raised.path));
    own.into_iter().chain(raised).collect::<Vec<_>>().join("; ")
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
    use sidegate_api::route::RaisedAttributes;

    fn route(
        demanded_by: &[DemandedBy],
        scopes: &str,
        raised_on: &[(&str, &str)],
    ) -> RouteAttributes {
        let list = |text: &str| text.split_whitespace().map(str::to_owned).collect();
        let raised = |(path, scopes): &(&str, &str)| RaisedAttributes {
            path: (*path).to_owned(),
            scopes_required: list(scopes),
            ..RaisedAttributes::default()
        };
        RouteAttributes {
            require_auth: !demanded_by.is_empty(),
            demanded_by: demanded_by.to_vec(),
            scopes_required: list(scopes),
            raised: raised_on.iter().map(raised).collect(),
            ..RouteAttributes::default()
        }
    }

    #[test]
    fn what_is_demanded_is_shown_with_who_demands_it_and_where_it_was_raised() {
        use DemandedBy::{Plugin, Policy};
        let shown = |route: RouteAttributes| (token(&route), scopes(&route));
        let cells = |token: &str, scopes: &str| (token.to_owned(), scopes.to_owned());
        assert_eq!(shown(route(&[], "", &[])), cells("no", ""));
        assert_eq!(shown(route(&[Plugin], "", &[])), cells("required", ""));
        assert_eq!(shown(route(&[Policy], "a b", &[])), cells("required by policy", "a, b"));
        assert_eq!(shown(route(&[Plugin, Policy], "a", &[])), cells("required", "a"));
        let raised = [("/plugins/p/a", ""), ("/plugins/p/b/*", "x")];
        assert_eq!(
            shown(route(&[], "", &raised)),
            cells("raised on /plugins/p/a, /plugins/p/b/*", "x on /plugins/p/b/*")
        );
        assert_eq!(
            shown(route(&[Plugin], "a", &[("/b", "a x")])),
            cells("required", "a; a, x on /b")
        );
    }
}
