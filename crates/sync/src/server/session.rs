//! The control plane's end of one stream as a machine without input and output. It knows which manifests there are,
//! what this edge was told, and which blobs it asked for; it is asked for the next message whenever there
//! is room for one, so an edge that reads slowly costs no memory.
//!
//! An edge gets blobs of manifests that it was sent, and no others: a digest opens nothing.

use super::line::{COALESCE, Line};
use super::said::{AppliedState, EdgeHello, Said, SaidUses};
use crate::digest::Digest;
use crate::edge::PROTOCOLS;
use crate::limits::{CHUNK_BYTES, MAX_PROOF_BYTES, MAX_REPORT_BYTES, WINDOW_BLOBS};
use crate::message::{self, control_message, edge_message};
use crate::parts::Incoming;
use crate::report;
use crate::signature::{PinnedSigners, VerifiedManifest};
use crate::trust::TrustBytes;
use bytes::Bytes;
use prost::Message as _;
use sidegate_model::namespace::Namespace;
use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

/// How long an edge may take for its first word.
const HELLO_WITHIN: Duration = Duration::from_secs(10);
/// When to come back for an edge whose protocol is not spoken here.
const UPGRADE_FIRST: Duration = Duration::from_secs(300);
/// Blobs that can be asked for and wait to be sent, for each of two namespaces.
const MAX_QUEUED: usize = 2 * WINDOW_BLOBS;
/// Answers that there is no such blob which wait to be sent.
const MAX_MISSING: usize = 2 * WINDOW_BLOBS;
/// Questions whether an edge has the newest which wait for somebody to look.
const MAX_ASKED: usize = 16;

/// What happened.
#[derive(Debug, Clone)]
pub enum SessionEvent {
    /// The edge said something.
    Message(edge_message::Body),
    /// A namespace of this edge has a new manifest.
    Head(VerifiedManifest),
    /// What this edge is to trust, from now on. Said before heads that need it.
    Trust(Option<TrustBytes>),
    /// See [`Output::Load`]; `None` where there is no such blob.
    Loaded(Digest, Option<Bytes>),
    /// The heads were the newest at this moment, as the database says. One before this stream says nothing.
    Looked(Duration),
    /// What the edge said under this number of the uses of tokens is kept.
    Kept(u64),
    /// The edge is to go elsewhere, and to come back here not before this time.
    Leave(String, Duration),
}

/// What is to be done.
#[derive(Debug, Clone, PartialEq)]
pub enum Output {
    /// Send this.
    Send(control_message::Body),
    /// Get a blob, then say [`SessionEvent::Loaded`].
    Load(Namespace, Digest),
    /// Tell whoever wants to know.
    Tell(Said),
    /// Note that something about this edge is not as it should be.
    Warn(String),
    /// End the stream.
    Close,
}

#[derive(Debug)]
struct Transfer {
    digest: Digest,
    offset: u64,
    /// `None` until it was read.
    bytes: Option<Bytes>,
    is_loading: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    WaitingForHello { until: Duration },
    Serving,
    Closing,
}

/// The control plane's end.
#[derive(Debug)]
pub struct Session {
    version: String,
    phase: Phase,
    welcome: Option<u32>,
    goodbye: Option<(String, Duration)>,
    lines: BTreeMap<Namespace, Line>,
    queue: VecDeque<Transfer>,
    missing: VecDeque<Digest>,
    said: VecDeque<Said>,
    warning: Option<String>,
    reports: Incoming,
    proofs: Incoming,
    /// Uses of tokens of which the edge has not been told that they are kept.
    kept: Option<u64>,
    /// Somebody keeps them.
    keeps_uses: bool,
    /// Questions whether the edge has the newest, and when each came, the oldest first. A new one does not take the place
    /// of an old one: where looking takes longer than the edge waits between two, none would be answered.
    asked: VecDeque<(u64, Duration)>,
    /// See [`SessionEvent::Looked`].
    looked_at: Option<Duration>,
    /// Whose manifests are a proof.
    signers: Option<PinnedSigners>,
    trust: Option<TrustBytes>,
    /// The trust bundle that the edge has or was sent.
    trust_told: Option<Digest>,
    trusts_sent: u64,
    /// Most bytes of a blob in one message.
    pub(crate) chunk_bytes: usize,
}

