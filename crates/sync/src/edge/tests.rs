//! What the edge's machine says and does, step by step.

mod uses;

use super::apply::Applied;
use super::config::EdgeConfig;
use super::machine::{Action, Event, Machine, Start};
use crate::digest::Digest;
use crate::edge_content::Rejected;
use crate::features::Features;
use crate::limits::{CHUNK_BYTES, PART_BYTES, WINDOW_BLOBS};
use crate::message::{self, control_message, edge_message};
use crate::object::Blob;
use crate::signature::{PinnedSigners, Signer, VerifiedManifest};
use crate::testing::{plugins, published};
use crate::trust::TrustBytes;
use prost::Message as _;
use sidegate_model::namespace::Namespace;
use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

struct Bench {
    signer: Signer,
    machine: Machine,
    now: Duration,
}

impl Bench {
    fn new(start: Start) -> Self {
        let signer = Signer::from_seed(&[1; 32]).unwrap();
        let config = EdgeConfig {
            signers: PinnedSigners::new([signer.key()]).unwrap(),
            trust: None,
            features: Features::default(),
            version: "1".to_owned(),
            boot_id: [0; 16],
            connections_before: 0,
            seed: 7,
        };
        let machine = Machine::new(config, BTreeMap::from([(Namespace::global(), start)]));
        Self { signer, machine, now: Duration::ZERO }
    }

    /// With a stream, and the first words said.
    fn connected(start: Start) -> Self {
        let mut bench = Self::new(start);
        assert_eq!(bench.actions(), [Action::Connect]);
        bench.event(Event::Connected);
        let messages = bench.messages();
        let [edge_message::Body::Hello(_), edge_message::Body::Ask(ask), ..] = &messages[..] else {
            panic!("it says who it is, and asks: {messages:?}")
        };
        assert_eq!(ask.number, 1);
        bench
    }

    /// An answer to a question: this is the newest.
    fn current(&mut self, number: u64, manifest: &VerifiedManifest) {
        let manifest_digest = manifest.digest().as_bytes().to_vec();
        let newest = vec![message::Have { namespace: String::new(), manifest_digest }];
        self.hear(control_message::Body::Current(message::Current { number, newest }));
    }

    fn welcome(&mut self) {
        let control_version = "1".to_owned();
        let welcome = message::Welcome { protocol: 1, control_version, ..<_>::default() };
        self.hear(control_message::Body::Welcome(welcome));
    }

    fn event(&mut self, event: Event) {
        self.machine.handle(event, self.now);
    }

    fn hear(&mut self, body: control_message::Body) {
        self.event(Event::Message(body));
    }

    fn head(&mut self, manifest: &VerifiedManifest) {
        let head = message::Head { manifest: Some(manifest.to_message()) };
        self.hear(control_message::Body::Head(head));
    }

    fn actions(&mut self) -> Vec<Action> {
        std::iter::from_fn(|| self.machine.next_action(self.now)).collect()
    }

    fn messages(&mut self) -> Vec<edge_message::Body> {
        std::iter::from_fn(|| self.machine.next_message(self.now)).collect()
    }

    /// The blobs that are asked for, with offsets.
    fn wanted(&mut self) -> Vec<(Digest, u64)> {
        let wants = self.messages().into_iter().filter_map(|message| match message {
            edge_message::Body::Want(want) => Some(want.blobs),
            _ => None,
        });
        let digest = |bytes: &[u8]| Digest::from_slice(bytes).unwrap();
        wants.flatten().map(|blob| (digest(&blob.digest), blob.offset)).collect()
    }

    fn refused(&mut self) -> Option<String> {
        let mut refused = self.messages().into_iter().filter_map(|message| match message {
            edge_message::Body::Applied(applied) => applied.refused.map(|refused| refused.reason),
            _ => None,
        });
        refused.next_back()
    }

    fn chunk(&mut self, blob: &Blob, offset: usize, end: usize) {
        let chunk = message::BlobChunk {
            digest: bytes::Bytes::copy_from_slice(blob.digest.as_bytes()),
            offset: offset as u64,
            bytes: blob.bytes.slice(offset..end),
            is_last: end == blob.bytes.len(),
        };
        self.hear(control_message::Body::Blob(chunk));
    }
}

