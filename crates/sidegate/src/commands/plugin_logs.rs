//! `sidegate plugin logs`: what a plugin's processes printed last, and how they ended.
//!
//! It shows what the gateway remembers; the whole log is the gateway's own.

use crate::client::Connection;
use crate::commands::plugin_log_lines::{end_line, shown_line, title};
use crate::commands::plugin_logs_follow::follow;
use crate::error::Failure;
use crate::output::{Output, field, print, text};
use clap::Args;
use serde_json::Value;

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
    /// Go on with what comes, until interrupted; with JSON one object a line (line, start, end)
    #[arg(long, short, conflicts_with = "quiet")]
    follow: bool,
    #[command(flatten)]
    connection: Connection,
    #[command(flatten)]
    output: Output,
}

/// Runs the command.
pub(crate) async fn run(logs: &Logs) -> Result<(), Failure> {
    let api = logs.connection.open()?;
    let id = text(&api.find("plugins", &logs.plugin).await?, "id");
    // What follows goes on behind the last line, so that one is needed.
    let lines = logs.lines.max(u16::from(logs.follow));
    let told = api.get(&format!("plugins/{id}/records?lines={lines}")).await?;
    let all = told.as_array().cloned().unwrap_or_default();
    let records = if logs.latest { &all[..all.len().min(1)] } else { &all[..] };
    if logs.follow {
        let is_json = logs.output.is_json();
        if !is_json {
            print(&records.iter().rev().map(page).collect::<String>())?;
        }
        return follow(&api, &id, &all, is_json).await;
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

fn page(record: &Value) -> String {
    let mut page = title(record);
    let lines = field(record, "lines").as_array().map_or(&[][..], Vec::as_slice);
    lines.iter().for_each(|line| page += &shown_line(line));
    if record["attributes"]["running"] == false {
        page += &end_line(record);
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn what_a_plugin_printed_cannot_steer_the_terminal() {
        let line = json!({"at": "T", "level": "info", "message": "a\u{1b}[2Jb"});
        let record = json!({"attributes": {
            "pid": 7, "started_at": "S", "running": false, "ended_at": "E", "exit_code": 1,
            "reason": "bad\u{7}", "lines": [line],
        }});
        assert_eq!(
            page(&record),
            "== process 7, started S\nT info  a\\u{1b}[2Jb\n== ended E, exit code 1: bad\\u{7}\n"
        );
    }
}
