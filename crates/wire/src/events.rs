//! What plugins tell each other through their gateway: events by topic.
//!
//! Messages, client and server of `proto/host/plugin_events.proto`.

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

include!("generated/plugin_events.rs");
