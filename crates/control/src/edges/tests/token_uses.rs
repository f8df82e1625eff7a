//! When tokens were last used at edges, as the database has it.

use super::fleet::{admitted, joined};
use super::{Running, namespace, saved_app, saved_token, store};
use sidegate_e2e::eventually;
use sidegate_model::UnixMillis;
use sidegate_model::clock::now_millis;
use sidegate_model::token::TokenId;
use sidegate_store::Store;
use sidegate_sync::server::{
    Attachment, EdgeCommands, PeerIdentity, Published as _, Said, SaidUses,
};

async fn last_use(store: &Store, token: u32) -> Option<UnixMillis> {
    store.token(TokenId(token)).await.unwrap().last_used.time()
}

/// Tokens of everybody, of Berlin and of Oslo, and what their numbers are.
async fn tokens(store: &Store) -> [u32; 3] {
    for (number, of) in ["", "berlin", "oslo"].into_iter().enumerate() {
        if !of.is_empty() {
            store.create_namespace(&namespace(of), "").await.unwrap();
        }
        let app = saved_app(store, &format!("app {number}"), of).await;
        saved_token(store, app, of).await;
    }
    [1, 2, 3]
}

fn attach(process: &Running, peer: &PeerIdentity) -> Attachment {
    process.edges.attached(&admitted(peer), EdgeCommands::default())
}

fn said(process: &Running, peer: &PeerIdentity, number: u64, uses: &[(u32, UnixMillis)]) {
    let uses = uses.iter().map(|(token, at)| (TokenId(*token), *at)).collect();
    process.edges.said(peer, Said::Uses(SaidUses { number, uses }));
}

async fn is_kept(stream: &Attachment, number: u64) {
    let kept = async || (*stream.kept.borrow() == number).then_some(());
    eventually("the edge hears that it is kept", kept).await;
}

#[tokio::test]
async fn an_edge_tells_of_tokens_that_it_serves_and_of_no_time_that_is_not_yet() {
    let store = store().await;
    let [everybodys, berlins, oslos] = tokens(&store).await;
    let peer = joined(&store, "berlin-1", "berlin").await;
    let process = Running::start(&store).await;
    let (before, begun) = (store.stored_head().await.unwrap(), now_millis());
    let revision = process.control.subscribe().borrow().revision;
    let stream = attach(&process, &peer);
    let far = UnixMillis::MAX;
    said(&process, &peer, 7, &[(everybodys, 500), (berlins, far), (oslos, 500), (99, 500)]);
    is_kept(&stream, 7).await;
    assert_eq!(last_use(&store, everybodys).await, Some(500));
    let clamped = last_use(&store, berlins).await.unwrap();
    assert!((begun..=now_millis()).contains(&clamped), "{clamped}");
    assert_eq!(last_use(&store, oslos).await, None, "it is none of Berlin's");
    said(&process, &peer, 8, &[(everybodys, 400), (berlins, -1)]);
    is_kept(&stream, 8).await;
    assert_eq!(last_use(&store, everybodys).await, Some(500), "the latest counts");
    let seen = store.stored_head().await.unwrap();
    assert_eq!(seen.revision, before.revision, "it is no change");
    assert_eq!(process.control.subscribe().borrow().revision, revision);
}

#[tokio::test]
async fn an_edge_that_was_revoked_tells_of_nothing_any_more() {
    let store = store().await;
    let [token, ..] = tokens(&store).await;
    let (gone, peer) = (joined(&store, "a", "").await, joined(&store, "b", "").await);
    let process = Running::start(&store).await;
    let (left, stream) = (attach(&process, &gone), attach(&process, &peer));
    drop(left);
    said(&process, &gone, 1, &[(token, 900)]);
    // What waits is written in the order of names.
    said(&process, &peer, 2, &[(token, 500)]);
    is_kept(&stream, 2).await;
    assert_eq!(last_use(&store, token).await, Some(500));
}
