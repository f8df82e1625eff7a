//! The promises about what plugins keep. See the parent for where they run.

use super::plugin;
use crate::kv::{Entries, stored};
use crate::sql::params;
use crate::{EdgeStore, Precondition, Store};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;
use sidegate_model::UnixMillis;
use sidegate_model::kv::{
    Condition, Kept, Kv, KvError, KvRange, MAX_KEY_BYTES, MAX_KEYS, MAX_TOTAL_BYTES,
    MAX_VALUE_BYTES, NewEntry, Version, Written,
};
use sidegate_model::plugin::PluginId;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// A database in which plugins keep something.
pub(super) trait Keeper: Kv + Clone {
    fn entries(&self) -> Entries<'_>;
    async fn saved_plugin(&self, name: &str) -> PluginId;
}

impl Keeper for Store {
    fn entries(&self) -> Entries<'_> {
        self.entries()
    }

    async fn saved_plugin(&self, name: &str) -> PluginId {
        self.create_plugin(&plugin(name, None)).await.unwrap().value.id
    }
}

impl Keeper for EdgeStore {
    fn entries(&self) -> Entries<'_> {
        self.entries()
    }

    /// Plugins need not be saved here.
    async fn saved_plugin(&self, _: &str) -> PluginId {
        static LAST: AtomicU32 = AtomicU32::new(0);
        PluginId(LAST.fetch_add(1, Ordering::Relaxed) + 1)
    }
}

pub(super) async fn saved_plugin(store: &impl Keeper, name: &str) -> PluginId {
    store.saved_plugin(name).await
}

pub(super) fn entry<'a>(
    key: &'a str,
    value: &'a [u8],
    expires_at: Option<UnixMillis>,
) -> NewEntry<'a> {
    NewEntry { key, value, expires_at }
}

/// How many rows there are, expired ones too.
async fn rows(store: &impl Keeper) -> i64 {
    let sql = "SELECT count(*) AS total FROM plugin_kv";
    let row = store
        .entries()
        .backend
        .begin_read()
        .await
        .unwrap()
        .first(sql, params![])
        .await
        .unwrap()
        .unwrap();
    row.of("entry").get("total").unwrap()
}

/// Puts in many small entries at once, as nobody else may.
async fn fill(store: &impl Keeper, plugin: PluginId, keys: usize, expires_at: Option<UnixMillis>) {
    // An edge knows a plugin by what it keeps.
    store.write(plugin, "first", b"", None).await.unwrap();
    store.delete(plugin, "first").await.unwrap();
    let mut tx = store.entries().backend.begin_write().await.unwrap();
    for i in 0..keys {
        let sql = "INSERT INTO plugin_kv (plugin_id, key, bytes, expires_at, updated_at, value) \
             VALUES ($1, $2, 6, $3, 0, 'v')";
        let key = format!("{i:05}");
        tx.all(sql, params![plugin.0, stored(&key), expires_at]).await.unwrap();
    }
    tx.commit().await.unwrap();
}

pub(super) async fn a_value_is_kept_replaced_and_removed(store: &impl Keeper) {
    let id = saved_plugin(store, "p").await;
    for key in ["visits", "ü/\u{0}%_' ", &"k".repeat(MAX_KEY_BYTES)] {
        assert_eq!(store.read(id, key).await, Ok(None));
        assert_eq!(store.write(id, key, b"1", None).await, Ok(true));
        assert_eq!(store.write(id, key, b"\0\xff2", None).await, Ok(false));
        assert_eq!(store.read(id, key).await, Ok(Some(b"\0\xff2".to_vec())));
        assert_eq!(store.write(id, key, b"", None).await, Ok(false));
        assert_eq!(store.read(id, key).await, Ok(Some(Vec::new())));
        assert_eq!(store.delete(id, key).await, Ok(true));
        assert_eq!(store.delete(id, key).await, Ok(false));
        assert_eq!(store.read(id, key).await, Ok(None));
    }
}

