//! The edge's end over gRPC: connects again and again, reads and writes for the machine, and has files read and
//! written on a thread where that may take its time.

use super::apply::Host;
use super::commands::{CommandRunner, Commands};
use super::machine::{Action, Event, Machine};
use super::replica::Replica;
use super::token_uses::UseLine;
use crate::boot_time::BootTime;
use crate::data_keys::{DataKeys, Keyrings};
use crate::limits::{MAX_DOWNWARD_BYTES, MAX_UPWARD_BYTES};
use crate::message::edge_message::Body;
use crate::message::edge_sync_client::EdgeSyncClient;
use crate::message::{Command, ControlMessage, EdgeMessage, NodeReport, control_message};
use hyper_util::rt::TokioIo;
use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;
use tonic::transport::{Endpoint, Uri};

/// From the first packet to a stream.
const CONNECT_WITHIN: Duration = Duration::from_secs(15);
/// How often a silent connection is asked whether it is still there, and how long it may take to answer: longer than at
/// the other end, for what this one says at length may go over a slow line.
const PING_EVERY: Duration = Duration::from_secs(10);
const PING_WITHIN: Duration = Duration::from_secs(20);
/// Messages that wait to be sent.
const SEND_QUEUE: usize = 4;
/// Questions of which it is remembered when they were asked.
const QUESTIONS: usize = 16;

/// How connections to a control plane are made: through which proxy, with which certificate.
pub trait Dial: Send + Sync + 'static {
    /// A connection, encrypted and authenticated.
    type Io: AsyncRead + AsyncWrite + Unpin + Send + 'static;

    /// Makes one. It is given up when it takes too long.
    fn dial(&self) -> impl Future<Output = io::Result<Self::Io>> + Send;
}

/// Whether an edge hears of what is published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Contact {
    /// There is a stream.
    Connected,
    /// There is one, and the newest is served by, as of this moment: the control plane was asked then, and has looked
    /// since. Silence, and a stream that only seems to be there, leave the moment as it is.
    UpToDate(BootTime),
    /// There is none, and why.
    Lost(String),
}

/// What an edge is told from outside, and what it tells.
pub struct Surroundings {
    /// How it and its plugins are doing; the last one is sent.
    pub reports: watch::Receiver<Option<NodeReport>>,
    /// When tokens were last used.
    pub uses: UseLine,
    /// Whether it is connected.
    pub contact: watch::Sender<Contact>,
    /// Who carries out what is asked of this edge.
    pub commands: Arc<dyn CommandRunner>,
    /// The keys by which its host opens what is sealed: what could not be opened is tried again when they change.
    pub keys: DataKeys,
    /// It ends when this becomes true, or nobody is there any more who could say so.
    pub stop: watch::Receiver<bool>,
}

/// Keeps an edge at what is published until it is stopped.
///
/// # Errors
/// Only when a check or an activation of the host panics: nobody knows then what is served by.
pub async fn run<D: Dial, H: Host + Send + 'static>(
    replica: Replica<H>,
    dial: D,
    mut surroundings: Surroundings,
) -> Result<(), tokio::task::JoinError> {
    // What is there already is to be sent, too.
    surroundings.reports.mark_changed();
    surroundings.uses.said.mark_changed();
    let machine = Machine::new(replica.config().clone(), replica.start());
    let client = Client {
        machine,
        commands: Commands::new(surroundings.commands.clone()),
        keys: surroundings.keys.changes(),
        replica: Some(replica),
        dial: Arc::new(dial),
        surroundings,
        work: VecDeque::new(),
        working: None,
        asked: VecDeque::new(),
        link: Link::Down,
        has_reports: true,
        has_uses: true,
        has_keys: true,
        started: Instant::now(),
    };
    client.run().await
}

type Connecting = Pin<Box<dyn Future<Output = Result<Stream, String>> + Send>>;
type Worked<H> = JoinHandle<(Replica<H>, Option<Event>)>;

struct Stream {
    inbound: Streaming<ControlMessage>,
    outbound: mpsc::Sender<EdgeMessage>,
}

enum Link {
    Down,
    Connecting(Connecting),
    Up(Box<Stream>),
}

