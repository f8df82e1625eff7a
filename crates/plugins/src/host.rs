//! The plugin host: which plugin processes run, since when, and why not.
//!
//! Reading order: [`host`] compares desired state with what runs and publishes generations, as only
//! it can (`publisher`);
//! `supervisor` looks after one plugin and lets `state` decide, which is pure; `runner` carries out
//! one start (an `assignment`), of a program here (`local`, which begins with `start`) or of a plugin that runs elsewhere
//! (`remote`, at its `addresses`), to its end, with the help of `process` (the child and all it starts),
//! `connect` (first line, socket), `session` (calls to the plugin, among them its `manifest`, the
//! `schema` of its configuration and its `open_session`), `broker` (how it reaches the host services: each its `services_socket`, and when to `announce`
//! them), `logs` and `line` (what it prints)
//! and `recorder` (what ran, and why it died; `oom` knows whether memory was the cause).
//! `inspect` starts one once, to see what it is; `console` runs a second one of a plugin for its page (`runtime` says what each is
//! told that it is). `launch` makes a program a process, through a `guard`, which outlives us just long enough to
//! leave nothing; `sealed` makes sure of its bytes.
//! Knows nothing of HTTP: it meets the edge in the generation and in the instance only.

mod addresses;
mod announce;
mod assignment;
mod broker;
mod claims;
mod connect;
mod console;
mod desired_plugins;
mod exit;
mod fault;
mod file_limit;
mod final_output;
#[doc(hidden)]
pub mod fuzzing;
mod guard;
mod handle;
#[expect(clippy::module_inception, reason = "the host's own task inside the host's folder")]
mod host;
mod inspect;
mod kept_records;
mod known;
mod launch;
mod line;
mod local;
mod logs;
mod manifest;
mod oom;
mod open_session;
mod peer;
mod permitted;
mod private_dir;
mod process;
mod publisher;
mod random;
mod recorder;
mod remote;
mod run_dir;
mod runner;
mod runtime;
mod schema;
mod sealed;
mod services_socket;
mod session;
mod settings;
mod start;
mod state;
mod supervisor;
mod view;
mod watched;

pub use console::{ConsoleInstances, ConsoleSettings};
pub use guard::reentered;
pub use handle::HostHandle;
pub use host::start;
pub use inspect::Inspector;
pub use peer::is_of_ours;
pub use permitted::Permitted;
pub use publisher::GenerationReader;
pub use recorder::PrintedSince;
pub use run_dir::HostError;
pub use settings::{CallerFacts, HostLimits, HostSettings, RestartLimits};
