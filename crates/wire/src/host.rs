//! What Sidegate offers to its plugins beyond the original contract: conditional storage, and sealing.
//!
//! Messages, client and server of `proto/host/sidegate_host.proto`.

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

include!("generated/sidegate_host.rs");
