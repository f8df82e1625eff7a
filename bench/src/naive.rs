//! The plugin protocol as generated without any thought for speed. Used by the naive gateway,
//! by the naive plugin, and for what is asked of a plugin once.

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

tonic::include_proto!("plugin");
