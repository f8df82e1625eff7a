//! What both ends of a stream say to each other, held against a literal account of it: which trust bundles an edge keeps,
//! and which edges prove that they are ahead.
//!
//! An input is a list of messages: `D` or `U` for down and up, a length in two bytes, the smallest first, and the
//! message; `P` is a proof, which goes up as one part. Signers are those whom everybody knows.

use crate::verdict::{Outcome, Verdict, ensure, same};
use prost::Message as _;
use sidegate_sync::edge::{Action, EdgeConfig, Event, Machine, Start};
use sidegate_sync::message::{ControlMessage, EdgeMessage, control_message, edge_message};
use sidegate_sync::server::{Output, Said, Session, SessionEvent};
use sidegate_sync::{
    Digest, Features, Manifest, Namespace, PinnedSigners, Position, Publication, Signer,
    VerifiedManifest, message,
};
use std::collections::BTreeMap;
use std::time::Duration;

/// Words that belong into them.
pub const WORDS: &[&[u8]] = &[
    b"D\x05\x00",
    b"U\x05\x00",
    b"P\x05\x00",
    b"\x3a\x03",
    b"\x0a\x01a",
    b"\x12\x20",
    b"\x18\x01",
    b"\x18\x02",
    b"\x20\x07",
    b"berlin",
];

/// The private key of the signer of all seeds.
const SEED: [u8; 32] = [1; 32];
/// More of them say nothing new.
const MAX_MESSAGES: usize = 64;
/// What one message can come to.
const MAX_OUTPUTS: usize = 1000;

/// One message.
#[derive(Debug, Clone)]
pub enum Piece {
    /// From the control plane.
    Down(control_message::Body),
    /// From the edge.
    Up(edge_message::Body),
}

/// What came of a stream.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// The trust bundles that were kept, in order.
    pub kept: Vec<Digest>,
    /// The manifests that proved something, in order.
    pub ahead: Vec<Digest>,
}

/// The reader that is tried.
pub type Reader = fn(&[Piece]) -> Result<Reading, String>;

/// Tries ours.
///
/// # Errors
/// What it does otherwise.
pub fn check(input: &[u8]) -> Verdict {
    check_with(ours, input)
}

/// Tries a reader.
///
/// # Errors
/// What it does otherwise.
pub fn check_with(reader: Reader, input: &[u8]) -> Verdict {
    let pieces = pieces(input);
    let reading = reader(&pieces)?;
    same("a stream", &reading, &literal(&pieces)?)?;
    Ok(Outcome::of(&(reading.kept.len(), reading.ahead.len(), pieces.len())))
}

/// Both ends.
///
/// # Errors
/// Where one of them is never done.
pub fn ours(pieces: &[Piece]) -> Result<Reading, String> {
    let (signer, newest) = newest()?;
    let signers = PinnedSigners::new([signer.key()]).map_err(|error| error.to_string())?;
    let mut edge = edge(signers.clone());
    let mut session = Session::new("1", [Namespace::global()], Duration::ZERO);
    session.set_signers(Some(signers.clone()));
    session.handle(SessionEvent::Message(edge_message::Body::Hello(hello())), Duration::ZERO);
    session.handle(SessionEvent::Head(newest), Duration::ZERO);
    let mut reading = Reading::default();
    for (at, piece) in pieces.iter().enumerate() {
        let now = Duration::from_secs(at as u64 + 1);
        match piece.clone() {
            Piece::Down(body) => edge.handle(Event::Message(body), now),
            Piece::Up(body) => session.handle(SessionEvent::Message(body), now),
        }
        let mut steps = 0;
        while let Some(action) = edge.next_action(now) {
            steps += 1;
            ensure(steps < MAX_OUTPUTS, || "the edge is never done".to_owned())?;
            match action {
                Action::KeepTrust(bundle) => {
                    reading.kept.push(bundle.digest());
                    let kept = Event::TrustKept(bundle.digest(), Ok(signers.clone()));
                    edge.handle(kept, now);
                }
                Action::Disconnect(_) => {
                    edge.handle(Event::Disconnected(None), now);
                    return ended(&mut session, now, reading);
                }
                _ => {}
            }
        }
        while edge.next_message(now).is_some() {
            steps += 1;
            ensure(steps < MAX_OUTPUTS, || "the edge never stops talking".to_owned())?;
        }
        tell(&mut session, now, &mut reading)?;
    }
    Ok(reading)
}

