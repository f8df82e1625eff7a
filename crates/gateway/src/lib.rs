//! The edge of Sidegate: from a client's socket to a question and back.
//!
//! Reading order: [`run`] puts the parts together; [`edge`] carries a request; [`route`] and
//! [`identity`] answer its first two questions, from the generation that the plugins' host publishes;
//! [`metrics`] counts, and [`log`] is written without holding anybody up. It starts and stops no plugin;
//! there is no SQL and no admin API here.

pub mod edge;
pub mod identity;
pub mod log;
pub mod metrics;
pub mod route;
pub mod run;
