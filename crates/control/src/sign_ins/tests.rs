//! What is noted is written, counted and bounded, whatever fails in between.

use super::*;
use sidegate_model::audit::AuditEntry;
use sidegate_model::role::Role;
use sidegate_model::sealing::Keyring;
use sidegate_model::token::TokenHash;
use sidegate_store::{AuditFilter, NewAdminToken};

async fn store() -> Store {
    Store::open("sqlite::memory:", &Keyring::single([7; 32])).await.unwrap()
}

fn refused(peer: u8, detail: &str) -> Refused {
    let peer = Some(IpAddr::from([192, 0, 2, peer]));
    Refused { peer, who: None, operation: "sign_in", detail: detail.to_owned() }
}

/// Peer, times and time of each entry, oldest first.
async fn entries(store: &Store) -> Vec<(String, u64, UnixMillis)> {
    let page = store.list_audit(&AuditFilter::default(), None, 100).await.unwrap();
    let told = |entry: AuditEntry| {
        (entry.peer.map(|peer| peer.to_string()).unwrap_or_default(), entry.times, entry.at)
    };
    page.entries.into_iter().rev().map(told).collect()
}

fn told(rows: &[(&str, u64, UnixMillis)]) -> Vec<(String, u64, UnixMillis)> {
    rows.iter().map(|(peer, times, at)| ((*peer).to_owned(), *times, *at)).collect()
}

#[tokio::test]
async fn the_same_again_within_a_minute_is_one_entry_however_often_it_is_written() {
    let store = store().await;
    let noted = SignIns::new(store.clone());
    for now in [60_001, 60_002, 60_003] {
        noted.refused(refused(1, "wrong"), now);
        noted.write().await.unwrap();
    }
    noted.refused(refused(2, "wrong"), 60_004);
    noted.refused(refused(1, "expired"), 60_005);
    noted.write().await.unwrap();
    let mut written = entries(&store).await;
    written.sort();
    let expected = [("192.0.2.1", 1, 60_005), ("192.0.2.1", 3, 60_001), ("192.0.2.2", 1, 60_004)];
    assert_eq!(written, told(&expected));
    // The last of a minute, written after the next has begun.
    noted.refused(refused(1, "wrong"), 119_999);
    noted.refused(refused(1, "wrong"), 120_000);
    noted.refused(refused(1, "wrong"), 120_001);
    noted.write().await.unwrap();
    let mut written = entries(&store).await;
    written.sort();
    let expected = [
        ("192.0.2.1", 1, 60_005),
        ("192.0.2.1", 2, 120_000),
        ("192.0.2.1", 4, 60_001),
        ("192.0.2.2", 1, 60_004),
    ];
    assert_eq!(written, told(&expected));
}

#[tokio::test]
async fn a_flood_from_everywhere_is_a_few_entries_a_minute_and_all_of_it_is_counted() {
    let store = store().await;
    let noted = SignIns::new(store.clone());
    for minute in 1..=2 {
        for number in 0..10_000_u64 {
            let peer = u8::try_from(number % 250).unwrap();
            noted.refused(refused(peer, "wrong"), minute * MINUTE + 5);
            if number % 3000 == 0 {
                noted.write().await.unwrap();
            }
        }
    }
    noted.write().await.unwrap();
    let entries = entries(&store).await;
    assert_eq!(entries.len(), 2 * (MAX_A_MINUTE + 1));
    assert_eq!(entries.iter().map(|(_, times, _)| times).sum::<u64>(), 20_000);
    assert_eq!(entries.iter().filter(|(peer, ..)| peer.is_empty()).count(), 2);
}

#[tokio::test]
async fn what_cannot_be_written_is_bounded_and_written_the_next_time() {
    let (good, closed) = (store().await, store().await);
    let new = NewAdminToken {
        name: "jane".to_owned(),
        hash: TokenHash::of("a"),
        hint: String::new(),
        role: Role::Viewer,
        expires_at: None,
    };
    let id = good.create_admin_token(&new).await.unwrap().id;
    let noted = SignIns::new(good.clone());
    closed.close().await;
    let failing = SignIns { store: closed, ..noted.clone() };
    let mut total = 0;
    for minute in 1..=50 {
        for peer in 0..100 {
            noted.refused(refused(peer, "wrong"), minute * MINUTE);
            total += 1;
        }
        noted.used(id, None, minute * MINUTE);
        failing.write().await.unwrap_err();
        let held = {
            let noted = noted.noted();
            noted.late.len() + noted.refusals.len()
        };
        assert!(held <= 2 * (MAX_A_MINUTE + 1), "{held}");
    }
    noted.write().await.unwrap();
    noted.write().await.unwrap();
    let written = entries(&good).await;
    let of_refusals = written.iter().filter(|(_, _, at)| *at <= 50 * MINUTE);
    assert_eq!(of_refusals.map(|(_, times, _)| times).sum::<u64>(), total);
    assert_eq!(good.admin_token(id).await.unwrap().last_used_at, Some(50 * MINUTE));
}

#[tokio::test]
async fn uses_within_a_minute_are_one() {
    let store = store().await;
    let noted = SignIns::new(store);
    let id = AdminTokenId(1);
    noted.used(id, Some(60_000), 119_999);
    assert!(noted.noted().uses.is_empty());
    noted.used(id, Some(60_000), 120_000);
    assert_eq!(noted.noted().uses.admin_tokens, BTreeMap::from([(id, 120_000)]));
}