pub(super) async fn two_plugins_with_the_same_key_never_meet(store: &impl Keeper) {
    let (a, b) = (saved_plugin(store, "a").await, saved_plugin(store, "b").await);
    assert_eq!(store.write(a, "key", b"of a", None).await, Ok(true));
    assert_eq!(store.write(b, "key", b"of b", None).await, Ok(true));
    assert_eq!(store.read(a, "key").await, Ok(Some(b"of a".to_vec())));
    assert_eq!(store.delete(a, "key").await, Ok(true));
    assert_eq!(store.read(b, "key").await, Ok(Some(b"of b".to_vec())));
}

pub(super) async fn an_entry_that_has_expired_is_absent_and_makes_room(store: &impl Keeper) {
    let id = saved_plugin(store, "p").await;
    assert_eq!(store.entries().write_entry(id, entry("k", b"1", Some(1000)), 1).await, Ok(true));
    assert!(store.entries().read_entry(id, "k", 999).await.unwrap().is_some());
    assert!(store.entries().read_entry(id, "k", 1000).await.unwrap().is_none());
    assert_eq!(store.entries().write_entry(id, entry("k", b"2", Some(2000)), 1500).await, Ok(true));
    assert!(!store.entries().delete_entry(id, "k", 2000).await.unwrap());
    // An expiry can be taken back and given.
    store.entries().write_entry(id, entry("k", b"3", Some(3000)), 1).await.unwrap();
    assert_eq!(store.entries().write_entry(id, entry("k", b"3", None), 2999).await, Ok(false));
    assert!(store.entries().read_entry(id, "k", 9000).await.unwrap().is_some());
    // The clock of the machine counts where nobody gives another.
    assert_eq!(store.write(id, "past", b"1", Some(1)).await, Ok(true));
    assert_eq!(store.read(id, "past").await, Ok(None));
    assert_eq!(store.write(id, "future", b"1", Some(i64::MAX)).await, Ok(true));
    assert_eq!(store.read(id, "future").await, Ok(Some(b"1".to_vec())));
}

pub(super) async fn a_write_removes_what_has_expired_a_little_at_a_time(store: &impl Keeper) {
    let (id, other) = (saved_plugin(store, "p").await, saved_plugin(store, "o").await);
    fill(store, id, 250, Some(1000)).await;
    fill(store, other, 10, Some(1000)).await;
    for left in [150, 50, 0, 0] {
        store.entries().write_entry(id, entry("k", b"1", None), 1000).await.unwrap();
        assert_eq!(rows(store).await, left + 10 + 1);
    }
}

pub(super) async fn whatever_expires_is_removed_in_bounded_steps(store: &impl Keeper) {
    let (a, b) = (saved_plugin(store, "a").await, saved_plugin(store, "b").await);
    fill(store, a, 5, Some(1000)).await;
    fill(store, b, 4, Some(2000)).await;
    store.entries().write_entry(b, entry("stays", b"1", None), 1).await.unwrap();
    assert_eq!(store.entries().remove_expired(999, 4).await.unwrap(), 0);
    assert_eq!(store.entries().remove_expired(1000, 4).await.unwrap(), 4);
    assert_eq!(store.entries().remove_expired(1000, 4).await.unwrap(), 1);
    assert_eq!(store.entries().remove_expired(i64::MAX, 10).await.unwrap(), 4);
    assert_eq!(rows(store).await, 1);
}

pub(super) async fn a_key_or_a_value_that_breaks_the_rule_is_refused(store: &impl Keeper) {
    let id = saved_plugin(store, "p").await;
    let long = "k".repeat(MAX_KEY_BYTES + 1);
    let large = vec![0; MAX_VALUE_BYTES + 1];
    for key in ["", &long] {
        let refused = KvError::Key(key.len());
        assert_eq!(store.read(id, key).await, Err(refused.clone()));
        assert_eq!(store.write(id, key, b"", None).await, Err(refused.clone()));
        assert_eq!(store.delete(id, key).await, Err(refused));
    }
    assert_eq!(store.write(id, "k", &large, None).await, Err(KvError::Value(large.len())));
    assert_eq!(rows(store).await, 0);
}

