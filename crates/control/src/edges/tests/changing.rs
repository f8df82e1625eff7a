//! Whoever is barred knows keys: these are replaced, and the new ones are none of its business.

use super::fleet::{admitted, joined};
use super::{Running, namespace, store};
use crate::edges::Edges;
use sidegate_e2e::within;
use sidegate_enrolment::TrustBundle;
use sidegate_model::actor::{Actor, AuditContext};
use sidegate_model::clock::now_millis;
use sidegate_model::edge::{EdgeId, JoinToken};
use sidegate_model::sha256::Sha256;
use sidegate_store::{NewEdge, Precondition, Store, StoreError};
use sidegate_sync::TrustBytes;
use sidegate_sync::server::{AdmittedEdge, EdgeCommands, Published as _};
use std::time::Duration;

/// All that can be read by somebody: of each namespace, the numbers of the keys that its edges get.
type Keys = Vec<(&'static str, Vec<u64>)>;

const DEADLINE: Duration = Duration::from_secs(30);
const NAMESPACES: [&str; 3] = ["", "berlin", "oslo"];

async fn keys(store: &Store) -> Keys {
    let mut all = Vec::new();
    for name in NAMESPACES {
        let known = store.numbered_data_keys(&namespace(name)).await.unwrap();
        all.push((name, known.into_iter().map(|(number, _)| number).collect()));
    }
    all
}

fn join_token(id: &str) -> JoinToken {
    let expires_at = now_millis() + 60_000;
    JoinToken { id: id.to_owned(), secret_hash: Sha256([3; 32]), expires_at }
}

/// How an edge is barred.
#[derive(Debug, Clone, Copy)]
enum Barring {
    AnotherJoinToken,
    Revoking,
    Deleting,
}

impl Barring {
    const ALL: [Self; 3] = [Self::AnotherJoinToken, Self::Revoking, Self::Deleting];

    async fn bar(self, edges: &Edges, id: EdgeId) -> Result<(), StoreError> {
        let by = edges.by(AuditContext { actor: Actor::system(), operation: "test" });
        let always = Precondition::None;
        match self {
            Self::AnotherJoinToken => {
                by.renew_join_token(id, &join_token("another"), &always).await.map(drop)
            }
            Self::Revoking => by.revoke(id, &always).await.map(drop),
            Self::Deleting => by.delete(id, &always).await,
        }
    }
}

/// A process of a control plane with two namespaces that have keys.
async fn running() -> (Store, Running) {
    let store = store().await;
    for name in ["berlin", "oslo"] {
        store.create_namespace(&namespace(name), "").await.unwrap();
    }
    store.rotate_data_keys(&NAMESPACES.map(namespace)).await.unwrap();
    let process = Running::start(&store).await;
    (store, process)
}

#[tokio::test]
async fn barring_an_edge_replaces_its_namespaces_key_and_the_global_one_and_no_other() {
    for how in Barring::ALL {
        let (store, process) = running().await;
        joined(&store, "b", "berlin").await;
        joined(&store, "neighbour", "berlin").await;
        let id = store.edge_by_name("b").await.unwrap().id;
        process.edges.changed().await.unwrap();
        let before = keys(&store).await;
        how.bar(&process.edges, id).await.unwrap();
        let after = keys(&store).await;
        for ((name, old), (_, new)) in before.iter().zip(&after) {
            if *name == "oslo" {
                assert_eq!(old, new, "{how:?}: it never had the key of {name:?}");
            } else {
                // The last one seals; those before are there for what they sealed.
                assert_eq!(new.len(), old.len() + 1, "{how:?}: {name:?} has another key");
                assert!(new.starts_with(old) && new.last() != old.last(), "{how:?}: {name:?}");
            }
        }
    }
}

#[tokio::test]
async fn an_edge_of_the_global_namespace_knows_one_key_which_is_replaced() {
    for how in Barring::ALL {
        let (store, process) = running().await;
        joined(&store, "g", "").await;
        let id = store.edge_by_name("g").await.unwrap().id;
        let before = keys(&store).await;
        how.bar(&process.edges, id).await.unwrap();
        let after = keys(&store).await;
        assert_eq!(after[0].1.len(), before[0].1.len() + 1, "{how:?}");
        assert_eq!(after[1..], before[1..], "{how:?}");
    }
}

#[tokio::test]
async fn an_edge_that_never_joined_knows_no_key_and_none_is_replaced() {
    for how in Barring::ALL {
        let (store, process) = running().await;
        let new = NewEdge {
            name: "b".to_owned(),
            namespace: namespace("berlin"),
            join_token: join_token("first"),
        };
        let id = store.create_edge(&new).await.unwrap().id;
        let before = keys(&store).await;
        how.bar(&process.edges, id).await.unwrap();
        assert_eq!(keys(&store).await, before, "{how:?}");
    }
}

#[tokio::test]
async fn one_that_was_barred_is_forgotten_without_another_key_and_one_that_is_to_join_anew_with_one()
 {
    for (first, more) in [(Barring::Revoking, 0), (Barring::AnotherJoinToken, 1)] {
        let (store, process) = running().await;
        joined(&store, "b", "berlin").await;
        let id = store.edge_by_name("b").await.unwrap().id;
        first.bar(&process.edges, id).await.unwrap();
        let before = keys(&store).await;
        Barring::Deleting.bar(&process.edges, id).await.unwrap();
        let after = keys(&store).await;
        for index in [0, 1] {
            assert_eq!(after[index].1.len(), before[index].1.len() + more, "{first:?}");
        }
    }
}

/// What edges of a namespace are to trust: the newest number of its key there.
fn newest_key(bundle: &[u8], of: &str) -> u64 {
    let bundle = TrustBundle::decode(bundle).unwrap();
    bundle.data_keys[&namespace(of)].last().unwrap().number
}

#[tokio::test]
async fn by_the_time_that_others_are_told_a_new_key_whoever_was_barred_was_told_to_leave() {
    for how in Barring::ALL {
        let (store, process) = running().await;
        let (peer, stays) =
            (joined(&store, "b", "berlin").await, joined(&store, "s", "berlin").await);
        let id = store.edge_by_name("b").await.unwrap().id;
        process.edges.changed().await.unwrap();
        // By the certificate that it got when it joined.
        let issued_at = store.edge(id).await.unwrap().certificates_after;
        let came_by = AdmittedEdge { issued_at, ..admitted(&peer) };
        let barred = process.edges.attached(&came_by, EdgeCommands::default());
        let other = process.edges.attached(&admitted(&stays), EdgeCommands::default());
        let mut trust = process.edges.trust(&namespace("berlin"));
        let told = trust.wait_for(Option::is_some).await.unwrap().clone().unwrap();
        let old = newest_key(told.bytes(), "berlin");
        let watched = tokio::spawn(async move {
            let is_new = |bundle: &Option<TrustBytes>| {
                bundle.as_ref().is_some_and(|it| newest_key(it.bytes(), "berlin") != old)
            };
            let told = trust.wait_for(is_new);
            drop(within(DEADLINE, "edges are told the new key", told).await.unwrap());
            (barred.leave.borrow().is_some(), other.leave.borrow().is_some())
        });
        how.bar(&process.edges, id).await.unwrap();
        let (is_leaving, leaves_too) = watched.await.unwrap();
        assert!(is_leaving, "{how:?}: it would get the key that it is not to have");
        assert!(!leaves_too, "{how:?}: the others stay, and get it");
        // Nor by coming again.
        let again = process.edges.attached(&came_by, EdgeCommands::default());
        assert!(again.leave.borrow().is_some(), "{how:?}: it leaves before it is told anything");
    }
}
