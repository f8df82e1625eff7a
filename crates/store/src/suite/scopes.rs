//! The promises about scopes that are granted to plugins. See the parent for where they run.

use super::plugin;
use crate::{Precondition, ScopeChange, Store, StoreError};
use sidegate_model::plugin::PluginId;
use sidegate_model::scope::SERVICE_SCOPES;
use std::collections::BTreeSet;
use tokio::task::JoinSet;

fn scopes(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

pub(super) async fn scopes_are_granted_and_taken_back(store: &Store) {
    let id = store.create_plugin(&plugin("p", None)).await.unwrap().value.id;
    let change = async |change: ScopeChange| {
        let written = store.change_scopes(id, &change, &Precondition::None).await.unwrap();
        assert_eq!(store.plugin(id).await.unwrap(), written.value);
        (written.value.draft.service_scopes, written.revision)
    };
    let both = scopes(&["apps.read", "kv.readwrite"]);
    let grant = ScopeChange::Grant(both.clone());
    assert_eq!(change(grant.clone()).await, (both.clone(), 2));
    assert_eq!(change(grant).await, (both.clone(), 2), "the same again changes nothing");
    let more = ScopeChange::Grant(scopes(&["llms.read"]));
    assert_eq!(change(more).await.0.len(), 3, "what was granted stays");
    let revoke = ScopeChange::Revoke(scopes(&["llms.read", "budget.read"]));
    assert_eq!(change(revoke.clone()).await, (both, 4));
    assert_eq!(change(revoke).await.1, 4);
    assert_eq!(change(ScopeChange::RevokeAll).await, (scopes(&[]), 5));
    let nobody = store
        .change_scopes(PluginId(9), &ScopeChange::RevokeAll, &Precondition::None)
        .await
        .unwrap_err();
    assert_eq!(nobody.to_string(), "plugin 9 does not exist");
}

pub(super) async fn a_scope_that_is_unknown_is_refused_with_the_known_ones(store: &Store) {
    let id = store.create_plugin(&plugin("p", None)).await.unwrap().value.id;
    let asked = scopes(&["kv.readwrite", "kv.write", "everything"]);
    for change in [ScopeChange::Grant(asked.clone()), ScopeChange::Revoke(asked)] {
        match store.change_scopes(id, &change, &Precondition::None).await.unwrap_err() {
            StoreError::Invalid { what: "scope", problems } => {
                assert_eq!(problems.iter().filter(|p| p.contains("is unknown")).count(), 2);
                for known in SERVICE_SCOPES {
                    assert!(problems[0].contains(known), "{problems:?}");
                }
            }
            other => panic!("{other}"),
        }
    }
    assert!(store.plugin(id).await.unwrap().draft.service_scopes.is_empty());
    assert_eq!(store.revision().await.unwrap(), 1);
}

pub(super) async fn grants_at_the_same_time_lose_nothing(store: &Store) {
    let id = store.create_plugin(&plugin("p", None)).await.unwrap().value.id;
    let mut granting = JoinSet::new();
    for scope in SERVICE_SCOPES {
        let store = store.clone();
        granting.spawn(async move {
            let change = ScopeChange::Grant(scopes(&[scope]));
            store.change_scopes(id, &change, &Precondition::None).await.unwrap();
        });
    }
    granting.join_all().await;
    assert_eq!(store.plugin(id).await.unwrap().draft.service_scopes, scopes(&SERVICE_SCOPES));
}
