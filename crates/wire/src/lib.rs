//! The contracts of Sidegate.
//!
//! Everything that crosses a process boundary is named here, and nothing else: what a plugin
//! process answers ([`plugin`], [`config_provider`], [`health`]), what it may ask of its host
//! ([`management`], [`studio`], [`events`], [`host`]), the line it prints first ([`handshake`]), how endpoint calls are named
//! ([`calls`]), which endpoint a path names ([`routing`]), and the one table of what can go wrong
//! ([`error`]). This crate knows nothing of gateways, stores or sockets.
//!
//! The message types are generated from the files below `proto/` and committed; after changing
//! one of those files, run `cargo run -p xtask -- codegen`. Clients and servers of the services, and with
//! them a runtime, are there with the feature `grpc` only.

pub mod calls;
pub mod config_provider;
pub mod error;
pub mod events;
pub mod handshake;
pub mod health;
pub mod host;
pub mod management;
pub mod plugin;
pub mod routing;
pub mod studio;

pub use error::{ErrorCode, ErrorSource, GrpcCode};
pub use handshake::{Handshake, HandshakeError, Network};
