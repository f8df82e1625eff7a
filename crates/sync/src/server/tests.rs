//! What one edge is sent, step by step.

use super::said::Said;
use super::session::{Output, Session, SessionEvent};
use crate::digest::Digest;
use crate::limits::{CHUNK_BYTES, MAX_REASON_BYTES, MAX_REJECTED, MAX_TOKEN_USES};
use crate::message::{self, control_message, edge_message};
use crate::object::Blob;
use crate::parts::Outgoing;
use crate::signature::{PinnedSigners, Signer, VerifiedManifest};
use crate::testing::{plugins, published};
use crate::trust::TrustBytes;
use prost::Message as _;
use sidegate_model::namespace::Namespace;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

struct Bench {
    signer: Signer,
    session: Session,
    now: Duration,
}

impl Bench {
    fn new() -> Self {
        let signer = Signer::from_seed(&[1; 32]).unwrap();
        let mut session = Session::new("1", [Namespace::global()], Duration::ZERO);
        session.set_signers(Some(PinnedSigners::new([signer.key()]).unwrap()));
        Self { signer, session, now: Duration::ZERO }
    }

    fn with_edge() -> Self {
        let mut bench = Self::new();
        bench.say(edge_message::Body::Hello(hello(&[1], None)));
        assert!(matches!(
            bench.sent().as_slice(),
            [control_message::Body::Welcome(message::Welcome { protocol: 1, .. })]
        ));
        bench
    }

    fn say(&mut self, body: edge_message::Body) {
        self.session.handle(SessionEvent::Message(body), self.now);
    }

    fn publish(&mut self, revision: u64) -> (VerifiedManifest, Vec<Blob>) {
        let (manifest, blobs) = published(&self.signer, (1, revision), &plugins(&[1], revision));
        self.session.handle(SessionEvent::Head(manifest.clone()), self.now);
        (manifest, blobs)
    }

    fn outputs(&mut self) -> Vec<Output> {
        std::iter::from_fn(|| self.session.next(self.now)).collect()
    }

    fn sent(&mut self) -> Vec<control_message::Body> {
        let outputs = self.outputs().into_iter();
        outputs.filter_map(|o| if let Output::Send(body) = o { Some(body) } else { None }).collect()
    }

    /// The manifests that are sent until then.
    fn heads(&mut self) -> Vec<Digest> {
        let sent = self.sent().into_iter();
        sent.filter_map(|body| match body {
            control_message::Body::Head(head) => Some(Digest::of(&head.manifest?.manifest)),
            _ => None,
        })
        .collect()
    }
}

fn hello(protocols: &[u32], have: Option<&VerifiedManifest>) -> message::Hello {
    let have = have.map(|manifest| message::Have {
        namespace: String::new(),
        manifest_digest: manifest.digest().as_bytes().to_vec(),
    });
    message::Hello {
        protocols: protocols.to_vec(),
        have: have.into_iter().collect(),
        ..<_>::default()
    }
}

fn want(digest: Digest, offset: u64) -> edge_message::Body {
    let blob = message::WantedBlob { digest: digest.as_bytes().to_vec(), offset };
    edge_message::Body::Want(message::Want { blobs: vec![blob] })
}

/// With a field behind it that only a later version knows.
fn of_later_version(mut message: Vec<u8>) -> Vec<u8> {
    message.extend([0xba, 0x06, 3, b'n', b'e', b'w']);
    message
}

#[test]
fn what_a_later_version_says_beside_is_left_out_and_its_protocol_is_spoken() {
    let mut bench = Bench::new();
    let hello = of_later_version(hello(&[1, 2], None).encode_to_vec());
    let wrapped = [&[0x0a, u8::try_from(hello.len()).unwrap()], hello.as_slice()].concat();
    let message = message::EdgeMessage::decode(&*of_later_version(wrapped)).unwrap();
    bench.say(message.body.unwrap());
    let sent = bench.sent();
    let [control_message::Body::Welcome(message::Welcome { protocol: 1, .. })] = &sent[..] else {
        panic!("{sent:?}");
    };
    // Messages of a kind that is not known are none, at both ends.
    let unknown = of_later_version(vec![]);
    assert_eq!(message::EdgeMessage::decode(&*unknown).unwrap().body, None);
    assert_eq!(message::ControlMessage::decode(&*unknown).unwrap().body, None);
}

