//! `sidegate plugin logs --follow`: shows lines as they come, from one process to the next, and goes on when the gateway
//! was away.
//!
//! How a line looks is said in `plugin_log_lines`.

use crate::client::{AdminApi, Event, Events};
use crate::commands::plugin_log_lines::{end_line, shown_line, title};
use crate::error::Failure;
use crate::output::printable;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use sidegate_api::event_stream::MESSAGE_EVENT;
use sidegate_api::plugin_log::{LogLine, LogNote, NOTE_EVENT, PROCESS_EVENT};
use sidegate_api::record::{LineAttributes, RecordAttributes};
use sidegate_api::resource::Resource;
use std::collections::BTreeMap;
use std::io::{ErrorKind, Write as _};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// Between two attempts to go on.
const STEP: Duration = Duration::from_millis(500);
/// How long the gateway may be away, as when it is started again.
const PATIENCE: Duration = Duration::from_secs(60);
/// What may have been printed meanwhile, of each node.
const LINES: usize = 200;
/// Processes that are remembered; more are not told of by any node.
const KNOWN_PROCESSES: usize = 1000;

/// A process: its node, and when its start began.
type Process = (String, String);

/// What was shown so far.
#[derive(Default)]
struct Shown {
    /// The number of the last line of each node.
    last: BTreeMap<String, u64>,
    /// The processes that were seen, and whether their end was.
    processes: BTreeMap<Process, bool>,
    /// The process that was spoken of last, and its number where that was known.
    current: Option<(Process, Option<u32>)>,
}

/// Shows what comes from now on, behind what `seen` holds. Ends when nobody reads any more.
///
/// # Errors
/// When the plugin is gone, or the gateway stays away.
pub(crate) async fn follow(
    api: &AdminApi,
    (id, node): (&str, &str),
    seen: &[Resource<RecordAttributes>],
    is_json: bool,
) -> Result<(), Failure> {
    let mut shown = Shown::of(seen.iter().map(|record| &record.attributes));
    let path = format!("plugins/{id}/log?tail={LINES}{node}");
    let mut heard = Instant::now();
    loop {
        match api.events(&path).await {
            Ok(events) => {
                if !shown.follow(events, is_json).await? {
                    return Ok(());
                }
                heard = Instant::now();
            }
            // One that is there and refuses will go on refusing; one that is away may come back.
            Err(failure) if heard.elapsed() > PATIENCE || api.is_there().await => {
                return Err(failure);
            }
            Err(_) => {}
        }
        sleep(STEP).await;
    }
}

