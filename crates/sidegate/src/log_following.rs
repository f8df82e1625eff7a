//! What the plugins of this process print, as it comes: lines, and beginnings and ends of their processes. It is asked
//! for as fast as somebody reads; what falls out of memory meanwhile is told as such, and no plugin waits for anybody.

use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use sidegate_api::plugin_log::{LogEvent, LogLine, LogNote};
use sidegate_api::record::RecordAttributes;
use sidegate_control::{told_line, told_record};
use sidegate_model::node::NodeId;
use sidegate_model::plugin::PluginId;
use sidegate_model::record::{InstanceRecord, LoggedLine};
use sidegate_plugins::host::{HostHandle, PrintedSince};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::sleep;

/// Lines that come soon after each other are taken together.
const GATHER: Duration = Duration::from_millis(20);

/// Whose log is followed, and from where on.
pub(crate) struct Followed {
    /// What this node is called.
    pub(crate) node: NodeId,
    /// Its plugins.
    pub(crate) host: Arc<HostHandle>,
    /// Which of them.
    pub(crate) plugin: PluginId,
    /// Only lines with a higher number.
    pub(crate) after: u64,
    /// At most so many of those that are there already.
    pub(crate) lines: usize,
}

impl Followed {
    /// The events, until the host ends.
    pub(crate) fn events(self) -> BoxStream<'static, LogEvent> {
        let changes = Box::pin(self.host.changes());
        let mut following = Following {
            after: self.after,
            followed: self,
            processes: BTreeMap::new(),
            waiting: VecDeque::new(),
            printed: None,
            changes,
        };
        following.begin();
        stream::unfold(following, async |mut following| {
            let event = following.next().await?;
            Some((event, following))
        })
        .boxed()
    }
}

struct Following<C> {
    followed: Followed,
    /// The number of the last line that was told.
    after: u64,
    /// Those that were told of, by the beginning of their start, and whether their end was.
    processes: BTreeMap<i64, bool>,
    waiting: VecDeque<LogEvent>,
    printed: Option<watch::Receiver<()>>,
    changes: C,
}

impl<C: futures_util::Stream<Item = ()> + Unpin> Following<C> {
    /// What is there already: the last lines, and of which processes they are. What ended before is told only to who goes
    /// on, and may not know it.
    fn begin(&mut self) {
        let goes_on = self.after > 0;
        let known = self.look();
        let numbers = known.iter().flat_map(|(process, _)| &process.record.lines);
        let mut numbers: Vec<u64> = numbers.map(|line| line.number).collect();
        numbers.sort_unstable();
        let surplus = numbers.len().saturating_sub(self.followed.lines);
        let first = numbers.get(surplus).copied().unwrap_or(u64::MAX);
        for (process, told) in known.into_iter().filter(|(process, _)| has_begun(&process.record)) {
            let lines = process.record.lines.iter().filter(|line| line.number >= first);
            let lines: Vec<_> = lines.cloned().collect();
            let has_ended = process.record.end.is_some();
            self.processes.insert(process.record.started_at, has_ended);
            if lines.is_empty() && has_ended {
                if goes_on {
                    self.waiting.push_back(LogEvent::Process(told));
                }
                continue;
            }
            self.waiting.push_back(LogEvent::Process(begun(&told)));
            self.tell(&told, lines);
            if has_ended {
                self.waiting.push_back(LogEvent::Process(told));
            }
        }
        self.after = self.after.max(numbers.last().copied().unwrap_or_default());
        self.waiting.push_back(LogEvent::Position(self.after));
    }

    async fn next(&mut self) -> Option<LogEvent> {
        loop {
            if let Some(event) = self.waiting.pop_front() {
                return Some(event);
            }
            self.take();
            if self.waiting.is_empty() {
                self.changed().await?;
                sleep(GATHER).await;
            }
        }
    }

    /// Resolves when there may be something new; nothing once the host has ended.
    async fn changed(&mut self) -> Option<()> {
        let Some(printed) = &mut self.printed else { return self.changes.next().await };
        tokio::select! {
            changed = printed.changed() => match changed {
                Ok(()) => Some(()),
                // It was forgotten, and may come back as another one.
                Err(_) => self.changes.next().await,
            },
            changed = self.changes.next() => changed,
        }
    }

    /// Every process, oldest first, with what it printed since the last look.
    fn look(&mut self) -> Vec<(PrintedSince, RecordAttributes)> {
        let Followed { host, plugin, node, .. } = &self.followed;
        // From before the look on, so that nothing is missed.
        self.printed = host.printed(*plugin);
        let known = host.printed_since(*plugin, self.after).into_iter().rev();
        let told = |mut process: PrintedSince| {
            let lines = std::mem::take(&mut process.record.lines);
            let told = told_record(&(node.clone(), process.record.clone()));
            process.record.lines = lines;
            (process, RecordAttributes { lines: None, ..told })
        };
        known.map(told).collect()
    }

    /// What is new of all processes.
    fn take(&mut self) {
        let known = self.look();
        self.processes
            .retain(|at, _| known.iter().any(|(known, _)| known.record.started_at == *at));
        let before = self.after;
        for (PrintedSince { record, is_cut }, told) in known {
            if !has_begun(&record) {
                continue;
            }
            let (at, has_ended) = (record.started_at, record.end.is_some());
            let was_known = self.processes.insert(at, has_ended);
            if was_known.is_none() {
                self.waiting.push_back(LogEvent::Process(begun(&told)));
            }
            if is_cut && record.lines.first().is_some_and(|line| line.number > before) {
                let text = "lines are missing here: more was printed than is kept".to_owned();
                let node = Some(self.followed.node.to_string());
                self.waiting.push_back(LogEvent::Note(LogNote { node, text }));
            }
            self.after = record.lines.last().map_or(self.after, |line| self.after.max(line.number));
            self.tell(&told, record.lines);
            if has_ended && was_known != Some(true) {
                self.waiting.push_back(LogEvent::Process(told));
            }
        }
    }

    fn tell(&mut self, process: &RecordAttributes, lines: Vec<LoggedLine>) {
        let line = |line| LogEvent::Line(LogLine::of(process, told_line(&line)));
        self.waiting.extend(lines.into_iter().map(line));
    }
}

/// Whether there is something to tell of: a record is begun a moment before its process, which has no name until then.
fn has_begun(record: &InstanceRecord) -> bool {
    let is_there = record.pid.is_some() || record.ready_at.is_some();
    is_there || record.end.is_some() || !record.lines.is_empty()
}

/// A process as it was when it began.
fn begun(process: &RecordAttributes) -> RecordAttributes {
    RecordAttributes {
        running: true,
        ended_at: None,
        reason: None,
        in_order: None,
        exit_code: None,
        signal: None,
        signal_name: None,
        out_of_memory: None,
        in_flight: None,
        ..process.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sidegate_model::record::InstanceEnd;

    #[test]
    fn a_process_is_told_of_once_it_is_there_or_was_refused() {
        let record = InstanceRecord { started_at: 1, ..InstanceRecord::default() };
        assert!(!has_begun(&record), "it has no name yet");
        let line = LoggedLine::default();
        let told = [
            InstanceRecord { pid: Some(7), ..record.clone() },
            // One that runs elsewhere has no number here.
            InstanceRecord { ready_at: Some(2), ..record.clone() },
            InstanceRecord { end: Some(InstanceEnd::default()), ..record.clone() },
            InstanceRecord { lines: vec![line], ..record },
        ];
        assert!(told.iter().all(has_begun));
    }
}
