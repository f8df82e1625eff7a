//! `sidegate console`: into the console without a password. The link is printed and goes nowhere else.
//!
//! It asks the admin API; it opens no browser.

use crate::client::AdminApiFlags;
use crate::error::Failure;
use crate::output::{Column, Output, print};
use clap::{Args, Subcommand};
use sidegate_api::resource::Resource;
use sidegate_api::session::ConsoleLinkAttributes;

type Link = Resource<ConsoleLinkAttributes>;

const FIELDS: &[Column<Link>] = &[
    ("url", |link| link.attributes.url.clone()),
    ("expires", |link| link.attributes.expires_at.clone()),
];

/// Open the console in a browser
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Link(MakeLink),
}

/// Print a link that lets one browser into the console, once, within 10 minutes
///
/// Whoever opens it first is signed in as the holder of the token that is used here; needs the role admin. On the machine
/// of the gateway, root's own token in DATA_DIR always makes one, whoever else is locked out.
#[derive(Debug, Args)]
struct MakeLink {
    #[command(flatten)]
    admin_api: AdminApiFlags,
    #[command(flatten)]
    output: Output,
}

/// Runs the command.
pub(crate) async fn run(arguments: &Arguments) -> Result<(), Failure> {
    let Action::Link(make) = &arguments.action;
    let link: Link = make.admin_api.client()?.tell("console-links").await?;
    if make.output.is_quiet() {
        return print(&format!("{}\n", link.attributes.url));
    }
    make.output.one(&link, FIELDS)
}
