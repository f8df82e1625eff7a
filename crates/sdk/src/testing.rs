//! A host in a box: runs a plugin inside a test, over a real socket and the real protocol, without
//! a gateway and without a process.
//!
//! ```
//! use sidegate_sdk::testing::Host;
//! use sidegate_sdk::{Plugin, Request, Response};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> sidegate_sdk::Result<()> {
//! let plugin = Plugin::new("hello", "1.0.0")
//!     .get("/hello", async |req: Request| format!("hello {}", req.query("name").unwrap_or_default()));
//! let host = Host::start(plugin, [("slug", "x")]).await?;
//! let answer = host.get("/hello?name=you").await;
//! assert_eq!((answer.status(), answer.text()), (200, "hello you"));
//! # Ok(())
//! # }
//! ```
//!
//! What the plugin asks its host ([`Host`](crate::Host)) is answered from memory: by default
//! nothing is granted, see [`Start::granting`]; what the plugin kept and told, the test can read.
//!
//! The methods and files of the plugin's page are reached with [`Host::call`] and [`Host::asset`]; where the
//! plugin changes its configuration, it needs [`Start::in_console`].
//!
//! Handlers can also be called directly, with a request made by
//! [`Request::builder`](crate::Request::builder). Nothing here knows how a gateway authenticates or
//! limits: a test says who calls with [`RequestBuilder::app`](crate::RequestBuilder::app).

mod answer;
mod cut;
mod folder;
mod host;
mod memory;
mod offer;
mod pages;
mod services;
mod sidegate;
mod start;
mod studio;

pub use answer::{Answer, AnswerStream, End};
pub use host::Host;
pub use start::Start;
