//! The admin API as its clients see it: over a socket, with a real database.

mod access;
mod admin_tokens;
mod applied;
mod apps_and_tokens;
mod audit;
mod changes;
mod contract;
mod explain;
mod follow;
mod harness;
mod history;
mod live;
mod plugin_scopes;
mod plugins;
mod probes;
mod public_endpoints;
mod refusals;
mod roles;
mod schema;
mod secrets;
mod token_life;
