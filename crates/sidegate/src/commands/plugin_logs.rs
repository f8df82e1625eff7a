//! `sidegate plugin logs`: what a plugin's processes printed last, and how they ended.
//!
//! It shows what the gateway remembers; the whole log is the gateway's own.

use crate::client::AdminApiFlags;
use crate::commands::plugin_log_lines::{end_line, shown_line, title};
use crate::commands::plugin_logs_follow::follow;
use crate::error::Failure;
use crate::find::{Within, find_within};
use crate::output::{Output, print};
use clap::Args;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use sidegate_api::plugin::PluginAttributes;
use sidegate_api::record::RecordAttributes;
use sidegate_api::resource::Resource;

/// Show what a plugin printed last, and how its last processes ended
#[derive(Debug, Args)]
pub(crate) struct Logs {
    /// Name or id
    plugin: String,
    /// How many lines of each process to show
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(u16).range(0..=200), allow_negative_numbers = true)]
    lines: u16,
    /// Show the newest process only
    #[arg(long)]
    latest: bool,
    /// Only what is known on this node
    #[arg(long, value_name = "NAME")]
    node: Option<String>,
    /// Go on with what comes, until interrupted; with JSON one object a line (line, start, end)
    #[arg(long, short, conflicts_with = "quiet")]
    follow: bool,
    #[command(flatten)]
    within: Within,
    #[command(flatten)]
    admin_api: AdminApiFlags,
    #[command(flatten)]
    output: Output,
}

/// Runs the command.
pub(crate) async fn run(logs: &Logs) -> Result<(), Failure> {
    let api = logs.admin_api.client()?;
    let id = find_within::<PluginAttributes>(&api, &logs.plugin, &logs.within).await?.id;
    // What follows goes on behind the last line, so that one is needed.
    let lines = logs.lines.max(u16::from(logs.follow));
    let node = logs.node.as_deref().map(|node| utf8_percent_encode(node, NON_ALPHANUMERIC));
    let node = node.map(|node| format!("&node={node}")).unwrap_or_default();
    let all: Vec<Resource<RecordAttributes>> =
        api.list(&format!("plugins/{id}/records?lines={lines}{node}")).await?;
    let records = if logs.latest { &all[..all.len().min(1)] } else { &all[..] };
    if logs.follow {
        let is_json = logs.output.is_json();
        if !is_json {
            print(&records.iter().rev().map(page).collect::<String>())?;
        }
        return follow(&api, (&id, &node), &all, is_json).await;
    }
    if logs.output.is_json() || logs.output.is_quiet() {
        return logs.output.list(records, &[]);
    }
    if records.is_empty() {
        eprintln!("nothing was ever started for this plugin");
    }
    // Oldest first, so that the newest lines stand where the cursor is.
    print(&records.iter().rev().map(page).collect::<String>())
}

fn page(record: &Resource<RecordAttributes>) -> String {
    let record = &record.attributes;
    let mut page = title(record);
    record.lines.iter().flatten().for_each(|line| page += &shown_line(line));
    if !record.running {
        page += &end_line(record);
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;
    use sidegate_api::record::LineAttributes;
    use sidegate_api::resource::ResourceType;

    #[test]
    fn what_a_plugin_printed_cannot_steer_the_terminal() {
        let line = LineAttributes {
            at: "T".to_owned(),
            level: "info".to_owned(),
            message: "a\u{1b}[2Jb".to_owned(),
            ..LineAttributes::default()
        };
        let attributes = RecordAttributes {
            pid: Some(7),
            started_at: "S".to_owned(),
            ended_at: Some("E".to_owned()),
            exit_code: Some(1),
            reason: Some("bad\u{7}".to_owned()),
            lines: Some(vec![line]),
            ..RecordAttributes::default()
        };
        let id = "1-1".to_owned();
        assert_eq!(
            page(&Resource { kind: ResourceType::PluginRecord, id, attributes }),
            "== process 7, started S\nT info  a\\u{1b}[2Jb\n== ended E, exit code 1: bad\\u{7}\n"
        );
    }
}
