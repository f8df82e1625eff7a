//! What the process of a plugin beside the console may ask of the admin side: its own configuration, apps, storage.
//!
//! Messages, client and server of `proto/host/ai_studio_management.proto`.

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

include!("generated/ai_studio_management.rs");