impl Session {
    /// For an edge that gets these namespaces.
    pub fn new(
        version: &str,
        namespaces: impl IntoIterator<Item = Namespace>,
        now: Duration,
    ) -> Self {
        let lines = namespaces.into_iter().map(|namespace| (namespace, Line::default()));
        Self {
            version: version.to_owned(),
            phase: Phase::WaitingForHello { until: now + HELLO_WITHIN },
            welcome: None,
            goodbye: None,
            lines: lines.collect(),
            queue: VecDeque::new(),
            missing: VecDeque::new(),
            said: VecDeque::new(),
            warning: None,
            reports: Incoming::new(MAX_REPORT_BYTES),
            proofs: Incoming::new(MAX_PROOF_BYTES),
            kept: None,
            keeps_uses: false,
            asked: VecDeque::new(),
            looked_at: None,
            signers: None,
            trust: None,
            trust_told: None,
            trusts_sent: 0,
            chunk_bytes: CHUNK_BYTES,
        }
    }

    /// An edge that is ahead can prove it by a manifest that one of these signed. Nothing is believed without.
    pub fn set_signers(&mut self, signers: Option<PinnedSigners>) {
        self.signers = signers;
    }

    /// Somebody keeps what the edge says of the uses of tokens.
    pub fn set_keeps_uses(&mut self, keeps_uses: bool) {
        self.keeps_uses = keeps_uses;
    }

    /// Whether the edge is known and welcome.
    pub fn is_serving(&self) -> bool {
        self.phase == Phase::Serving && self.welcome.is_none()
    }

    /// Takes what happened.
    pub fn handle(&mut self, event: SessionEvent, now: Duration) {
        match event {
            SessionEvent::Message(message) => self.message(message, now),
            SessionEvent::Head(manifest) => self.head(manifest, now),
            SessionEvent::Trust(trust) => self.trust = trust,
            SessionEvent::Loaded(digest, bytes) => self.loaded(digest, bytes),
            SessionEvent::Looked(at) => self.looked_at = Some(at),
            SessionEvent::Kept(number) => self.kept = Some(number),
            SessionEvent::Leave(reason, retry_after) => {
                self.goodbye = Some((reason, retry_after));
            }
        }
    }

    /// What is to be done next, if anything; to be asked while there is room for a message.
    pub fn next(&mut self, now: Duration) -> Option<Output> {
        if let Some(said) = self.said.pop_front() {
            return Some(Output::Tell(said));
        }
        if let Some(warning) = self.warning.take() {
            return Some(Output::Warn(warning));
        }
        match self.phase {
            Phase::Closing => return Some(Output::Close),
            Phase::WaitingForHello { until } if until <= now => {
                self.goodbye = Some(("the edge did not say who it is".to_owned(), HELLO_WITHIN));
            }
            _ => {}
        }
        if let Some((reason, retry_after)) = self.goodbye.take() {
            self.phase = Phase::Closing;
            let retry_after_ms = u64::try_from(retry_after.as_millis()).unwrap_or(u64::MAX);
            let goodbye = message::Goodbye { reason, retry_after_ms };
            return Some(Output::Send(control_message::Body::Goodbye(goodbye)));
        }
        if self.phase != Phase::Serving {
            return None;
        }
        if let Some(protocol) = self.welcome.take() {
            let (control_version, keeps_token_uses) = (self.version.clone(), self.keeps_uses);
            let welcome = message::Welcome { protocol, control_version, keeps_token_uses };
            return Some(Output::Send(control_message::Body::Welcome(welcome)));
        }
        // Before every head that may need it.
        if let Some(trust) = &self.trust
            && self.trust_told != Some(trust.digest())
        {
            self.trust_told = Some(trust.digest());
            self.trusts_sent += 1;
            let trust = trust.to_message(self.trusts_sent);
            return Some(Output::Send(control_message::Body::Trust(trust)));
        }
        if let Some(head) = self.lines.values_mut().find_map(|line| line.due(now)) {
            return Some(Output::Send(control_message::Body::Head(head)));
        }
        if let Some(current) = self.current() {
            return Some(Output::Send(control_message::Body::Current(current)));
        }
        if let Some(number) = self.kept.take() {
            let kept = message::TokenUsesKept { number };
            return Some(Output::Send(control_message::Body::TokenUsesKept(kept)));
        }
        if let Some(prove) = self.lines.iter_mut().find_map(|(name, line)| line.prove(name)) {
            return Some(Output::Send(control_message::Body::Prove(prove)));
        }
        if let Some(digest) = self.missing.pop_front() {
            let missing = message::MissingBlob { digest: digest.as_bytes().to_vec() };
            return Some(Output::Send(control_message::Body::MissingBlob(missing)));
        }
        self.next_chunk()
    }

