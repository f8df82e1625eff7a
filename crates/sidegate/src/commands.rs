//! The commands, one file each. Every file says which arguments its command has and runs it; what
//! several need lies in the files above this folder.

pub(crate) mod admin_token;
mod amend;
pub(crate) mod app;
pub(crate) mod apply;
pub(crate) mod audit;
pub(crate) mod completions;
pub(crate) mod config;
pub(crate) mod control;
pub(crate) mod db;
pub(crate) mod diff;
pub(crate) mod edge;
pub(crate) mod explain;
pub(crate) mod export;
pub(crate) mod history;
mod history_view;
pub(crate) mod log_level;
pub(crate) mod namespace;
pub(crate) mod plugin;
pub(crate) mod plugin_add;
pub(crate) mod plugin_follow;
pub(crate) mod plugin_log_lines;
pub(crate) mod plugin_logs;
pub(crate) mod plugin_logs_follow;
pub(crate) mod plugin_public;
mod plugin_schema;
pub(crate) mod plugin_scopes;
pub(crate) mod plugin_update;
pub(crate) mod plugin_view;
pub(crate) mod plugin_wait;
mod public_lines;
pub(crate) mod routes;
pub(crate) mod serve;
pub(crate) mod status;
pub(crate) mod token;
pub(crate) mod version;
pub(crate) mod whoami;
