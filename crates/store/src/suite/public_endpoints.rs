//! The promises about public endpoints that are approved. See the parent for where they run.

use super::plugin;
use crate::sql::params;
use crate::{Precondition, PublicChange, Store, StoreError};
use sidegate_model::audit::Change;
use sidegate_model::endpoint::Method::{self, Get, Post};
use sidegate_model::plugin::{Plugin, PluginId};
use sidegate_model::public_endpoints::PublicEndpoints;
use std::collections::BTreeMap;
use tokio::task::JoinSet;

fn endpoints(named: &[(Method, &'static str)]) -> PublicEndpoints {
    named.iter().copied().collect()
}

/// A plugin as it is after the step of the schema that asks for approvals.
async fn undecided(store: &Store, name: &str) -> PluginId {
    let before = store.create_plugin(&plugin(name, None)).await.unwrap().value;
    let id = before.id;
    let mut write = store.begin_write().await.unwrap();
    let sql = "UPDATE plugins SET public_endpoints = NULL WHERE id = $1";
    write.tx.all(sql, params![id.0]).await.unwrap();
    let after = Plugin { public_endpoints: None, ..before.clone() };
    write.changed((), Change::changed(&before, &after)).await.unwrap();
    id
}

async fn approved(store: &Store, id: PluginId) -> Option<PublicEndpoints> {
    store.plugin(id).await.unwrap().public_endpoints
}

pub(super) async fn public_endpoints_are_approved_and_taken_back(store: &Store) {
    let created = store.create_plugin(&plugin("p", None)).await.unwrap().value;
    assert_eq!(created.public_endpoints, Some(PublicEndpoints::default()));
    let change = async |change: &PublicChange| {
        let changed = store.change_public_endpoints(created.id, change, &Precondition::None);
        let written = changed.await.unwrap();
        assert_eq!(store.plugin(created.id).await.unwrap(), written.value);
        (written.value.public_endpoints.unwrap().texts(), written.revision)
    };
    let approve = endpoints(&[(Post, "/hooks/*"), (Get, "/hello")]);
    let approve = PublicChange { approve, ..PublicChange::default() };
    let both = vec!["GET /hello".to_owned(), "POST /hooks/*".to_owned()];
    assert_eq!(change(&approve).await, (both.clone(), 2));
    assert_eq!(change(&approve).await, (both, 2), "the same again changes nothing");
    let revoke = endpoints(&[(Get, "/hello"), (Get, "/never")]);
    let revoke = PublicChange { revoke, ..PublicChange::default() };
    assert_eq!(change(&revoke).await, (vec!["POST /hooks/*".to_owned()], 3));

    let before = Precondition::VersionIn(vec![created.version()]);
    let stale = store.change_public_endpoints(created.id, &approve, &before).await.unwrap_err();
    assert!(matches!(stale, StoreError::ChangedMeanwhile { .. }), "{stale}");
    let changed = store.update_plugin(created.id, &plugin("q", Some("q"))).await.unwrap().value;
    assert_eq!(
        changed.public_endpoints.unwrap().texts(),
        ["POST /hooks/*"],
        "a draft says nothing"
    );
    let nobody = PluginId(9);
    let nobody = store.change_public_endpoints(nobody, &approve, &Precondition::None).await;
    assert_eq!(nobody.unwrap_err().to_string(), "plugin 9 does not exist");
}

pub(super) async fn what_was_never_decided_is_recorded_once(store: &Store) {
    let (old, idle) = (undecided(store, "old").await, undecided(store, "idle").await);
    let new = store.create_plugin(&plugin("new", None)).await.unwrap().value.id;
    assert_eq!(approved(store, old).await, None);
    let version = store.plugin(old).await.unwrap().version();
    let offered = endpoints(&[(Get, "/hello")]);
    let all = BTreeMap::from([old, new, PluginId(99)].map(|id| (id, offered.clone())));
    let recorded = store.record_public_endpoints(&all).await.unwrap();
    let ids: Vec<_> = recorded.value.iter().map(|plugin| plugin.id).collect();
    assert_eq!((ids, recorded.revision), (vec![old], 6));
    assert_eq!(recorded.value[0], store.plugin(old).await.unwrap());
    assert_eq!(recorded.value[0].version(), version);
    assert_eq!(approved(store, old).await, Some(offered));
    assert_eq!(approved(store, idle).await, None);
    assert_eq!(approved(store, new).await, Some(PublicEndpoints::default()));
    let more = BTreeMap::from([(old, endpoints(&[(Get, "/more")]))]);
    let again = store.record_public_endpoints(&more).await.unwrap();
    assert_eq!((again.value, again.revision), (vec![], 6), "nothing is approved by itself later");
    assert_eq!(approved(store, old).await.unwrap().texts(), ["GET /hello"]);
}

pub(super) async fn a_first_decision_begins_with_what_was_offered(store: &Store) {
    let id = undecided(store, "old").await;
    let change = PublicChange {
        revoke: endpoints(&[(Get, "/a")]),
        undecided: endpoints(&[(Get, "/a"), (Get, "/b")]),
        ..PublicChange::default()
    };
    for _ in 0..2 {
        store.change_public_endpoints(id, &change, &Precondition::None).await.unwrap();
        assert_eq!(approved(store, id).await.unwrap().texts(), ["GET /b"]);
    }
}

pub(super) async fn approvals_at_the_same_time_lose_nothing(store: &Store) {
    let id = store.create_plugin(&plugin("p", None)).await.unwrap().value.id;
    let mut approving = JoinSet::new();
    for method in Method::ALL {
        let store = store.clone();
        approving.spawn(async move {
            let approve = endpoints(&[(method, "/a")]);
            let change = PublicChange { approve, ..PublicChange::default() };
            store.change_public_endpoints(id, &change, &Precondition::None).await.unwrap();
        });
    }
    approving.join_all().await;
    assert_eq!(approved(store, id).await.unwrap().len(), Method::ALL.len());
}