    /// What is the newest, once somebody has looked since the edge asked.
    fn current(&mut self) -> Option<message::Current> {
        let looked_at = self.looked_at?;
        let answered = self.asked.iter().rposition(|(_, asked_at)| *asked_at <= looked_at)?;
        // Those before are answered by it, too.
        let (number, _) = self.asked.drain(..=answered).next_back()?;
        let newest = |(namespace, line): (&Namespace, &Line)| {
            let manifest_digest = line.newest.as_ref()?.digest().as_bytes().to_vec();
            Some(message::Have { namespace: namespace.as_str().to_owned(), manifest_digest })
        };
        Some(message::Current { number, newest: self.lines.iter().filter_map(newest).collect() })
    }

    /// When [`Self::next`] is to be asked although nothing happens.
    pub fn next_wakeup(&self) -> Option<Duration> {
        match self.phase {
            Phase::WaitingForHello { until } => Some(until),
            Phase::Serving => self.lines.values().filter_map(|line| line.due_at).min(),
            Phase::Closing => None,
        }
    }

    fn message(&mut self, message: edge_message::Body, now: Duration) {
        if self.phase == Phase::Closing {
            return;
        }
        match message {
            edge_message::Body::Hello(hello) => self.hello(&hello, now),
            edge_message::Body::Want(want) => self.want(want),
            edge_message::Body::Applied(applied) => {
                // Of a namespace that it gets: nobody else's is any of its business.
                if let Some(applied) = AppliedState::read(&applied)
                    && let Some(line) = self.lines.get_mut(&applied.namespace)
                {
                    line.has = applied.manifest;
                    self.tell(Said::Applied(applied));
                }
            }
            edge_message::Body::Report(part) => self.report(&part),
            edge_message::Body::TokenUses(uses) => self.tell(Said::Uses(SaidUses::read(&uses))),
            edge_message::Body::Proof(part) => self.proof_part(&part),
            edge_message::Body::Ask(ask) => {
                // The oldest are answered first, and the newest is answered whatever comes.
                self.asked.truncate(MAX_ASKED - 1);
                self.asked.push_back((ask.number, now));
            }
            // Of whoever gave the command, see `commands.rs`.
            edge_message::Body::CommandAnswer(_) => {}
        }
    }

    fn report(&mut self, part: &message::Part) {
        let whole = self.reports.take(part).map_err(|error| error.to_string());
        let read = whole.and_then(|whole| {
            let read = whole.map(|bytes| report::bounded(&bytes));
            read.transpose().map_err(|error| error.to_string())
        });
        match read {
            Ok(Some(report)) => self.tell(Said::Report(report)),
            Ok(None) => {}
            Err(problem) => {
                self.warning = Some(format!("its report of itself is not taken: {problem}"));
            }
        }
    }

    /// A part of a manifest that was asked for; of another one nothing is kept.
    fn proof_part(&mut self, part: &message::Part) {
        if !self.lines.values().any(Line::is_asked) {
            return;
        }
        match self.proofs.take(part) {
            Ok(Some(bytes)) => self.proof(message::Proof::decode(&*bytes).unwrap_or_default()),
            Ok(None) => {}
            Err(problem) => self.not_proven(&problem.to_string()),
        }
    }

    fn not_proven(&mut self, problem: &str) {
        self.lines.values_mut().for_each(Line::not_proven);
        self.warning = Some(format!(
            "it says that it is ahead of what is published here, and does not prove it: {problem}"
        ));
    }

    /// Looks at a manifest that was asked for, and at no other.
    fn proof(&mut self, proof: message::Proof) {
        let is_asked = self.lines.values().any(Line::is_asked);
        let Some(signed) = proof.manifest.filter(|_| is_asked) else { return };
        let verified = match &self.signers {
            Some(signers) => signers.verify(&signed).map_err(|error| error.to_string()),
            None => Err("nobody says who signs here".to_owned()),
        };
        match verified {
            Ok(manifest) => {
                let line = self.lines.get_mut(manifest.namespace());
                if line.is_some_and(|line| line.proves(&manifest)) {
                    self.tell(Said::Ahead(manifest));
                }
            }
            Err(problem) => self.not_proven(&problem),
        }
    }

    /// Of each kind only the last counts while it waits; there is one for each namespace of what is applied.
    fn tell(&mut self, said: Said) {
        self.said.retain(|waiting| match (waiting, &said) {
            (Said::Applied(old), Said::Applied(new)) => old.namespace != new.namespace,
            (Said::Ahead(old), Said::Ahead(new)) => old.namespace() != new.namespace(),
            (old, new) => std::mem::discriminant(old) != std::mem::discriminant(new),
        });
        if self.said.len() < 2 * WINDOW_BLOBS {
            self.said.push_back(said);
        }
    }

