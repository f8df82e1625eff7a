//! The control plane's end: what one edge is sent. `session.rs` decides, without input and output; `service.rs` reads
//! and writes for it, and asks whoever publishes; `peer.rs` says which edge it is.

mod peer;
mod said;
mod service;
mod session;
#[cfg(test)]
mod tests;

pub use peer::{IdentifiedIo, PeerIdentity};
pub use said::{AppliedState, EdgeHello, Said};
pub use service::{Attachment, Published, SyncService};
pub use session::{Output, Session, SessionEvent};
