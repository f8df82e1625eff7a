//! What a plugin may ask of its gateway: storage, facts about apps and tokens, and events of other
//! plugins.
//!
//! Reading order: [`HostServices`] (`server`) serves one connection; `calls` bounds each call and
//! brings it to its service: `management` answers from the snapshot (`facts`) and keeps what a
//! plugin wants kept (`storage`), `events` passes on what plugins publish (`bus`) and remembers the last of it (`event_log`). `calling_plugin` is the
//! plugin at the other end and what it was granted, `limiter` how much of us it may take. `detached` keeps
//! bytes without the message they came in.
//!
//! Who asks is the connection: fields of a message that name a plugin are not read. What a plugin
//! may ask is looked up in the current snapshot at every call, so a grant or its revocation counts
//! from the next call on. Events and the licence need no scope, because the plugins there are
//! declare none for them. A plugin that is not in the snapshot any more is granted nothing.
//!
//! A process beside the console has the admin side as well: `studio` answers from the snapshot (`studio_facts`) and lets the
//! plugin change what is its own; `page_calls` knows for whom, `save_rate` how often.
//!
//! What Sidegate offers beyond the original contract is `sidegate`: storage under conditions (`entries`), and `sealing`.
//!
//! Where one process of a plugin takes the place of another, `recipient` says which of them gets the
//! events. What was asked for and not granted is remembered in `refusals`.
//!
//! Knows nothing of sockets and brokers, nor where the storage is.

mod bus;
mod calling_plugin;
mod calls;
mod detached;
mod entries;
mod event_log;
mod events;
mod facts;
mod limiter;
mod management;
pub(crate) mod no_storage;
mod page_calls;
mod recipient;
mod refusals;
mod save_rate;
mod sealing;
mod server;
mod sidegate;
mod storage;
mod studio;
mod studio_facts;

pub(crate) use page_calls::{OpenPageCall, PageCalls};
pub(crate) use recipient::EventRecipient;
pub use server::{HostServices, Keepers};
