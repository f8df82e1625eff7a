//! `sidegate audit`: who changed what, and which attempts were refused, newest first.
//!
//! It asks the admin API; it changes nothing.

use super::history_view::in_brackets;
use crate::client::{AdminApi, AdminApiFlags};
use crate::error::Failure;
use crate::output::{Column, Output, listed};
use clap::Args;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use sidegate_api::audit::{AuditAttributes, AuditList, Outcome};
use sidegate_api::resource::Resource;
use sidegate_model::UnixMillis;
use sidegate_model::clock::now_millis;

type Entry = Resource<AuditAttributes>;

/// Most entries that are asked for at once.
const PAGE_SIZE: usize = 100;

/// Kinds of things that entries are about.
const KINDS: [&str; 11] = [
    "plugin",
    "app",
    "token",
    "admin-token",
    "user",
    "session",
    "console-link",
    "edge",
    "namespace",
    "key",
    "lineage",
];

const COLUMNS: &[Column<Entry>] = &[
    ("AT", |entry| entry.attributes.at.clone()),
    ("WHO", |entry| entry.attributes.actor.clone().unwrap_or_else(|| "unknown".to_owned())),
    ("FROM", |entry| entry.attributes.peer.clone().unwrap_or_default()),
    ("OPERATION", |entry| entry.attributes.operation.clone()),
    ("OUTCOME", |entry| outcome(&entry.attributes)),
    ("THING", |entry| thing(&entry.attributes)),
    ("WHAT", |entry| what(&entry.attributes)),
];

fn outcome(entry: &AuditAttributes) -> String {
    let word = match entry.outcome {
        Outcome::Done => "done",
        Outcome::Refused => "refused",
    };
    if entry.times > 1 { format!("{word} {} times", entry.times) } else { word.to_owned() }
}

fn thing(entry: &AuditAttributes) -> String {
    let thing = entry.thing.as_ref();
    thing.map_or_else(String::new, |thing| {
        // Words of a program, but for the name.
        let kind = serde_json::to_value(thing.kind).unwrap_or_default();
        let name = in_brackets(&thing.name);
        format!("{} {}{name}", kind.as_str().unwrap_or_default(), thing.id)
    })
}

/// What of the thing is different, or why it was refused.
fn what(entry: &AuditAttributes) -> String {
    let fields = (!entry.fields.is_empty()).then(|| listed(&entry.fields));
    fields.into_iter().chain(entry.detail.clone()).collect::<Vec<_>>().join("; ")
}

/// List who changed what and what was refused, newest first
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Only what this one did: the name of an admin token, root or system
    #[arg(long, value_name = "NAME")]
    actor: Option<String>,
    /// Only what is about things of this kind
    #[arg(long, value_parser = KINDS)]
    kind: Option<String>,
    /// Only what is about things with this id; best together with --kind
    #[arg(long)]
    id: Option<u32>,
    /// Only what is about things that were called exactly so then
    #[arg(long)]
    name: Option<String>,
    /// Only what was done or wanted by this operation, as the column OPERATION has it
    #[arg(long)]
    operation: Option<String>,
    /// Only what was done, or only what was refused
    #[arg(long, value_parser = ["done", "refused"])]
    outcome: Option<String>,
    /// Only what happened since then: a time as in 2030-01-31T12:00:00Z, or how long ago as in 24h
    #[arg(long, value_name = "TIME", value_parser = time)]
    since: Option<String>,
    /// Only what happened before then, said in the same way
    #[arg(long, value_name = "TIME", value_parser = time)]
    until: Option<String>,
    /// How many entries at most
    #[arg(long, value_name = "NUMBER", default_value = "100", value_parser = clap::value_parser!(u32).range(1..))]
    limit: u32,
    #[command(flatten)]
    admin_api: AdminApiFlags,
    #[command(flatten)]
    output: Output,
}

/// A time in words of the API.
pub(super) fn time(text: &str) -> Result<String, String> {
    if let Ok(time) = text.parse::<jiff::Timestamp>() {
        return Ok(time.to_string());
    }
    let ago = crate::values::duration(text).map_err(|_| {
        format!("{text:?} is neither a time as in 2030-01-31T12:00:00Z nor a duration as in 24h")
    })?;
    let ago = UnixMillis::try_from(ago.as_millis()).unwrap_or(UnixMillis::MAX);
    let then = now_millis().saturating_sub(ago).max(0);
    jiff::Timestamp::from_millisecond(then).map(|time| time.to_string()).map_err(|e| e.to_string())
}

/// Runs the command.
pub(crate) async fn run(arguments: &Arguments) -> Result<(), Failure> {
    let api = arguments.admin_api.client()?;
    let entries = entries(&api, arguments).await?;
    arguments.output.list(&entries, COLUMNS)
}

/// As many entries as are wanted, page by page.
async fn entries(api: &AdminApi, arguments: &Arguments) -> Result<Vec<Entry>, Failure> {
    let said = [
        ("actor", arguments.actor.clone()),
        ("kind", arguments.kind.clone()),
        ("id", arguments.id.map(|id| id.to_string())),
        ("name", arguments.name.clone()),
        ("operation", arguments.operation.clone()),
        ("outcome", arguments.outcome.clone()),
        ("since", arguments.since.clone()),
        ("until", arguments.until.clone()),
    ];
    let parameter = |(name, text): (&str, Option<String>)| {
        Some(format!("&{name}={}", utf8_percent_encode(&text?, NON_ALPHANUMERIC)))
    };
    let narrowed: String = said.into_iter().filter_map(parameter).collect();
    let wanted = arguments.limit as usize;
    let mut entries = Vec::new();
    let mut before = String::new();
    loop {
        let size = PAGE_SIZE.min(wanted - entries.len());
        let page: AuditList = api.whole(&format!("audit?limit={size}{narrowed}{before}")).await?;
        entries.extend(page.data);
        match page.meta.next_before {
            Some(next) if entries.len() < wanted => before = format!("&before={next}"),
            _ => return Ok(entries),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_said_as_such_or_by_how_long_ago_it_was() {
        assert_eq!(time("2030-01-31T12:00:00Z").as_deref(), Ok("2030-01-31T12:00:00Z"));
        assert_eq!(time("2030-01-31T12:00:00+02:00").as_deref(), Ok("2030-01-31T10:00:00Z"));
        let ago: jiff::Timestamp = time("1h").unwrap().parse().unwrap();
        let passed = now_millis() - ago.as_millisecond();
        assert!((3_599_000..3_660_000).contains(&passed), "{passed}");
        assert!(time("yesterday").unwrap_err().contains("24h"));
    }
}
