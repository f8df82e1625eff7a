//! The control plane: the admin API and the publishing of snapshots. It never sees a client's
//! request and never runs a plugin; what it knows of those who do is the [`Fleet`].
//!
//! Reading order: `publish` (store, then snapshot), `control` (what may be done to desired state),
//! `fleet` (what the nodes are asked), `edges` (the fleet of a control plane, and what is published for it), `hints` (what other processes
//! change), `logs` (what the log is asked), `expiry` (what plugins kept long enough),
//! `recording` (what is noted of plugins once they serve), `token_use` (when tokens were last used), `sign_ins` (whom the admin API refused),
//! `audit_retention` (what the audit log forgets), `history_retention` (and the history), `going_back` (namespaces, and what was in one),
//! `admin` (all of it over HTTP).

mod admin;
mod audit_retention;
mod control;
mod edges;
mod expiry;
mod fleet;
mod going_back;
mod hints;
mod history_retention;
mod logs;
mod named_apps;
mod publish;
mod recording;
mod sign_ins;
mod token_use;

pub use admin::{
    AdminParts, AdminTls, ControlSettings, EdgeProbes, NodeRecord, serve, serve_status, told_line,
    told_record,
};
pub use control::{AuditedControl, Control};
pub use edges::{Edges, EdgesError, EdgesSettings};
pub use fleet::{Coverage, Fleet, NodeProbes, Quorum, RejectedThere, Unreached};
pub use logs::LogLevels;
pub use publish::{Published, Publisher};
pub use recording::keep_recorded;