#[test]
fn only_so_many_blobs_are_on_their_way_at_one_time() {
    let mut bench = Bench::connected(Start::default());
    let ids: Vec<_> = (1..=3 * WINDOW_BLOBS as u32).collect();
    let (manifest, blobs) = published(&bench.signer, (1, 1), &plugins(&ids, 1));
    bench.head(&manifest);
    let mut asked = bench.wanted();
    assert_eq!(asked.len(), WINDOW_BLOBS);
    while let Some((digest, 0)) = asked.pop() {
        let blob = blobs.iter().find(|blob| blob.digest == digest).unwrap();
        bench.chunk(blob, 0, blob.bytes.len());
        let namespace = Namespace::global();
        assert_eq!(bench.actions(), [Action::Store(namespace.clone(), digest, blob.bytes.clone())]);
        bench.event(Event::Stored(namespace, digest, Ok(())));
        asked.extend(bench.wanted());
        assert!(asked.len() <= WINDOW_BLOBS);
    }
    assert_eq!(bench.actions(), [Action::Apply(manifest)]);
}

#[test]
fn a_blob_that_broke_off_goes_on_where_it_was() {
    let mut bench = Bench::connected(Start::default());
    let (manifest, blobs) = published(&bench.signer, (1, 1), &plugins(&[1], 1));
    bench.head(&manifest);
    assert_eq!(bench.wanted(), [(blobs[0].digest, 0)]);
    bench.chunk(&blobs[0], 0, 5);
    // Once more, and one that does not fit.
    bench.chunk(&blobs[0], 0, 5);
    bench.chunk(&blobs[0], 7, 9);
    bench.event(Event::Disconnected(None));
    bench.now += seconds(1);
    assert_eq!(bench.actions(), [Action::Connect]);
    bench.event(Event::Connected);
    assert_eq!(bench.wanted(), [(blobs[0].digest, 5)]);
    bench.chunk(&blobs[0], 5, blobs[0].bytes.len());
    assert!(matches!(bench.actions().as_slice(), [Action::Store(..)]));
}

#[test]
fn what_does_not_come_is_asked_for_again_and_what_is_wrong_from_the_beginning() {
    let mut bench = Bench::connected(Start::default());
    let (manifest, blobs) = published(&bench.signer, (1, 1), &plugins(&[1], 1));
    bench.head(&manifest);
    assert_eq!(bench.wanted(), [(blobs[0].digest, 0)]);
    assert_eq!(bench.wanted(), []);
    bench.now += seconds(5);
    assert_eq!(bench.wanted(), [(blobs[0].digest, 0)]);
    let wrong = vec![b'x'; blobs[0].bytes.len()];
    let wrong = Blob { bytes: wrong.into(), ..blobs[0].clone() };
    bench.chunk(&wrong, 0, wrong.bytes.len());
    assert_eq!((bench.actions(), bench.wanted()), (vec![], vec![]));
    bench.now += seconds(5);
    assert_eq!(bench.wanted(), [(blobs[0].digest, 0)]);
    // Longer than it may be.
    let long = Blob { bytes: vec![0; CHUNK_BYTES].into(), ..blobs[0].clone() };
    bench.chunk(&long, 0, CHUNK_BYTES);
    assert_eq!(bench.actions(), []);
}

#[test]
fn on_a_slow_line_what_waits_behind_others_is_not_asked_for_twice() {
    let mut bench = Bench::connected(Start::default());
    let (manifest, blobs) = published(&bench.signer, (1, 1), &plugins(&[1, 2], 1));
    bench.head(&manifest);
    assert_eq!(bench.wanted().len(), 2);
    let waiting = blobs[1].digest;
    for at in 0..14 {
        bench.now += seconds(4);
        bench.chunk(&blobs[0], at, at + 1);
        assert_eq!(bench.wanted(), [], "at {:?}", bench.now);
    }
    bench.now = seconds(60);
    bench.chunk(&blobs[0], 14, 15);
    assert_eq!(bench.wanted(), [(waiting, 0)]);
}

#[test]
fn an_edge_never_goes_back_within_a_lineage_and_says_why() {
    let signer = Signer::from_seed(&[1; 32]).unwrap();
    let (serving, _) = published(&signer, (2, 7), &plugins(&[], 1));
    let start = Start { manifest: Some(serving.clone()), ..Start::default() };
    let mut bench = Bench::connected(start);
    let at = |position, version| published(&signer, position, &plugins(&[], version)).0;
    for (older, said) in [
        (at((2, 6), 1), "it is revision 6 of lineage 2, and this edge knows revision 7"),
        (at((1, 99), 1), "it is revision 99 of lineage 1"),
        (
            published(&signer, (2, 7), &plugins(&[1], 1)).0,
            "two manifests say that they are revision 7 of lineage 2",
        ),
    ] {
        bench.head(&older);
        assert!(bench.refused().unwrap().starts_with(said), "{older:?}");
        assert_eq!(bench.actions(), []);
    }
    bench.head(&serving);
    assert_eq!(bench.actions(), []);
    let raised = at((3, 1), 1);
    bench.head(&raised);
    assert_eq!(bench.actions(), [Action::Apply(raised)]);
}