struct Client<D, H> {
    machine: Machine,
    /// Absent while it is at work.
    replica: Option<Replica<H>>,
    dial: Arc<D>,
    /// Those of the stream that is there.
    commands: Commands,
    keys: watch::Receiver<Keyrings>,
    surroundings: Surroundings,
    /// What it is to do next. Within the bounds of what the machine waits for.
    work: VecDeque<Action>,
    working: Option<Worked<H>>,
    /// The last questions whether what is had is the newest, and when each was asked.
    asked: VecDeque<(u64, BootTime)>,
    link: Link,
    has_reports: bool,
    has_uses: bool,
    has_keys: bool,
    started: Instant,
}

enum Happened<H> {
    Nothing,
    Stopped,
    Event(Event),
    Command(Command),
    Opened(Result<Stream, String>),
    Ended(String),
    Worked(Result<(Replica<H>, Option<Event>), tokio::task::JoinError>),
}

impl<D: Dial, H: Host + Send + 'static> Client<D, H> {
    async fn run(mut self) -> Result<(), tokio::task::JoinError> {
        loop {
            self.act();
            self.tell_whether_up_to_date();
            self.tell_what_is_kept();
            let is_full = self.send();
            let event = match self.wait(is_full).await {
                Happened::Nothing => Event::Tick,
                Happened::Stopped => break,
                Happened::Command(command) => {
                    self.commands.handle(command);
                    Event::Tick
                }
                Happened::Event(event) => event,
                Happened::Opened(Ok(stream)) => {
                    self.link = Link::Up(Box::new(stream));
                    self.surroundings.contact.send_replace(Contact::Connected);
                    Event::Connected
                }
                Happened::Opened(Err(reason)) | Happened::Ended(reason) => {
                    tracing::debug!(reason, "no stream to the control plane");
                    self.link = Link::Down;
                    self.commands.end();
                    self.surroundings.contact.send_replace(Contact::Lost(reason));
                    Event::Disconnected(None)
                }
                Happened::Worked(worked) => {
                    self.working = None;
                    let (replica, event) = worked?;
                    self.replica = Some(replica);
                    event.unwrap_or(Event::Tick)
                }
            };
            self.machine.handle(event, self.started.elapsed());
        }
        // A write that has begun is not cut.
        match self.working.take() {
            Some(working) => working.await.map(drop),
            None => Ok(()),
        }
    }

    /// Nothing, where there is no stream: that is told as soon as it is known.
    fn tell_whether_up_to_date(&self) {
        let answered = self.machine.is_up_to_date_as_of();
        let asked_at = answered.and_then(|answered| {
            self.asked.iter().find(|(number, _)| *number == answered).map(|(_, at)| *at)
        });
        let now = asked_at.map_or(Contact::Connected, Contact::UpToDate);
        self.surroundings.contact.send_if_modified(|contact| {
            let is_other = self.machine.is_connected() && *contact != now;
            if is_other {
                *contact = now;
            }
            is_other
        });
    }

    fn tell_what_is_kept(&self) {
        let last = self.machine.uses_kept();
        self.surroundings.uses.kept.send_if_modified(|kept| std::mem::replace(kept, last) != last);
    }

    /// Begins all that is to be done.
    fn act(&mut self) {
        while let Some(action) = self.machine.next_action(self.started.elapsed()) {
            match action {
                Action::Connect => self.link = Link::Connecting(self.connect()),
                Action::Disconnect(reason) => {
                    tracing::info!(reason, "the connection to the control plane is over");
                    self.link = Link::Down;
                    self.commands.end();
                    self.surroundings.contact.send_replace(Contact::Lost(reason));
                    self.machine.handle(Event::Disconnected(None), self.started.elapsed());
                }
                // One after the other: by what is trusted everything after it is judged.
                Action::Store(..)
                | Action::Apply(_)
                | Action::Remove(..)
                | Action::KeepTrust(_) => {
                    self.work.push_back(action);
                }
            }
        }
        if let Some(mut replica) = self.replica.take_if(|_| !self.work.is_empty())
            && let Some(action) = self.work.pop_front()
        {
            self.working = Some(tokio::task::spawn_blocking(move || {
                let event = replica.carry_out(action);
                (replica, event)
            }));
        }
    }

    /// Says what is to be said, as far as there is room, and answers to commands only when there is nothing else. Gives
    /// whether there was too little.
    fn send(&mut self) -> bool {
        let Link::Up(stream) = &self.link else { return false };
        loop {
            match stream.outbound.try_reserve() {
                Ok(place) => {
                    let message = self.machine.next_message(self.started.elapsed());
                    let answer = || self.commands.next_answer().map(Body::CommandAnswer);
                    match message.or_else(answer) {
                        Some(body) => {
                            if let Body::Ask(ask) = &body {
                                self.asked.truncate(QUESTIONS - 1);
                                self.asked.push_front((ask.number, BootTime::now()));
                            }
                            place.send(EdgeMessage { body: Some(body) });
                        }
                        None => return false,
                    }
                }
                Err(mpsc::error::TrySendError::Full(())) => return true,
                // Reading says that the stream has ended.
                Err(mpsc::error::TrySendError::Closed(())) => return false,
            }
        }
    }

    async fn wait(&mut self, is_full: bool) -> Happened<H> {
        let wakeup = self.machine.next_wakeup(self.started.elapsed());
        let Surroundings { reports, uses, stop, .. } = &mut self.surroundings;
        tokio::select! {
            _ = stop.wait_for(|stop| *stop) => Happened::Stopped,
            happened = link_event(&mut self.link, is_full) => happened,
            worked = worked(&mut self.working) => Happened::Worked(worked),
            () = self.commands.changed() => Happened::Nothing,
            changed = self.keys.changed(), if self.has_keys => {
                self.has_keys = changed.is_ok();
                Happened::Event(Event::KeysChanged)
            }
            changed = reports.changed(), if self.has_reports => {
                self.has_reports = changed.is_ok();
                let report = reports.borrow_and_update().clone();
                report.map_or(Happened::Nothing, |report| Happened::Event(Event::Report(report)))
            }
            changed = uses.said.changed(), if self.has_uses => {
                self.has_uses = changed.is_ok();
                Happened::Event(Event::Uses(uses.said.borrow_and_update().clone()))
            }
            () = sleep_until(self.started + wakeup.unwrap_or_default()), if wakeup.is_some() => {
                Happened::Nothing
            }
        }
    }

    fn connect(&self) -> Connecting {
        let dial = self.dial.clone();
        Box::pin(async move {
            let opened = timeout(CONNECT_WITHIN, open(&*dial)).await;
            opened.unwrap_or_else(|_| Err(format!("no stream within {CONNECT_WITHIN:?}")))
        })
    }
}

