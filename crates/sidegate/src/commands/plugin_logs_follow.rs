//! `sidegate plugin logs --follow`: shows lines as they come, from one process to the next.
//!
//! It asks the admin API again and again; how a line looks is said in `plugin_log_lines`.

use crate::client::AdminApi;
use crate::commands::plugin_log_lines::{end_line, shown_line, title};
use crate::error::Failure;
use crate::output::field;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{ErrorKind, Write as _};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// Between two questions.
const STEP: Duration = Duration::from_millis(500);
/// How long the gateway may be away, as when it is started again.
const PATIENCE: Duration = Duration::from_secs(60);
/// Most lines of a process that come at once.
const LINES: usize = 200;

/// What was shown so far.
#[derive(Default)]
struct Shown {
    /// The number of the last line.
    last: u64,
    /// The processes that were seen, and whether their end was.
    processes: BTreeMap<String, bool>,
    /// The process of the last line.
    current: String,
}

/// Shows what comes from now on, behind what `seen` holds. Ends when nobody reads any more.
///
/// # Errors
/// When the plugin is gone, or the gateway stays away.
pub(crate) async fn follow(
    api: &AdminApi,
    id: &str,
    seen: &[Value],
    is_json: bool,
) -> Result<(), Failure> {
    let mut shown = Shown::default();
    // Whatever is in them was shown already.
    shown.take(seen, is_json);
    let mut heard = Instant::now();
    loop {
        sleep(STEP).await;
        let path = format!("plugins/{id}/records?lines={LINES}&after={}", shown.last);
        match api.get(&path).await {
            Ok(told) => {
                heard = Instant::now();
                let records = told.as_array().cloned().unwrap_or_default();
                if !printed(&shown.take(&records, is_json))? {
                    return Ok(());
                }
            }
            // One that is there and refuses will go on refusing; one that is away may come back.
            Err(failure) if heard.elapsed() > PATIENCE || api.get("health").await.is_ok() => {
                return Err(failure);
            }
            Err(_) => {}
        }
    }
}

impl Shown {
    /// What is new in these records, newest first, as text.
    fn take(&mut self, records: &[Value], is_json: bool) -> String {
        let mut text = String::new();
        let (before, mut last) = (self.last, self.last);
        for record in records.iter().rev() {
            let process = plain_id(record);
            let is_known_to_end = self.processes.entry(process.clone()).or_default();
            let has_ended = field(record, "running") == false;
            let end = has_ended && !std::mem::replace(is_known_to_end, has_ended) && !is_json;
            let lines = field(record, "lines").as_array().map_or(&[][..], Vec::as_slice);
            for line in lines {
                let number = line["number"].as_u64().unwrap_or_default();
                if number <= before {
                    continue;
                }
                last = last.max(number);
                if is_json {
                    text += &format!("{}\n", json!({"pid": field(record, "pid"), "line": line}));
                    continue;
                }
                if self.current != process {
                    text += &title(record);
                    self.current.clone_from(&process);
                }
                text += &shown_line(line);
            }
            if end {
                text += &end_line(record);
            }
        }
        self.last = last;
        text
    }
}

fn plain_id(record: &Value) -> String {
    record["id"].as_str().unwrap_or_default().to_owned()
}

/// Whether somebody still reads.
fn printed(text: &str) -> Result<bool, Failure> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Ok(()) => Ok(true),
        Err(e) if e.kind() == ErrorKind::BrokenPipe => Ok(false),
        Err(e) => Err(Failure::failed(format!("stdout cannot be written: {e}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(id: &str, numbers: &[u64], running: bool) -> Value {
        let line =
            |n: &u64| json!({"number": n, "at": "T", "level": "info", "message": format!("m{n}")});
        let lines: Vec<_> = numbers.iter().map(line).collect();
        json!({"id": id, "attributes": {
            "pid": 7, "started_at": "S", "running": running, "ended_at": "E", "exit_code": 1,
            "reason": "r", "lines": lines,
        }})
    }

    #[test]
    fn every_line_is_shown_once_in_its_order_and_every_end_once() {
        let mut shown = Shown::default();
        shown.take(&[record("1-a", &[1, 2], true)], false);
        let text = shown.take(&[record("1-a", &[1, 2, 3], true)], false);
        assert_eq!(text, "T info  m3\n");
        let records = [record("1-b", &[5, 6], true), record("1-a", &[3, 4], false)];
        let text = shown.take(&records, false);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines.len(), 5, "{text}");
        assert_eq!(lines[0], "T info  m4");
        assert!(lines[1].starts_with("== ended E"), "{text}");
        assert!(lines[2].starts_with("== process 7"), "{text}");
        assert_eq!(shown.take(&records, false), "");
        let text = shown.take(&[record("1-b", &[7], true)], true);
        assert_eq!(text.lines().count(), 1);
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap()["line"]["number"], 7);
    }
}
