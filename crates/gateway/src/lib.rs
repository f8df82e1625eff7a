//! The data plane of Sidegate: from a client's socket to a plugin and back, and the supervision of
//! the plugin processes.
//!
//! Reading order: [`run`] puts the parts together; [`edge`] carries a request; [`route`] and
//! [`identity`] answer its first two questions; [`generation`] is the one immutable value in which
//! the edge and the plugin [`host`] meet; [`instance`] is one running plugin process;
//! [`services`] is what plugins may ask in turn; [`log`] is
//! written without holding anybody up. There is no SQL and no admin API here.

pub mod edge;
pub mod ending;
pub mod generation;
pub mod host;
pub mod identity;
pub mod instance;
pub mod log;
pub mod metrics;
mod rate_limited_log;
pub mod roster;
pub mod route;
pub mod run;
pub mod services;

pub use host::GenerationReader;