#[test]
fn a_burst_of_saves_is_one_head_and_nobody_who_keeps_on_saving_delays_it() {
    let mut bench = Bench::with_edge();
    let mut newest = None;
    for revision in 1..=10 {
        newest = Some(bench.publish(revision).0);
        assert_eq!(bench.heads(), []);
        bench.now += Duration::from_millis(4);
    }
    assert_eq!(bench.session.next_wakeup(), Some(Duration::from_millis(50)));
    bench.now = Duration::from_millis(50);
    assert_eq!(bench.heads(), [newest.unwrap().digest()]);
    assert_eq!((bench.heads(), bench.session.next_wakeup()), (vec![], None));
}

#[test]
fn a_head_that_the_edge_has_is_not_sent_and_one_that_it_lost_is_sent_again() {
    let mut bench = Bench::new();
    let (manifest, _) = bench.publish(1);
    bench.say(edge_message::Body::Hello(hello(&[1], Some(&manifest))));
    assert_eq!(bench.heads(), []);
    bench.say(edge_message::Body::Hello(hello(&[1], None)));
    assert_eq!(bench.heads(), [manifest.digest()]);
    // It was lost on the way, so the edge still does not have it.
    bench.say(edge_message::Body::Hello(hello(&[1], None)));
    assert_eq!(bench.heads(), [manifest.digest()]);
}

#[test]
fn a_head_that_is_older_than_one_that_is_known_is_not_sent() {
    let mut bench = Bench::with_edge();
    let (newest, _) = bench.publish(2);
    bench.publish(1);
    bench.now += Duration::from_millis(50);
    assert_eq!(bench.heads(), [newest.digest()]);
    bench.publish(1);
    bench.now += Duration::from_millis(50);
    assert_eq!(bench.heads(), []);
}

#[test]
fn an_edge_gets_blobs_of_manifests_that_it_was_sent_and_no_others() {
    let mut bench = Bench::with_edge();
    let (_, blobs) = bench.publish(1);
    let digest = blobs[0].digest;
    let missing = control_message::Body::MissingBlob(message::MissingBlob {
        digest: digest.as_bytes().to_vec(),
    });
    bench.say(want(digest, 0));
    assert_eq!(bench.sent(), [missing]);
    bench.now += Duration::from_millis(50);
    assert_eq!(bench.heads().len(), 1);
    // Twice is once.
    bench.say(want(digest, 0));
    bench.say(want(digest, 0));
    assert_eq!(bench.outputs(), [Output::Load(Namespace::global(), digest)]);
    bench.session.handle(SessionEvent::Loaded(digest, Some(blobs[0].bytes.clone())), bench.now);
    let sent = bench.sent();
    let [control_message::Body::Blob(chunk)] = sent.as_slice() else { panic!("{sent:?}") };
    assert_eq!((&chunk.bytes, chunk.offset, chunk.is_last), (&blobs[0].bytes, 0, true));
}

#[test]
fn a_blob_goes_in_pieces_from_where_the_edge_is() {
    let mut bench = Bench::with_edge();
    let (_, blobs) = bench.publish(1);
    bench.now += Duration::from_millis(50);
    assert_eq!(bench.heads().len(), 1);
    bench.say(want(blobs[0].digest, 10));
    assert_eq!(bench.outputs().len(), 1);
    let bytes = vec![7; 2 * CHUNK_BYTES + 11];
    bench.session.handle(SessionEvent::Loaded(blobs[0].digest, Some(bytes.into())), bench.now);
    let pieces: Vec<_> = bench
        .sent()
        .into_iter()
        .map(|body| match body {
            control_message::Body::Blob(chunk) => (chunk.offset, chunk.bytes.len(), chunk.is_last),
            other => panic!("{other:?}"),
        })
        .collect();
    let chunk = CHUNK_BYTES as u64;
    assert_eq!(
        pieces,
        [(10, CHUNK_BYTES, false), (10 + chunk, CHUNK_BYTES, false), (10 + 2 * chunk, 1, true)]
    );
}

