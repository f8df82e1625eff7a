//! The edge's end of the protocol as a machine without input and output: what happened goes in, what is to be done
//! comes out. Times are since some beginning.
//!
//! It holds no queue: what is to be said is made when there is room to say it, so only the newest is said, and a
//! control plane that reads slowly costs no memory. Messages can come twice, late, or not at all.

use super::apply::{Applied, ApplyError};
use super::config::EdgeConfig;
use super::downloads::Piece;
use super::namespace_state::{Active, NamespaceState};
use super::newest::Newest;
use super::upward::{Kind, Upward};
use crate::backoff::{Backoff, Jitter};
use crate::digest::Digest;
use crate::edge_content::Rejected;
use crate::limits::{CHUNK_BYTES, told};
use crate::manifest::Manifest;
use crate::message::{self, control_message, edge_message};
use crate::mutation::{Check, leaves_out};
use crate::object::ObjectName;
use crate::signature::{PinnedSigners, VerifiedManifest};
use crate::trust::TrustBytes;
use bytes::Bytes;
use prost::Message as _;
use sidegate_model::namespace::Namespace;
use std::collections::{BTreeMap, HashSet, VecDeque};
use std::time::Duration;

/// The versions of the protocol that are spoken.
pub(crate) const PROTOCOLS: &[u32] = &[1];
/// Between two attempts to connect.
const RECONNECT_LEAST: Duration = Duration::from_millis(10);
const RECONNECT_MOST: Duration = Duration::from_secs(15);
/// A stream that lived this long makes up for all failures before.
const HEALTHY_AFTER: Duration = Duration::from_secs(10);
/// How often an edge says what it has although nothing happened: whatever was lost is sent again then.
const HELLO_EVERY: Duration = Duration::from_secs(30);
/// How often it is asked whether what is had is the newest.
const ASK_EVERY: Duration = Duration::from_secs(2);
/// The longest that an edge stays away because it was told to.
const LONGEST_ABSENCE: Duration = Duration::from_secs(600);
/// Between two attempts to keep a trust bundle.
const TRUST_LEAST: Duration = Duration::from_secs(1);
const TRUST_MOST: Duration = Duration::from_secs(60);
/// Most heads that wait until a trust bundle is kept.
const MAX_HELD: usize = 4;

/// What an edge has of one namespace when it starts.
#[derive(Debug, Clone, Default)]
pub struct Start {
    /// What it serves by, from its disk.
    pub manifest: Option<VerifiedManifest>,
    /// The objects of that which it does not serve by.
    pub rejected: BTreeMap<ObjectName, Rejected>,
    /// The blobs that are on its disk.
    pub known: HashSet<Digest>,
}

/// What happened.
#[derive(Debug, Clone)]
pub enum Event {
    /// A stream is there.
    Connected,
    /// The control plane said something.
    Message(control_message::Body),
    /// The stream has ended, or there was none; come back not before this time, if it says so.
    Disconnected(Option<Duration>),
    /// See [`Action::Store`].
    Stored(Namespace, Digest, Result<(), String>),
    /// See [`Action::Apply`].
    Applied(Namespace, Result<Applied, ApplyError>),
    /// See [`Action::KeepTrust`]; whose manifests are taken from now on.
    TrustKept(Digest, Result<PinnedSigners, String>),
    /// What is sealed can be opened by other keys than before.
    KeysChanged,
    /// How the edge and its plugins are doing now.
    Report(message::NodeReport),
    /// When tokens were last used, to be said until it is kept.
    Uses(Option<message::TokenUses>),
    /// Nothing but time.
    Tick,
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Open a stream, then say [`Event::Connected`] or [`Event::Disconnected`].
    Connect,
    /// Close the stream, for this reason, then say [`Event::Disconnected`].
    Disconnect(String),
    /// Store a blob, then say [`Event::Stored`].
    Store(Namespace, Digest, Bytes),
    /// Serve by this manifest, whose blobs are all stored, then say [`Event::Applied`].
    Apply(VerifiedManifest),
    /// Remove blobs that nobody needs any more.
    Remove(Namespace, Vec<Digest>),
    /// Keep a trust bundle, then say [`Event::TrustKept`]. What comes after it in order comes after it in time.
    KeepTrust(TrustBytes),
}

#[derive(Debug)]
enum Link {
    Down {
        retry_at: Duration,
    },
    Connecting,
    Up {
        since: Duration,
        hello_at: Duration,
        ask_at: Duration,
    },
    /// It is to be closed, and the next one opened not before this long.
    Closing {
        stay_away: Duration,
    },
}

