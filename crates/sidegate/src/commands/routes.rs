//! `sidegate routes`: what clients can call, over all plugins.
//!
//! It asks the admin API; it calls no route.

use crate::client::Connection;
use crate::error::Failure;
use crate::output::{Column, Output, field, plain, text};
use clap::Args;
use serde_json::Value;

const COLUMNS: &[Column] = &[
    ("PATH", |route| text(route, "path")),
    ("METHODS", |route| text(route, "methods")),
    ("TOKEN", token),
    ("STREAM", |route| match field(route, "stream_response").as_bool() {
        Some(true) => "yes".to_owned(),
        _ => "no".to_owned(),
    }),
    ("PLUGIN", |route| text(route, "plugin")),
    ("DESCRIPTION", |route| text(route, "description")),
];

/// Whether a token is demanded; also where that is so only because GET demands one there.
fn token(route: &Value) -> String {
    if field(route, "require_auth") == true {
        return "required".to_owned();
    }
    let raised = field(route, "raised").as_array().map_or(&[][..], Vec::as_slice);
    let raised: Vec<_> = raised.iter().map(|raised| plain(&raised["path"])).collect();
    if raised.is_empty() { "no".to_owned() } else { format!("raised on {}", raised.join(", ")) }
}

/// List the routes that plugins serve now
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    connection: Connection,
    #[command(flatten)]
    output: Output,
}

/// Runs the command.
pub(crate) async fn run(arguments: &Arguments) -> Result<(), Failure> {
    let routes = arguments.connection.open()?.all("routes").await?;
    arguments.output.list(&routes, COLUMNS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_demand_for_a_token_that_was_raised_is_shown_with_its_places() {
        let shown = |auth: bool, paths: &[&str]| {
            let raised: Vec<_> = paths.iter().map(|path| json!({"path": path})).collect();
            token(&json!({"attributes": {"require_auth": auth, "raised": raised}}))
        };
        assert_eq!(shown(true, &[]), "required");
        assert_eq!(shown(false, &[]), "no");
        assert_eq!(
            shown(false, &["/plugins/p/a", "/plugins/p/b/*"]),
            "raised on /plugins/p/a, /plugins/p/b/*"
        );
    }
}
