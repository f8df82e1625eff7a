//! The host services as plugins meet them: generated clients over real sockets, a storage in memory
//! and snapshots that change under way.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bounds;
mod conditions;
mod events;
#[path = "../../../../e2e/src/eventually.rs"]
mod eventually;
mod facts;
mod harness;
mod identity;
mod memory;
mod scopes;
mod storage;