fn ended(session: &mut Session, now: Duration, mut reading: Reading) -> Result<Reading, String> {
    tell(session, now, &mut reading)?;
    Ok(reading)
}

fn tell(session: &mut Session, now: Duration, reading: &mut Reading) -> Result<(), String> {
    for _ in 0..MAX_OUTPUTS {
        match session.next(now) {
            None | Some(Output::Close) => return Ok(()),
            Some(Output::Tell(Said::Ahead(manifest))) => reading.ahead.push(manifest.digest()),
            Some(Output::Load(_, digest)) => {
                session.handle(SessionEvent::Loaded(digest, None), now);
            }
            Some(_) => {}
        }
    }
    Err("the control plane is never done".to_owned())
}

fn edge(signers: PinnedSigners) -> Machine {
    let config = EdgeConfig {
        signers,
        trust: None,
        features: Features::default(),
        version: "1".to_owned(),
        boot_id: [0; 16],
        connections_before: 0,
        seed: 1,
    };
    let start = BTreeMap::from([(Namespace::global(), Start::default())]);
    let mut edge = Machine::new(config, start);
    while edge.next_action(Duration::ZERO).is_some() {}
    edge.handle(Event::Connected, Duration::ZERO);
    edge
}

fn hello() -> message::Hello {
    message::Hello { protocols: vec![1], ..message::Hello::default() }
}

/// What is published: revision 3 of lineage 1, with nothing in it.
fn newest() -> Result<(Signer, VerifiedManifest), String> {
    let signer = Signer::from_seed(&SEED).map_err(|error| error.to_string())?;
    let publication = Publication {
        namespace: Namespace::global(),
        position: Position { lineage: 1, revision: 3 },
        parent: None,
        author: String::new(),
        at: 0,
    };
    let manifest = Manifest::new(publication, []).map_err(|error| error.to_string())?;
    let signed = signer.sign(manifest);
    Ok((signer, signed))
}

/// Reads messages until one is none. A bundle that begins with an odd byte is given its digest, which nobody guesses.
fn pieces(mut input: &[u8]) -> Vec<Piece> {
    let mut pieces = Vec::new();
    while let Some(([direction, length @ ..], rest)) = input.split_first_chunk::<3>()
        && let Some((bytes, rest)) = rest.split_at_checked(usize::from(u16::from_le_bytes(*length)))
        && pieces.len() < MAX_MESSAGES
    {
        input = rest;
        let piece = match direction {
            b'D' => ControlMessage::decode(bytes).ok().and_then(|message| message.body),
            _ => None,
        };
        let up = match direction {
            // Of parts that are cut in another way a test of their own knows.
            b'U' => {
                EdgeMessage::decode(bytes).ok().and_then(|message| message.body).filter(is_whole)
            }
            b'P' => Some(edge_message::Body::Proof(message::Part {
                number: pieces.len() as u64 + 1,
                total: bytes.len() as u64,
                offset: 0,
                bytes: bytes::Bytes::copy_from_slice(bytes),
            })),
            _ => None,
        };
        pieces.extend(piece.map(with_digest).map(Piece::Down).or(up.map(Piece::Up)));
    }
    pieces
}

fn is_whole(body: &edge_message::Body) -> bool {
    !matches!(body, edge_message::Body::Proof(_) | edge_message::Body::Report(_))
}

