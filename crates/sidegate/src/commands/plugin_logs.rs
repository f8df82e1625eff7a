//! `sidegate plugin logs`: what a plugin's processes printed last, and how they ended.
//!
//! It shows what the gateway remembers; the whole log is the gateway's own.

use crate::client::Connection;
use crate::error::Failure;
use crate::output::{Output, field, plain, print, printable, text};
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
    #[command(flatten)]
    connection: Connection,
    #[command(flatten)]
    output: Output,
}

/// Runs the command.
pub(crate) async fn run(logs: &Logs) -> Result<(), Failure> {
    let api = logs.connection.open()?;
    let id = text(&api.find("plugins", &logs.plugin).await?, "id");
    let told = api.get(&format!("plugins/{id}/records?lines={}", logs.lines)).await?;
    let mut records = told.as_array().cloned().unwrap_or_default();
    if logs.latest {
        records.truncate(1);
    }
    if logs.output.is_json() || logs.output.is_quiet() {
        return logs.output.list(&records, &[]);
    }
    if records.is_empty() {
        eprintln!("nothing was started for this plugin since the gateway's start");
    }
    // Oldest first, so that the newest lines stand where the cursor is.
    print(&records.iter().rev().map(page).collect::<String>())
}

fn page(record: &Value) -> String {
    let attributes = &record["attributes"];
    let pid =
        attributes["pid"].as_u64().map_or("no process".to_owned(), |pid| format!("process {pid}"));
    let mut page = format!("== {pid}, started {}\n", text(record, "started_at"));
    let lines = field(record, "lines").as_array().map_or(&[][..], Vec::as_slice);
    for line in lines {
        let [at, level, message] = ["at", "level", "message"].map(|name| plain(&line[name]));
        page += &format!("{at} {level:5} {}\n", printable(&message));
    }
    if attributes["running"] == false {
        let reason = printable(&text(record, "reason"));
        page +=
            &format!("== ended {}, {}: {reason}\n", text(record, "ended_at"), ending(attributes));
    }
    page
}

/// How a process ended, in a few words.
pub(crate) fn ending(record: &Value) -> String {
    let exit = match (&record["signal"], &record["signal_name"], &record["exit_code"]) {
        (Value::Null, _, Value::Null) => "no exit code".to_owned(),
        (Value::Null, _, code) => format!("exit code {code}"),
        (number, Value::String(name), _) => format!("{name} ({number})"),
        (number, _, _) => format!("signal {number}"),
    };
    match record["in_flight"].as_u64() {
        None | Some(0) => exit,
        Some(open) => format!("{exit}, with {open} open requests"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_end_is_told_with_the_name_of_its_signal() {
        let killed = json!({"signal": 9, "signal_name": "SIGKILL", "in_flight": 2});
        assert_eq!(ending(&killed), "SIGKILL (9), with 2 open requests");
        assert_eq!(ending(&json!({"exit_code": 4, "in_flight": 0})), "exit code 4");
        assert_eq!(ending(&json!({"signal": 34})), "signal 34");
        assert_eq!(ending(&json!({})), "no exit code");
    }

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