/// What is known of trust bundles.
#[derive(Debug)]
struct Trust {
    /// The one that is being kept.
    keeping: Option<Digest>,
    /// The number of the last one of this stream that was taken.
    number: u64,
    /// One that is not kept, and why.
    refused: Option<(Digest, String)>,
    /// Heads that came after the one that is being kept: it may say who signs them.
    held: VecDeque<message::SignedManifest>,
    backoff: Backoff,
}

/// The edge's end.
#[derive(Debug)]
pub struct Machine {
    config: EdgeConfig,
    trust: Trust,
    namespaces: BTreeMap<Namespace, NamespaceState>,
    link: Link,
    /// The control plane has answered on this stream.
    is_welcome: bool,
    /// The number of the last stream.
    connection: u64,
    backoff: Backoff,
    jitter: Jitter,
    report: Option<message::NodeReport>,
    report_is_new: bool,
    upward: Upward,
    newest: Newest,
    actions: VecDeque<Action>,
}

impl Machine {
    /// An edge that gets these namespaces, with what it has of each.
    pub fn new(config: EdgeConfig, start: BTreeMap<Namespace, Start>) -> Self {
        let state = |(namespace, start): (Namespace, Start)| {
            let rejected = start.rejected;
            let active = start.manifest.map(|manifest| Active { manifest, rejected });
            (namespace.clone(), NamespaceState::new(namespace, active, start.known))
        };
        Self {
            namespaces: start.into_iter().map(state).collect(),
            link: Link::Down { retry_at: Duration::ZERO },
            is_welcome: false,
            connection: config.connections_before,
            backoff: Backoff::new(RECONNECT_LEAST, RECONNECT_MOST),
            jitter: Jitter::new(config.seed),
            report: None,
            report_is_new: false,
            upward: Upward::default(),
            newest: Newest::default(),
            actions: VecDeque::new(),
            trust: Trust {
                keeping: None,
                number: 0,
                refused: None,
                held: VecDeque::new(),
                backoff: Backoff::new(TRUST_LEAST, TRUST_MOST),
            },
            config,
        }
    }

    /// Takes what happened.
    pub fn handle(&mut self, event: Event, now: Duration) {
        match event {
            Event::Connected => self.connected(now),
            Event::Disconnected(retry_after) => self.disconnected(retry_after, now),
            Event::Message(message) => self.message(message, now),
            Event::Stored(namespace, digest, result) => {
                if let Some(state) = self.namespaces.get_mut(&namespace) {
                    state.stored(digest, result, (now, &mut self.jitter));
                }
            }
            Event::Applied(namespace, result) => self.applied(&namespace, result, now),
            Event::TrustKept(digest, kept) => self.trust_kept(digest, kept, now),
            Event::KeysChanged => self.try_again(now),
            Event::Report(report) => {
                self.report_is_new = true;
                self.report = Some(report);
            }
            Event::Uses(uses) => self.upward.uses.told(uses),
            Event::Tick => {}
        }
    }

    /// What is to be done next, if anything; to be asked until there is nothing.
    pub fn next_action(&mut self, now: Duration) -> Option<Action> {
        if let Some(action) = self.actions.pop_front() {
            return Some(action);
        }
        match self.link {
            Link::Down { retry_at } if retry_at <= now => {
                self.link = Link::Connecting;
                return Some(Action::Connect);
            }
            _ => {}
        }
        self.namespaces.values_mut().find_map(|state| state.ready(now)).map(Action::Apply)
    }

    /// What is to be said next, if anything; to be asked while there is a stream with room.
    pub fn next_message(&mut self, now: Duration) -> Option<edge_message::Body> {
        let Link::Up { hello_at, ask_at, .. } = &mut self.link else { return None };
        if *hello_at <= now {
            *hello_at = match leaves_out(Check::Repeat) {
                true => Duration::MAX,
                false => now + self.jitter.around(HELLO_EVERY),
            };
            self.namespaces.values_mut().for_each(NamespaceState::tell);
            return Some(edge_message::Body::Hello(self.hello()));
        }
        if *ask_at <= now {
            *ask_at = now + self.jitter.around(ASK_EVERY);
            return Some(edge_message::Body::Ask(self.newest.ask()));
        }
        for state in self.namespaces.values_mut() {
            if let Some(applied) = state.report() {
                return Some(edge_message::Body::Applied(applied));
            }
            let blobs = state.wanted(now);
            if !blobs.is_empty() {
                return Some(edge_message::Body::Want(message::Want { blobs }));
            }
        }
        let Self { namespaces, report, report_is_new, upward, .. } = self;
        upward.next(|| {
            if let Some(proof) = namespaces.values_mut().find_map(NamespaceState::proof) {
                return Some((proof.encode_to_vec(), edge_message::Body::Proof as Kind));
            }
            let is_new = std::mem::take(report_is_new);
            let report = report.as_ref().filter(|_| is_new)?;
            Some((report.encode_to_vec(), edge_message::Body::Report as Kind))
        })
    }

