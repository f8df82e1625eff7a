//! The edge: from a client's socket to the generation and back.
//!
//! Reading order: [`listener`] accepts; [`guarded_io`] with [`framing`] and [`head`] guards the
//! socket; [`respond`] frames a request and [`handle`] tells its story; [`request`], [`dispatch`],
//! [`response`] and [`stream`] are its steps towards the plugin and back. Never imports the host.

pub(crate) mod access_log;
pub(crate) mod addresses;
pub(crate) mod body;
pub(crate) mod body_memory;
pub(crate) mod close_on_end;
pub(crate) mod connection;
pub(crate) mod connection_requests;
pub(crate) mod connection_timeouts;
pub(crate) mod context;
pub(crate) mod cors;
pub(crate) mod deadlines;
pub(crate) mod decide;
pub(crate) mod disconnect_probe;
pub(crate) mod dispatch;
pub(crate) mod error;
pub(crate) mod event_border;
pub(crate) mod explain;
pub(crate) mod fields;
pub(crate) mod forwarded;
pub(crate) mod framing;
pub(crate) mod guarded_io;
pub(crate) mod handle;
pub(crate) mod head;
pub(crate) mod inside;
pub(crate) mod inside_settings;
pub(crate) mod listed_requests;
pub(crate) mod listener;
pub(crate) mod open_streams;
pub(crate) mod operations;
pub(crate) mod origin;
pub(crate) mod own_hosts;
pub(crate) mod own_tokens;
pub(crate) mod page_origin;
pub(crate) mod poll_when_woken;
pub(crate) mod proxies;
pub(crate) mod public_urls;
pub(crate) mod quota_headers;
pub(crate) mod recheck;
pub(crate) mod rejected_request;
pub(crate) mod request;
pub(crate) mod request_id;
pub(crate) mod respond;
pub(crate) mod response;
pub(crate) mod sampling;
pub(crate) mod sanity;
pub(crate) mod settle;
pub(crate) mod short_text;
pub(crate) mod socket;
pub(crate) mod stopping;
pub(crate) mod stream;
pub(crate) mod stream_tasks;
pub(crate) mod tls;
pub(crate) mod turn;
pub(crate) mod upload;
pub(crate) mod wall_clock;
pub(crate) mod well_known;
