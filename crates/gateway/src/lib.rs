//! The data plane of Sidegate: from a client's socket to a plugin and back, and the supervision of
//! the plugin processes.
//!
//! Reading order: [`run`] puts the parts together; [`edge`] carries a request; [`route`] and
//! [`identity`] answer its first two questions; [`generation`] is the one immutable value in which
//! the edge and the plugin [`host`] meet; [`instance`] is one running plugin process, reached over
//! a [`lane`] while its [`presence`] says so; [`services`] is what plugins may ask in turn; [`log`] is
//! written without holding anybody up. There is no SQL and no admin API here.

pub mod deadlines;
pub mod edge;
pub mod ending;
pub mod exposition;
pub mod generation;
pub mod host;
pub mod identity;
pub mod instance;
pub mod lane;
pub mod log;
pub mod metrics;
pub mod plugin_metrics;
pub mod presence;
pub mod process_figures;
pub mod roster;
pub mod route;
pub mod run;
mod seldom;
pub mod services;
pub mod standby;
pub mod stream_task;
