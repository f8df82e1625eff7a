//! `sidegate db`: what is done to a database while no gateway writes to it.
//!
//! It asks no admin API: it opens the databases itself.

use crate::error::Failure;
use crate::output::{Column, Output, Printed};
use clap::{Args, Subcommand};
use serde::Serialize;
use sidegate_store::{LockedStore, Store, StoreError};

/// Copy everything from one database to another
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Copy(Copy),
}

/// Copy everything to a database that is empty: numbers, hashes of tokens, sealed secrets, what plugins keep, and
/// the audit log
///
/// Stop the gateway first: what it writes meanwhile is not copied. The gateway that uses the copy needs the same
/// key of the secrets, see SIDEGATE_SECRETS_KEY_FILE. All of it is copied, or nothing.
#[derive(Debug, Args)]
struct Copy {
    /// Address of the database to copy from, as in DATABASE_DSN
    from: String,
    /// Address of the one to copy to; leave its password to PGPASSWORD or a password file, because others see
    /// arguments
    to: String,
    #[command(flatten)]
    output: Output,
}

/// Runs the command.
pub(crate) async fn run(arguments: &Arguments) -> Result<(), Failure> {
    let Action::Copy(copy) = &arguments.action;
    let from = named(Store::connect_existing(&copy.from).await, "from")?;
    let to = named(Store::connect(&copy.to).await, "to")?;
    let copied = from.copy_to(&to).await;
    from.close().await;
    to.close().await;
    let copied = copied.map_err(|e| Failure::failed(format!("nothing was copied: {e}")))?;
    let rows: Vec<_> =
        copied.iter().map(|copied| Row { table: copied.table, rows: copied.rows }).collect();
    copy.output.list(&rows, COLUMNS)
}

fn named(opened: Result<LockedStore, StoreError>, which: &str) -> Result<LockedStore, Failure> {
    opened.map_err(|e| match e {
        StoreError::Address { .. } => Failure::usage(format!("{which}: {e}")),
        _ => Failure::failed(format!("{which}: {e}")),
    })
}

/// How much of a table was copied, and is there now.
#[derive(Serialize)]
struct Row {
    table: &'static str,
    rows: u64,
}

impl Printed for Row {
    fn id(&self) -> &str {
        self.table
    }
}

const COLUMNS: &[Column<Row>] =
    &[("TABLE", |row| row.table.to_owned()), ("ROWS", |row| row.rows.to_string())];
