//! The promises about what plugins keep under conditions, take and list. See the parent for where they run.

use super::kv::{Keeper, entry, saved_plugin};
use sidegate_model::kv::{
    Condition, Kept, KvError, KvPage, KvRange, MAX_KEY_BYTES, MAX_PAGE_BYTES, NewEntry, Version,
    Written,
};
use sidegate_model::plugin::PluginId;
use tokio::task::JoinSet;

const FOR_EVER: Option<i64> = None;

async fn write_if(
    store: &impl Keeper,
    id: PluginId,
    new: NewEntry<'_>,
    condition: Condition<'_>,
) -> Written {
    store.write_if(id, new, condition).await.unwrap()
}

pub(super) async fn a_value_is_written_only_where_its_condition_holds(store: &impl Keeper) {
    let id = saved_plugin(store, "p").await;
    let (one, two) = (entry("k", b"1", FOR_EVER), entry("k", b"2", FOR_EVER));
    let (first, second) = (Version::of(b"1", FOR_EVER), Version::of(b"2", FOR_EVER));
    let absent = Written::Refused { there: None };
    assert_eq!(write_if(store, id, one, Condition::Version(first)).await, absent);
    assert_eq!(write_if(store, id, one, Condition::Value(b"")).await, absent);
    assert_eq!(store.read(id, "k").await, Ok(None), "nothing was written");
    let (new, replaced) = (Written::Kept { is_new: true }, Written::Kept { is_new: false });
    assert_eq!(write_if(store, id, one, Condition::Absent).await, new);
    let there = Written::Refused { there: Some(first) };
    assert_eq!(write_if(store, id, two, Condition::Absent).await, there);
    assert_eq!(write_if(store, id, two, Condition::Version(second)).await, there);
    assert_eq!(write_if(store, id, two, Condition::Value(b"2")).await, there);
    assert_eq!(store.read(id, "k").await, Ok(Some(b"1".to_vec())), "nothing was written");
    assert_eq!(write_if(store, id, two, Condition::Version(first)).await, replaced);
    assert_eq!(write_if(store, id, one, Condition::Value(b"2")).await, replaced);
    assert_eq!(write_if(store, id, two, Condition::None).await, replaced);
    let kept = Kept { value: b"2".to_vec(), expires_at: None };
    assert_eq!(store.find(id, "k").await, Ok(Some(kept)));
}

pub(super) async fn what_has_expired_is_neither_compared_nor_taken_nor_listed(store: &impl Keeper) {
    let id = saved_plugin(store, "p").await;
    let entries = store.entries();
    let write = async |new, condition, now| entries.write_if(id, new, condition, || now).await;
    let short = entry("k", b"1", Some(1000));
    assert_eq!(write(short, Condition::Absent, 1).await, Ok(Written::Kept { is_new: true }));
    let version = Version::of(b"1", Some(1000));
    let there = Ok(Written::Refused { there: Some(version) });
    assert_eq!(write(short, Condition::Absent, 999).await, there);
    let gone = Ok(Written::Refused { there: None });
    assert_eq!(write(short, Condition::Version(version), 1000).await, gone);
    assert_eq!(write(short, Condition::Value(b"1"), 1000).await, gone);
    let range = KvRange { prefix: "", after: "", size: 10, with_values: false };
    assert_eq!(entries.list(id, range, 999).await.unwrap().entries.len(), 1);
    assert_eq!(entries.list(id, range, 1000).await, Ok(KvPage::default()));
    assert_eq!(entries.find(id, "k", 1000).await, Ok(None));
    assert_eq!(entries.take(id, "k", Condition::None, || 1000).await, Ok(None));
    let longer = entry("k", b"1", Some(2000));
    assert_eq!(write(longer, Condition::Absent, 1000).await, Ok(Written::Kept { is_new: true }));
    let kept = Kept { value: b"1".to_vec(), expires_at: Some(2000) };
    let other = Condition::Version(version);
    assert_eq!(entries.take(id, "k", other, || 1500).await, Ok(None), "another end");
    assert_eq!(entries.take(id, "k", Condition::None, || 1500).await, Ok(Some(kept)));
    assert_eq!(store.read(id, "k").await, Ok(None));
}

pub(super) async fn of_ten_who_take_an_entry_at_once_one_gets_it(store: &impl Keeper) {
    let id = saved_plugin(store, "p").await;
    for round in 0..5_u8 {
        assert_eq!(store.write(id, "code", &[round], None).await, Ok(true));
        let mut racers = JoinSet::new();
        for _ in 0..10 {
            let store = store.clone();
            racers.spawn(async move { store.take(id, "code", Condition::None).await.unwrap() });
        }
        let taken: Vec<_> = racers.join_all().await.into_iter().flatten().collect();
        assert_eq!(taken, [Kept { value: vec![round], expires_at: None }]);
    }
}

