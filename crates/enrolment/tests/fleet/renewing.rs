//! Certificates that end, and edges that are not to come in any more.

use crate::control_plane::ControlPlane;
use crate::edge::{Edge, Site, snapshot};
use crate::eventually::eventually;
use crate::{DAY, DEADLINE, Time};
use sidegate_enrolment::edge::keep_renewed;
use sidegate_sync::server::PeerIdentity;
use tokio::sync::watch;
use tokio::time::timeout;

#[tokio::test]
async fn an_edge_renews_its_certificate_and_dials_by_the_newest() {
    let control = ControlPlane::start(&Time::new()).await;
    let site = Site::new(&control);
    let identity = site.joined(&control, "one").await;
    let first = identity.certificate();
    control.time.pass(DAY / 4 * 3);
    let (stop, stopped) = watch::channel(false);
    let renewing = tokio::spawn(keep_renewed(identity.clone(), site.control.clone(), stopped));
    let is_new = async || (identity.certificate() != first).then_some(());
    eventually("it is renewed", is_new).await;
    stop.send_replace(true);
    renewing.await.unwrap();
    let second = identity.certificate();
    assert_eq!(second.peer, first.peer);
    assert_eq!(second.expires_at, control.time.now() + DAY);
    assert_ne!(second.key, first.key);
    // The first one has ended, and nothing had to be started anew.
    control.time.pass(DAY / 2);
    site.dial(&identity).await.unwrap();
    assert_eq!(site.found(&control).certificate(), second);
}

#[tokio::test]
async fn a_certificate_that_has_ended_is_good_for_its_renewal_and_nothing_else() {
    let control = ControlPlane::start(&Time::new()).await;
    let site = Site::new(&control);
    let identity = site.joined(&control, "one").await;
    control.time.pass(89 * DAY);
    let refused = site.dial(&identity).await.unwrap_err();
    assert!(refused.contains("it is renewed within 90 days"), "{refused}");
    site.renew(&identity).await.unwrap();
    site.dial(&identity).await.unwrap();
}

#[tokio::test]
async fn after_the_grace_a_certificate_is_good_for_nothing() {
    let control = ControlPlane::start(&Time::new()).await;
    let site = Site::new(&control);
    let identity = site.joined(&control, "one").await;
    control.time.pass(92 * DAY);
    let told = site.renew(&identity).await.unwrap_err();
    assert!(told.contains("after that the edge has to join again"), "{told}");
    let refused = site.dial(&identity).await.unwrap_err();
    assert!(refused.contains("has to join again"), "{refused}");
}

#[tokio::test]
async fn a_revoked_edge_is_sent_away_and_neither_syncs_nor_renews_until_it_joins_again() {
    let control = ControlPlane::start(&Time::new()).await;
    control.publish("", 1, &snapshot(1));
    let site = Site::new(&control);
    let identity = site.joined(&control, "one").await;
    let mut edge = Edge::start(&site, &identity);
    edge.serves(1).await;
    control.revoke("one");
    edge.loses_contact("this edge was revoked").await;
    edge.loses_contact("make a join token for it").await;
    edge.stop().await;
    let told = site.renew(&identity).await.unwrap_err();
    assert!(told.contains("this edge was revoked"), "{told}");
    control.time.pass(1);
    let other = Site::new(&control);
    let again = other.joined(&control, "one").await;
    other.dial(&again).await.unwrap();
    let refused = site.dial(&identity).await.unwrap_err();
    assert!(refused.contains("this edge was revoked"), "{refused}");
}

#[tokio::test]
async fn an_edge_that_nobody_knows_any_more_is_told_so() {
    let control = ControlPlane::start(&Time::new()).await;
    let site = Site::new(&control);
    let identity = site.joined(&control, "one").await;
    control.forget("one");
    let refused = site.dial(&identity).await.unwrap_err();
    assert!(refused.contains("knows no edge of this name"), "{refused}");
}