#[test]
fn an_edge_that_speaks_another_protocol_or_nothing_is_sent_away_with_the_reason() {
    let mut bench = Bench::new();
    bench.say(edge_message::Body::Hello(hello(&[7, 8], None)));
    let outputs = [bench.session.next(bench.now), bench.session.next(bench.now)];
    let [Some(Output::Send(control_message::Body::Goodbye(goodbye))), Some(Output::Close)] =
        &outputs
    else {
        panic!("{outputs:?}")
    };
    assert!(goodbye.reason.contains("[7, 8]") && goodbye.retry_after_ms > 0, "{goodbye:?}");
    let mut silent = Bench::new();
    assert_eq!(silent.outputs(), []);
    silent.now = silent.session.next_wakeup().unwrap();
    assert!(matches!(
        silent.session.next(silent.now),
        Some(Output::Send(control_message::Body::Goodbye(_)))
    ));
}

#[test]
fn of_what_an_edge_says_the_last_of_each_kind_is_told_within_bounds() {
    let mut bench = Bench::with_edge();
    let rejected = |number: usize| message::RejectedObject {
        kind: "plugin".to_owned(),
        key: number.to_string(),
        reason: "x".repeat(10_000),
        keeps_last_good: true,
    };
    for revision in 1..=3 {
        let rejected = (0..2 * MAX_REJECTED).map(rejected).collect();
        let manifest_digest = vec![7; 32];
        let applied = message::Applied { revision, rejected, manifest_digest, ..<_>::default() };
        bench.say(edge_message::Body::Applied(applied));
    }
    let of_another = message::Applied { namespace: "paris".to_owned(), ..<_>::default() };
    bench.say(edge_message::Body::Applied(of_another));
    let outputs = bench.outputs();
    let [Output::Tell(Said::Applied(applied))] = outputs.as_slice() else { panic!("{outputs:?}") };
    assert_eq!(applied.manifest.unwrap().0.revision, 3);
    assert_eq!(applied.rejected.len(), MAX_REJECTED);
    assert!(applied.rejected.values().all(|rejected| rejected.reason.len() == MAX_REASON_BYTES));
}

#[test]
fn what_is_to_be_trusted_is_sent_before_every_head_unless_the_edge_has_it() {
    let mut bench = Bench::new();
    let one = TrustBytes::new("one".as_bytes()).unwrap();
    let two = TrustBytes::new("two".as_bytes()).unwrap();
    bench.session.handle(SessionEvent::Trust(Some(one.clone())), bench.now);
    bench.publish(1);
    let with = |trust: &TrustBytes| {
        let trust_digest = trust.digest().as_bytes().to_vec();
        edge_message::Body::Hello(message::Hello { trust_digest, ..hello(&[1], None) })
    };
    let trusts = |sent: &[control_message::Body]| -> Vec<_> {
        let trust = |body: &control_message::Body| match body {
            control_message::Body::Trust(trust) => Some((trust.number, trust.bundle.clone())),
            control_message::Body::Head(_) => Some((0, "head".into())),
            _ => None,
        };
        sent.iter().filter_map(trust).collect()
    };
    bench.say(edge_message::Body::Hello(hello(&[1], None)));
    assert_eq!(trusts(&bench.sent()), [(1, "one".into()), (0, "head".into())]);
    bench.say(with(&one));
    assert_eq!(trusts(&bench.sent()), [(0, "head".into())]);
    bench.session.handle(SessionEvent::Trust(Some(two.clone())), bench.now);
    bench.publish(2);
    bench.now += Duration::from_millis(50);
    assert_eq!(trusts(&bench.sent()), [(2, "two".into()), (0, "head".into())]);
    // It was lost, or could not be kept.
    bench.say(with(&one));
    assert_eq!(trusts(&bench.sent()), [(3, "two".into()), (0, "head".into())]);
    bench.say(with(&two));
    assert_eq!(trusts(&bench.sent()), [(0, "head".into())]);
}

fn says_it_has(manifest: &VerifiedManifest) -> edge_message::Body {
    let at = manifest.position();
    edge_message::Body::Applied(message::Applied {
        manifest_digest: manifest.digest().as_bytes().to_vec(),
        lineage: at.lineage,
        revision: at.revision,
        ..<_>::default()
    })
}

fn proof(manifest: &VerifiedManifest) -> edge_message::Body {
    let proof = message::Proof { manifest: Some(manifest.to_message()) };
    // A higher number than any before.
    static NUMBER: AtomicU64 = AtomicU64::new(1);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    edge_message::Body::Proof(Outgoing::new(number, proof.encode_to_vec()).next().0)
}

