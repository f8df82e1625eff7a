//! What a request costs. Measured through processes only: nothing here knows the insides of a
//! contestant, but for `caller`, which is one.
//!
//! Reading order: `payload` (what all serve), `contestant` and `start` (who is compared), `load`
//! and `chunked` (who asks), `caller` (who asks a plugin, without a gateway), `kernel` (who counts),
//! `cases` and `run` (what is asked), `targets`, `report` and `plot` (what is told).

pub mod admin;
pub mod build;
pub mod caller;
pub mod cases;
pub mod chunked;
pub mod compare;
pub mod contestant;
pub mod histogram;
pub mod http;
pub mod kernel;
pub mod load;
pub mod machine;
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