#[tokio::test]
async fn a_trust_bundle_is_on_the_disk_before_anybody_sees_it() {
    let control = ControlPlane::start(&Time::new()).await;
    let site = Site::new(&control);
    let identity = site.joined(&control, "one").await;
    let mut seen = identity.trust();
    let mut bundle = (**seen.borrow_and_update()).clone();
    assert!(!identity.store_bundle(&bundle.encode()).unwrap());
    bundle.version = 9;
    assert!(identity.store_bundle(&bundle.encode()).unwrap());
    assert_eq!(seen.borrow_and_update().version, 9);
    assert_eq!(site.found(&control).trust().borrow().version, 9);
    // What cannot be used changes nothing, nor does a disk that does not take it.
    assert!(identity.store_bundle(b"x").is_err());
    let folder = site.identity_folder();
    std::fs::rename(&folder, folder.with_extension("away")).unwrap();
    bundle.version = 10;
    let refused = identity.store_bundle(&bundle.encode()).unwrap_err().to_string();
    assert!(refused.contains("trust-bundle"), "{refused}");
    assert!(!seen.has_changed().unwrap());
    // The database was restored: the number goes back, and the bundle counts.
    std::fs::rename(folder.with_extension("away"), &folder).unwrap();
    bundle.version = 2;
    assert!(identity.store_bundle(&bundle.encode()).unwrap());
    assert_eq!(identity.trust().borrow().version, 2);
}

#[tokio::test]
async fn an_edge_that_is_barred_while_its_certificate_is_made_gets_nothing() {
    let control = ControlPlane::start(&Time::new()).await;
    let site = Site::new(&control);
    let identity = site.joined(&control, "one").await;
    let issued = control.issued().borrow().len();
    control.time.pass(DAY / 4 * 3);
    let now = control.time.now();
    control.meanwhile(move |memory| memory.bar("one", now + 1));
    let told = site.renew(&identity).await.unwrap_err();
    assert!(told.contains("this edge was revoked"), "{told}");
    // Nor does one that joins.
    let (other, token) = (Site::new(&control), control.token("two", ""));
    control.meanwhile(move |memory| memory.bar("two", now + 1));
    let told = other.join(&control, &token).await.unwrap_err().to_string();
    assert!(told.contains("this edge was revoked"), "{told}");
    assert_eq!(control.issued().borrow().len(), issued);
    assert!(!other.identity_folder().join("trust-bundle").exists(), "nor any key");
}

#[tokio::test]
async fn a_certificate_counts_from_the_moment_at_which_it_was_decided_on() {
    let control = ControlPlane::start(&Time::new()).await;
    let site = Site::new(&control);
    let identity = site.joined(&control, "one").await;
    control.time.pass(DAY / 4 * 3);
    let (decided_at, time) = (control.time.now(), control.time.clone());
    control.meanwhile(move |_| time.pass(5_000));
    site.renew(&identity).await.unwrap();
    assert_eq!(identity.certificate().issued_at, decided_at);
}

#[tokio::test]
async fn an_edge_joins_and_renews_at_a_replica_whose_clock_runs_behind() {
    let control = ControlPlane::start(&Time::new()).await;
    // Another replica barred what was there before, a minute ahead of this one.
    let barred_until = control.time.now() + 60_000;
    control.memory.bar("one", barred_until);
    let site = Site::new(&control);
    let identity = site.joined(&control, "one").await;
    assert_eq!(identity.certificate().issued_at, barred_until + 1);
    site.dial(&identity).await.unwrap();
    site.renew(&identity).await.unwrap();
    site.dial(&identity).await.unwrap();
}

#[tokio::test]
async fn a_stream_ends_with_its_certificate_and_goes_on_by_the_one_that_was_renewed_in_time() {
    let control = ControlPlane::start(&Time::new()).await;
    control.publish("", 1, &snapshot(1));
    let (site, late) = (Site::new(&control), Site::new(&control));
    let identity = site.joined(&control, "one").await;
    let mut edge = Edge::start(&site, &identity);
    edge.serves(1).await;
    control.time.pass(DAY / 4 * 3);
    site.renew(&identity).await.unwrap();
    let never_renewed = late.joined(&control, "two").await;
    let mut other = Edge::start(&late, &never_renewed);
    other.serves(1).await;
    let mut attached = control.attached();
    attached.borrow_and_update();
    // That by which the first one came in has ended, the other two have not.
    control.time.pass(DAY / 2);
    let is_back = |all: &Vec<PeerIdentity>| all.iter().filter(|p| p.edge == "one").count() == 2;
    timeout(DEADLINE, attached.wait_for(is_back)).await.expect("it comes back").unwrap();
    control.publish("", 2, &snapshot(2));
    edge.serves(2).await;
    other.serves(2).await;
    // Now both have.
    control.time.pass(DAY);
    other.loses_contact("it is renewed within 90 days").await;
    edge.stop().await;
    other.stop().await;
}