impl Bench {
    /// An edge that has this while revision 3 is the newest; gives whether it is asked for a proof.
    fn is_asked(&mut self, has: &VerifiedManifest) -> bool {
        self.say(says_it_has(has));
        self.sent().iter().any(|body| matches!(body, control_message::Body::Prove(_)))
    }

    fn ahead(&mut self) -> Vec<VerifiedManifest> {
        let outputs = self.outputs().into_iter();
        let ahead = outputs.filter_map(|output| match output {
            Output::Tell(Said::Ahead(manifest)) => Some(manifest),
            _ => None,
        });
        ahead.collect()
    }
}

#[test]
fn whoever_is_ahead_proves_it_once_for_each_head() {
    let mut bench = Bench::with_edge();
    let at = |revision, version| published(&bench.signer, (1, revision), &plugins(&[1], version)).0;
    let (ahead, undone, behind) = (at(7, 7), at(3, 99), at(2, 2));
    assert!(!bench.is_asked(&ahead), "nothing is published that it could be ahead of");
    bench.publish(3);
    assert!(bench.is_asked(&ahead));
    assert!(!bench.is_asked(&ahead));
    bench.say(proof(&ahead));
    assert_eq!(bench.ahead(), std::slice::from_ref(&ahead));
    bench.say(proof(&ahead));
    assert_eq!(bench.ahead(), []);
    bench.say(edge_message::Body::Hello(hello(&[1], Some(&ahead))));
    assert!(!bench.is_asked(&ahead));
    // There is another head, and it is ahead of that one as well.
    bench.publish(4);
    assert!(bench.is_asked(&ahead));
    // The question was lost.
    bench.say(edge_message::Body::Hello(hello(&[1], Some(&ahead))));
    assert!(bench.is_asked(&ahead));
    let mut other = Bench::with_edge();
    other.publish(3);
    assert!(!other.is_asked(&behind));
    assert!(other.is_asked(&undone), "the same position with other content");
    other.say(proof(&undone));
    assert_eq!(other.ahead(), [undone]);
}

#[test]
fn without_a_good_proof_nothing_happens_but_a_warning() {
    let mut bench = Bench::with_edge();
    let (ahead, _) = published(&bench.signer, (1, 7), &plugins(&[1], 7));
    let stranger = Signer::from_seed(&[9; 32]).unwrap();
    let (forged, _) = published(&stranger, (1, 7), &plugins(&[1], 7));
    bench.publish(3);
    bench.say(proof(&ahead));
    assert_eq!(bench.ahead(), [], "nobody asked");
    assert!(bench.is_asked(&forged));
    bench.say(proof(&forged));
    let outputs = bench.outputs();
    let warned = |output: &Output| match output {
        Output::Warn(problem) => problem.contains("does not prove it: no pinned signer signed it"),
        _ => false,
    };
    assert!(outputs.iter().any(warned), "{outputs:?}");
    assert!(!outputs.iter().any(|output| matches!(output, Output::Tell(Said::Ahead(_)))));
    bench.say(proof(&ahead));
    assert_eq!(bench.ahead(), []);
    // Signed, and not ahead at all.
    let mut other = Bench::with_edge();
    let (behind, _) = published(&other.signer, (1, 1), &plugins(&[1], 1));
    other.publish(3);
    assert!(other.is_asked(&ahead));
    other.say(proof(&behind));
    assert_eq!(other.ahead(), []);
}

fn report(number: u64, bytes: Vec<u8>) -> Vec<edge_message::Body> {
    let mut outgoing = Outgoing::new(number, bytes);
    let mut parts = Vec::new();
    loop {
        let (part, is_last) = outgoing.next();
        parts.push(edge_message::Body::Report(part));
        if is_last {
            return parts;
        }
    }
}

