//! What plugins print: bytes become lines, lines become log events, the last ones are kept.
//!
//! Knows no process: others hand in the bytes. How a line is read is told in `line`.

use super::final_output::FinalOutput;
use super::line::{Line, LineCutter, level_name, read_line};
use sidegate_model::UnixMillis;
use sidegate_model::clock::now_millis;
use sidegate_model::plugin::PluginSpec;
use sidegate_model::record::LoggedLine;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::watch;
use tracing::Level;

/// How many lines of an instance are kept.
pub(super) const KEPT_LINES: usize = 200;
/// How much of a kept line is kept, in bytes.
const KEPT_LINE_BYTES: usize = 2 * 1024;
/// How much of a module or an id.
const KEPT_NAME_BYTES: usize = 256;

/// Where a line was printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stream {
    Stdout,
    Stderr,
}

impl Stream {
    fn as_str(self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
        }
    }
}

/// Numbers the lines of a plugin. They begin with the time in microseconds, so that they grow on
/// after a restart of the gateway.
#[derive(Debug, Default)]
pub(super) struct LineNumbers {
    last: AtomicU64,
    /// Tells whoever follows the plugin that there is another line.
    printed: watch::Sender<()>,
}

impl LineNumbers {
    /// Goes on behind this number.
    pub(super) fn behind(last: u64) -> Self {
        Self { last: AtomicU64::new(last), printed: watch::Sender::default() }
    }

    /// The last one.
    pub(super) fn last(&self) -> u64 {
        self.last.load(Ordering::Relaxed)
    }

    /// Changes with every line.
    pub(super) fn printed(&self) -> watch::Receiver<()> {
        self.printed.subscribe()
    }

    fn next(&self, at: UnixMillis) -> u64 {
        let time = u64::try_from(at).unwrap_or_default().saturating_mul(1000);
        let next = |last: u64| (last + 1).max(time);
        let update = |last| Some(next(last));
        next(
            self.last
                .fetch_update(Ordering::Relaxed, Ordering::Relaxed, update)
                .unwrap_or_default(),
        )
    }
}

/// The last lines of one instance.
#[derive(Debug, Default)]
pub(super) struct RecentLines {
    numbers: Arc<LineNumbers>,
    lines: Mutex<VecDeque<LoggedLine>>,
    /// The number of the last line that is not kept any more.
    last_dropped: AtomicU64,
}

impl RecentLines {
    /// These lines, and those to come with the next numbers.
    pub(super) fn new(numbers: Arc<LineNumbers>, lines: Vec<LoggedLine>) -> Self {
        Self { numbers, lines: Mutex::new(lines.into()), last_dropped: AtomicU64::new(0) }
    }

    /// Takes a line and numbers it.
    pub(super) fn push(&self, line: LoggedLine) {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == KEPT_LINES {
            let dropped = lines.pop_front().map_or(0, |line| line.number);
            self.last_dropped.store(dropped, Ordering::Relaxed);
        }
        let number = self.numbers.next(line.at);
        lines.push_back(LoggedLine { number, ..line });
        drop(lines);
        self.numbers.printed.send_replace(());
    }

    /// Those of the lines that are kept whose number is higher, oldest first; and whether there were more of them.
    pub(super) fn after(&self, number: u64) -> (Vec<LoggedLine>, bool) {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let begin = lines.partition_point(|line| line.number <= number);
        let dropped = self.last_dropped.load(Ordering::Relaxed);
        (lines.iter().skip(begin).cloned().collect(), dropped > number)
    }

    /// The last ones of those that are kept, oldest first.
    pub(super) fn last(&self, count: usize) -> Vec<LoggedLine> {
        let lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.iter().skip(lines.len().saturating_sub(count)).cloned().collect()
    }
}

/// Takes the output of one process to the log and to its [`RecentLines`].
#[derive(Clone)]
pub(super) struct LogSink {
    plugin: Arc<PluginSpec>,
    pid: u32,
    recent: Arc<RecentLines>,
    final_output: Arc<FinalOutput>,
}

