//! Time, the network and chance: what happens next, to whom, and what goes wrong with it.

use super::counts::Counts;
use super::edge::{DiskMood, Edge, mood};
use super::history::{History, bundle};
use super::random::Random;
use crate::digest::Digest;
use crate::edge::{Action, Event};
use crate::message::{control_message, edge_message};
use crate::parts::Outgoing;
use crate::server::{Output, Said, Session, SessionEvent};
use crate::signature::VerifiedManifest;
use bytes::Bytes;
use prost::Message as _;
use sidegate_model::namespace::Namespace;
use std::collections::BTreeMap;
use std::time::Duration;

/// From when on nothing goes wrong any more, and how long everything may take from then on.
const CALM_AT: Duration = Duration::from_secs(90);
const END_AT: Duration = Duration::from_secs(90 + 180);
/// More than any run takes: a machine that is never done is found.
const MAX_STEPS: u64 = 60_000;

#[derive(Debug, Clone)]
enum Happening {
    ToEdge(usize, u64, control_message::Body),
    ToControl(usize, u64, edge_message::Body),
    /// The result of something that an edge did in this life.
    EdgeEvent(usize, u64, Event),
    Disk(usize, u64, Action),
    StreamOpens(usize, u64, bool),
    StreamEnds(usize, u64),
    EdgeWakes(usize),
    SessionWakes(usize),
    Loaded(usize, u64, Digest),
    NewHead(usize, u64, VerifiedManifest),
    NewTrust(usize, u64),
    Publish,
    Seal,
    Trouble,
}

pub(super) struct World {
    now: Duration,
    order: u64,
    queue: BTreeMap<(Duration, u64), Happening>,
    random: Random,
    history: History,
    edges: Vec<Edge>,
    sessions: Vec<Option<(u64, Session)>>,
    links: u64,
    /// When each machine is to be woken next.
    edge_wakes: Vec<Option<Duration>>,
    session_wakes: Vec<Option<Duration>>,
    counts: Counts,
    /// Which promise the control plane's end broke.
    broken: Option<String>,
}

impl World {
    pub(super) fn new(seed: u64) -> Self {
        let name = |text| Namespace::parse(text).unwrap();
        let mut history = History::new();
        let mut random = Random::new(seed);
        for namespace in ["", "berlin", "paris2"] {
            history.publish(&name(namespace), &mut random);
        }
        let edges = [["", "berlin"], ["", "paris2"]].map(|names| names.map(name).to_vec());
        let edges: Vec<_> = edges.into_iter().map(|names| Edge::new(names, &history)).collect();
        Self {
            now: Duration::ZERO,
            order: 0,
            queue: BTreeMap::new(),
            random,
            history,
            sessions: edges.iter().map(|_| None).collect(),
            edge_wakes: vec![None; edges.len()],
            session_wakes: vec![None; edges.len()],
            edges,
            links: 0,
            counts: Counts::default(),
            broken: None,
        }
    }

    /// Runs to the end.
    ///
    /// # Errors
    /// Which promise was broken, where and when.
    pub(super) fn run(mut self) -> Result<Counts, String> {
        for _ in 0..self.random.below(30) {
            let at = self.random.millis(0, 80_000);
            self.at(at, Happening::Publish);
        }
        for _ in 0..self.random.below(25) {
            let at = self.random.millis(0, 85_000);
            self.at(at, Happening::Trouble);
        }
        for edge in 0..self.edges.len() {
            self.at(Duration::ZERO, Happening::EdgeWakes(edge));
        }
        while let Some(((at, _), happening)) = self.queue.pop_first() {
            if at > END_AT {
                break;
            }
            self.now = at;
            self.counts.steps += 1;
            if self.counts.steps > MAX_STEPS {
                return Err(format!("{MAX_STEPS} steps, and no end at {:?}", self.now));
            }
            let told = happening.clone();
            self.happen(happening);
            if let Some(broken) = self.broken.take() {
                return Err(format!("at {at:?}: {broken}"));
            }
            for (number, edge) in self.edges.iter_mut().enumerate() {
                edge.check(&self.history).map_err(|problem| {
                    let told: String = format!("{told:?}").chars().take(300).collect();
                    format!("edge {number} at {at:?} after {told}: {problem}")
                })?;
            }
        }
        for (number, edge) in self.edges.iter().enumerate() {
            edge.is_at_newest(&self.history)
                .map_err(|problem| format!("edge {number} {problem}"))?;
        }
        Ok(self.counts)
    }

