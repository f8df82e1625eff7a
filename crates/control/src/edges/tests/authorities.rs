//! One authority takes the place of another, step by step, each at its time and not before.

use super::store;
use crate::edges::authorities::Authorities;
use sidegate_enrolment::{AuthoritySet, AuthorityState, GRACE, KeyDigest};
use sidegate_model::UnixMillis;
use sidegate_store::{KeyPurpose, KeyState, Store};

/// Which authorities there are for a process that has just read them.
async fn states(authorities: &Authorities) -> Vec<(AuthorityState, KeyDigest)> {
    authorities.refresh().await.unwrap();
    let set: &AuthoritySet = &authorities.current();
    set.states().map(|(state, one)| (state, one.certificate().key())).collect()
}

fn key(states: &[(AuthorityState, KeyDigest)], wanted: AuthorityState) -> Option<KeyDigest> {
    states.iter().find(|(state, _)| *state == wanted).map(|(_, key)| *key)
}

/// When the authority that leaves was replaced.
async fn retired_at(store: &Store) -> UnixMillis {
    let keys = store.fleet_keys(KeyPurpose::Authority).await.unwrap();
    let leaving = keys.into_iter().find(|key| key.state == KeyState::Previous).unwrap();
    leaving.retired_at.unwrap()
}

#[tokio::test]
async fn another_authority_is_known_for_a_minute_before_it_issues_and_the_old_one_for_a_grace_after()
 {
    use AuthorityState::{Announced, Issuing, Leaving};
    let store = store().await;
    let authorities = Authorities::of(store.clone()).await.unwrap();
    // Another process of the control plane, which finds out by what is stored.
    let elsewhere = Authorities::of(store.clone()).await.unwrap();
    let old = authorities.current().issuing().certificate().key();

    let announced = authorities.announce(&store).await.unwrap();
    let next = states(&elsewhere).await;
    let new = key(&next, Announced).expect("all processes know it");
    assert_eq!((key(&next, Issuing), new.to_string()), (Some(old), announced.key.clone()));
    assert_eq!(elsewhere.current().certificates().len(), 2, "edges are told of both");
    // Asked for once more while it waits, it is the same one.
    assert_eq!(authorities.announce(&store).await.unwrap(), announced);

    authorities.rotate(announced.issues_from - 1).await.unwrap();
    assert_eq!(states(&elsewhere).await, next, "a process or an edge may not know it yet");
    authorities.rotate(announced.issues_from).await.unwrap();
    let switched = states(&elsewhere).await;
    assert_eq!(key(&switched, Issuing), Some(new));
    assert_eq!(key(&switched, Leaving), Some(old), "certificates of it still count");
    assert_eq!(elsewhere.current().certificates().len(), 2);

    let grace = UnixMillis::try_from(GRACE.as_millis()).unwrap();
    let over = retired_at(&store).await + grace;
    authorities.rotate(over - 1).await.unwrap();
    assert_eq!(states(&elsewhere).await, switched, "somebody may still have one of its");
    authorities.rotate(over).await.unwrap();
    assert_eq!(states(&elsewhere).await, [(Issuing, new)]);
    // From then on nothing is due.
    authorities.rotate(over + 10 * grace).await.unwrap();
    assert_eq!(states(&authorities).await, [(Issuing, new)]);
}

#[tokio::test]
async fn an_authority_that_follows_soon_waits_for_its_own_minute() {
    let store = store().await;
    let authorities = Authorities::of(store.clone()).await.unwrap();
    let first = authorities.announce(&store).await.unwrap();
    authorities.rotate(first.issues_from).await.unwrap();
    authorities.refresh().await.unwrap();
    let second = authorities.announce(&store).await.unwrap();
    assert_ne!(second.key, first.key);
    authorities.rotate(second.issues_from - 1).await.unwrap();
    let known = states(&authorities).await;
    assert_eq!(key(&known, AuthorityState::Issuing).unwrap().to_string(), first.key);
    authorities.rotate(second.issues_from).await.unwrap();
    let known = states(&authorities).await;
    assert_eq!(key(&known, AuthorityState::Issuing).unwrap().to_string(), second.key);
    let leaving = known.iter().filter(|(state, _)| *state == AuthorityState::Leaving);
    assert_eq!(leaving.count(), 2, "each leaves in its own time");
}