pub(super) async fn ten_thousand_keys_are_the_most(store: &impl Keeper) {
    let (id, other) = (saved_plugin(store, "p").await, saved_plugin(store, "o").await);
    fill(store, id, MAX_KEYS - 1, None).await;
    store.entries().write_entry(id, entry("expires", b"1", Some(1000)), 1).await.unwrap();
    let one_more = entry("one more", b"1", None);
    assert_eq!(store.entries().write_entry(id, one_more, 999).await, Err(KvError::Full));
    assert_eq!(store.entries().read_entry(id, "one more", 999).await.unwrap(), None);
    assert_eq!(store.write(other, "o", b"1", None).await, Ok(true), "each has limits of its own");
    assert_eq!(
        store.entries().write_entry(id, entry("00000", b"longer", None), 999).await,
        Ok(false)
    );
    assert_eq!(
        store.entries().write_entry(id, one_more, 1000).await,
        Ok(true),
        "expired ones do not count"
    );
    assert_eq!(store.write(id, "yet one more", b"1", None).await, Err(KvError::Full));
    assert_eq!(store.delete(id, "00001").await, Ok(true));
    assert_eq!(store.write(id, "yet one more", b"1", None).await, Ok(true));

    let begin = Instant::now();
    for _ in 0..20 {
        assert_eq!(store.write(id, "never", b"1", None).await, Err(KvError::Full));
    }
    let each = begin.elapsed() / 20;
    assert!(each < Duration::from_millis(100), "a full storage is counted slowly: {each:?}");
}

pub(super) async fn all_bytes_together_are_limited(store: &impl Keeper) {
    let id = saved_plugin(store, "p").await;
    let value = vec![7; MAX_VALUE_BYTES];
    let fitting = MAX_TOTAL_BYTES / (MAX_VALUE_BYTES + 2);
    for i in 0..fitting {
        let key = format!("{i:02}");
        let entry = entry(&key, &value, (i == 0).then_some(1000));
        assert_eq!(store.entries().write_entry(id, entry, 1).await, Ok(true));
    }
    let rest = MAX_TOTAL_BYTES - fitting * (MAX_VALUE_BYTES + 2);
    let last = entry("last", &value[..rest - 4], None);
    assert_eq!(store.entries().write_entry(id, last, 1).await, Ok(true), "exactly full");
    let more = entry("last", &value[..rest - 3], None);
    assert_eq!(store.entries().write_entry(id, more, 1).await, Err(KvError::Full));
    assert_eq!(store.entries().write_entry(id, entry("n", b"", None), 1).await, Err(KvError::Full));
    let kept = store.entries().read_entry(id, "last", 1).await.unwrap().unwrap();
    assert_eq!(kept.len(), rest - 4, "a refused value leaves the one before");
    let less = entry("01", &value[1..], None);
    assert_eq!(
        store.entries().write_entry(id, less, 1).await,
        Ok(false),
        "a smaller value always fits"
    );
    let much = entry("much", &value[..1000], None);
    assert_eq!(store.entries().write_entry(id, much, 999).await, Err(KvError::Full));
    assert_eq!(store.entries().write_entry(id, much, 1000).await, Ok(true), "one has expired");
}

pub(super) async fn entries_go_with_their_plugin_and_cannot_come_back(store: &Store) {
    let id = saved_plugin(store, "p").await;
    let stays = saved_plugin(store, "q").await;
    for id in [id, stays] {
        store.write(id, "k", b"1", None).await.unwrap();
    }
    store.delete_plugin(id, &Precondition::None).await.unwrap();
    assert_eq!(rows(store).await, 1);
    assert_eq!(store.read(id, "k").await, Ok(None));
    let refused = store.write(id, "k", b"1", None).await.unwrap_err();
    assert_eq!(refused, KvError::Unavailable("plugin 1 does not exist".to_owned()));
    assert_eq!(store.delete(id, "k").await, Ok(false));
    assert_eq!(store.read(stays, "k").await, Ok(Some(b"1".to_vec())));
}

