//! The control plane: the admin API and the publishing of snapshots. It never sees a client's
//! request and never runs a plugin; what it knows of those who do is the [`Fleet`].
//!
//! Reading order: `publish` (store, then snapshot), `control` (what may be done to desired state),
//! `fleet` (what the nodes are asked), `inspector` (who starts a program once), `plugin_pages` (who asks plugins what their pages want), `checked_config` (a configuration held against its schema), `left_to_admins` (what only admins change, as far as it is known), `own_changes` (what plugins change by themselves, and `serving`: whether it serves), `needs` (what waits for an operator), `edges` (the fleet of a control plane, and what is published for it), `hints` (what other processes
//! change), `logs` (what the log is asked),
//! `recording` (what is noted of plugins once they serve), `token_use` (when tokens were last used), `newcomers` (apps of clients that came for the first time), `sign_ins` (whom the admin API refused),
//! `sweeping` (what is forgotten after a while), `console` (who signs in to the console), `clients` (from where), `tasks` (who notices that one of them ended), `going_back` (namespaces, and what was in one),
//! `admin` (all of it over HTTP).

mod admin;
mod checked_config;
mod clients;
mod console;
mod control;
mod edges;
mod fleet;
mod going_back;
mod hints;
mod inspector;
mod issuers;
mod left_to_admins;
mod logs;
mod named_apps;
mod needs;
mod newcomers;
mod own_changes;
mod plugin_pages;
mod publish;
mod recording;
mod serving;
mod sign_ins;
mod sweeping;
mod tasks;
mod token_use;

pub use admin::{
    AdminParts, AdminTls, ControlSettings, EdgeProbes, NodeRecord, serve, serve_status, told_line,
    told_record,
};
pub use clients::ClientAddresses;
pub use console::ConsoleSettings;
pub use console::oidc::provider::{EVERYBODY, OidcProvider};
pub use control::{AuditedControl, Control};
pub use edges::{Edges, EdgesError, EdgesSettings};
pub use fleet::{
    Coverage, Fleet, LiveFleet, LogStart, NodeProbes, Quorum, RejectedThere, Unreached,
};
pub use inspector::Inspector;
pub use logs::LogLevels;
pub use needs::{ShownCertificate, ShownCertificates};
pub use newcomers::MadeApp;
pub use own_changes::PluginChanges;
pub use plugin_pages::PluginPages;
pub use publish::{Published, Publisher};
pub use recording::keep_recorded;
pub use tasks::{Ended, Tasks};