#[test]
fn a_report_that_costs_too_much_is_refused_with_the_reason_and_the_next_one_is_taken() {
    let mut bench = Bench::with_edge();
    // Two bytes for a plugin with nothing, which takes hundreds when it is read.
    let heavy = [4 << 3 | 2, 0].repeat(200_000);
    let long = vec![0; 4 * 1024 * 1024];
    for (number, wrong, why) in [(1, heavy, "more plugins"), (2, long, "4194304 bytes")] {
        report(number, wrong).into_iter().for_each(|part| bench.say(part));
        let outputs = bench.outputs();
        let [Output::Warn(problem)] = outputs.as_slice() else { panic!("{outputs:?}") };
        assert!(problem.contains(why), "{problem}");
    }
    let good = message::NodeReport { revision: 7, ..<_>::default() };
    report(3, good.encode_to_vec()).into_iter().for_each(|part| bench.say(part));
    let outputs = bench.outputs();
    let [Output::Tell(Said::Report(told))] = outputs.as_slice() else { panic!("{outputs:?}") };
    assert_eq!(told.revision, 7);
}

#[test]
fn whether_an_edge_has_the_newest_is_said_once_somebody_has_looked_since_it_asked() {
    let mut bench = Bench::with_edge();
    let (newest, _) = bench.publish(1);
    bench.now = Duration::from_secs(10);
    bench.outputs();
    let ask = |number| edge_message::Body::Ask(message::Ask { number });
    bench.say(ask(1));
    assert_eq!(bench.sent(), []);
    // A database that is away: what was seen before the question is no answer to it.
    bench.session.handle(SessionEvent::Looked(Duration::from_secs(9)), bench.now);
    assert_eq!(bench.sent(), []);
    bench.say(ask(2));
    bench.now = Duration::from_secs(11);
    bench.session.handle(SessionEvent::Looked(Duration::from_secs(11)), bench.now);
    let manifest_digest = newest.digest().as_bytes().to_vec();
    let newest = vec![message::Have { namespace: String::new(), manifest_digest }];
    let current = control_message::Body::Current(message::Current { number: 2, newest });
    assert_eq!(bench.sent(), [current]);
    assert_eq!(bench.sent(), []);
}

#[test]
fn an_edge_that_asks_more_often_than_somebody_looks_is_answered_all_the_same() {
    let mut bench = Bench::with_edge();
    bench.publish(1);
    bench.now = Duration::from_secs(10);
    bench.outputs();
    let mut answered = Vec::new();
    for second in 11..100 {
        bench.now = Duration::from_secs(second);
        bench.say(edge_message::Body::Ask(message::Ask { number: second }));
        // What is seen is always of before the last two questions.
        let looked = SessionEvent::Looked(Duration::from_secs(second - 2));
        bench.session.handle(looked, bench.now);
        answered.extend(bench.sent().into_iter().filter_map(|body| match body {
            control_message::Body::Current(current) => Some(current.number),
            _ => None,
        }));
    }
    assert_eq!(answered, (11..98).collect::<Vec<_>>());
    // Nobody looks for long: the oldest and the newest are kept.
    for number in 200..300 {
        bench.say(edge_message::Body::Ask(message::Ask { number }));
    }
    bench.session.handle(SessionEvent::Looked(bench.now), bench.now);
    let [control_message::Body::Current(current)] = &*bench.sent() else { panic!() };
    assert_eq!(current.number, 299);
}

#[test]
fn uses_of_tokens_are_told_within_bounds_and_the_edge_hears_that_they_are_kept() {
    for keeps_uses in [false, true] {
        let mut bench = Bench::new();
        bench.session.set_keeps_uses(keeps_uses);
        bench.say(edge_message::Body::Hello(hello(&[1], None)));
        let sent = bench.sent();
        let [control_message::Body::Welcome(welcome)] = &sent[..] else { panic!("{sent:?}") };
        assert_eq!(welcome.keeps_token_uses, keeps_uses);
    }
    let mut bench = Bench::with_edge();
    let uses = vec![message::TokenUse { token_id: 3, at: 500 }; MAX_TOKEN_USES + 1];
    bench.say(edge_message::Body::TokenUses(message::TokenUses { number: 6, uses: vec![] }));
    bench.say(edge_message::Body::TokenUses(message::TokenUses { number: 7, uses }));
    let outputs = bench.outputs();
    let [Output::Tell(Said::Uses(said))] = outputs.as_slice() else { panic!("{outputs:?}") };
    assert_eq!((said.number, said.uses.len()), (7, MAX_TOKEN_USES), "the last counts");
    bench.session.handle(SessionEvent::Kept(7), bench.now);
    let kept = message::TokenUsesKept { number: 7 };
    assert_eq!(bench.sent(), [control_message::Body::TokenUsesKept(kept)]);
    assert_eq!(bench.sent(), []);
}
