//! The control plane's end: what one edge is sent. `session.rs` decides, without input and output; `service.rs` reads
//! and writes for it, and asks whoever publishes; `peer.rs` says which edge it is, and `commands.rs` is what is asked
//! of one edge beside what it serves by.

mod commands;
mod line;
mod peer;
mod said;
mod service;
mod session;
#[cfg(test)]
mod tests;

pub use commands::{Answers, CommandError, EdgeCommands};
pub use peer::{AdmittedEdge, IdentifiedIo, PeerIdentity};
pub use said::{AppliedState, EdgeHello, Said, SaidUses};
pub use service::{Attachment, Published, SyncService};
pub use session::{Output, Session, SessionEvent};
