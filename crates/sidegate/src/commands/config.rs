//! `sidegate config`: every setting, its value and where it came from; or the manual.
//!
//! It shows what `serve` would see; it starts nothing.

use crate::config::layers::{Environment, Layers};
use crate::config::raw::{Kind, SETTINGS, Setting};
use crate::config::resolved::Config;
use crate::config::{legacy, reference};
use crate::error::Failure;
use crate::output::{Output, Printed, print};
use crate::setting_flags::SettingFlags;
use clap::Args;
use serde::Serialize;

/// Show every setting, its value and where it came from
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Print the manual of all settings, in Markdown
    #[arg(long, conflicts_with_all = ["output", "quiet"])]
    reference: bool,
    #[command(flatten)]
    output: Output,
    #[command(flatten)]
    flags: SettingFlags,
}

/// Runs the command.
pub(crate) fn run(arguments: &Arguments) -> Result<(), Failure> {
    if arguments.reference {
        return print(&reference::page());
    }
    let environment = Environment::of_process();
    let (layers, mut problems) = Layers::collect(&environment, &arguments.flags.0);
    let rows: Vec<Row> = SETTINGS.iter().map(|row| shown(row, &layers)).collect();
    arguments.output.list(
        &rows,
        &[
            ("SETTING", |row| row.id.to_owned()),
            ("VALUE", |row| row.value.clone()),
            ("FROM", |row| row.origin.clone()),
        ],
    )?;
    if let Some(warning) = legacy::warning(&environment) {
        eprintln!("warning: {warning}");
    }
    problems.extend(legacy::other_role(&environment, &layers));
    problems.extend(Config::resolve(&layers).err().unwrap_or_default());
    if problems.is_empty() { Ok(()) } else { Err(Failure::settings(&problems)) }
}

/// A setting as it is printed.
#[derive(Serialize)]
struct Row {
    id: &'static str,
    value: String,
    origin: String,
}

impl Printed for Row {
    fn id(&self) -> &str {
        self.id
    }
}

fn shown(row: &Setting, layers: &Layers) -> Row {
    let (text, origin) = layers.get(row);
    let value = match row.kind {
        Kind::Secret | Kind::OneTimeSecret if !text.is_empty() => "(hidden)".to_owned(),
        _ => without_password(text),
    };
    Row { id: row.variable, value, origin: origin.to_string() }
}

/// Hides the password of an address such as `scheme://user:password@host`, and of one that was meant to be one.
fn without_password(text: &str) -> String {
    const HIDDEN: &str = "(hidden)";
    if let Some((before, after)) = text.split_once("password=") {
        let end = after.find(['&', ' ']).unwrap_or(after.len());
        return format!("{}password={HIDDEN}{}", without_password(before), &after[end..]);
    }
    let Some((scheme, rest)) = text.split_once("://") else { return text.to_owned() };
    match rest.rsplit_once('@') {
        Some((who, host)) => match who.split_once(':') {
            Some((user, _)) => format!("{scheme}://{user}:{HIDDEN}@{host}"),
            None => text.to_owned(),
        },
        // Without an "@" what stands before it cannot be told from the password.
        None if scheme.to_ascii_lowercase().starts_with("postgres") => {
            format!("{scheme}://{HIDDEN}")
        }
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_in_an_address_is_not_shown() {
        for (text, shown) in [
            ("postgres://me:p@ss:word@db/x", "postgres://me:(hidden)@db/x"),
            ("postgres://me@db/x?sslmode=require", "postgres://me@db/x?sslmode=require"),
            ("postgres://me:hunter2", "postgres://(hidden)"),
            ("postgres://me@db/x?password=a&b=c", "postgres://me@db/x?password=(hidden)&b=c"),
            ("host=db password=a dbname=x", "host=db password=(hidden) dbname=x"),
            ("sqlite:./data/a.db", "sqlite:./data/a.db"),
            ("sqlite:///data/a.db", "sqlite:///data/a.db"),
            ("https://gateway:8080", "https://gateway:8080"),
        ] {
            assert_eq!(without_password(text), shown);
        }
    }
}
