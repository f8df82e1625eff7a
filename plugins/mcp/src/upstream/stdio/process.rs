//! One process, owned by one task, which ends it: when its session ends, when nobody used it for long, and with the plugin.

use std::future::Future;
use std::process::Stdio;
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::{StreamExt as _, stream};
use sidegate_sdk::tracing;
use tokio::io::{
    AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWriteExt as _, BufReader,
};
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::{Notify, mpsc};
use tokio::time::timeout;

use super::group::Group;
use super::guests::Guests;
use super::history::{History, LISTENER};
use super::reading::Reading;
use super::waiting::{Open, Waiting};
use super::{PATIENCE, Program, lock};
use crate::failure::Failure;
use crate::message::{Id, Message};
use crate::reply::{Event, Events};

/// Messages that wait for a slow reader; more of them are left out, but for answers.
const WAITING: usize = 64;
const STDERR_LINE: u64 = 4096;

/// A process of a session.
pub(super) struct Process {
    lines: mpsc::Sender<String>,
    waiting: Arc<Mutex<Waiting>>,
    used: Arc<Notify>,
    over: Arc<Notify>,
    next: AtomicI64,
    /// The sessions that share it, if it is shared by sessions.
    pub(super) guests: Guests,
}

impl Process {
    /// Starts it; `forget` is called when it has ended.
    pub(super) fn start(
        program: &Program,
        history: Option<History>,
        forget: impl FnOnce() + Send + 'static,
    ) -> Result<Self, Failure> {
        let mut command = Command::new(&program.command);
        command.args(&program.args).env_clear().envs(program.env.iter().cloned());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let spawned = command.process_group(0).kill_on_drop(true).spawn();
        let mut child = spawned.map_err(|error| Failure::Away(error.to_string()))?;
        let group = Group::of(&child);
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
        let (Some(stdin), Some(stdout), Some(stderr)) = (stdin, stdout, child.stderr.take()) else {
            return Err(Failure::Away("it has no pipes".to_owned()));
        };
        let (lines, to_write) = mpsc::channel(WAITING);
        let waiting = Arc::new(Mutex::new(Waiting { history, ..Waiting::default() }));
        let (used, over) = (Arc::default(), Arc::default());
        let (next, guests) = (AtomicI64::new(1), Guests::default());
        let process = Self { lines, waiting, used, over, next, guests };
        tokio::spawn(log_lines(program.server.clone(), stderr));
        let reading = Reading {
            waiting: Arc::clone(&process.waiting),
            server: program.server.clone(),
            most: program.most_bytes,
            used: Arc::clone(&process.used),
            replies: process.lines.downgrade(),
        };
        let life = Life {
            group,
            child,
            server: program.server.clone(),
            longest_idle: program.longest_idle,
            waiting: Arc::clone(&process.waiting),
            used: Arc::clone(&process.used),
            over: Arc::clone(&process.over),
        };
        let waiting = Arc::clone(&process.waiting);
        tokio::spawn(async move {
            life.run(reading.run(stdout), write(stdin, to_write)).await;
            // Whoever still waits learns that nothing comes.
            let left = std::mem::take(&mut *lock(&waiting));
            for open in left.asked.into_values() {
                let _ = open.told.try_send(Err(Failure::Ended));
            }
            forget();
        });
        Ok(process)
    }

    /// Asks, and gives what comes up to the answer. First comes an id from which to go on, where the client knows events
    /// without a message.
    pub(super) async fn ask(
        &self,
        question: &Id,
        message: &Message,
        knows_bare: bool,
    ) -> Result<Events, Failure> {
        let (told, events) = mpsc::channel(WAITING);
        let mut first = None;
        {
            let mut waiting = lock(&self.waiting);
            waiting.tidy();
            let mut stream = LISTENER;
            if let Some(history) = &mut waiting.history {
                let (number, id) = history.begin();
                stream = number;
                first = knows_bare.then(|| Event { id: Some(id), ..Event::default() });
            }
            waiting.asked.insert(question.clone(), Open { stream, told });
            waiting.last = Some(question.clone());
        }
        self.tell(message).await?;
        Ok(received(first.into_iter().collect(), events))
    }