#[test]
fn whoever_is_sent_away_stays_away_as_long_as_it_was_told() {
    let mut bench = Bench::connected(Start::default());
    let goodbye = message::Goodbye { reason: "too many".to_owned(), retry_after_ms: 20_000 };
    bench.hear(control_message::Body::Goodbye(goodbye));
    assert_eq!(bench.actions(), [Action::Disconnect("too many".to_owned())]);
    bench.event(Event::Disconnected(None));
    let back = bench.machine.next_wakeup(bench.now).unwrap();
    assert!((seconds(20)..=seconds(31)).contains(&back), "{back:?}");
    bench.now = back - Duration::from_millis(1);
    assert_eq!(bench.actions(), []);
    bench.now = back;
    assert_eq!(bench.actions(), [Action::Connect]);
}

#[test]
fn attempts_to_connect_never_end_and_are_at_most_fifteen_seconds_apart() {
    let mut bench = Bench::new(Start::default());
    for _ in 0..1000 {
        assert_eq!(bench.actions(), [Action::Connect]);
        bench.event(Event::Disconnected(None));
        let next = bench.machine.next_wakeup(bench.now).unwrap();
        assert!(next - bench.now <= seconds(15));
        bench.now = next;
    }
}

#[test]
fn a_full_disk_is_told_and_tried_again_later() {
    let mut bench = Bench::connected(Start::default());
    let (manifest, blobs) = published(&bench.signer, (1, 1), &plugins(&[1], 1));
    bench.head(&manifest);
    assert_eq!(bench.wanted().len(), 1);
    bench.chunk(&blobs[0], 0, blobs[0].bytes.len());
    assert_eq!(bench.actions().len(), 1);
    let full = Err("the disk is full".to_owned());
    bench.event(Event::Stored(Namespace::global(), blobs[0].digest, full));
    assert_eq!(bench.refused().as_deref(), Some("the disk is full"));
    assert_eq!(bench.wanted(), []);
    bench.now += seconds(1);
    assert_eq!(bench.wanted(), [(blobs[0].digest, 0)]);
}

#[test]
fn reports_are_said_once_and_only_the_last() {
    let mut bench = Bench::connected(Start::default());
    let report = message::NodeReport { revision: 3, ..<_>::default() };
    bench.event(Event::Report(message::NodeReport::default()));
    bench.event(Event::Report(report.clone()));
    let messages = bench.messages();
    let [edge_message::Body::Report(part)] = messages.as_slice() else { panic!("{messages:?}") };
    assert_eq!(message::NodeReport::decode(&*part.bytes), Ok(report));
    assert_eq!(bench.messages(), []);
}

fn trust(text: &'static str, number: u64) -> (TrustBytes, control_message::Body) {
    let trust = TrustBytes::new(text.as_bytes()).unwrap();
    (trust.clone(), control_message::Body::Trust(trust.to_message(number)))
}

impl Bench {
    fn hello(&mut self) -> message::Hello {
        let mut said = self.messages().into_iter();
        let hello = said.find_map(|message| match message {
            edge_message::Body::Hello(hello) => Some(hello),
            _ => None,
        });
        hello.expect("it says hello")
    }
}

#[test]
fn a_head_counts_by_the_trust_that_came_before_it() {
    let mut bench = Bench::connected(Start::default());
    let next = Signer::from_seed(&[9; 32]).unwrap();
    let (bundle, message) = trust("next", 1);
    let (manifest, _) = published(&next, (1, 1), &plugins(&[], 1));
    bench.hear(message.clone());
    bench.head(&manifest);
    // Doubled, and nothing is judged before the bundle is kept.
    bench.hear(message);
    assert_eq!(bench.actions(), [Action::KeepTrust(bundle.clone())]);
    assert_eq!((bench.refused(), bench.actions()), (None, vec![]));
    let signers = PinnedSigners::new([next.key()]).unwrap();
    bench.event(Event::TrustKept(bundle.digest(), Ok(signers)));
    assert_eq!(bench.actions(), [Action::Apply(manifest)]);
    // The control plane hears what is kept, at once.
    assert_eq!(bench.hello().trust_digest, bundle.digest().as_bytes());
    let (older, _) = published(&bench.signer, (1, 2), &plugins(&[], 2));
    bench.head(&older);
    assert!(bench.refused().unwrap().starts_with("no pinned signer signed it"));
}

