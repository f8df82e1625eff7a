//! The thread that writes. Those who have a line hand it over and go on: it waits in a queue of
//! their own, bounded, and what does not fit is dropped and counted.
//!
//! The thread looks at the queues every few milliseconds while lines come, so that a line wakes
//! nobody; only the first one after a silence does.

use super::output::Output;
use super::queue::{Filling, Queue};
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

/// Between two looks at the queues while lines come.
const PAUSE: Duration = Duration::from_millis(5);
/// The pause after lines could not be written.
const BACK_OFF: Duration = Duration::from_millis(100);
/// Between two looks when nothing comes. Whoever brings a line wakes the thread before.
const SILENCE: Duration = Duration::from_secs(10);
/// Between two lines that tell of dropped ones.
const NEWS: Duration = Duration::from_secs(1);
/// A buffer that grew beyond this is given back after use.
const KEPT_BYTES: usize = 256 * 1024;
/// Who writes for so long at once writes to somebody who does not read.
const STALLED: Duration = Duration::from_millis(100);

/// A running writer; all clones are the same one. It writes as long as the process lives.
#[derive(Clone)]
pub struct LogWriter(Arc<Shared>);

struct Shared {
    queues: Box<[Queue]>,
    /// Whoever brings a line has to wake the thread.
    asleep: AtomicBool,
    thread: OnceLock<Thread>,
    /// Lines that could not be written.
    lost: AtomicU64,
    progress: Mutex<Progress>,
    progressed: Condvar,
}

#[derive(Default)]
struct Progress {
    /// The number of the last flush that was asked for, and of the last one done.
    asked: u64,
    done: u64,
    writing_since: Option<Instant>,
    /// What takes the place of the output before the next line.
    next: Option<Output>,
}

/// Where lines are handed over; each has room of its own.
#[derive(Clone)]
pub struct LogSender {
    shared: Arc<Shared>,
    number: usize,
}

impl LogWriter {
    /// Starts a writer with one sender for each of these rooms, in bytes. What waits at the first is
    /// written first. `tell` is called, on the writer's thread, with the number of lines that were
    /// dropped, once lines flow again.
    ///
    /// # Errors
    /// When there can be no more threads.
    pub fn start(
        name: &str,
        output: Output,
        rooms: &[usize],
        tell: impl Fn(u64) + Send + 'static,
    ) -> io::Result<(Self, Vec<LogSender>)> {
        let shared = Arc::new(Shared {
            queues: rooms.iter().map(|room| Queue::new(*room)).collect(),
            asleep: AtomicBool::new(false),
            thread: OnceLock::new(),
            lost: AtomicU64::new(0),
            progress: Mutex::default(),
            progressed: Condvar::new(),
        });
        let sender = |number| LogSender { shared: shared.clone(), number };
        let senders = (0..rooms.len()).map(sender).collect();
        let writing = shared.clone();
        let thread = thread::Builder::new().name(name.to_owned());
        thread
            .spawn(move || Writing { shared: writing, output, news: News::default() }.run(&tell))?;
        Ok((Self(shared), senders))
    }

    /// Waits until everything that was handed over is written, but no longer than `limit`. Tells
    /// whether it is.
    pub fn flush(&self, limit: Duration) -> bool {
        let ticket = {
            let mut progress = self.0.progress();
            progress.asked += 1;
            progress.asked
        };
        self.0.wake();
        let waiting = self.0.progress();
        let waited = self.0.progressed.wait_timeout_while(waiting, limit, |p| p.done < ticket);
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }

    /// Whether the other end takes nothing at the moment.
    pub fn is_stalled(&self) -> bool {
        self.0.progress().writing_since.is_some_and(|since| since.elapsed() > STALLED)
    }

    /// Writes to another output from the next line on.
    pub fn redirect(&self, output: Output) {
        self.0.progress().next = Some(output);
        self.0.wake();
    }

    /// Lines that were dropped since the start.
    pub fn dropped_lines(&self) -> u64 {
        self.0.dropped_lines()
    }
}