impl LogSink {
    pub(super) fn new(plugin: Arc<PluginSpec>, pid: u32, recent: Arc<RecentLines>) -> Self {
        Self { plugin, pid, recent, final_output: Arc::default() }
    }

    /// What it said last about its end.
    pub(super) fn final_output(&self) -> Option<String> {
        self.final_output.quoted()
    }

    /// A writer for one of the process's streams.
    pub(super) fn writer(&self, stream: Stream) -> LineWriter {
        LineWriter { sink: self.clone(), stream, cutter: LineCutter::default(), panicking: false }
    }
}

/// Turns the bytes of one stream into log events.
pub(super) struct LineWriter {
    sink: LogSink,
    stream: Stream,
    cutter: LineCutter,
    panicking: bool,
}

impl LineWriter {
    /// Takes the next bytes, cut anywhere.
    pub(super) fn write(&mut self, bytes: &[u8]) {
        let mut cutter = std::mem::take(&mut self.cutter);
        cutter.push(bytes, |line| self.log(line));
        self.cutter = cutter;
    }

    /// Takes what is left without a newline.
    pub(super) fn finish(mut self) {
        if let Some(rest) = std::mem::take(&mut self.cutter).rest() {
            self.log(&rest);
        }
    }

    fn log(&mut self, bytes: &[u8]) {
        let text = String::from_utf8_lossy(bytes);
        let line = read_line(text.trim_end(), &mut self.panicking);
        if line.message.is_empty() && line.fields.is_none() {
            return;
        }
        self.emit(&line);
        if self.stream == Stream::Stderr {
            self.sink.final_output.push(&line);
        }
        let kept = |text: &Option<String>, limit| text.as_ref().map(|text| cut(text, limit));
        self.sink.recent.push(LoggedLine {
            number: 0,
            at: now_millis(),
            stream: self.stream.as_str(),
            level: level_name(line.level),
            message: cut(&line.message, KEPT_LINE_BYTES),
            module: kept(&line.module, KEPT_NAME_BYTES),
            request_id: kept(&line.request_id, KEPT_NAME_BYTES),
            trace_id: kept(&line.trace_id, KEPT_NAME_BYTES),
            fields: kept(&line.fields, KEPT_LINE_BYTES),
        });
    }

    fn emit(&self, line: &Line) {
        macro_rules! at {
            ($level:expr) => {
                tracing::event!(
                    target: "plugin",
                    $level,
                    plugin = %self.sink.plugin.name,
                    pid = self.sink.pid,
                    stream = self.stream.as_str(),
                    module = line.module.as_deref(),
                    request_id = line.request_id.as_deref(),
                    trace_id = line.trace_id.as_deref(),
                    // As text, so that the quotes within are not escaped once more.
                    fields = line.fields.as_deref().map(tracing::field::display),
                    "{}",
                    line.message
                )
            };
        }
        match line.level {
            Level::TRACE => at!(Level::TRACE),
            Level::DEBUG => at!(Level::DEBUG),
            Level::INFO => at!(Level::INFO),
            Level::WARN => at!(Level::WARN),
            Level::ERROR => at!(Level::ERROR),
        }
    }
}

/// At most `limit` bytes of a text, cut between characters.
fn cut(text: &str, limit: usize) -> String {
    if text.len() <= limit {
        return text.to_owned();
    }
    let end = (0..=limit).rev().find(|i| text.is_char_boundary(*i)).unwrap_or_default();
    format!("{}…", &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_are_kept() {
        let recent = RecentLines::default();
        for i in 0..250 {
            let stream = if i % 2 == 0 { "stderr" } else { "stdout" };
            let message = i.to_string();
            recent.push(LoggedLine { stream, level: "info", message, ..LoggedLine::default() });
        }
        assert_eq!(recent.last(KEPT_LINES + 1).len(), KEPT_LINES);
        assert_eq!(recent.last(1)[0].message, "249");
        let (newest, is_cut) = recent.after(recent.last(3)[0].number);
        assert_eq!(
            newest.iter().map(|line| line.message.as_str()).collect::<Vec<_>>(),
            ["248", "249"]
        );
        assert!(!is_cut && recent.after(0).1, "50 lines are gone");
    }
}
