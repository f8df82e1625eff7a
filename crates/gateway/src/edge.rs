//! The edge: from a client's socket to the generation and back.
//!
//! Reading order: [`listener`] accepts; [`guarded_io`] with [`framing`] and [`head`] guards the
//! socket; [`respond`] frames a request and [`handle`] tells its story; [`request`], [`dispatch`],
//! [`response`] and [`stream`] are its steps towards the plugin and back. Never imports the host.

pub mod absence;
pub mod access_log;
pub mod answer_names;
pub mod body;
pub mod body_memory;
pub mod closing;
pub mod connection;
pub mod context;
pub mod cors;
pub mod deadlines;
pub mod dispatch;
pub mod error;
pub mod event_border;
pub mod fields;
pub mod forwarded;
pub mod framing;
#[doc(hidden)]
pub mod fuzzing;
pub mod guarded_io;
pub mod handle;
pub mod head;
pub mod headers;
pub mod listener;
pub mod open_streams;
pub mod operations;
pub mod orderly;
pub mod origin;
pub mod own_tokens;
pub mod patience;
pub mod proxies;
pub mod refusal;
pub mod request;
pub mod request_id;
pub mod respond;
pub mod response;
pub mod sanity;
pub mod settle;
pub mod socket;
pub mod standby;
pub mod stopping;
pub mod stream;
pub mod stream_tasks;
pub mod tls;
pub mod upload;
pub mod validity;
