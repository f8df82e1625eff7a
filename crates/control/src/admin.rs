//! The admin API: desired state over HTTP, for operators and their tools. Reading order: `router`
//! (what there is), `frame` and `auth` (what every request passes), `plugins`, `plugin_fields`, `plugin_shape`,
//! `plugin_schema`, `plugin_scopes`, `plugin_public`, `effective`, `apps`, `tokens`, `admin_tokens`, `whoami`, `audit`, `namespaces`, `history`, `edges`, `edge_keys`, `records`, `routes`, `explain`, `logging`, `applied`, `openapi`,
//! `probes`, `status` (what an edge has in its place), then `state`, `extract`,
//! `change`, `if_match`, `target`, `types` and `error` they are built on. What is asked and answered is said in the crate `api`.

mod admin_tokens;
mod applied;
mod apps;
mod audit;
mod auth;
mod change;
mod edge_keys;
mod edges;
mod effective;
mod error;
mod explain;
mod extract;
mod frame;
mod history;
mod if_match;
mod logging;
mod namespaces;
mod openapi;
mod plugin_fields;
mod plugin_public;
mod plugin_schema;
mod plugin_scopes;
mod plugin_shape;
mod plugins;
mod probes;
mod records;
mod router;
mod routes;
mod serve;
mod state;
mod status;
mod target;
mod tls;
mod token_times;
mod tokens;
mod types;
mod whoami;

pub use records::{NodeRecord, told_line, told_record};
pub use serve::{AdminParts, serve};
pub use state::ControlSettings;
pub use status::{EdgeProbes, serve_status};
pub use tls::AdminTls;
