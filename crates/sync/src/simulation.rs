//! A fleet in one thread with a clock of its own: control plane, streams, edges and their disks, with everything that
//! can go wrong, from one seed. After each step every edge is looked at; at the end, when nothing goes
//! wrong any more, every edge has the newest revision.

mod counts;
mod edge;
mod history;
mod random;
mod world;

use crate::mutation::{Check, leave_out};
use counts::Counts;
use world::World;

/// What a run of one seed came to: why a promise is broken, if one is.
fn run(seed: u64) -> Result<Counts, String> {
    World::new(seed).run()
}

fn seeds() -> std::ops::Range<u64> {
    0..250
}

#[test]
fn an_edge_serves_by_one_published_revision_and_finally_by_the_newest() {
    let mut total = Counts::default();
    for seed in seeds() {
        match run(seed) {
            Ok(counts) => total.add(&counts),
            Err(problem) => panic!("seed {seed}: {problem}"),
        }
    }
    println!("{} seeds: {total:?}", seeds().count());
    // A run in which nothing goes wrong says nothing.
    assert!(total.is_eventful(), "{total:?}");
}

/// Seeds until the simulation finds out that a check is left out.
fn is_found(check: Check) {
    leave_out(Some(check));
    let found = seeds().find_map(|seed| run(seed).err().map(|problem| (seed, problem)));
    leave_out(None);
    let (seed, problem) = found.unwrap_or_else(|| panic!("nobody misses {check:?}"));
    // What is found without the fault, too, says nothing about it.
    assert_eq!(run(seed).err(), None, "{check:?} is not why seed {seed} fails: {problem}");
    println!("{check:?}: seed {seed}: {problem}");
}

#[test]
fn blobs_that_are_not_checked_are_found_out() {
    is_found(Check::Digest);
}

#[test]
fn an_edge_that_goes_back_is_found_out() {
    is_found(Check::Order);
}

#[test]
fn an_edge_that_believes_everybody_is_found_out() {
    is_found(Check::Signature);
}

#[test]
fn serving_by_what_is_not_stored_is_found_out() {
    is_found(Check::StoredFirst);
}

#[test]
fn an_edge_that_asks_only_once_is_found_out() {
    is_found(Check::Repeat);
}

#[test]
fn trust_that_counts_before_it_is_stored_is_found_out() {
    is_found(Check::TrustStored);
}

#[test]
fn what_is_not_tried_again_with_new_keys_is_found_out() {
    is_found(Check::TryAgain);
}

#[test]
fn a_control_plane_that_does_not_ask_whoever_is_ahead_is_found_out() {
    is_found(Check::Prove);
}
