//! The standard gRPC health service, which every plugin serves.
//!
//! Messages, client and server of `proto/plugin/health.proto`.

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

include!("generated/grpc.health.v1.rs");
