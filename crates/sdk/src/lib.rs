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
//! how a handler gives up; [`Host`] is what a plugin may ask back; a [`Page`] is what it shows in the console; [`testing`] runs a plugin inside a test, without a gateway.
//!
//! # Ask the host
//!
//! ```
//! use std::sync::Arc;
//! use std::time::Duration;
//! use sidegate_sdk::{Config, Host, HostError, Plugin, Request, Response, Result, testing, tracing};
//!
//! struct Shop { host: Host }
//!
//! fn plugin() -> Plugin<Shop> {
//!     Plugin::new("shop", "1.0.0")
//!         .initialize(async |config: Config| Ok(Shop { host: config.host().clone() }))
//!         .post("/orders/*", order)
//!         .on_session(async |host: Host, _: Arc<Shop>| {
//!             let mut paid = host.events().subscribe("order.paid").await?;
//!             while let Some(event) = paid.next().await {
//!                 tracing::info!(order = event.json::<String>()?, "to be shipped");
//!             }
//!             Ok(())
//!         })
//! }
//!
//! async fn order(req: Request, shop: Arc<Shop>) -> Result<Response> {
//!     let [_, order] = req.segments() else { return Ok(Response::error(404, "which order?")) };
//!     let key = format!("order/{order}");
//!     match shop.host.kv().set_for(&key, req.body().clone(), Duration::from_secs(86_400)).await {
//!         Ok(()) => {}
//!         Err(HostError::NoHost | HostError::NotGranted { .. }) => tracing::warn!("orders are not kept"),
//!         Err(error) => return Err(error.into()),
//!     }
//!     shop.host.events().publish_json("order.paid", order).await?;
//!     Ok(Response::new(201))
//! }
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<()> {
//! let host = testing::Host::start(plugin(), Config::default()).granting(["kv.readwrite"]).await?;
//! host.post("/orders/7", "2 cups").await;
//! assert_eq!(host.stored("order/7").as_deref(), Some(&b"2 cups"[..]));
//! assert_eq!(host.published()[0].topic, "order.paid");
//! # Ok(())
//! # }
//! ```
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
mod host;
mod log;
mod machine;
mod manifest;
mod page;
mod plugin;
mod program;
mod query;
mod request;
mod request_builder;
mod response;
mod route;
mod rpc;
mod serve;
mod service;
mod session;
mod standalone;
mod stream;
pub mod testing;
mod tls;

#[doc(inline)]
pub use sidegate_wire::management::{AppInfo, GetBudgetStatusResponse as BudgetStatus};
#[doc(inline)]
pub use sidegate_wire::plugin::App;
pub use tracing;

pub use config::Config;
pub use endpoint::Endpoint;
pub use endpoints::Endpoints;
pub use error::{Error, Result};
pub use handler::{Handler, IntoResponse, StreamHandler};
pub use headers::Headers;
pub use host::{
    AppPage, Apps, Credential, Entry, EntryPage, Event, Events, Host, HostError, Kv, List,
    ListedEntry, Logger, Put, Subscription, Version,
};
pub use log::HostLog;
pub use manifest::{Manifest, ManifestSource};
pub use page::Page;
pub use plugin::Plugin;
pub use request::Request;
pub use request_builder::RequestBuilder;
pub use response::Response;
pub use rpc::RpcHandler;
pub use stream::{Closed, ResponseStream};

/// Compiles the examples of the guide to pages of plugins.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/plugin-pages-authors.md")]
struct Pages;

/// Compiles the examples of the README.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