fn with_digest(body: control_message::Body) -> control_message::Body {
    match body {
        control_message::Body::Trust(mut trust) if trust.bundle.first().is_some_and(is_odd) => {
            trust.digest = bytes::Bytes::copy_from_slice(Digest::of(&trust.bundle).as_bytes());
            control_message::Body::Trust(trust)
        }
        body => body,
    }
}

fn is_odd(byte: &u8) -> bool {
    byte % 2 == 1
}

/// The plain meaning of what is said of trust and of proofs.
fn literal(pieces: &[Piece]) -> Result<Reading, String> {
    let mut reading = Reading::default();
    let (mut last_number, mut edge_is_there) = (0, true);
    let mut control = Control::new()?;
    for piece in pieces {
        match piece {
            Piece::Down(control_message::Body::Trust(trust)) if edge_is_there => {
                let is_next = trust.number > last_number;
                last_number = last_number.max(trust.number);
                let digest = Digest::of(&trust.bundle);
                let is_whole = trust.digest == digest.as_bytes().as_slice();
                if is_next && is_whole && reading.kept.last() != Some(&digest) {
                    reading.kept.push(digest);
                }
            }
            Piece::Down(control_message::Body::Goodbye(_)) => edge_is_there = false,
            Piece::Down(control_message::Body::Welcome(welcome)) => {
                edge_is_there &= welcome.protocol == 1;
            }
            Piece::Up(body) if control.is_there => reading.ahead.extend(control.hear(body)),
            _ => {}
        }
        if !edge_is_there {
            break;
        }
    }
    Ok(reading)
}

/// The control plane, as far as proofs go.
struct Control {
    signers: PinnedSigners,
    newest: VerifiedManifest,
    is_there: bool,
    /// The edge was asked, and whether it answered.
    asked: Option<bool>,
    has: Option<(Position, Digest)>,
}

impl Control {
    fn new() -> Result<Self, String> {
        let (signer, newest) = newest()?;
        let signers = PinnedSigners::new([signer.key()]).map_err(|error| error.to_string())?;
        Ok(Self { signers, newest, is_there: true, asked: None, has: None })
    }

    fn hear(&mut self, body: &edge_message::Body) -> Option<Digest> {
        match body {
            edge_message::Body::Hello(hello) => {
                self.is_there = hello.protocols.contains(&1);
                self.asked = self.asked.filter(|answered| *answered);
            }
            edge_message::Body::Applied(applied) if applied.namespace.is_empty() => {
                let position = Position { lineage: applied.lineage, revision: applied.revision };
                let digest = Digest::from_slice(&applied.manifest_digest);
                self.has = digest.map(|digest| (position, digest));
            }
            edge_message::Body::Proof(part) => {
                return self.proven(&message::Proof::decode(&*part.bytes).unwrap_or_default());
            }
            _ => {}
        }
        let is_ahead = |(position, digest)| self.is_ahead(position, digest);
        if self.is_there && self.asked.is_none() && self.has.is_some_and(is_ahead) {
            self.asked = Some(false);
        }
        None
    }

    fn proven(&mut self, proof: &message::Proof) -> Option<Digest> {
        let signed = proof.manifest.as_ref().filter(|_| self.asked == Some(false))?;
        let Ok(manifest) = self.signers.verify(signed) else {
            self.asked = Some(true);
            return None;
        };
        if !manifest.namespace().is_global() {
            return None;
        }
        self.asked = Some(true);
        let is_ahead = self.is_ahead(manifest.position(), manifest.digest());
        is_ahead.then(|| manifest.digest())
    }

    fn is_ahead(&self, position: Position, digest: Digest) -> bool {
        match position.cmp(&self.newest.position()) {
            std::cmp::Ordering::Greater => true,
            std::cmp::Ordering::Equal => digest != self.newest.digest(),
            std::cmp::Ordering::Less => false,
        }
    }
}