#[test]
fn trust_that_is_not_kept_is_told_with_the_reason_and_delays_no_head() {
    let mut bench = Bench::connected(Start::default());
    let (bundle, message) = trust("one", 1);
    let (manifest, _) = published(&bench.signer, (1, 1), &plugins(&[], 1));
    bench.hear(message);
    bench.head(&manifest);
    assert_eq!(bench.actions(), [Action::KeepTrust(bundle.clone())]);
    bench.event(Event::TrustKept(bundle.digest(), Err("the disk is full".to_owned())));
    assert_eq!(bench.actions(), [Action::Apply(manifest)]);
    bench.now += seconds(1);
    let hello = bench.hello();
    assert!(hello.trust_digest.is_empty());
    assert_eq!(hello.refused_trust.unwrap().reason, "the disk is full");
    // It is sent again then, and tried again.
    bench.hear(trust("one", 2).1);
    assert_eq!(bench.actions(), [Action::KeepTrust(bundle)]);
}

#[test]
fn trust_that_comes_late_or_was_changed_is_not_taken() {
    let mut bench = Bench::connected(Start::default());
    let (new, message) = trust("new", 2);
    bench.hear(message);
    assert_eq!(bench.actions().len(), 1);
    let signers = PinnedSigners::new([bench.signer.key()]).unwrap();
    bench.event(Event::TrustKept(new.digest(), Ok(signers)));
    for (text, number) in [("old", 1), ("new", 3)] {
        bench.hear(trust(text, number).1);
        assert_eq!(bench.actions(), []);
    }
    let control_message::Body::Trust(message) = trust("newer", 4).1 else { unreachable!() };
    let changed = message::Trust { bundle: "evil".into(), ..message };
    bench.hear(control_message::Body::Trust(changed));
    assert_eq!(bench.actions(), []);
    bench.now += seconds(30);
    let refused = bench.hello().refused_trust.unwrap();
    assert_eq!(refused.reason, "the trust bundle was changed on its way");
}

#[test]
fn what_was_rejected_is_tried_again_when_there_are_new_keys() {
    let signer = Signer::from_seed(&[1; 32]).unwrap();
    let (serving, blobs) = published(&signer, (1, 7), &plugins(&[1], 1));
    let reason = "its secret settings cannot be opened".to_owned();
    let rejected = Rejected { reason, keeps_last_good: false };
    let rejected = BTreeMap::from([(blobs[0].name.clone(), rejected)]);
    let known = HashSet::from([blobs[0].digest]);
    let mut bench =
        Bench::connected(Start { manifest: Some(serving.clone()), rejected, known: known.clone() });
    bench.event(Event::KeysChanged);
    assert_eq!(bench.actions(), [Action::Apply(serving.clone())]);
    // Once more, for keys that came meanwhile.
    bench.event(Event::KeysChanged);
    assert_eq!(bench.actions(), []);
    let still = || {
        BTreeMap::from([(
            blobs[0].name.clone(),
            Rejected { reason: String::new(), keeps_last_good: false },
        )])
    };
    let applied = |rejected| {
        Event::Applied(Namespace::global(), Ok(Applied { rejected, needed: known.clone() }))
    };
    bench.event(applied(still()));
    assert_eq!(bench.actions(), [Action::Apply(serving)]);
    bench.event(applied(BTreeMap::new()));
    bench.event(Event::KeysChanged);
    assert_eq!(bench.actions(), []);
}

#[test]
fn a_head_that_was_undone_before_its_blobs_came_is_not_waited_for() {
    let mut bench = Bench::connected(Start::default());
    let (undone, blobs) = published(&bench.signer, (1, 9), &plugins(&[1], 9));
    let (older, _) = published(&bench.signer, (1, 5), &plugins(&[], 5));
    bench.head(&undone);
    assert_eq!(bench.wanted().len(), 1);
    // Late, or of a replica that is behind.
    bench.head(&older);
    assert_eq!(bench.actions(), []);
    let digest = blobs[0].digest.as_bytes().to_vec();
    bench.hear(control_message::Body::MissingBlob(message::MissingBlob { digest }));
    bench.head(&older);
    assert_eq!(bench.actions(), [Action::Apply(older)]);
}

