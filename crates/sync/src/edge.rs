//! The edge's end: what it does with what its control plane says. `machine.rs` decides, without input and output;
//! `apply.rs` carries out the one step that changes what is served, on what `replica.rs` has; `client.rs`
//! reads and writes for the machine, and has commands carried out beside it (`commands.rs`). `token_uses.rs` is what goes
//! up of tokens.

mod apply;
mod client;
mod commands;
mod config;
mod downloads;
mod machine;
mod namespace_state;
mod newest;
mod replica;
mod snapshot_host;
#[cfg(test)]
mod tests;
mod token_uses;
mod trust_keeper;
mod upward;

pub use apply::{Applied, ApplyError, Host, Store, apply};
pub use client::{Contact, Dial, Surroundings, run};
pub use commands::{CommandRunner, NoCommands};
pub use config::EdgeConfig;
pub(crate) use machine::PROTOCOLS;
pub use machine::{Action, Event, Machine, Start};
pub use replica::Replica;
pub use snapshot_host::{Checking, Inspection, Opening, SnapshotHost};
pub use token_uses::{TokenUses, UseLine, UseTeller};
pub use trust_keeper::TrustKeeper;
