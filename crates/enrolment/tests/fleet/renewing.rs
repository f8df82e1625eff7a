//! Certificates that end, and edges that are not to come in any more.

use crate::control_plane::ControlPlane;
use crate::edge::{Edge, Site, snapshot};
use crate::eventually::eventually;
use crate::{DAY, Time};
use sidegate_enrolment::edge::keep_renewed;
use tokio::sync::watch;

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
