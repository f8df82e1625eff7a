//! What a control plane keeps for its edges: who they are, by which keys they know it, what was published, and what
//! they said. None of it is desired state: no revision counts it.

pub(crate) mod edges;
mod joining;
pub(crate) mod keys;
pub(crate) mod lineage;
mod publications;
mod questions;
mod reports;

pub use edges::{EdgeFilter, NewEdge, RenewedEdge};
pub use joining::{JoinRefusal, Redeemed};
pub use keys::{FleetKey, KeyPurpose, KeyState, NewFleetKey};
pub use publications::{LastChange, PublishedBlob, PublishedManifest, Retention};
pub use questions::{EdgeQuestion, MAX_EDGE_ANSWER_BYTES, MAX_QUESTION_BYTES};
pub use reports::{EdgeReport, REPLICA_LOST_AFTER_MS};
