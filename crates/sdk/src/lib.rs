//! Write a Sidegate plugin: a program whose async functions answer HTTP requests.
//!
//! ```no_run
//! use sidegate_sdk::{Plugin, Request, Response};
//!
//! #[tokio::main]
//! async fn main() -> sidegate_sdk::Result<()> {
//!     Plugin::new("hello", env!("CARGO_PKG_VERSION"))
//!         .get("/*", async |req: Request| Response::text(format!("hello {}", req.path())))
//!         .serve()
//!         .await
//! }
//! ```
//!
//! In reading order: [`Plugin`] describes the program; [`Endpoint`] one address it answers;
//! [`Request`] and [`Response`] are what a handler gets and gives; a handler that answers piece by
//! piece writes to a [`ResponseStream`]; [`Config`] is what the operator configured; [`Error`] is
//! how a handler gives up; [`testing`] runs a plugin inside a test, without a gateway.
//!
//! The SDK speaks the plugin protocol and knows nothing of the gateway behind it.

mod about;
mod answer;
mod config;
mod endpoint;
mod endpoints;
mod error;
mod guard;
mod handler;
mod headers;
mod log;
mod plugin;
mod program;
mod query;
mod request;
mod request_builder;
mod response;
mod route;
mod serve;
mod service;
mod session;
mod standalone;
mod stream;
pub mod testing;

#[doc(inline)]
pub use sidegate_wire::plugin::App;
pub use tracing;

pub use config::Config;
pub use endpoint::Endpoint;
pub use endpoints::Endpoints;
pub use error::{Error, Result};
pub use handler::{Handler, IntoResponse, StreamHandler};
pub use headers::Headers;
pub use log::HostLog;
pub use plugin::Plugin;
pub use request::Request;
pub use request_builder::RequestBuilder;
pub use response::Response;
pub use stream::{Closed, ResponseStream};

/// Compiles the examples of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