/// Opens a connection, and the stream on it.
async fn open<D: Dial>(dial: &D) -> Result<Stream, String> {
    let io = dial.dial().await.map_err(|error| error.to_string())?;
    // It is used once: whoever wants another one dials again.
    let mut io = Some(TokioIo::new(io));
    let connector = tower::service_fn(move |_: Uri| {
        let io = io.take().ok_or_else(|| io::Error::other("the connection has ended"));
        std::future::ready(io)
    });
    let channel = Endpoint::from_static("http://control.sidegate")
        .http2_keep_alive_interval(PING_EVERY)
        .keep_alive_timeout(PING_WITHIN)
        .keep_alive_while_idle(true)
        .connect_with_connector(connector)
        .await
        .map_err(|error| error.to_string())?;
    let mut client = EdgeSyncClient::new(channel)
        .max_decoding_message_size(MAX_DOWNWARD_BYTES)
        .max_encoding_message_size(MAX_UPWARD_BYTES);
    let (outbound, messages) = mpsc::channel(SEND_QUEUE);
    let answer = client.attach(ReceiverStream::new(messages)).await;
    let inbound = answer.map_err(|status| status.to_string())?.into_inner();
    Ok(Stream { inbound, outbound })
}

/// The end of work, if any is done.
async fn worked<H>(
    working: &mut Option<Worked<H>>,
) -> Result<(Replica<H>, Option<Event>), tokio::task::JoinError> {
    match working {
        Some(working) => working.await,
        None => std::future::pending().await,
    }
}

/// What happens to the stream.
async fn link_event<H>(link: &mut Link, is_full: bool) -> Happened<H> {
    match link {
        Link::Down => std::future::pending().await,
        Link::Connecting(connecting) => Happened::Opened(connecting.await),
        Link::Up(stream) => tokio::select! {
            message = stream.inbound.message() => match message {
                Ok(Some(ControlMessage { body: Some(control_message::Body::Command(command)) })) => {
                    Happened::Command(command)
                }
                Ok(Some(ControlMessage { body: Some(body) })) => {
                    Happened::Event(Event::Message(body))
                }
                // Of a later version.
                Ok(Some(ControlMessage { body: None })) => Happened::Nothing,
                Ok(None) => Happened::Ended("the control plane ended the stream".to_owned()),
                Err(status) => Happened::Ended(status.to_string()),
            },
            _ = stream.outbound.reserve(), if is_full => Happened::Nothing,
        },
    }
}
