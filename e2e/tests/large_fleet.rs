//! Two hundred edges at a real process of a control plane: one save reaches all of them. Each has a certificate, a
//! connection over TLS and a folder of its own and syncs as edges do; it serves nobody.

use futures_util::stream::{self, StreamExt as _};
use serde_json::json;
use sidegate_api::app::AppAttributes;
use sidegate_api::edge::EdgeAttributes;
use sidegate_e2e::{ControlPlane, lone_story, within};
use sidegate_enrolment::edge::{ControlPlanes, Dialer, join};
use sidegate_enrolment::{Clock, ControlUrl, JoinToken};
use sidegate_model::namespace::Namespace;
use sidegate_model::snapshot::Snapshot;
use sidegate_sync::edge::{
    Contact, EdgeConfig, Inspection, NoCommands, Replica, SnapshotHost, Surroundings, UseLine, run,
};
use sidegate_sync::{DataKeys, Features};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// So many edges, and how soon a save is to be at all of them.
const EDGES: usize = 200;
const EVERYWHERE: Duration = Duration::from_secs(5);
/// How long they may take to join, so many at one time.
const JOIN_WITHIN: Duration = Duration::from_secs(240);
const JOINING: usize = 8;
/// A save that has not come by then is lost.
const PATIENCE: Duration = Duration::from_secs(30);

/// One edge; it ends when it is dropped.
struct Client {
    snapshots: watch::Receiver<Arc<Snapshot>>,
    _stop: watch::Sender<bool>,
    _running: JoinSet<()>,
}

impl Client {
    /// Joins and connects; comes back when it has all that is published.
    async fn start(token: &str, url: &ControlUrl, folder: &Path) -> Self {
        let control = ControlPlanes::new(vec![url.clone()], None).unwrap();
        let token = JoinToken::parse(token).unwrap();
        let kept = folder.join("identity");
        let joining = join(&kept, &control, &token, Clock::system());
        let identity = Box::pin(joining).await.unwrap();
        let peer = identity.peer();
        let config = EdgeConfig {
            signers: identity.trust().borrow().pinned_signers().unwrap(),
            features: Features::of_this_version(),
            trust: None,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            boot_id: [7; 16],
            connections_before: 0,
            seed: peer.edge.bytes().map(u64::from).sum(),
        };
        let namespaces = BTreeSet::from([Namespace::global(), peer.namespace]);
        let (host, snapshots) = SnapshotHost::new(Inspection::default());
        let (replica, _) =
            Replica::open(&folder.join("snapshots"), namespaces, config, host).unwrap();
        let (stop, stopped) = watch::channel(false);
        let contact = watch::Sender::new(Contact::Lost("it has just started".to_owned()));
        let mut contacts = contact.subscribe();
        let surroundings = Surroundings {
            uses: UseLine::default(),
            reports: watch::channel(None).1,
            contact,
            commands: Arc::new(NoCommands),
            keys: DataKeys::default(),
            stop: stopped,
        };
        let dialer = Dialer::new(identity, control);
        let mut running = JoinSet::new();
        running.spawn(async move {
            run(replica, dialer, surroundings).await.unwrap();
        });
        let is_up = |contact: &Contact| matches!(contact, Contact::UpToDate(_));
        contacts.wait_for(is_up).await.unwrap();
        Self { snapshots, _stop: stop, _running: running }
    }

    /// Waits until it has so many tokens; gives when that was, as it was seen here.
    async fn has_tokens(&mut self, count: usize) -> Instant {
        let has = |snapshot: &Arc<Snapshot>| snapshot.tokens.len() == count;
        self.snapshots.wait_for(has).await.unwrap();
        Instant::now()
    }
}

#[test]
fn one_save_at_a_real_control_plane_reaches_two_hundred_edges_within_five_seconds() {
    lone_story(JOIN_WITHIN + 3 * PATIENCE, async {
        let control = ControlPlane::start_with(None, &[]).await;
        let app = json!({"name": "fleet", "owner_email": "a@b"});
        let app = control.admin().create::<AppAttributes>("apps", &app).await;
        let token = json!({"app_id": app.id.parse::<u32>().unwrap()});
        let url = ControlUrl::parse(&control.url()).unwrap();
        let folder = TempDir::new().unwrap();

        let begun = Instant::now();
        let (to, at, below) = (&control, &url, folder.path());
        let join = |number: usize| async move {
            let name = format!("edge-{number}");
            let made = json!({"name": name});
            let made = to.admin().create::<EdgeAttributes>("edges", &made).await;
            let token = made.attributes.join_token.unwrap();
            to.admin().keep_secret(&token);
            Client::start(&token, at, &below.join(name)).await
        };
        let joining = stream::iter(0..EDGES).map(join).buffer_unordered(JOINING);
        let joined = within(JOIN_WITHIN, "all edges join", joining.collect::<Vec<_>>());
        let mut edges = joined.await;
        println!("{EDGES} edges have joined and are up to date after {:?}", begun.elapsed());

        for saves in 1..=2 {
            let begun = Instant::now();
            let everywhere = stream::iter(&mut edges)
                .map(|edge| tokio::time::timeout(PATIENCE, edge.has_tokens(saves)))
                .buffer_unordered(EDGES)
                .collect::<Vec<_>>();
            let (saved, reached) =
                tokio::join!(control.admin().call("POST", "tokens", Some(&token)), everywhere);
            let (status, saved) = saved;
            assert_eq!(status, 201, "{saved}");
            let text = saved["data"]["attributes"]["token"].as_str().unwrap();
            control.admin().keep_secret(text);
            let nodes = &saved["meta"]["nodes"];
            assert_eq!((&nodes["connected"], &nodes["offline"]), (&json!(EDGES), &json!(0)));
            let reached: Vec<_> = reached.into_iter().flatten().collect();
            assert_eq!(reached.len(), EDGES, "save {saves} was missed by some");
            let slowest = *reached.iter().max().unwrap() - begun;
            println!("save {saves} has reached {EDGES} edges after {slowest:?}");
            assert!(slowest < EVERYWHERE, "save {saves} took {slowest:?}");
        }
    });
}
