//! All stories, as one program: what a person can rely on, told with real processes and sockets.

#![expect(clippy::unwrap_used, reason = "what a story unwraps is what it asserts")]

mod app_metadata;
mod attacks;
mod authentication;
mod chunk_protocol;
mod cli;
mod containment;
mod cors;
mod crash_under_load;
mod error_table;
mod examples;
mod forwarded;
mod framing;
mod go_endpoints;
mod go_events;
mod go_hosts;
mod go_idleness;
mod go_lifecycle;
mod go_services;
mod go_streaming;
mod http2;
mod interruption;
mod isolation;
mod lifecycle_page;
mod limits;
mod operations;
mod parking;
mod paths;
mod plugin_answers;
mod plugin_logs;
mod quota;
mod readiness;
mod records;
mod reload_under_load;
mod remote;
mod removal;
mod request_fields;
mod routing;
mod secrets;
mod slow_clients;
mod stalled_readers;
mod streaming;
mod tls;
mod uploads;
