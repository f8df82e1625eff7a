//! The plugin host: which plugin processes run, since when, and why not.
//!
//! Reading order: [`host`] compares desired state with what runs and publishes generations;
//! `supervisor` looks after one plugin and lets `state` decide, which is pure; `runner` carries one
//! process from its start to its end with the help of `process` (the child and its group),
//! `connect` (first line, socket), `session` (calls to the plugin), `logs` and `line` (what it prints).
//! Knows nothing of HTTP: it meets the edge in the generation and in the instance only.

mod connect;
mod fault;
#[expect(clippy::module_inception, reason = "the host's own task inside the host's folder")]
mod host;
mod line;
mod logs;
mod private_dir;
mod process;
mod random;
mod runner;
mod session;
mod settings;
mod state;
mod supervisor;
mod view;

pub use host::{HostHandle, start};
pub use logs::LoggedLine;
pub use private_dir::HostError;
pub use settings::{HostLimits, HostSettings, RestartLimits};
