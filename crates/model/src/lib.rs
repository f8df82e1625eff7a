//! The nouns of Sidegate and the rules they obey: plugins, endpoints, paths, apps, tokens, quotas
//! and the snapshot that carries them from the control plane to the data plane.
//!
//! Nothing here does input or output or knows an async runtime; times are passed in as Unix
//! milliseconds, for which [`clock`] is asked elsewhere. Reading order: [`slug`], [`plugin`], [`options`], [`stream_options`],
//! [`endpoint`], [`public_endpoints`], [`path`], [`namespace`], [`managed_by`], [`app`], [`token`], [`issuer`], [`client_certificate`], [`authorization`], [`last_use`], [`policy`], [`explain`], [`config_schema`], [`secret`], [`sealing`],
//! [`merge_patch`], [`quota`], [`keyed_quotas`], [`rate_limited_log`], [`kv`], [`plugin_sealing`], [`plugin_page`], [`own_changes`], [`role`], [`plugin_roles`], [`admin_token`], [`user`], [`console_session`], [`console_cookie`], [`actor`], [`audit`], [`diff`],
//! [`sharded`], [`snapshot`], [`status`], [`record`], [`traffic`], [`metrics_history`], [`observation`], [`convert`], [`duration`].

pub mod actor;
pub mod admin_token;
pub mod allowed_origins;
pub mod app;
pub mod applied;
pub mod audit;
pub mod authorization;
pub mod client_certificate;
pub mod clock;
pub mod command;
pub mod config_schema;
pub mod console_cookie;
pub mod console_session;
pub mod convert;
pub mod cors;
pub mod diff;
pub mod duration;
pub mod edge;
pub mod endpoint;
pub mod explain;
pub mod inspection;
pub mod issuer;
pub mod issuer_id;
pub mod issuer_keys;
pub mod keyed_quotas;
pub mod kv;
pub mod last_use;
pub mod managed_by;
pub mod merge_patch;
pub mod metrics_history;
pub mod name;
pub mod namespace;
pub mod node;
pub mod observation;
pub mod options;
pub mod own_changes;
pub mod own_host;
pub mod path;
pub mod plugin;
pub mod plugin_effect;
pub mod plugin_event;
pub mod plugin_page;
pub mod plugin_roles;
pub mod plugin_sealing;
pub mod policy;
pub mod public_endpoints;
pub mod quota;
pub mod rate_limited_log;
pub mod record;
pub mod role;
pub mod scope;
pub mod sealing;
pub mod secret;
pub mod sha256;
pub mod sharded;
pub mod slug;
pub mod snapshot;
pub mod status;
pub mod stream_options;
pub mod token;
pub mod traffic;
pub mod trial;
pub mod user;

/// A point in time: milliseconds since the Unix epoch.
pub type UnixMillis = i64;
