//! Who comes in at which door, and what others cost.

use crate::control_plane::ControlPlane;
use crate::edge::{Edge, Site, snapshot};
use crate::eventually::eventually;
use crate::proxy::TestProxy;
use crate::stranger::knock;
use crate::{DEADLINE, Time};
use sidegate_enrolment::edge::{ControlPlanes, Proxy};
use sidegate_enrolment::{AcceptorLimits, ENROL_NAME, SYNC_NAME};
use std::time::Duration;
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::timeout;

pub(crate) fn address(control: &ControlPlane) -> String {
    control.url().to_string().trim_start_matches("https://").to_owned()
}

#[tokio::test]
async fn a_certificate_of_another_control_planes_authority_is_refused_by_both_sides() {
    let time = Time::new();
    let (ours, other) = (ControlPlane::start(&time).await, ControlPlane::start(&time).await);
    let theirs = Site::new(&other);
    let identity = theirs.joined(&other, "one").await;
    let astray = Site::new(&ours);
    let refused = astray.dial(&identity).await.unwrap_err();
    assert!(refused.contains("is not the control plane that this edge knows"), "{refused}");
    // Even if the edge believed ours.
    identity.store_bundle(&ours.memory.bundle(&identity.peer().namespace).encode()).unwrap();
    let refused = astray.dial(&identity).await.unwrap_err();
    assert!(refused.contains("did not issue this edge's certificate"), "{refused}");
    assert!(ours.attached().borrow().is_empty());
}

#[tokio::test]
async fn without_a_certificate_there_is_enrolment_and_nothing_else() {
    let control = ControlPlane::start(&Time::new()).await;
    knock(&control, ENROL_NAME).await.unwrap();
    for door in [SYNC_NAME, "localhost"] {
        assert!(knock(&control, door).await.is_err(), "{door}");
    }
}

#[tokio::test]
async fn clients_that_say_nothing_are_cut_and_hold_nobody_up_for_longer() {
    let within = Duration::from_secs(2);
    let limits = AcceptorLimits { handshakes: 4, handshake_within: within, ..<_>::default() };
    let control = ControlPlane::start_with(&Time::new(), limits, 600).await;
    let site = Site::new(&control);
    let identity = site.joined(&control, "one").await;
    let mut silent = Vec::new();
    for _ in 0..4 {
        silent.push(TcpStream::connect(address(&control)).await.unwrap());
    }
    site.dial(&identity).await.unwrap();
    for socket in &mut silent {
        let read = timeout(DEADLINE, socket.read(&mut [0; 1])).await.expect("it is cut in time");
        assert!(matches!(read, Ok(0) | Err(_)));
    }
}

#[tokio::test]
async fn connections_for_enrolment_are_bounded_in_number_and_time_and_hold_no_edge_up() {
    let limits =
        AcceptorLimits { enrolling: 1, enrolling_within: Duration::from_secs(3), ..<_>::default() };
    let control = ControlPlane::start_with(&Time::new(), limits, 600).await;
    let site = Site::new(&control);
    let identity = site.joined(&control, "one").await;
    // That of the join may be just closing.
    let find_place = async || knock(&control, ENROL_NAME).await.ok();
    let mut held = eventually("there is a place", &find_place).await;
    // There is one, and it is taken; who syncs comes in all the same.
    assert!(knock(&control, ENROL_NAME).await.is_err());
    site.dial(&identity).await.unwrap();
    let mut bytes = Vec::new();
    let read = timeout(DEADLINE, held.read_to_end(&mut bytes));
    let _ = read.await.expect("its time is up");
    eventually("there is a place again", &find_place).await;
}

#[tokio::test]
async fn an_edge_joins_and_syncs_through_a_proxy_that_wants_a_password() {
    let control = ControlPlane::start(&Time::new()).await;
    control.publish("", 1, &snapshot(1));
    let proxy = TestProxy::start("Basic bWU6aHVudGVyMg==").await;
    let through = |text: String| {
        let proxy = Proxy::parse(&text).unwrap();
        Site::with(ControlPlanes::new(vec![control.url()], Some(proxy)).unwrap())
    };
    let site = through(format!("http://me:hunter2@{}", proxy.address()));
    let identity = site.joined(&control, "one").await;
    let mut edge = Edge::start(&site, &identity);
    edge.serves(1).await;
    edge.stop().await;
    assert!(proxy.tunnels() >= 2);
    let refused = through(format!("http://me:wrong@{}", proxy.address())).dial(&identity).await;
    let told = refused.unwrap_err();
    assert!(
        told.contains("wants a user and a password (407)") && !told.contains("wrong"),
        "{told}"
    );
}

/// Connects from this address of the machine.
async fn connect_from(address: &str, control: &ControlPlane) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind(format!("{address}:0").parse().unwrap()).unwrap();
    socket.connect(self::address(control).parse().unwrap()).await.unwrap()
}

#[tokio::test]
async fn one_address_locks_out_no_other_however_many_connections_it_opens() {
    let limits = AcceptorLimits {
        handshakes: 4,
        handshakes_of_address: 2,
        clients_of_address: 8,
        handshake_within: 2 * DEADLINE,
        ..<_>::default()
    };
    let control = ControlPlane::start_with(&Time::new(), limits, 600).await;
    let site = Site::new(&control);
    let identity = site.joined(&control, "one").await;
    let mut silent = Vec::new();
    for _ in 0..9 {
        silent.push(connect_from("127.0.0.2", &control).await);
    }
    // The ninth is one too many of its address, and closed at once.
    let read = timeout(DEADLINE, silent[8].read(&mut [0; 1])).await.expect("it is closed");
    assert!(matches!(read, Ok(0) | Err(_)));
    // The others hold what their address has, and that is not everything.
    site.dial(&identity).await.unwrap();
    site.joined(&control, "two").await;
}

#[tokio::test]
async fn one_address_takes_no_more_than_its_places_for_enrolment() {
    let limits = AcceptorLimits { enrolling: 4, enrolling_of_address: 1, ..<_>::default() };
    let control = ControlPlane::start_with(&Time::new(), limits, 600).await;
    let held = knock(&control, ENROL_NAME).await.unwrap();
    assert!(knock(&control, ENROL_NAME).await.is_err());
    drop(held);
    eventually("there is a place again", async || knock(&control, ENROL_NAME).await.ok()).await;
}