    fn at(&mut self, at: Duration, happening: Happening) {
        self.order += 1;
        self.queue.insert((at, self.order), happening);
    }

    fn after(&mut self, least: u64, most: u64, happening: Happening) {
        let pause = self.random.millis(least, most);
        self.at(self.now + pause, happening);
    }

    fn is_calm(&self) -> bool {
        self.now >= CALM_AT
    }

    fn goes_wrong(&mut self, percent: u64) -> bool {
        !self.is_calm() && self.random.percent(percent)
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::ToEdge(edge, link, body) => {
                if self.edges[edge].link == link {
                    self.tell(edge, Event::Message(body));
                }
            }
            Happening::ToControl(edge, link, body) => {
                self.say(edge, link, SessionEvent::Message(body));
            }
            Happening::EdgeEvent(edge, boot, event) => {
                if self.edges[edge].boot == boot {
                    self.tell(edge, event);
                }
            }
            Happening::Disk(edge, boot, action) => {
                if self.edges[edge].boot == boot {
                    self.disk(edge, action);
                }
            }
            Happening::StreamOpens(edge, boot, opens) => self.open(edge, boot, opens),
            Happening::StreamEnds(edge, link) => {
                if self.edges[edge].link == link {
                    self.edges[edge].link = 0;
                    self.sessions[edge] = None;
                    self.tell(edge, Event::Disconnected(None));
                }
            }
            Happening::EdgeWakes(edge) => {
                self.edge_wakes[edge] = None;
                self.tell(edge, Event::Tick);
            }
            Happening::SessionWakes(edge) => {
                self.session_wakes[edge] = None;
                self.pump_session(edge);
            }
            Happening::Loaded(edge, link, digest) => {
                let bytes = self.history.blobs.get(&digest).cloned();
                let bytes = bytes.filter(|_| !self.goes_wrong(5));
                self.say(edge, link, SessionEvent::Loaded(digest, bytes));
            }
            Happening::NewHead(edge, link, head) => {
                // What it needs is known before it.
                self.say(edge, link, SessionEvent::Trust(Some(bundle(self.history.trust))));
                self.say(edge, link, SessionEvent::Head(head));
            }
            Happening::NewTrust(edge, link) => {
                self.say(edge, link, SessionEvent::Trust(Some(bundle(self.history.trust))));
            }
            Happening::Publish => self.publish(),
            Happening::Seal => self.seal(),
            Happening::Trouble => self.trouble(),
        }
    }

    fn publish(&mut self) {
        let names = ["", "berlin", "paris2"];
        let name = names[self.random.below(3) as usize];
        let namespace = Namespace::parse(name).unwrap();
        self.history.publish(&namespace, &mut self.random);
        self.announce(&namespace);
    }

    fn announce(&mut self, namespace: &Namespace) {
        let head = self.history.newest(namespace).cloned().expect("something is published");
        for edge in 0..self.edges.len() {
            if let Some((link, _)) = self.sessions[edge] {
                self.after(0, 20, Happening::NewHead(edge, link, head.clone()));
            }
        }
    }

    fn rotate(&mut self) {
        self.counts.rotated += 1;
        self.history.trust += 1;
        for edge in 0..self.edges.len() {
            if let Some((link, _)) = self.sessions[edge] {
                self.after(0, 20, Happening::NewTrust(edge, link));
            }
        }
        self.after(0, 3000, Happening::Seal);
    }

    fn seal(&mut self) {
        for namespace in self.history.namespaces() {
            self.history.seal(&namespace, &mut self.random);
            self.announce(&namespace);
        }
    }

    /// The control plane comes back with what it had at some time.
    fn restore(&mut self) {
        self.counts.restored += 1;
        self.history.restore(&mut self.random);
        for edge in 0..self.edges.len() {
            self.sessions[edge] = None;
            self.cut(edge);
        }
    }

    /// An edge says that it is ahead: looked at once more, since this replica may be behind.
    fn ahead(&mut self, proof: &VerifiedManifest) {
        if !self.history.was_published(proof) {
            self.broken = Some(format!("{proof:?} is no proof"));
        } else if self.history.raise(proof) {
            self.counts.raised += 1;
            self.history.namespaces().iter().for_each(|namespace| self.announce(namespace));
        }
    }

    fn trouble(&mut self) {
        let edge = self.random.below(self.edges.len() as u64) as usize;
        match self.random.below(7) {
            // The power of an edge.
            0 => self.restart(edge),
            // The control plane.
            1 => {
                self.counts.restarts += 1;
                for edge in 0..self.edges.len() {
                    self.cut(edge);
                }
            }
            2 => self.cut(edge),
            3 => self.rotate(),
            4 => self.restore(),
            // A proof that is none.
            5 => {
                let (namespace, link) = (&self.edges[edge].namespaces[1], self.edges[edge].link);
                let manifest = Some(self.history.foreign(namespace).to_message());
                let proof = crate::message::Proof { manifest }.encode_to_vec();
                let (part, _) = Outgoing::new(u64::MAX, proof).next();
                let proof = edge_message::Body::Proof(part);
                self.say(edge, link, SessionEvent::Message(proof));
                self.cut(edge);
            }
            // Somebody else's manifest.
            _ => {
                let namespace = self.edges[edge].namespaces[1].clone();
                let head = crate::message::Head {
                    manifest: Some(self.history.foreign(&namespace).to_message()),
                };
                self.tell(edge, Event::Message(control_message::Body::Head(head)));
            }
        }
    }

    fn restart(&mut self, edge: usize) {
        self.counts.restarts += 1;
        self.edges[edge].link = 0;
        self.sessions[edge] = None;
        self.edges[edge].restart(&self.history);
        self.after(0, 500, Happening::EdgeWakes(edge));
    }

    fn cut(&mut self, edge: usize) {
        self.counts.cuts += 1;
        let link = self.edges[edge].link;
        if link != 0 {
            self.after(0, 100, Happening::StreamEnds(edge, link));
        }
    }

    fn open(&mut self, edge: usize, boot: u64, opens: bool) {
        if self.edges[edge].boot != boot {
            return;
        }
        if !opens {
            let wait = self.goes_wrong(30).then_some(Duration::from_secs(2));
            return self.tell(edge, Event::Disconnected(wait));
        }
        self.links += 1;
        let link = self.links;
        self.edges[edge].link = link;
        let namespaces = self.edges[edge].namespaces.clone();
        let mut session = Session::new("1", namespaces.clone(), self.now);
        session.chunk_bytes = 16;
        session.set_signers(Some(self.history.pinned()));
        session.handle(SessionEvent::Trust(Some(bundle(self.history.trust))), self.now);
        for namespace in &namespaces {
            // A replica can be behind for a moment.
            let behind = if self.goes_wrong(30) { 1 + self.random.below(3) as usize } else { 0 };
            if let Some(head) = self.history.older(namespace, behind).cloned() {
                session.handle(SessionEvent::Head(head), self.now);
            }
            if behind > 0
                && let Some(head) = self.history.newest(namespace).cloned()
            {
                self.after(10, 3000, Happening::NewHead(edge, link, head));
            }
        }
        self.sessions[edge] = Some((link, session));
        self.tell(edge, Event::Connected);
        self.pump_session(edge);
    }

    /// Something happened to an edge.
    fn tell(&mut self, edge: usize, event: Event) {
        let now = self.now;
        self.edges[edge].machine.handle(event, now);
        while let Some(action) = self.edges[edge].machine.next_action(now) {
            self.act(edge, action);
        }
        while let Some(body) = self.edges[edge].machine.next_message(now) {
            let link = self.edges[edge].link;
            for _ in 0..self.copies() {
                self.after(1, 60, Happening::ToControl(edge, link, body.clone()));
            }
        }
        if let Some(at) = self.edges[edge].machine.next_wakeup(now)
            && self.edge_wakes[edge].is_none_or(|known| known > at)
        {
            // A moment later at least, so that a clock that does not move is no way out.
            self.edge_wakes[edge] = Some(at);
            self.at(at.max(now + Duration::from_micros(1)), Happening::EdgeWakes(edge));
        }
    }

    fn act(&mut self, edge: usize, action: Action) {
        let boot = self.edges[edge].boot;
        match action {
            Action::Connect => {
                let opens = !self.goes_wrong(20);
                self.after(1, 300, Happening::StreamOpens(edge, boot, opens));
            }
            Action::Disconnect(_) => {
                let link = self.edges[edge].link;
                self.after(0, 5, Happening::StreamEnds(edge, link));
            }
            // One disk does one thing after the other.
            action => {
                self.at(self.now + Duration::from_millis(2), Happening::Disk(edge, boot, action));
            }
        }
    }

    fn disk(&mut self, edge: usize, action: Action) {
        let boot = self.edges[edge].boot;
        let mood = if self.is_calm() { DiskMood::Fine } else { mood(&mut self.random) };
        self.counts.full += u64::from(mood == DiskMood::Full);
        let event = match action {
            Action::Store(namespace, digest, bytes) => {
                let stored = mood != DiskMood::Full;
                if stored && mood != DiskMood::CutBefore {
                    let disk = self.edges[edge].disks.get_mut(&namespace);
                    disk.expect("it is one of its own").blobs.insert(digest, bytes);
                }
                let result = if stored { Ok(()) } else { Err("the disk is full".to_owned()) };
                Event::Stored(namespace, digest, result)
            }
            Action::Remove(namespace, digests) => {
                let disk = self.edges[edge].disks.get_mut(&namespace).expect("it is its own");
                digests.iter().for_each(|digest| drop(disk.blobs.remove(digest)));
                return;
            }
            Action::Apply(manifest) => {
                let applied = self.edges[edge].apply(&manifest, mood, &self.history);
                self.counts.applied += u64::from(applied.is_ok());
                Event::Applied(manifest.namespace().clone(), applied)
            }
            Action::KeepTrust(bundle) => {
                let kept = self.edges[edge].keep(&bundle, mood, &self.history);
                self.counts.kept += u64::from(kept.is_ok());
                Event::TrustKept(bundle.digest(), kept)
            }
            Action::Connect | Action::Disconnect(_) => return,
        };
        if matches!(mood, DiskMood::CutBefore | DiskMood::CutAfter) {
            return self.restart(edge);
        }
        self.at(self.now, Happening::EdgeEvent(edge, boot, event));
    }

    /// Something happened to a session.
    fn say(&mut self, edge: usize, link: u64, event: SessionEvent) {
        let now = self.now;
        if let Some((known, session)) = &mut self.sessions[edge]
            && *known == link
        {
            session.handle(event, now);
            self.pump_session(edge);
        }
    }

    fn pump_session(&mut self, edge: usize) {
        let now = self.now;
        while let Some((link, session)) = &mut self.sessions[edge] {
            let link = *link;
            match session.next(now) {
                None => break,
                Some(Output::Tell(Said::Ahead(proof))) => self.ahead(&proof),
                Some(Output::Tell(_) | Output::Warn(_)) => {}
                Some(Output::Load(_, digest)) => {
                    self.after(0, 10, Happening::Loaded(edge, link, digest));
                }
                Some(Output::Close) => {
                    self.sessions[edge] = None;
                    self.after(100, 200, Happening::StreamEnds(edge, link));
                }
                Some(Output::Send(body)) => {
                    for _ in 0..self.copies() {
                        let body = self.perhaps_changed(body.clone());
                        self.after(1, 60, Happening::ToEdge(edge, link, body));
                    }
                }
            }
        }
        if let Some((_, session)) = &self.sessions[edge]
            && let Some(at) = session.next_wakeup()
            && self.session_wakes[edge].is_none_or(|known| known > at)
        {
            self.session_wakes[edge] = Some(at);
            self.at(at.max(now + Duration::from_micros(1)), Happening::SessionWakes(edge));
        }
    }

    /// How often a message arrives.
    fn copies(&mut self) -> usize {
        if self.goes_wrong(8) {
            self.counts.lost += 1;
            return 0;
        }
        if self.goes_wrong(8) {
            self.counts.doubled += 1;
            return 2;
        }
        1
    }

    fn perhaps_changed(&mut self, body: control_message::Body) -> control_message::Body {
        match body {
            control_message::Body::Blob(mut chunk) if self.goes_wrong(2) => {
                self.counts.changed += 1;
                let mut bytes = chunk.bytes.to_vec();
                let at = self.random.below(bytes.len() as u64) as usize;
                if let Some(byte) = bytes.get_mut(at) {
                    *byte ^= 1;
                }
                chunk.bytes = Bytes::from(bytes);
                control_message::Body::Blob(chunk)
            }
            body => body,
        }
    }
}
