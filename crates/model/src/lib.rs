//! The nouns of Sidegate and the rules they obey: plugins, endpoints, paths, apps, tokens, quotas
//! and the snapshot that carries them from the control plane to the data plane.
//!
//! Nothing here does input or output or knows an async runtime; times are passed in as Unix
//! milliseconds, for which [`clock`] is asked elsewhere. Reading order: [`plugin`], [`options`], [`stream_options`],
//! [`endpoint`], [`public_endpoints`], [`path`], [`namespace`], [`managed_by`], [`app`], [`token`], [`last_use`], [`policy`], [`explain`], [`config_schema`], [`secret`], [`sealing`],
//! [`merge_patch`], [`quota`], [`kv`], [`role`], [`plugin_roles`], [`admin_token`], [`actor`], [`audit`], [`diff`],
//! [`sharded`], [`snapshot`], [`status`], [`record`], [`convert`], [`duration`].

pub mod actor;
pub mod admin_token;
pub mod app;
pub mod applied;
pub mod audit;
pub mod clock;
pub mod command;
pub mod config_schema;
pub mod convert;
pub mod cors;
pub mod diff;
pub mod duration;
pub mod edge;
pub mod endpoint;
pub mod explain;
pub mod kv;
pub mod last_use;
pub mod managed_by;
pub mod merge_patch;
pub mod name;
pub mod namespace;
pub mod node;
pub mod options;
pub mod path;
pub mod plugin;
pub mod plugin_roles;
pub mod policy;
pub mod public_endpoints;
pub mod quota;
pub mod record;
pub mod role;
pub mod scope;
pub mod sealing;
pub mod secret;
pub mod sha256;
pub mod sharded;
pub mod snapshot;
pub mod status;
pub mod stream_options;
pub mod token;

/// A point in time: milliseconds since the Unix epoch.
pub type UnixMillis = i64;
