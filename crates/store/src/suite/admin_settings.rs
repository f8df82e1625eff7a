//! What is left to admins. See the parent for all other promises.

use crate::damage::damage_admin_settings;
use crate::{Store, StoreError};
use sidegate_model::plugin::PluginId;
use std::collections::{BTreeMap, BTreeSet};

pub(super) async fn what_is_left_to_admins_is_kept_as_it_was_told_last(store: &Store) {
    let revision = store.revision().await.unwrap();
    let paths = |texts: &[&str]| -> BTreeSet<_> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    };
    let kept = async |id| store.view().admin_settings(PluginId(id)).await.unwrap();
    assert_eq!(kept(1).await, None);
    let told =
        BTreeMap::from([(PluginId(1), paths(&["limit", "db.*.dsn"])), (PluginId(2), paths(&[]))]);
    store.keep_admin_settings(&told).await.unwrap();
    assert_eq!(kept(1).await, Some(paths(&["limit", "db.*.dsn"])));
    assert_eq!(kept(2).await, Some(paths(&[])));
    store.keep_admin_settings(&BTreeMap::from([(PluginId(1), paths(&["other"]))])).await.unwrap();
    assert_eq!(kept(1).await, Some(paths(&["other"])));
    assert_eq!(store.revision().await.unwrap(), revision);
}

pub(super) async fn what_is_left_to_admins_and_cannot_be_read_is_told_by_its_plugin(store: &Store) {
    let paths = |text: &str| BTreeSet::from([text.parse().unwrap()]);
    let told = BTreeMap::from([(PluginId(7), paths("limit")), (PluginId(8), paths("limit"))]);
    store.keep_admin_settings(&told).await.unwrap();
    damage_admin_settings(store, PluginId(8)).await.unwrap();
    let error = store.view().admin_settings(PluginId(8)).await.unwrap_err();
    assert!(matches!(error, StoreError::Damaged { id: 8, .. }), "{error:?}");
    assert!(error.to_string().contains("plugin 8 is damaged"), "{error}");
    assert_eq!(store.view().admin_settings(PluginId(7)).await.unwrap(), Some(paths("limit")));
    store.keep_admin_settings(&BTreeMap::from([(PluginId(8), paths("other"))])).await.unwrap();
    assert_eq!(store.view().admin_settings(PluginId(8)).await.unwrap(), Some(paths("other")));
}