impl Shown {
    /// Whatever is in these records, newest first, was shown already.
    fn of<'a>(records: impl DoubleEndedIterator<Item = &'a RecordAttributes>) -> Self {
        let mut shown = Self::default();
        for record in records.rev() {
            let process = process_of(record);
            shown.processes.insert(process.clone(), !record.running);
            shown.current = Some((process, record.pid));
            for line in record.lines.iter().flatten() {
                shown.is_new(&record.node, line.number);
            }
        }
        shown
    }

    /// Shows events until they end; gives whether somebody still reads.
    async fn follow(&mut self, mut events: Events, is_json: bool) -> Result<bool, Failure> {
        while let Some(event) = events.next().await {
            if !printed(&self.take(&event, is_json))? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// What is new in an event, as text.
    fn take(&mut self, event: &Event, is_json: bool) -> String {
        match event.name.as_str() {
            MESSAGE_EVENT => read(event).map(|line| self.line(line, is_json)),
            PROCESS_EVENT => read(event).map(|process| self.process(&process, is_json)),
            NOTE_EVENT => read(event).map(|note| noted(&note, is_json)),
            // Of a later version.
            _ => None,
        }
        .unwrap_or_default()
    }

    /// A line that was not shown yet.
    fn line(&mut self, line: LogLine, is_json: bool) -> String {
        if !self.is_new(&line.node, line.number) {
            return String::new();
        }
        let process = RecordAttributes {
            node: line.node.clone(),
            pid: line.process,
            started_at: line.process_started_at.clone(),
            ..RecordAttributes::default()
        };
        let line = LineAttributes::from(line);
        match is_json {
            true => told(&process, "line", &json!(line)),
            false => self.turn_to(&process) + &shown_line(&line),
        }
    }

    /// The beginning or the end of a process that was not shown yet.
    fn process(&mut self, process: &RecordAttributes, is_json: bool) -> String {
        if self.processes.len() > KNOWN_PROCESSES {
            self.processes.pop_first();
        }
        let was_over = self.processes.insert(process_of(process), !process.running);
        match (was_over, process.running) {
            (None, true) if is_json => {
                told(process, "start", &json!({"started_at": process.started_at}))
            }
            (None, true) => self.turn_to(process),
            (None | Some(false), false) if is_json => told(process, "end", &end(process)),
            (None | Some(false), false) => self.turn_to(process) + &end_line(process),
            (Some(_), _) => {
                // It was over, and what comes late changes nothing.
                self.processes.insert(process_of(process), was_over == Some(true));
                String::new()
            }
        }
    }

    fn is_new(&mut self, node: &str, number: u64) -> bool {
        let last = self.last.entry(node.to_owned()).or_default();
        let is_new = number > *last;
        *last = number.max(*last);
        is_new
    }

    /// What stands above lines of another process than the one before.
    fn turn_to(&mut self, record: &RecordAttributes) -> String {
        let current = (process_of(record), record.pid);
        if self.current.as_ref() == Some(&current) {
            return String::new();
        }
        self.current = Some(current);
        title(record)
    }
}

fn process_of(record: &RecordAttributes) -> Process {
    (record.node.clone(), record.started_at.clone())
}

/// What an event tells; nothing of one in the words of another version.
fn read<T: DeserializeOwned>(event: &Event) -> Option<T> {
    serde_json::from_str(&event.data).ok()
}

/// What is not seen.
fn noted(note: &LogNote, is_json: bool) -> String {
    if is_json {
        return format!("{}\n", json!({"node": note.node, "note": note.text}));
    }
    // Standard output has what was printed, and nothing else.
    eprintln!("{}", printable(&note.text));
    String::new()
}

/// One object of the JSON form: what happened, to which process.
fn told(record: &RecordAttributes, what: &str, value: &Value) -> String {
    format!("{}\n", json!({"node": record.node, "pid": record.pid, what: value}))
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
    use serde::Serialize;

    fn process(started_at: &str, running: bool) -> RecordAttributes {
        RecordAttributes {
            node: "n".to_owned(),
            pid: Some(7),
            started_at: started_at.to_owned(),
            running,
            ended_at: Some("E".to_owned()),
            exit_code: Some(1),
            reason: Some("r".to_owned()),
            ..RecordAttributes::default()
        }
    }

    fn line(number: u64) -> LineAttributes {
        LineAttributes {
            number,
            at: "T".to_owned(),
            level: "info".to_owned(),
            message: format!("m{number}"),
            ..LineAttributes::default()
        }
    }

    fn event(name: &str, data: &impl Serialize) -> Event {
        Event { name: name.to_owned(), data: serde_json::to_string(data).unwrap() }
    }

    fn printed_by(started_at: &str, number: u64) -> Event {
        event(MESSAGE_EVENT, &LogLine::of(&process(started_at, true), line(number)))
    }

    /// One that was shown with these lines before.
    fn seen(numbers: &[u64]) -> Shown {
        let lines = Some(numbers.iter().copied().map(line).collect());
        Shown::of([RecordAttributes { lines, ..process("a", true) }].iter())
    }

    #[test]
    fn every_line_is_shown_once_in_its_order_and_every_end_once() {
        let mut shown = seen(&[1, 2]);
        // Whoever connects again is told some of it again.
        let told = |shown: &mut Shown, event: &Event| shown.take(event, false);
        assert_eq!(told(&mut shown, &event(PROCESS_EVENT, &process("a", true))), "");
        assert_eq!(told(&mut shown, &printed_by("a", 2)), "");
        assert_eq!(told(&mut shown, &printed_by("a", 3)), "T info  m3\n");
        let end = event(PROCESS_EVENT, &process("a", false));
        assert!(told(&mut shown, &end).starts_with("== ended E"));
        assert_eq!(told(&mut shown, &end), "");
        assert_eq!(told(&mut shown, &event(PROCESS_EVENT, &process("a", true))), "");
        assert_eq!(told(&mut shown, &end), "");
    }

    #[test]
    fn a_process_has_its_title_once_although_it_has_said_nothing_yet() {
        let mut shown = seen(&[1]);
        let begun = event(PROCESS_EVENT, &process("b", true));
        assert_eq!(shown.take(&begun, false), "== process 7, started b\n");
        assert_eq!(shown.take(&printed_by("b", 2), false), "T info  m2\n");
        // One that drains beside it is told apart.
        let text = shown.take(&printed_by("a", 3), false);
        assert_eq!(text, "== process 7, started a\nT info  m3\n");
        let text = shown.take(&printed_by("b", 4), false);
        assert_eq!(text, "== process 7, started b\nT info  m4\n");
    }

    #[test]
    fn a_process_that_was_seen_before_it_had_a_number_is_named_with_its_first_line() {
        let unnamed = RecordAttributes { pid: None, ..process("b", true) };
        let mut shown = Shown::of([unnamed].iter());
        let text = shown.take(&printed_by("b", 1), false);
        assert_eq!(text, "== process 7, started b\nT info  m1\n");
    }

    #[test]
    fn the_json_form_tells_of_starts_and_ends_too() {
        let mut shown = seen(&[1]);
        let mut told =
            |event: &Event| -> Value { serde_json::from_str(&shown.take(event, true)).unwrap() };
        let line = told(&printed_by("a", 2));
        assert_eq!((&line["pid"], &line["line"]["number"]), (&json!(7), &json!(2)));
        let end = told(&event(PROCESS_EVENT, &process("a", false)));
        let ends = ["ended_at", "reason", "exit_code"].map(|name| end["end"][name].clone());
        assert_eq!(ends, [json!("E"), json!("r"), json!(1)]);
        let start = told(&event(PROCESS_EVENT, &process("b", true)));
        assert_eq!(start["start"]["started_at"], "b");
        let note = LogNote { node: Some("n".to_owned()), text: "gone".to_owned() };
        assert_eq!(told(&event(NOTE_EVENT, &note))["note"], "gone");
    }
}