impl Shared {
    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake(&self) {
        // Until it is told, the thread has only just begun, and looks at everything anyway.
        if let Some(thread) = self.thread.get() {
            thread.unpark();
        }
    }

    /// Whether this is the thread that writes. What it tells itself, of lines that were dropped, finds
    /// queues that others may have filled again, and is seldom: it needs no room.
    fn is_writing(&self) -> bool {
        self.thread.get().is_some_and(|thread| thread.id() == thread::current().id())
    }

    fn dropped_lines(&self) -> u64 {
        let no_room: u64 = self.queues.iter().map(Queue::dropped).sum();
        no_room + self.lost.load(Ordering::Relaxed)
    }
}

impl LogSender {
    /// Hands over the line that `write` appends, newline included. Waits for nobody.
    pub fn send(&self, write: impl FnOnce(&mut Vec<u8>)) {
        let filling = self.shared.queues[self.number].add(write, || self.shared.is_writing());
        // The queue's lock is between: either the thread saw the line, or this sees that it sleeps.
        let asleep = &self.shared.asleep;
        let sleeps = asleep.load(Ordering::Relaxed) && asleep.swap(false, Ordering::Relaxed);
        if sleeps || filling == Filling::High {
            self.shared.wake();
        }
    }
}

/// Takes each piece for whole lines.
impl io::Write for LogSender {
    fn write(&mut self, lines: &[u8]) -> io::Result<usize> {
        self.send(|out| out.extend_from_slice(lines));
        Ok(lines.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What the thread knows.
struct Writing {
    shared: Arc<Shared>,
    output: Output,
    news: News,
}

/// What was told of dropped lines.
#[derive(Default)]
struct News {
    /// How many were told of.
    told: u64,
    /// How many will have been once the line that says so is written.
    telling: Option<u64>,
    last: Option<Instant>,
    /// Attempts to tell that failed since one did not.
    failed: u32,
}

impl News {
    /// Learns how the round went that wrote the line, if there is one.
    fn settle(&mut self, round: Round) {
        match round {
            Round::Nothing => {}
            Round::Wrote => {
                self.told = self.telling.take().unwrap_or(self.told);
                self.failed = 0;
            }
            Round::Failed => {
                let was_telling = self.telling.take().is_some();
                self.failed += u32::from(was_telling);
            }
        }
    }

    /// Whether it is time to tell, if there is something.
    fn is_due(&self) -> bool {
        let pause = NEWS * (1 << self.failed.min(6));
        self.telling.is_none() && self.last.is_none_or(|last| last.elapsed() >= pause)
    }
}

impl Writing {
    fn run(mut self, tell: &impl Fn(u64)) {
        // It is set here only.
        let _ = self.shared.thread.set(thread::current());
        let mut buffer = Vec::new();
        loop {
            let asked = self.begin();
            let round = self.write_all(&mut buffer);
            self.news.settle(round);
            if round != Round::Failed {
                self.tell_of_dropped(tell);
            }
            self.shared.progress().done = asked;
            self.shared.progressed.notify_all();
            match round {
                Round::Failed => thread::park_timeout(BACK_OFF),
                Round::Wrote => thread::park_timeout(PAUSE),
                Round::Nothing => self.sleep(),
            }
        }
    }

    /// What was asked for before this round.
    fn begin(&mut self) -> u64 {
        let mut progress = self.shared.progress();
        if let Some(output) = progress.next.take() {
            self.output = output;
        }
        progress.asked
    }

    /// Writes lines to the output, or to those that take its place meanwhile; gives how many were lost.
    fn write(&mut self, mut lines: &[u8]) -> u64 {
        let shared = &self.shared;
        let is_next = || shared.progress().next.is_some();
        loop {
            shared.progress().writing_since = Some(Instant::now());
            let written = self.output.write(lines, is_next);
            let mut progress = shared.progress();
            progress.writing_since = None;
            match written {
                Ok(lost) => return lost,
                Err(rest) => lines = rest,
            }
            let next = progress.next.take();
            drop(progress);
            if let Some(next) = next {
                self.output = next;
            }
        }
    }

    fn write_all(&mut self, buffer: &mut Vec<u8>) -> Round {
        let mut round = Round::Nothing;
        for number in 0..self.shared.queues.len() {
            self.shared.queues[number].take(buffer);
            if buffer.is_empty() {
                continue;
            }
            let lost = self.write(buffer);
            self.shared.lost.fetch_add(lost, Ordering::Relaxed);
            round = if lost > 0 || round == Round::Failed { Round::Failed } else { Round::Wrote };
            buffer.clear();
            buffer.shrink_to(KEPT_BYTES);
        }
        round
    }

    fn tell_of_dropped(&mut self, tell: &impl Fn(u64)) {
        let dropped = self.shared.dropped_lines();
        if dropped == self.news.told || !self.news.is_due() {
            return;
        }
        tell(dropped - self.news.told);
        (self.news.telling, self.news.last) = (Some(dropped), Some(Instant::now()));
        if self.shared.queues.iter().all(Queue::is_empty) {
            // It went elsewhere.
            self.news.settle(Round::Wrote);
        }
    }

    fn sleep(&self) {
        let has_news = self.shared.dropped_lines() > self.news.told;
        self.shared.asleep.store(true, Ordering::Relaxed);
        let asked = { self.shared.progress().asked };
        let is_done = asked == self.shared.progress().done;
        if is_done && self.shared.queues.iter().all(Queue::is_empty) {
            thread::park_timeout(if has_news { NEWS } else { SILENCE });
        }
        self.shared.asleep.store(false, Ordering::Relaxed);
    }
}

/// How a look at the queues went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Round {
    Nothing,
    Wrote,
    Failed,
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{PipeReader, Read as _};
    use std::os::fd::OwnedFd;
    use std::sync::mpsc;

    const PATIENCE: Duration = Duration::from_secs(20);

    /// A writer into a pipe, and the numbers of dropped lines that it told of.
    fn piped(rooms: &[usize]) -> (LogWriter, Vec<LogSender>, PipeReader, mpsc::Receiver<u64>) {
        let (reader, writer) = io::pipe().unwrap();
        let (tell, told) = mpsc::sync_channel(64);
        let output = Output::from(OwnedFd::from(writer));
        let telling = move |lines| tell.send(lines).unwrap_or_default();
        let (writer, senders) = LogWriter::start("test", output, rooms, telling).unwrap();
        (writer, senders, reader, told)
    }

    fn send(sender: &LogSender, line: &str) {
        sender.send(|out| out.extend_from_slice(line.as_bytes()));
    }

    #[test]
    fn lines_are_written_whole_and_in_the_order_of_each_sender() {
        let (writer, senders, mut reader, _told) = piped(&[1 << 20, 1 << 20]);
        let threads: Vec<_> = (0..4_usize)
            .map(|thread| {
                let sender = senders[thread % 2].clone();
                std::thread::spawn(move || {
                    for n in 0..500 {
                        send(&sender, &format!("{thread} {n}\n"));
                    }
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert!(writer.flush(PATIENCE));
        let mut bytes = vec![0; 1 << 16];
        let mut text = String::new();
        while text.lines().count() < 2000 {
            let length = reader.read(&mut bytes).unwrap();
            text.push_str(std::str::from_utf8(&bytes[..length]).unwrap());
        }
        for thread in 0..4 {
            let of_it = text.lines().filter_map(|line| line.strip_prefix(&format!("{thread} ")));
            let numbers: Vec<usize> = of_it.map(|n| n.parse().unwrap()).collect();
            assert_eq!(numbers, (0..500).collect::<Vec<_>>());
        }
        assert_eq!(writer.dropped_lines(), 0);
    }

    #[test]
    fn a_line_after_a_silence_is_written_at_once() {
        let (writer, senders, mut reader, _told) = piped(&[1024]);
        let mut bytes = [0; 16];
        for _ in 0..20 {
            // The thread may sleep now, or be about to.
            send(&senders[0], "line\n");
            assert_eq!(reader.read(&mut bytes).unwrap(), 5);
        }
        assert!(writer.flush(PATIENCE));
    }

    #[test]
    fn while_nobody_reads_lines_are_dropped_and_told_of_once_when_they_flow() {
        let (writer, senders, reader, told) = piped(&[256 * 1024]);
        let line = format!("{}\n", "x".repeat(1023));
        for _ in 0..1000 {
            send(&senders[0], &line);
        }
        let asked = Instant::now();
        while !writer.is_stalled() {
            assert!(!writer.flush(Duration::from_millis(20)), "it cannot be done");
            assert!(asked.elapsed() < PATIENCE);
        }
        let dropped = writer.dropped_lines();
        assert!(dropped > 300, "{dropped}");
        let reading = std::thread::spawn(move || {
            let mut all = Vec::new();
            let mut reader = reader;
            let mut piece = vec![0; 1 << 16];
            while all.len() < usize::try_from(1000 - dropped).unwrap() * 1024 {
                let length = reader.read(&mut piece).unwrap();
                all.extend_from_slice(&piece[..length]);
            }
            all.len()
        });
        assert_eq!(told.recv_timeout(PATIENCE), Ok(dropped));
        let kept = reading.join().unwrap();
        assert_eq!(kept as u64, (1000 - dropped) * 1024, "what is not counted is written");
    }

    #[test]
    fn another_output_takes_over_with_the_next_line() {
        let (writer, senders, _reader, _told) = piped(&[1024]);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        writer.redirect(Output::file(&path).unwrap());
        send(&senders[0], "to the file\n");
        assert!(writer.flush(PATIENCE));
        // The line before last may have been on its way while the output changed.
        send(&senders[0], "again\n");
        assert!(writer.flush(PATIENCE));
        assert!(std::fs::read_to_string(&path).unwrap().ends_with("again\n"));
    }

    #[test]
    fn another_output_takes_over_from_one_whose_reader_has_stopped() {
        let (reader, writer) = io::pipe().unwrap();
        rustix::io::ioctl_fionbio(&writer, true).unwrap();
        rustix::io::ioctl_fionbio(&reader, true).unwrap();
        let output = Output::from(OwnedFd::from(writer));
        let (writer, senders) = LogWriter::start("test", output, &[1 << 20], |_| {}).unwrap();
        let line = |number: usize| format!("{number:03} {}\n", "x".repeat(1019));
        (0..500).for_each(|number| send(&senders[0], &line(number)));
        let begun = Instant::now();
        while !writer.is_stalled() {
            assert!(begun.elapsed() < PATIENCE);
            std::thread::yield_now();
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        writer.redirect(Output::file(&path).unwrap());
        assert!(writer.flush(PATIENCE), "nobody waits for the reader any more");
        let mut before = Vec::new();
        let end = { reader }.read_to_end(&mut before);
        assert!(end.is_ok() || end.unwrap_err().kind() == io::ErrorKind::WouldBlock);
        let there = std::fs::read_to_string(&path).unwrap();
        let whole = before.len() / line(0).len();
        assert!(whole > 0 && whole < 500, "{whole}");
        let rest: String = (whole..500).map(line).collect();
        assert!(there == rest, "each line is whole in one of them");
        assert_eq!(writer.dropped_lines(), 0);
    }

    #[test]
    fn a_disk_that_is_full_costs_lines_and_nothing_else() {
        let (writer, senders, _reader, _told) = piped(&[1024]);
        writer.redirect(Output::file(std::path::Path::new("/dev/full")).unwrap());
        assert!(writer.flush(PATIENCE));
        send(&senders[0], "one\ntwo\n");
        assert!(writer.flush(PATIENCE));
        assert_eq!(writer.dropped_lines(), 2);
    }
}
