//! Messages of enrolment: what is generated of `proto/sidegate_enrolment.proto`. No rule of what they mean is in here.

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

include!("generated/sidegate_enrolment.rs");
