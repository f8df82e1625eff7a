//! The admin API: desired state over HTTP, for operators and their tools. Reading order: `router`
//! (what there is), `frame` and `auth` (what every request passes), `plugins`, `plugin_scopes`, `apps`, `tokens`,
//! `records`, `routes`, `logging`, then `state`, `extract`, `types` and `error` they are built on.

mod apps;
mod auth;
mod error;
mod extract;
mod frame;
mod logging;
mod plugin_fields;
mod plugin_scopes;
mod plugins;
mod records;
mod router;
mod routes;
mod serve;
mod state;
mod tokens;
mod types;

pub use router::protected_routes;
pub use serve::serve;
pub use state::ControlSettings;
