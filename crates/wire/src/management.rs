//! What a plugin may ask of its gateway: key-value storage, apps, credentials, budgets, prices.
//!
//! Messages, client and server of `proto/host/microgateway_management.proto`.

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

include!("generated/microgateway_management.rs");