pub(super) async fn of_ten_who_create_an_entry_at_once_one_does(store: &impl Keeper) {
    let id = saved_plugin(store, "p").await;
    for round in 0..5 {
        let mut racers = JoinSet::new();
        for racer in 0..10_u8 {
            let store = store.clone();
            racers.spawn(async move {
                let (key, value) = (format!("lock/{round}"), [racer]);
                let written =
                    store.write_if(id, entry(&key, &value, FOR_EVER), Condition::Absent).await;
                (written == Ok(Written::Kept { is_new: true })).then_some(racer)
            });
        }
        let winners: Vec<_> = racers.join_all().await.into_iter().flatten().collect();
        let there = store.read(id, &format!("lock/{round}")).await.unwrap().unwrap();
        assert_eq!(winners, there, "whoever was told so has written it");
    }
}

pub(super) async fn counting_by_versions_loses_nothing(store: &impl Keeper) {
    let id = saved_plugin(store, "p").await;
    store.write(id, "count", b"0", None).await.unwrap();
    let mut counters = JoinSet::new();
    for _ in 0..6 {
        let store = store.clone();
        counters.spawn(async move {
            for _ in 0..8 {
                loop {
                    let kept = store.find(id, "count").await.unwrap().unwrap();
                    let number: u32 = std::str::from_utf8(&kept.value).unwrap().parse().unwrap();
                    let next = (number + 1).to_string();
                    let new = entry("count", next.as_bytes(), FOR_EVER);
                    let condition = Condition::Version(kept.version());
                    if let Written::Kept { .. } = store.write_if(id, new, condition).await.unwrap()
                    {
                        break;
                    }
                }
            }
        });
    }
    counters.join_all().await;
    assert_eq!(store.read(id, "count").await, Ok(Some(b"48".to_vec())));
}

/// Every page from the first to the last, with what is to be done before each.
async fn paged(
    store: &impl Keeper,
    id: PluginId,
    prefix: &str,
    mut before: impl AsyncFnMut(usize),
) -> Vec<String> {
    let (mut keys, mut after, mut number) = (Vec::new(), String::new(), 0);
    loop {
        before(number).await;
        number += 1;
        let range = KvRange { prefix, after: &after, size: 7, with_values: number % 2 == 0 };
        let page = store.list(id, range).await.unwrap();
        keys.extend(page.entries.into_iter().map(|entry| entry.key));
        match (page.has_more, keys.last()) {
            (true, Some(last)) => after.clone_from(last),
            _ => return keys,
        }
    }
}

pub(super) async fn a_key_that_stays_is_listed_once_whatever_is_written_between_pages(
    store: &impl Keeper,
) {
    let id = saved_plugin(store, "p").await;
    let other = saved_plugin(store, "o").await;
    let stays = |i: u32| format!("s/{i:02}");
    for i in 0..30 {
        store.write(id, &stays(i), b"v", None).await.unwrap();
        store.write(id, &format!("{}-goes", stays(i)), b"v", None).await.unwrap();
        store.write(other, &format!("{}-other", stays(i)), b"v", None).await.unwrap();
    }
    for key in ["r", "s", "s0", "t", "s0/01"] {
        store.write(id, key, b"v", None).await.unwrap();
    }
    let keys = paged(store, id, "s/", async |number| {
        for i in 0..30 {
            store.write(id, &stays(i), &[u8::try_from(number).unwrap()], None).await.unwrap();
            if i % 3 == 0 {
                store.delete(id, &format!("{}-goes", stays(i))).await.unwrap();
                store.write(id, &format!("{}-comes{number}", stays(i)), b"v", None).await.unwrap();
            }
        }
    })
    .await;
    assert!(keys.is_sorted_by(|a, b| a < b), "each once, in order: {keys:?}");
    assert!(keys.iter().all(|key| key.starts_with("s/")), "{keys:?}");
    for i in 0..30 {
        assert!(keys.contains(&stays(i)), "{i}: {keys:?}");
    }
}

pub(super) async fn a_page_is_bounded_by_its_size_and_by_the_bytes_of_its_values(
    store: &impl Keeper,
) {
    let id = saved_plugin(store, "p").await;
    let large = vec![7; MAX_PAGE_BYTES / 2];
    for key in ["a", "b", "c", "ü", "\u{10ffff}"] {
        store.write(id, key, &large, None).await.unwrap();
    }
    let list = async |after, size, with_values| {
        let range = KvRange { prefix: "", after, size, with_values };
        let page = store.list(id, range).await.unwrap();
        let keys: Vec<_> = page.entries.iter().map(|entry| entry.key.clone()).collect();
        let has_values = page.entries.iter().all(|e| e.value.is_some() == with_values);
        assert!(has_values, "{with_values}");
        (keys.join(""), page.has_more)
    };
    assert_eq!(list("", 9, false).await, ("abcü\u{10ffff}".to_owned(), false));
    assert_eq!(list("", 2, false).await, ("ab".to_owned(), true));
    assert_eq!(list("", 9, true).await, ("ab".to_owned(), true));
    assert_eq!(list("b", 9, true).await, ("cü".to_owned(), true));
    assert_eq!(list("ü", 9, true).await, ("\u{10ffff}".to_owned(), false));
    let prefix = "k".repeat(MAX_KEY_BYTES + 1);
    let range = KvRange { prefix: &prefix, after: "", size: 1, with_values: false };
    assert_eq!(store.list(id, range).await, Err(KvError::Key(prefix.len())));
}