    /// When [`Event::Tick`] is due, although nothing happens.
    pub fn next_wakeup(&self, now: Duration) -> Option<Duration> {
        let link = match self.link {
            Link::Down { retry_at } => Some(retry_at),
            Link::Up { hello_at, ask_at, .. } => Some(hello_at.min(ask_at)),
            Link::Connecting | Link::Closing { .. } => None,
        };
        let is_connected = matches!(self.link, Link::Up { .. });
        let states = self.namespaces.values().filter_map(|state| state.next_at(now, is_connected));
        states.chain(link).min()
    }

    /// Whether there is a stream.
    pub fn is_connected(&self) -> bool {
        matches!(self.link, Link::Up { .. })
    }

    /// The question as of which the newest of everything is served by, where that is so: the control plane has said on
    /// this stream what is the newest, and that is served by.
    pub fn is_up_to_date_as_of(&self) -> Option<u64> {
        let is_heard = self.is_connected() && self.is_welcome;
        self.newest.as_of(&self.namespaces).filter(|_| is_heard)
    }

    /// Which uses of tokens were kept last; nothing while there is nobody who keeps them.
    pub fn uses_kept(&self) -> Option<u64> {
        self.upward.uses.last_kept().filter(|_| self.is_connected())
    }

    fn hello(&self) -> message::Hello {
        message::Hello {
            protocols: PROTOCOLS.to_vec(),
            edge_version: self.config.version.clone(),
            features: self.config.features.names().map(str::to_owned).collect(),
            boot_id: self.config.boot_id.to_vec(),
            have: self.namespaces.values().filter_map(NamespaceState::have).collect(),
            trust_digest: bytes(&self.config.trust),
            refused_trust: self.trust.refused.as_ref().map(|(digest, reason)| {
                let (digest, reason) = (digest.as_bytes().to_vec(), reason.clone());
                message::RefusedTrust { digest, reason }
            }),
            connection: self.connection,
        }
    }

    fn connected(&mut self, now: Duration) {
        self.link = Link::Up { since: now, hello_at: now, ask_at: now };
        self.is_welcome = false;
        self.connection = self.connection.saturating_add(1);
        self.upward.reconnected();
        self.newest.reconnected();
        self.trust.number = 0;
        self.report_is_new = self.report.is_some();
        self.namespaces.values_mut().for_each(NamespaceState::reconnected);
    }

    fn disconnected(&mut self, retry_after: Option<Duration>, now: Duration) {
        self.was_healthy(now);
        let asked = match self.link {
            Link::Closing { stay_away } => Some(stay_away),
            // It is known already.
            Link::Down { .. } => return,
            _ => None,
        };
        let pause = self.backoff.failed(&mut self.jitter);
        // Everybody was told the same, and not everybody is to come at the same time.
        let asked = retry_after.or(asked).map(|asked| asked.min(LONGEST_ABSENCE));
        let away = asked.map_or(Duration::ZERO, |asked| asked + self.jitter.around(asked / 2));
        self.link = Link::Down { retry_at: now + pause.max(away) };
        self.trust.held.clear();
    }

    /// A good stream makes up for failures before, however it ends.
    fn was_healthy(&mut self, now: Duration) {
        if matches!(self.link, Link::Up { since, .. } if now.saturating_sub(since) >= HEALTHY_AFTER)
        {
            self.backoff.succeeded();
        }
    }

    fn message(&mut self, message: control_message::Body, now: Duration) {
        if !self.is_connected() {
            return;
        }
        match message {
            control_message::Body::Welcome(welcome) => {
                self.is_welcome = PROTOCOLS.contains(&welcome.protocol);
                self.upward.uses.welcome(&welcome);
                if !self.is_welcome {
                    let reason = "the control plane speaks another version of the protocol";
                    self.close(reason, RECONNECT_MOST);
                }
            }
            control_message::Body::Trust(trust) => self.take_trust(trust),
            control_message::Body::Head(head) => {
                if let Some(signed) = head.manifest {
                    self.head(signed, now);
                }
            }
            control_message::Body::Blob(chunk) => self.chunk(&chunk, now),
            control_message::Body::MissingBlob(missing) => {
                if let Some(digest) = Digest::from_slice(&missing.digest) {
                    self.namespaces.values_mut().for_each(|state| state.is_missing(&digest, now));
                }
            }
            control_message::Body::Current(current) => self.newest.answered(current),
            control_message::Body::TokenUsesKept(kept) => self.upward.uses.kept(kept),
            control_message::Body::Goodbye(goodbye) => {
                self.was_healthy(now);
                self.close(&goodbye.reason, Duration::from_millis(goodbye.retry_after_ms));
            }
            control_message::Body::Prove(prove) => {
                let namespace = Namespace::parse(&prove.namespace).ok();
                let state = namespace.and_then(|named| self.namespaces.get_mut(&named));
                state.into_iter().for_each(NamespaceState::prove);
            }
            // Carried out beside, see `commands.rs`.
            control_message::Body::Command(_) => {}
        }
    }

