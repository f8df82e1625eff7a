//! Authorities and server certificates that are replaced.

use crate::control_plane::ControlPlane;
use crate::edge::{Edge, Site, snapshot};
use crate::{DAY, Time};
use sidegate_enrolment::CertificateAuthority;

fn next(control: &ControlPlane) -> CertificateAuthority {
    CertificateAuthority::generate(&control.time.clock()).unwrap()
}

#[tokio::test]
async fn an_authority_is_replaced_while_an_edge_is_connected_and_nobody_is_locked_out() {
    let control = ControlPlane::start(&Time::new()).await;
    control.publish("", 1, &snapshot(1));
    let (site, asleep) = (Site::new(&control), Site::new(&control));
    let identity = site.joined(&control, "one").await;
    let sleeper = asleep.joined(&control, "two").await;
    let mut edge = Edge::start(&site, &identity);
    edge.serves(1).await;
    let old = control.authorities().issuing().certificate().key();
    // It is announced; the edge gets the bundle down its stream.
    control.set_authorities(control.authorities().announce(next(&control)).unwrap());
    let bundle = control.memory.bundle(&identity.peer().namespace);
    assert!(identity.store_bundle(&bundle.encode()).unwrap());
    // It issues.
    control.set_authorities(control.authorities().switch().unwrap());
    let new = control.authorities().issuing().certificate().key();
    site.dial(&identity).await.unwrap();
    control.time.pass(DAY / 4 * 3);
    site.renew(&identity).await.unwrap();
    assert_eq!(identity.trust().borrow().authorities[0].key(), new);
    control.publish("", 2, &snapshot(2));
    edge.serves(2).await;
    // Who heard of nothing comes in by the old one, and learns of the new one with its renewal.
    asleep.dial(&sleeper).await.unwrap();
    asleep.renew(&sleeper).await.unwrap();
    // The old one is gone.
    control.set_authorities(control.authorities().retire(old).unwrap());
    for (site, identity) in [(&site, &identity), (&asleep, &sleeper)] {
        site.dial(identity).await.unwrap();
    }
    edge.stop().await;
    Site::new(&control).joined(&control, "four").await;
}

#[tokio::test]
async fn a_token_that_was_made_before_an_authority_was_replaced_works_after_it() {
    let control = ControlPlane::start(&Time::new()).await;
    let token = control.token("one", "");
    control.set_authorities(control.authorities().announce(next(&control)).unwrap());
    control.set_authorities(control.authorities().switch().unwrap());
    let site = Site::new(&control);
    let identity = site.join(&control, &token).await.unwrap();
    site.dial(&identity).await.unwrap();
}

#[tokio::test]
async fn a_certificate_of_an_authority_that_is_gone_is_refused() {
    let control = ControlPlane::start(&Time::new()).await;
    let site = Site::new(&control);
    let identity = site.joined(&control, "one").await;
    let old = control.authorities().issuing().certificate().key();
    control.set_authorities(control.authorities().announce(next(&control)).unwrap());
    let bundle = control.memory.bundle(&identity.peer().namespace);
    identity.store_bundle(&bundle.encode()).unwrap();
    control.set_authorities(control.authorities().switch().unwrap());
    control.set_authorities(control.authorities().retire(old).unwrap());
    let refused = site.dial(&identity).await.unwrap_err();
    assert!(refused.contains("did not issue this edge's certificate"), "{refused}");
}

#[tokio::test]
async fn a_control_planes_certificate_is_renewed_in_time_and_without_a_restart() {
    let control = ControlPlane::start(&Time::new()).await;
    let site = Site::new(&control);
    let identity = site.joined(&control, "one").await;
    // A server certificate lives for seven days, and there are none of before.
    for _ in 0..30 {
        control.time.pass(DAY / 4 * 3);
        site.renew(&identity).await.unwrap();
        site.dial(&identity).await.unwrap();
    }
}

#[tokio::test]
async fn clocks_may_differ_by_some_minutes() {
    let control = ControlPlane::start(&Time::new()).await;
    let late = Time::new();
    late.pass(-4 * 60_000);
    let site = Site::new(&control);
    let token = control.token("one", "");
    let folder = site.identity_folder();
    let joining = sidegate_enrolment::edge::join(&folder, &site.control, &token, late.clock());
    let identity = Box::pin(joining).await.unwrap();
    site.dial(&identity).await.unwrap();
}
