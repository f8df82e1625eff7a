//! `sidegate plugin logs --follow`: shows lines as they come, from one process to the next.
//!
//! It asks the admin API again and again; how a line looks is said in `plugin_log_lines`.

use crate::client::AdminApi;
use crate::commands::plugin_log_lines::{end_line, shown_line, title};
use crate::error::Failure;
use serde_json::{Value, json};
use sidegate_api::record::RecordAttributes;
use sidegate_api::resource::Resource;
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

type Record = Resource<RecordAttributes>;

/// What was shown so far.
#[derive(Default)]
struct Shown {
    /// The number of the last line.
    last: u64,
    /// The processes that were seen, and whether their end was.
    processes: BTreeMap<String, bool>,
    /// The process that was spoken of last.
    current: String,
}

/// Shows what comes from now on, behind what `seen` holds. Ends when nobody reads any more.
///
/// # Errors
/// When the plugin is gone, or the gateway stays away.
pub(crate) async fn follow(
    api: &AdminApi,
    (id, node): (&str, &str),
    seen: &[Record],
    is_json: bool,
) -> Result<(), Failure> {
    let mut shown = Shown::default();
    // Whatever is in them was shown already.
    shown.take(seen, is_json);
    let mut heard = Instant::now();
    loop {
        sleep(STEP).await;
        let path = format!("plugins/{id}/records?lines={LINES}&after={}{node}", shown.last);
        match api.list(&path).await {
            Ok(records) => {
                heard = Instant::now();
                if !printed(&shown.take(&records, is_json))? {
                    return Ok(());
                }
            }
            // One that is there and refuses will go on refusing; one that is away may come back.
            Err(failure) if heard.elapsed() > PATIENCE || api.is_there().await => {
                return Err(failure);
            }
            Err(_) => {}
        }
    }
}

impl Shown {
    /// What is new in these records, newest first, as text.
    fn take(&mut self, records: &[Record], is_json: bool) -> String {
        let mut text = String::new();
        let before = self.last;
        // Those that are not told of any more never come again.
        self.processes.retain(|process, _| records.iter().any(|record| record.id == *process));
        for record in records.iter().rev() {
            if !self.processes.contains_key(&record.id) {
                text += &self.begin(record, is_json);
            }
            let lines = record.attributes.lines.iter().flatten();
            for line in lines.filter(|line| line.number > before) {
                self.last = self.last.max(line.number);
                text += &match is_json {
                    true => told(record, "line", &json!(line)),
                    false => self.turn_to(record) + &shown_line(line),
                };
            }
            let has_ended = !record.attributes.running;
            let is_known_to_end = self.processes.insert(record.id.clone(), has_ended);
            if has_ended && is_known_to_end != Some(true) {
                text += &match is_json {
                    true => told(record, "end", &end(&record.attributes)),
                    false => self.turn_to(record) + &end_line(&record.attributes),
                };
            }
        }
        text
    }

    /// The beginning of a process that was not seen before, although it may not have said anything yet.
    fn begin(&mut self, record: &Record, is_json: bool) -> String {
        self.processes.insert(record.id.clone(), false);
        if is_json {
            return told(record, "start", &json!({"started_at": record.attributes.started_at}));
        }
        self.turn_to(record)
    }

    /// What stands above lines of another process than the one before.
    fn turn_to(&mut self, record: &Record) -> String {
        if self.current == record.id {
            return String::new();
        }
        self.current.clone_from(&record.id);
        title(&record.attributes)
    }
}

/// One object of the JSON form: what happened, to which process.
fn told(record: &Record, what: &str, value: &Value) -> String {
    format!("{}\n", json!({"pid": record.attributes.pid, what: value}))
}

/// What the JSON form tells of the end of a process.
fn end(record: &RecordAttributes) -> Value {
    json!({
        "ended_at": record.ended_at,
        "reason": record.reason,
        "in_order": record.in_order,
        "exit_code": record.exit_code,
        "signal": record.signal,
        "signal_name": record.signal_name,
        "out_of_memory": record.out_of_memory,
        "in_flight": record.in_flight,
    })
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
    use sidegate_api::record::LineAttributes;
    use sidegate_api::resource::ResourceType;

    fn record(id: &str, numbers: &[u64], running: bool) -> Record {
        let line = |number: &u64| LineAttributes {
            number: *number,
            at: "T".to_owned(),
            level: "info".to_owned(),
            message: format!("m{number}"),
            ..LineAttributes::default()
        };
        let attributes = RecordAttributes {
            pid: Some(7),
            started_at: "S".to_owned(),
            running,
            ended_at: Some("E".to_owned()),
            exit_code: Some(1),
            reason: Some("r".to_owned()),
            lines: Some(numbers.iter().map(line).collect()),
            ..RecordAttributes::default()
        };
        Resource { kind: ResourceType::PluginRecord, id: id.to_owned(), attributes }
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

    #[test]
    fn a_process_has_its_title_once_although_it_has_said_nothing_yet() {
        let mut shown = Shown::default();
        // What is printed before it is followed ends with the newest one.
        shown.take(&[record("1-b", &[], true), record("1-a", &[1], false)], false);
        assert_eq!(shown.take(&[record("1-b", &[2], true)], false), "T info  m2\n");
        let text = shown.take(&[record("1-c", &[], true), record("1-b", &[], true)], false);
        assert_eq!(text, "== process 7, started S\n");
        // One that drains beside it is told apart.
        let text = shown.take(&[record("1-c", &[3], true), record("1-b", &[4], false)], false);
        let lines: Vec<_> = text.lines().map(|line| line.split(',').next().unwrap()).collect();
        let expected = ["== process 7", "T info  m4", "== ended E", "== process 7", "T info  m3"];
        assert_eq!(lines, expected);
    }

    #[test]
    fn the_json_form_tells_of_starts_and_ends_too() {
        let mut shown = Shown::default();
        shown.take(&[record("1-a", &[1], true)], true);
        let text = shown.take(&[record("1-b", &[3], true), record("1-a", &[2], false)], true);
        let told: Vec<Value> =
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(told.len(), 4, "{text}");
        assert_eq!((&told[0]["pid"], &told[0]["line"]["number"]), (&json!(7), &json!(2)));
        let ends = ["ended_at", "reason", "exit_code"].map(|name| told[1]["end"][name].clone());
        assert_eq!(ends, [json!("E"), json!("r"), json!(1)]);
        assert_eq!(told[2]["start"]["started_at"], "S");
        assert_eq!(told[3]["line"]["number"], 3);
    }
}
