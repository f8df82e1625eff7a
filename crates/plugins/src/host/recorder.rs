//! What is known of a plugin's processes, those that run and the last ones that
//! ended. Takes down what it is told; decides nothing.

use super::logs::{LineNumbers, RecentLines};
use crate::instance::OpenCalls;
use sidegate_model::UnixMillis;
use sidegate_model::clock::now_millis;
use sidegate_model::record::{InstanceEnd, InstanceRecord, LoggedLine, ProcessExit};
use sidegate_model::sha256::Sha256;
use std::collections::VecDeque;
use std::hash::{Hash as _, Hasher as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use tokio::sync::watch;

/// How many processes that ended are remembered.
const KEPT_ENDED: usize = 5;

/// What is known of one process.
pub(super) struct ProcessRecord {
    recent: Arc<RecentLines>,
    record: Mutex<InstanceRecord>,
    open: OnceLock<OpenCalls>,
}

impl ProcessRecord {
    fn new(numbers: &Arc<LineNumbers>, mut record: InstanceRecord) -> Self {
        let lines = std::mem::take(&mut record.lines);
        let recent = Arc::new(RecentLines::new(numbers.clone(), lines));
        Self { recent, record: Mutex::new(record), open: OnceLock::new() }
    }

    /// Grows with whatever is told of it.
    fn version(&self) -> u64 {
        let record = self.record();
        let steps = [record.pid.is_some(), record.sha256.is_some(), record.ready_at.is_some()];
        let end = record.end.as_ref().map_or(0, |end| 1 + u64::from(end.exit.is_some()));
        1 + end + steps.into_iter().map(u64::from).sum::<u64>()
    }

    fn record(&self) -> MutexGuard<'_, InstanceRecord> {
        self.record.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where its output goes.
    pub(super) fn recent(&self) -> &Arc<RecentLines> {
        &self.recent
    }

    /// There is a process.
    pub(super) fn spawned(&self, pid: u32) {
        self.record().pid = Some(pid);
    }

    /// Its program has this checksum, where that is known.
    pub(super) fn runs(&self, sha256: Option<Sha256>) {
        self.record().sha256 = sha256.map(|sum| sum.to_string());
    }

    /// It gets requests from now on.
    pub(super) fn ready(&self, open: OpenCalls) {
        self.record().ready_at = Some(now_millis());
        // It becomes ready once; were it told again, the count would be the same.
        let _ = self.open.set(open);
    }

    /// It ended, or is given up. The first word on why counts.
    pub(super) fn ended(&self, end: InstanceEnd) {
        let mut record = self.record();
        let at = now_millis();
        record.end.get_or_insert(InstanceEnd { at, ..end });
    }

    /// It never became a process.
    pub(super) fn refused(&self, reason: &str) {
        self.ended(InstanceEnd { reason: reason.to_owned(), ..InstanceEnd::default() });
    }

    /// How it ended, where that was not known when it was given up.
    pub(super) fn exited(&self, exit: Option<ProcessExit>) {
        if let Some(end) = &mut self.record().end {
            end.exit = end.exit.or(exit);
        }
    }

    fn has_ended(&self) -> bool {
        self.record().end.is_some()
    }

    fn in_flight(&self) -> usize {
        self.open.get().map_or(0, OpenCalls::now)
    }

    /// The record as it is now, with its last lines.
    fn told(&self, lines: usize) -> InstanceRecord {
        let mut record = self.record().clone();
        record.lines = self.recent.last(lines);
        record
    }
}

/// A record in the hands of who looks after the process. A task that ends without a word leaves a
/// record that says so.
pub(super) struct Recording(Arc<ProcessRecord>);

impl std::ops::Deref for Recording {
    type Target = ProcessRecord;

    fn deref(&self) -> &ProcessRecord {
        &self.0
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        let reason = "internal error of the gateway: nobody looks after this process any more";
        self.0.ended(InstanceEnd { reason: reason.to_owned(), ..InstanceEnd::default() });
    }
}

/// A process, and what it printed since somebody looked.
#[derive(Debug, Clone)]
pub struct PrintedSince {
    /// The process, with the lines that are kept.
    pub record: InstanceRecord,
    /// There were more lines, which are not kept any more.
    pub is_cut: bool,
}

/// What is known of one plugin's processes; newest last.
pub(super) struct PluginRecorder {
    /// When the plugin was registered.
    registered_at: UnixMillis,
    numbers: Arc<LineNumbers>,
    processes: Mutex<VecDeque<Arc<ProcessRecord>>>,
    begun: AtomicU64,
}

impl PluginRecorder {
    /// For a plugin that was registered then, of which these records were kept, newest first.
    pub(super) fn new(registered_at: UnixMillis, kept: Vec<InstanceRecord>) -> Self {
        let last = kept.iter().flat_map(|record| &record.lines).map(|line| line.number).max();
        let numbers = Arc::new(LineNumbers::behind(last.unwrap_or_default()));
        let processes =
            kept.into_iter().rev().map(|record| Arc::new(ProcessRecord::new(&numbers, record)));
        let processes = Mutex::new(processes.collect());
        Self { registered_at, numbers, processes, begun: AtomicU64::new(0) }
    }

    /// When the plugin was registered.
    pub(super) fn registered_at(&self) -> UnixMillis {
        self.registered_at
    }

    /// Another number whenever there is more to keep; 0 as long as nothing happened.
    pub(super) fn version(&self) -> u64 {
        let begun = self.begun.load(Ordering::Relaxed);
        if begun == 0 {
            return 0;
        }
        let steps: u64 = self.processes().iter().map(|process| process.version()).sum();
        // Of the three only the steps can shrink, and then another process has begun.
        let mut hash = rustc_hash::FxHasher::default();
        (begun, self.numbers.last(), steps).hash(&mut hash);
        hash.finish().max(1)
    }

    fn processes(&self) -> MutexGuard<'_, VecDeque<Arc<ProcessRecord>>> {
        self.processes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins the record of one more process. Those that run are never forgotten.
    pub(super) fn begin(&self) -> Recording {
        let record = InstanceRecord { started_at: now_millis(), ..InstanceRecord::default() };
        let process = Arc::new(ProcessRecord::new(&self.numbers, record));
        self.begun.fetch_add(1, Ordering::Relaxed);
        let mut processes = self.processes();
        let ended = processes.iter().filter(|process| process.has_ended()).count();
        // One more ends before the next begins.
        let mut too_many = (ended + 1).saturating_sub(KEPT_ENDED);
        processes.retain(|process| {
            let forget = too_many > 0 && process.has_ended();
            too_many -= usize::from(forget);
            !forget
        });
        processes.push_back(process.clone());
        Recording(process)
    }

    /// All records, newest first, each with its last lines; of those that ended the last few.
    pub(super) fn records(&self, lines: usize) -> Vec<InstanceRecord> {
        let processes: Vec<_> = self.processes().iter().rev().cloned().collect();
        let mut ended = 0;
        let records = processes.iter().map(|process| process.told(lines));
        records
            .filter(|record| {
                ended += usize::from(record.end.is_some());
                record.end.is_none() || ended <= KEPT_ENDED
            })
            .collect()
    }

    /// All records, newest first, each with those of its lines whose number is higher than this; and whether there were
    /// more lines of it.
    pub(super) fn since(&self, number: u64) -> Vec<PrintedSince> {
        let processes: Vec<_> = self.processes().iter().rev().cloned().collect();
        let told = |process: &Arc<ProcessRecord>| {
            let mut record = process.record().clone();
            let (lines, is_cut) = process.recent.after(number);
            record.lines = lines;
            PrintedSince { record, is_cut }
        };
        processes.iter().map(told).collect()
    }

    /// Changes with every line.
    pub(super) fn printed(&self) -> watch::Receiver<()> {
        self.numbers.printed()
    }

    /// What the latest process printed last, oldest first.
    pub(super) fn latest_lines(&self, count: usize) -> Vec<LoggedLine> {
        let latest = self.processes().back().cloned();
        latest.map(|process| process.recent.last(count)).unwrap_or_default()
    }

    /// Requests that are open on all processes.
    pub(super) fn in_flight(&self) -> usize {
        self.processes().iter().map(|process| process.in_flight()).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn end(reason: &str) -> InstanceEnd {
        InstanceEnd { reason: reason.to_owned(), ..InstanceEnd::default() }
    }

    #[test]
    fn the_last_ended_ones_and_all_that_run_are_remembered() {
        let recorder = PluginRecorder::new(0, Vec::new());
        let running = recorder.begin();
        for number in 0..20 {
            recorder.begin().ended(end(&number.to_string()));
        }
        let records = recorder.records(0);
        let reasons: Vec<_> =
            records.iter().filter_map(|r| r.end.as_ref()).map(|e| &e.reason[..]).collect();
        assert_eq!(reasons, ["19", "18", "17", "16", "15"]);
        assert_eq!(records.len(), KEPT_ENDED + 1);
        assert!(recorder.processes().len() <= KEPT_ENDED + 1);
        drop(running);
    }

    #[test]
    fn the_first_word_on_an_end_counts_and_an_exit_can_follow() {
        let recorder = PluginRecorder::new(0, Vec::new());
        let process = recorder.begin();
        process.exited(Some(ProcessExit::Code(1)));
        process.ended(end("hangs"));
        process.ended(end("later"));
        process.exited(Some(ProcessExit::Signal(9)));
        drop(process);
        let told = recorder.records(0).remove(0).end.unwrap();
        assert_eq!((told.reason.as_str(), told.exit), ("hangs", Some(ProcessExit::Signal(9))));
    }

    #[test]
    fn a_process_that_nobody_looks_after_has_a_record_that_says_so() {
        let recorder = PluginRecorder::new(0, Vec::new());
        drop(recorder.begin());
        let told = recorder.records(0).remove(0).end.unwrap();
        assert!(told.reason.contains("internal error"));
    }
}
