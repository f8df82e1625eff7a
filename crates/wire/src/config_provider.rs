//! What a plugin tells about itself before it is initialized.
//!
//! Messages, client and server of `proto/plugin/config_provider.proto`.

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

include!("generated/config_provider.rs");