    fn hello(&mut self, hello: &message::Hello, now: Duration) {
        let common = hello.protocols.iter().filter(|p| PROTOCOLS.contains(p)).max().copied();
        let Some(protocol) = common else {
            let reason = format!(
                "the edge speaks versions {:?} of the protocol, and this control plane {PROTOCOLS:?}: \
                 upgrade the older one",
                hello.protocols.iter().take(10).collect::<Vec<_>>()
            );
            self.goodbye = Some((reason, UPGRADE_FIRST));
            return;
        };
        if self.phase != Phase::Serving {
            self.phase = Phase::Serving;
            self.welcome = Some(protocol);
        }
        for (namespace, line) in &mut self.lines {
            let have = hello.have.iter().find(|have| have.namespace == namespace.as_str());
            line.told = have.and_then(|have| Digest::from_slice(&have.manifest_digest));
            line.plan(now);
            line.ask_again();
        }
        self.trust_told = Digest::from_slice(&hello.trust_digest);
        self.tell(Said::Hello(EdgeHello::read(hello)));
    }

    fn head(&mut self, manifest: VerifiedManifest, now: Duration) {
        let Some(line) = self.lines.get_mut(manifest.namespace()) else { return };
        // What was read later need not be newer.
        let newest = line.newest.as_ref().map(|newest| newest.position());
        if newest < Some(manifest.position()) {
            line.newest = Some(manifest);
            line.plan(now + COALESCE);
        }
    }

    fn want(&mut self, want: message::Want) {
        for wanted in want.blobs.into_iter().take(MAX_QUEUED) {
            let Some(digest) = Digest::from_slice(&wanted.digest) else { continue };
            if self.queue.iter().any(|transfer| transfer.digest == digest) {
                continue;
            }
            if self.namespace_of(&digest).is_none() {
                if self.missing.len() < MAX_MISSING && !self.missing.contains(&digest) {
                    self.missing.push_back(digest);
                }
            } else if self.queue.len() < MAX_QUEUED {
                let offset = wanted.offset;
                self.queue.push_back(Transfer { digest, offset, bytes: None, is_loading: false });
            }
        }
    }

    fn namespace_of(&self, digest: &Digest) -> Option<Namespace> {
        let has = |line: &Line| line.served.iter().any(|served| served.has_blob(digest));
        self.lines.iter().find(|(_, line)| has(line)).map(|(namespace, _)| namespace.clone())
    }

    fn loaded(&mut self, digest: Digest, bytes: Option<Bytes>) {
        let Some(transfer) = self.queue.front_mut().filter(|transfer| transfer.digest == digest)
        else {
            return;
        };
        transfer.bytes = bytes;
        if transfer.bytes.is_none() {
            self.queue.pop_front();
            self.missing.push_back(digest);
        }
    }

    /// One blob after the other, in pieces.
    fn next_chunk(&mut self) -> Option<Output> {
        let transfer = self.queue.front_mut()?;
        let digest = transfer.digest;
        let Some(bytes) = &transfer.bytes else {
            if std::mem::replace(&mut transfer.is_loading, true) {
                return None;
            }
            let namespace = self.namespace_of(&digest);
            return self.load(namespace, digest);
        };
        let begin = usize::try_from(transfer.offset).unwrap_or(usize::MAX).min(bytes.len());
        let end = bytes.len().min(begin + self.chunk_bytes);
        let is_last = end == bytes.len();
        let chunk = message::BlobChunk {
            digest: Bytes::copy_from_slice(digest.as_bytes()),
            offset: begin as u64,
            bytes: bytes.slice(begin..end),
            is_last,
        };
        transfer.offset = end as u64;
        if is_last {
            self.queue.pop_front();
        }
        Some(Output::Send(control_message::Body::Blob(chunk)))
    }

    fn load(&mut self, namespace: Option<Namespace>, digest: Digest) -> Option<Output> {
        match namespace {
            Some(namespace) => Some(Output::Load(namespace, digest)),
            // A newer head came, and nobody needs it any more.
            None => {
                self.queue.pop_front();
                let missing = message::MissingBlob { digest: digest.as_bytes().to_vec() };
                Some(Output::Send(control_message::Body::MissingBlob(missing)))
            }
        }
    }
}