pub(super) async fn keeping_entries_leaves_the_revision_alone(store: &Store) {
    let id = saved_plugin(store, "p").await;
    store.write(id, "k", b"1", Some(1)).await.unwrap();
    store.write(id, "k", b"2", None).await.unwrap();
    store.delete(id, "k").await.unwrap();
    store.remove_expired_entries(i64::MAX, 10).await.unwrap();
    assert_eq!(store.revision().await.unwrap(), 1);
}

pub(super) async fn writers_at_the_same_time_lose_no_key_and_one_of_them_is_last(
    store: &impl Keeper,
) {
    let id = saved_plugin(store, "p").await;
    let mut writers = JoinSet::new();
    for writer in 0..8_u8 {
        let store = store.clone();
        writers.spawn(async move {
            let mut new = 0;
            for round in 0..6_u8 {
                let own = format!("{writer}/{round}");
                assert_eq!(store.write(id, &own, &[writer], None).await, Ok(true));
                new += u32::from(store.write(id, "shared", &[writer, round], None).await.unwrap());
            }
            new
        });
    }
    assert_eq!(writers.join_all().await.iter().sum::<u32>(), 1, "one of them made the shared key");
    let last = store.read(id, "shared").await.unwrap().unwrap();
    assert!(matches!(last[..], [0..8, 5]), "the last value of one of them: {last:?}");
    assert_eq!(rows(store).await, 8 * 6 + 1);
}

#[derive(Debug, Clone)]
enum Deed {
    Write(String, Vec<u8>, Option<UnixMillis>),
    /// Where what is there was like this: nothing, that value, or that version.
    WriteIf(String, Vec<u8>, Option<UnixMillis>, Wanted),
    Read(String),
    Take(String),
    Delete(String),
    List(String, u32),
    Sweep,
}

#[derive(Debug, Clone)]
enum Wanted {
    Nothing,
    Value(Vec<u8>),
    Version(Vec<u8>, Option<UnixMillis>),
}

impl Wanted {
    fn condition(&self) -> Condition<'_> {
        match self {
            Self::Nothing => Condition::Absent,
            Self::Value(value) => Condition::Value(value),
            Self::Version(value, end) => Condition::Version(Version::of(value, *end)),
        }
    }
}

/// Few keys, and expiries around the time of the deeds, so that they meet.
fn deeds() -> impl Strategy<Value = Vec<(u32, Deed)>> {
    let key = || "[a-c]{1,2}";
    // Few values, so that conditions hold now and then.
    let value = || prop::collection::vec(0..2_u8, 0..2);
    let end = || prop::option::of((0..6_i64).prop_map(|end| end * 10));
    let wanted = prop_oneof![
        Just(Wanted::Nothing),
        value().prop_map(Wanted::Value),
        (value(), end()).prop_map(|(value, end)| Wanted::Version(value, end)),
    ];
    let deed = prop_oneof![
        3 => (key(), value(), end()).prop_map(|(k, v, e)| Deed::Write(k, v, e)),
        4 => (key(), value(), end(), wanted).prop_map(|(k, v, e, w)| Deed::WriteIf(k, v, e, w)),
        3 => key().prop_map(Deed::Read),
        2 => key().prop_map(Deed::Take),
        1 => key().prop_map(Deed::Delete),
        2 => ("[a-c]{0,2}", 1..4_u32).prop_map(|(prefix, size)| Deed::List(prefix, size)),
        1 => Just(Deed::Sweep),
    ];
    prop::collection::vec((1..3_u32, deed), 80)
}

/// What should be there: by plugin and key, values with their ends.
type Expected = BTreeMap<(PluginId, String), Kept>;

