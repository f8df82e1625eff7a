//! The plugin host with real processes: what fails and how it is told, and a good plugin's life.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod approved;
mod asking;
mod bench;
mod containment;
#[path = "../../../../e2e/src/eventually.rs"]
mod eventually;
mod failures;
mod life;
mod manifest;
#[path = "../services/memory.rs"]
mod memory;
mod mtls;
mod records;
mod sessions;
