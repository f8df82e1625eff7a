//! What a plugin may ask of the host that runs it: storage, events, facts about apps.
//!
//! Knows the host's services and how they are reached. Knows nothing of requests or handlers.

mod apps;
mod client;
mod dial;
mod error;
mod events;
mod kv;
mod line;
mod logger;

pub use apps::{AppPage, Apps, Credential};
pub use client::Host;
pub use error::HostError;
pub use events::{Event, Events, Subscription};
pub use kv::Kv;
pub use logger::Logger;
