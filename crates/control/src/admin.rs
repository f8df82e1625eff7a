//! The admin API: desired state over HTTP, for operators and their tools. Reading order: `router`
//! (what there is), `frame` and `auth` (what every request passes), `plugins`, `plugin_fields`, `plugin_shape`,
//! `plugin_schema`, `plugin_scopes`, `plugin_public`, `plugin_pages`, `plugin_rpc`, `page_memory`, `page_body`, `page_call_notes`, `effective`, `apps`, `tokens`, `admin_tokens`, `users`, `session_cookie`, `sign_in`, `sessions`, `whoami`, `audit`, `namespaces`, `history`, `edges`, `edge_keys`, `records`, `plugin_log`, `routes`, `explain`, `live`, `traffic`, `open_requests`, `metrics_history` (what moves), `logging`, `applied`, `openapi`,
//! `probes`, `console_files` (what browsers load), `status` (what an edge has in its place), then `state`, `extract`,
//! `change`, `if_match`, `target`, `types`, `event_stream` and `error` they are built on. What is asked and answered is said in the crate `api`.

mod admin_tokens;
mod applied;
mod apps;
mod audit;
mod auth;
mod change;
mod console_files;
mod edge_keys;
mod edges;
mod effective;
mod error;
mod event_stream;
mod explain;
mod extract;
mod frame;
mod history;
mod if_match;
mod issuers;
mod live;
mod logging;
mod metrics_history;
mod namespaces;
mod needs;
mod open_requests;
mod openapi;
mod page_body;
mod page_call_notes;
mod page_memory;
mod plugin_events;
mod plugin_fields;
mod plugin_inspect;
mod plugin_log;
mod plugin_pages;
mod plugin_preview;
mod plugin_public;
mod plugin_rpc;
mod plugin_schema;
mod plugin_scopes;
mod plugin_shape;
mod plugin_storage;
mod plugin_trial;
mod plugins;
mod probes;
mod records;
mod router;
mod routes;
mod serve;
mod session_cookie;
mod sessions;
mod sign_in;
mod sign_in_oidc;
mod sign_in_proof;
mod state;
mod status;
mod target;
mod tls;
mod token_times;
mod tokens;
mod traffic;
mod types;
mod users;
mod whoami;

pub use records::{NodeRecord, told_line, told_record};
pub use serve::{AdminParts, serve};
pub use state::ControlSettings;
pub use status::{EdgeProbes, serve_status};
pub use tls::AdminTls;
