//! `sidegate whoami`: whose token commands use here, and what it may do.
//!
//! It asks the admin API; it shows no token.

use crate::client::{AdminApi, AdminApiFlags};
use crate::error::Failure;
use crate::output::{Column, Output};
use clap::Args;
use sidegate_api::admin_token::WhoamiAttributes;
use sidegate_api::resource::Resource;
use sidegate_api::role::Role;

type Whoami = Resource<WhoamiAttributes>;

const FIELDS: &[Column<Whoami>] = &[
    ("name", |who| who.attributes.name.clone()),
    ("role", |who| who.attributes.role.to_string()),
    ("expires", |who| who.attributes.expires_at.clone().unwrap_or_else(|| "never".to_owned())),
];

/// Say whose token commands use here, and which role it has
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    admin_api: AdminApiFlags,
    #[command(flatten)]
    output: Output,
}

/// Whether the token that is used here has this role or a stronger one.
///
/// # Errors
/// When the gateway cannot be asked.
pub(super) async fn has_role(api: &AdminApi, needed: Role) -> Result<bool, Failure> {
    let who: Option<Whoami> = api.get_if_there("whoami").await?;
    // Before there were roles, everybody had all of them.
    Ok(who.is_none_or(|who| who.attributes.role >= needed))
}

/// Runs the command.
pub(crate) async fn run(arguments: &Arguments) -> Result<(), Failure> {
    let who: Whoami = arguments.admin_api.client()?.get("whoami").await?;
    if arguments.output.is_quiet() {
        return crate::output::print(&format!("{}\n", who.attributes.name));
    }
    arguments.output.one(&who, FIELDS)
}