#[test]
fn an_edge_proves_where_it_is_by_what_it_serves_by() {
    let signer = Signer::from_seed(&[1; 32]).unwrap();
    let (serving, _) = published(&signer, (2, 7), &plugins(&[], 1));
    let mut bench = Bench::connected(Start { manifest: Some(serving.clone()), ..Start::default() });
    let prove = |namespace: &str| {
        let namespace = namespace.to_owned();
        control_message::Body::Prove(message::Prove { namespace, manifest_digest: vec![7; 32] })
    };
    bench.messages();
    bench.hear(prove("berlin"));
    assert_eq!(bench.messages(), []);
    bench.hear(prove(""));
    bench.hear(prove(""));
    let proof = message::Proof { manifest: Some(serving.to_message()) };
    let messages = bench.messages();
    let [edge_message::Body::Proof(part)] = messages.as_slice() else { panic!("{messages:?}") };
    assert_eq!(message::Proof::decode(&*part.bytes), Ok(proof));
}

#[test]
fn a_long_report_goes_up_in_parts_that_are_cut_off_with_the_stream() {
    let mut bench = Bench::connected(Start::default());
    let node_id = "x".repeat(2 * PART_BYTES);
    let report = message::NodeReport { node_id, ..<_>::default() };
    bench.event(Event::Report(report.clone()));
    let part = |body: &edge_message::Body| match body {
        edge_message::Body::Report(part) => (part.number, part.offset, part.bytes.len()),
        other => panic!("{other:?}"),
    };
    let first = bench.machine.next_message(bench.now).unwrap();
    assert_eq!(part(&first), (1, 0, PART_BYTES));
    bench.event(Event::Disconnected(None));
    bench.now += seconds(1);
    assert_eq!(bench.actions(), [Action::Connect]);
    bench.event(Event::Connected);
    let messages = bench.messages();
    let [_, _, all @ ..] = &messages[..] else { panic!("it says who it is, and asks") };
    let parts: Vec<_> = all.iter().map(part).collect();
    assert_eq!(parts.len(), 3, "{parts:?}");
    assert!(parts.iter().all(|(number, ..)| *number == 2));
    assert_eq!(parts.iter().map(|(.., bytes)| bytes).sum::<usize>(), report.encoded_len());
}

#[test]
fn an_edge_is_up_to_date_as_of_its_question_and_only_where_that_was_answered() {
    let signer = Signer::from_seed(&[1; 32]).unwrap();
    let (serving, _) = published(&signer, (1, 1), &plugins(&[], 1));
    let (newer, _) = published(&signer, (1, 2), &plugins(&[], 2));
    let mut bench = Bench::connected(Start { manifest: Some(serving.clone()), ..Start::default() });
    let as_of = |bench: &Bench| bench.machine.is_up_to_date_as_of();
    bench.welcome();
    assert_eq!(as_of(&bench), None, "a stream alone says nothing");
    bench.current(1, &serving);
    assert_eq!(as_of(&bench), Some(1));
    // It asks again and again, and silence makes nothing fresh.
    bench.now += seconds(5);
    assert_eq!(bench.messages(), [edge_message::Body::Ask(message::Ask { number: 2 })]);
    assert_eq!(as_of(&bench), Some(1));
    bench.current(3, &serving);
    assert_eq!(as_of(&bench), Some(1), "that was never asked");
    bench.current(2, &newer);
    assert_eq!(as_of(&bench), None, "something newer is published");
    bench.head(&newer);
    assert_eq!(bench.actions(), [Action::Apply(newer.clone())]);
    assert_eq!(as_of(&bench), None);
    let (rejected, needed) = (BTreeMap::new(), HashSet::new());
    bench.event(Event::Applied(Namespace::global(), Ok(Applied { rejected, needed })));
    assert_eq!(as_of(&bench), Some(2));
    bench.current(1, &serving);
    assert_eq!(as_of(&bench), Some(2), "a late answer says nothing new");
    bench.event(Event::Disconnected(None));
    assert_eq!(as_of(&bench), None);
    bench.now += seconds(1);
    assert_eq!(bench.actions(), [Action::Connect]);
    bench.event(Event::Connected);
    bench.welcome();
    assert_eq!(as_of(&bench), None, "nothing was said on this stream");
}

#[test]
fn a_stream_that_ends_in_order_is_no_failure() {
    let mut bench = Bench::connected(Start::default());
    for _ in 0..20 {
        bench.now += seconds(3600);
        let goodbye = message::Goodbye { reason: "its time is up".to_owned(), retry_after_ms: 0 };
        bench.hear(control_message::Body::Goodbye(goodbye));
        assert!(matches!(bench.actions()[..], [Action::Disconnect(_)]));
        bench.event(Event::Disconnected(None));
        bench.now += Duration::from_millis(20);
        assert_eq!(bench.actions(), [Action::Connect], "it comes back at once, every time");
        bench.event(Event::Connected);
    }
}
