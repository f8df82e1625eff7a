//! What a request costs. Measured through processes only: nothing here knows the insides of a
//! contestant, but for `caller`, which is one.
//!
//! Reading order: `payload` (what all serve), `contestant` and `start` (who is compared), `load`
//! and `chunked` (who asks), `caller` (who asks a plugin, without a gateway), `mcp` (servers behind the plugin for them), `kernel` (who counts),
//! `cases` and `run` (what is asked), `fleet` (what many edges cost), `targets`, `report` and `plot` (what is told).

pub mod admin;
pub mod build;
pub mod caller;
pub mod cases;
pub mod chunked;
pub mod compare;
pub mod console;
pub mod contestant;
mod dechunk;
pub mod fleet;
pub mod histogram;
pub mod http;
mod jwts;
pub mod kernel;
pub mod load;
pub mod machine;
pub mod marks;
pub mod mcp;
pub mod naive;
pub mod payload;
pub mod plan;
pub mod plot;
pub mod program;
pub mod report;
pub mod results;
pub mod run;
pub mod start;
pub mod targets;
mod tokens;
pub mod trial;