    /// Writes a message.
    pub(super) async fn tell(&self, message: &Message) -> Result<(), Failure> {
        self.used.notify_one();
        let sent = timeout(PATIENCE, self.lines.send(message.to_json())).await;
        match sent {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(Failure::Away("its process has ended".to_owned())),
            Err(_) => Err(Failure::Slow),
        }
    }

    /// Writes a message, if there is room for it.
    pub(super) fn tell_soon(&self, message: &Message) {
        if self.lines.try_send(message.to_json()).is_err() {
            tracing::debug!("a process does not take a message");
        }
    }

    /// A number that no other question has.
    pub(super) fn number(&self) -> i64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    /// Whether it reads no more.
    pub(super) fn has_ended(&self) -> bool {
        self.lines.is_closed()
    }

    pub(super) fn listen(&self) -> Events {
        self.used.notify_one();
        let (told, events) = mpsc::channel(WAITING);
        lock(&self.waiting).listen(told);
        received(Vec::new(), events)
    }

    /// Goes on with a stream after the event with this id; `None` where that is not known any more.
    pub(super) fn resume(&self, id: &str) -> Option<Events> {
        self.used.notify_one();
        let (told, events) = mpsc::channel(WAITING);
        let mut waiting = lock(&self.waiting);
        let (stream, missed) = waiting.history.as_ref()?.after(id)?;
        if stream == LISTENER {
            waiting.listen(told);
        } else if let Some(open) = waiting.asked.values_mut().find(|open| open.stream == stream) {
            // Whoever read it so far reads no more, if the connection is there at all.
            open.told = told;
        }
        Some(received(missed, events))
    }

    pub(super) fn end(&self) {
        self.over.notify_one();
    }
}

fn received(first: Vec<Event>, events: mpsc::Receiver<Result<Event, Failure>>) -> Events {
    let rest = stream::unfold(events, |mut events| async move {
        let event = events.recv().await?;
        Some((event, events))
    });
    Box::pin(stream::iter(first.into_iter().map(Ok)).chain(rest))
}

/// What the owner of a process has.
struct Life {
    /// Before the child, whose number could be another's once it is reaped.
    group: Group,
    child: Child,
    server: String,
    longest_idle: Duration,
    waiting: Arc<Mutex<Waiting>>,
    used: Arc<Notify>,
    over: Arc<Notify>,
}

impl Life {
    /// Up to the end of the process.
    async fn run(mut self, reading: impl Future<Output = ()>, writing: impl Future<Output = ()>) {
        let idle = async {
            let used = || timeout(self.longest_idle, self.used.notified());
            while used().await.is_ok() || lock(&self.waiting).is_asked() {}
        };
        let why = tokio::select! {
            () = reading => "it closed its stdout",
            () = writing => "it does not read",
            () = idle => "nobody used it for long",
            () = self.over.notified() => "its session ended",
        };
        // Its stdin is closed by now, which asks it to end.
        if !self.group.end(&mut self.child).await {
            tracing::warn!(server = self.server, "a process could not be ended");
        }
        tracing::info!(server = self.server, why, "a process has ended");
    }
}

async fn write(mut stdin: ChildStdin, mut lines: mpsc::Receiver<String>) {
    while let Some(mut line) = lines.recv().await {
        line.push('\n');
        if stdin.write_all(line.as_bytes()).await.is_err() || stdin.flush().await.is_err() {
            return;
        }
    }
}

async fn log_lines(server: String, stderr: impl AsyncRead + Unpin) {
    let mut lines = BufReader::new(stderr);
    let mut line = Vec::new();
    loop {
        line.clear();
        match (&mut lines).take(STDERR_LINE).read_until(b'\n', &mut line).await {
            Ok(0) | Err(_) => return,
            Ok(_) => {
                let line = String::from_utf8_lossy(&line);
                tracing::info!(server, line = line.trim_end(), "a server says");
            }
        }
    }
}
