//! What a plugin process serves: `PluginService` and, in the same package, the broker, stdio and
//! controller services of the plugin library.
//!
//! Messages, clients and servers of `proto/plugin/plugin.proto` and `goplugin.proto`. Fields from
//! number 1000 on are extensions of Sidegate, used only after both sides announced them; see the
//! feature names in [`crate::handshake`].

#![allow(
    missing_docs,
    unreachable_pub,
    clippy::all,
    clippy::unwrap_used,
    clippy::too_many_lines,
    clippy::needless_pass_by_value,
    clippy::uninlined_format_args,
    reason = "generated code"
)]

include!("generated/plugin.rs");
