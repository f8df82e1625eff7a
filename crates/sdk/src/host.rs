//! What a plugin may ask of the host that runs it: storage, events, facts about apps.
//!
//! Knows the host's services and how they are reached. Knows nothing of requests or handlers.

mod apps;
mod client;
mod dial;
mod entries;
mod error;
mod events;
mod kv;
mod line;
mod logger;
mod sealing;
mod studio;

pub use apps::{AppPage, Apps, Credential};
pub use client::Host;
pub use entries::{Entry, EntryPage, List, ListedEntry, Put, Version};
pub use error::HostError;
pub use events::{Event, Events, Subscription};
pub use kv::Kv;
pub use logger::Logger;
