//! The plugins of Sidegate: from a snapshot to something that answers.
//!
//! Reading order: [`host`] runs what the snapshot wants and publishes generations; `generation` is the
//! one immutable value in which it meets whoever asks; `instance` is one running plugin process, told
//! to end what it has open by `ending`; `services` is what plugins may ask in turn. It never sees a
//! client's socket, and does not know who asks.

mod app_identity;
mod ending;
mod generation;
pub mod host;
mod instance;
mod issuer_plugin;
mod issuer_table;
mod limits;
mod process_families;
mod process_figures;
mod roster;
mod services;

pub use app_identity::AppIdentity;
pub use ending::{EndSignal, Ending, StreamTask};
pub use generation::{Callers, Generation, Mount, Target};
pub use host::GenerationReader;
pub use instance::{
    Answer, AnswerBody, AskError, CallError, CallLimits, Canceller, ComingBody, End, Instance,
    NodeFacts, Piece, Pieces, Question, RequestBody, RequestFields, Scheme,
};
pub use issuer_plugin::IssuerPlugin;
pub use issuer_table::{IssuerTable, KnownIssuer};
pub use limits::{
    ClientQuotas, ConcurrencyFigures, ConcurrencyLimit, Entry, PluginBusy, PluginLimits, Ticket,
    Waiting,
};
pub use process_families::{FamilyFigures, ProcessFamilies};
pub use process_figures::ProcessFigures;
pub use roster::{Entered, Roster};
pub use services::{HostServices, Keepers};
pub use sidegate_model::rate_limited_log::{RateLimitedLog, RateLimitedLogs};

use sidegate_model::rate_limited_log;
