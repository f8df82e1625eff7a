//! The admin API: desired state over HTTP, for operators and their tools. Reading order: `router`
//! (what there is), `frame` and `auth` (what every request passes), `plugins`, `plugin_schema`, `plugin_scopes`, `apps`, `tokens`,
//! `records`, `routes`, `logging`, `probes`, then `state`, `extract`, `change`, `if_match`, `types` and `error` they are built on.

mod apps;
mod auth;
mod change;
mod error;
mod extract;
mod frame;
mod if_match;
mod logging;
mod plugin_fields;
mod plugin_schema;
mod plugin_scopes;
mod plugins;
mod probes;
mod records;
mod router;
mod routes;
mod serve;
mod state;
mod tls;
mod tokens;
mod types;

pub use router::protected_routes;
pub use serve::serve;
pub use state::ControlSettings;
pub use tls::AdminTls;
