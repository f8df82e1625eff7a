//! A fleet of two hundred, each with a certificate of its own.

use crate::control_plane::ControlPlane;
use crate::edge::{Edge, Site, snapshot};
use crate::{DEADLINE, Time};
use std::time::Instant;
use tokio::task::JoinSet;
use tokio::time::timeout;

const EDGES: usize = 200;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_save_reaches_two_hundred_edges_over_tls() {
    let time = Time::new();
    let control = std::sync::Arc::new(ControlPlane::start(&time).await);
    control.publish("", 1, &snapshot(1));
    let begin = Instant::now();
    let mut joining = JoinSet::new();
    for number in 0..EDGES {
        let control = control.clone();
        joining.spawn(async move {
            let site = Site::new(&control);
            let identity = site.joined(&control, &format!("edge-{number}")).await;
            (site, identity)
        });
    }
    let sites = timeout(DEADLINE * 2, joining.join_all()).await.expect("all join in time");
    println!("{EDGES} edges have joined after {:?}", begin.elapsed());
    let begin = Instant::now();
    let mut edges: Vec<_> =
        sites.iter().map(|(site, identity)| Edge::start(site, identity)).collect();
    for edge in &mut edges {
        edge.serves(1).await;
    }
    println!("{EDGES} edges have connected and serve after {:?}", begin.elapsed());
    let begin = Instant::now();
    control.publish("", 2, &snapshot(2));
    for edge in &mut edges {
        edge.serves(2).await;
    }
    let taken = begin.elapsed();
    // How fast it is on a machine that does nothing else, the story of a large fleet tells.
    println!("one save has reached {EDGES} edges after {taken:?}");
    assert!(taken < DEADLINE, "one save took {taken:?}");
}
