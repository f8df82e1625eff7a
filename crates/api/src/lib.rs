//! The admin API as types: what is asked and answered, which operations there are, how it says no,
//! and the OpenAPI document of all that. Server, command line and tests are built on it, so that none
//! of them can differ from the document. It serves nothing, asks nobody and stores nothing.
//!
//! Reading order: `operations` (what there is, in rows as `operation` has them), `plugin`, `public_endpoints`, `state`, `app`, `token`, `route`, `record`, `plugin_log`,
//! `logging`, `live`, `open_request`, `metrics_history` (what moves), `role`, `admin_token`, `user`, `session`, `audit`, `applied`, `edge`, `probe`, `edge_status` (the nouns), `resource` (what all answers share), `error` (how it says no), `event_stream` (answers that go on), `read` (from a
//! foreign body or query to a type, with everything that is wrong), `document` (OpenAPI), `examples` (bodies in it).

pub mod admin_token;
pub mod app;
pub mod applied;
pub mod audit;
pub mod document;
pub mod edge;
pub mod edge_status;
pub mod error;
pub mod event_stream;
mod examples;
pub mod explain;
pub mod history;
pub mod inspection;
pub mod issuer;
pub mod live;
pub mod logging;
pub mod metrics_history;
pub mod namespace;
pub mod need;
pub mod node;
pub mod open_request;
pub mod operation;
pub mod operations;
pub mod plugin;
pub mod plugin_event;
pub mod plugin_log;
pub mod plugin_page;
pub mod plugin_preview;
pub mod probe;
pub mod public_endpoints;
pub mod read;
pub mod record;
pub mod resource;
pub mod role;
pub mod route;
pub mod session;
pub mod state;
pub mod storage;
pub mod token;
pub mod trial;
pub mod user;