    fn close(&mut self, reason: &str, stay_away: Duration) {
        self.link = Link::Closing { stay_away };
        self.actions.push_back(Action::Disconnect(told(reason)));
    }

    fn take_trust(&mut self, trust: message::Trust) {
        if self.trust.keeping.is_some() || trust.number <= self.trust.number {
            return;
        }
        self.trust.number = trust.number;
        let said = Digest::from_slice(&trust.digest);
        if said.is_some() && said == self.config.trust {
            return;
        }
        match TrustBytes::read(trust) {
            Ok(trust) => {
                self.trust.keeping = Some(trust.digest());
                self.actions.push_back(Action::KeepTrust(trust));
            }
            Err(problem) => {
                self.trust.refused = said.map(|digest| (digest, told(&problem.to_string())));
            }
        }
    }

    fn trust_kept(&mut self, digest: Digest, kept: Result<PinnedSigners, String>, now: Duration) {
        self.trust.keeping = None;
        let said_again_at = match kept {
            Ok(signers) => {
                self.config.signers = signers;
                self.config.trust = Some(digest);
                self.trust.refused = None;
                self.trust.backoff.succeeded();
                self.try_again(now);
                now
            }
            // The control plane sends it again when it hears that it is not there.
            Err(reason) => {
                self.trust.refused = Some((digest, told(&reason)));
                now + self.trust.backoff.failed(&mut self.jitter)
            }
        };
        if let Link::Up { hello_at, .. } = &mut self.link {
            *hello_at = said_again_at.min(*hello_at);
        }
        for signed in std::mem::take(&mut self.trust.held) {
            self.head(signed, now);
        }
    }

    fn try_again(&mut self, now: Duration) {
        self.namespaces.values_mut().for_each(|state| state.try_again(now));
    }

    fn head(&mut self, signed: message::SignedManifest, now: Duration) {
        if self.trust.keeping.is_some() {
            self.trust.held.push_back(signed);
            if self.trust.held.len() > MAX_HELD {
                self.trust.held.pop_front();
            }
            return;
        }
        match self.verify(&signed) {
            Ok(manifest) => {
                if let Some(state) = self.namespaces.get_mut(manifest.namespace()) {
                    self.newest.told(&manifest);
                    state.head(manifest, now);
                }
            }
            Err(reason) => {
                // Only to say where it was seen; nothing of it is believed.
                let named = Manifest::decode(&signed.manifest).ok();
                let namespace = named.map_or_else(Namespace::global, |m| m.namespace().clone());
                if let Some(state) = self.namespaces.get_mut(&namespace) {
                    state.refuse(Digest::of(&signed.manifest), &reason);
                }
            }
        }
    }

    fn verify(&self, signed: &message::SignedManifest) -> Result<VerifiedManifest, String> {
        self.config.signers.verify(signed).map_err(|error| error.to_string())
    }

    fn chunk(&mut self, chunk: &message::BlobChunk, now: Duration) {
        let Some(digest) = Digest::from_slice(&chunk.digest) else { return };
        if chunk.bytes.len() > CHUNK_BYTES {
            return;
        }
        let piece = Piece { offset: chunk.offset, bytes: &chunk.bytes };
        for (namespace, state) in &mut self.namespaces {
            if let Some(blob) = state.piece(&digest, piece, now) {
                self.actions.push_back(Action::Store(namespace.clone(), digest, blob));
            }
        }
    }

    fn applied(
        &mut self,
        namespace: &Namespace,
        result: Result<Applied, ApplyError>,
        now: Duration,
    ) {
        let Some(state) = self.namespaces.get_mut(namespace) else { return };
        match result {
            Ok(applied) => {
                let surplus = state.applied(applied.rejected, &applied.needed);
                if !surplus.is_empty() {
                    self.actions.push_back(Action::Remove(namespace.clone(), surplus));
                }
            }
            Err(error) => {
                state.not_applied(&error.reason, &error.lost, (now, &mut self.jitter));
            }
        }
    }
}

fn bytes(digest: &Option<Digest>) -> Vec<u8> {
    digest.map(|digest| digest.as_bytes().to_vec()).unwrap_or_default()
}