pub(super) async fn whatever_is_done_it_behaves_like_a_map(store: &impl Keeper) {
    let mut runner = TestRunner::deterministic();
    for round in 0..6 {
        let ids = [
            saved_plugin(store, &format!("a{round}")).await,
            saved_plugin(store, &format!("b{round}")).await,
        ];
        let mut map = Expected::new();
        let deeds = deeds().new_tree(&mut runner).unwrap().current();
        for (now, (plugin, deed)) in (0_i64..).zip(deeds) {
            map.retain(|_, kept| kept.expires_at.is_none_or(|at| at > now));
            match deed {
                Deed::Sweep => {
                    store.entries().remove_expired(now, 100).await.unwrap();
                    let alive =
                        map.values().filter(|kept| kept.expires_at.is_none_or(|at| at > now));
                    assert_eq!(rows(store).await, i64::try_from(alive.count()).unwrap());
                }
                deed => done(store, &mut map, (ids[plugin as usize - 1], now), deed).await,
            }
        }
        for id in ids {
            for (owner, key) in map.keys() {
                if *owner == id {
                    store.delete(id, key).await.unwrap();
                }
            }
            store.entries().remove_expired(i64::MAX, 1000).await.unwrap();
        }
    }
}

/// Does the same to both, and looks whether it comes to the same.
async fn done(
    store: &impl Keeper,
    map: &mut Expected,
    (id, now): (PluginId, UnixMillis),
    deed: Deed,
) {
    let entries = store.entries();
    match deed {
        Deed::Write(key, value, expires_at) => {
            let written = entries.write_entry(id, entry(&key, &value, expires_at), now).await;
            let before = map.insert((id, key), Kept { value, expires_at });
            assert_eq!(written, Ok(before.is_none()));
        }
        Deed::WriteIf(key, value, expires_at, wanted) => {
            let (new, condition) = (entry(&key, &value, expires_at), wanted.condition());
            let written = entries.write_if(id, new, condition, || now).await;
            let there = map.get(&(id, key.clone()));
            if condition.holds(there) {
                assert_eq!(written, Ok(Written::Kept { is_new: there.is_none() }));
                map.insert((id, key), Kept { value, expires_at });
            } else {
                let there = there.map(Kept::version);
                assert_eq!(written, Ok(Written::Refused { there }));
            }
        }
        Deed::Read(key) => {
            let there = map.get(&(id, key.clone()));
            let read = entries.read_entry(id, &key, now).await.unwrap();
            assert_eq!(read.as_ref(), there.map(|kept| &kept.value));
            assert_eq!(entries.find(id, &key, now).await.unwrap().as_ref(), there);
        }
        Deed::Take(key) => {
            let taken = entries.take(id, &key, Condition::None, || now).await.unwrap();
            assert_eq!(taken, map.remove(&(id, key)));
        }
        Deed::Delete(key) => {
            let deleted = entries.delete_entry(id, &key, now).await.unwrap();
            assert_eq!(deleted, map.remove(&(id, key)).is_some());
        }
        Deed::List(prefix, size) => {
            let range = KvRange { prefix: &prefix, after: "", size, with_values: true };
            let page = entries.list(id, range, now).await.unwrap();
            let all =
                map.iter().filter(|((owner, key), _)| *owner == id && key.starts_with(&prefix));
            assert_eq!(page.has_more, all.clone().count() > size as usize);
            let all: Vec<_> = all.take(size as usize).collect();
            assert_eq!(page.entries.len(), all.len());
            for (listed, ((_, key), kept)) in page.entries.iter().zip(all) {
                assert_eq!((&listed.key, listed.expires_at), (key, kept.expires_at));
                assert_eq!(listed.value.as_ref(), Some(&kept.value));
                assert_eq!(listed.value_bytes, kept.value.len() as u64);
            }
        }
        Deed::Sweep => unreachable!("it is of no plugin"),
    }
}
