//! The harness of the end-to-end stories: it starts the real programs, speaks to them over real
//! sockets, and checks on every answer what nobody remembers to check.
//!
//! In reading order: [`story`] bounds a test in time; [`Gateway`] is a running gateway with a folder
//! of its own; [`Request`], [`Answer`] and [`Stream`] are for ordinary HTTP, [`Raw`] for the other
//! kind, and [`Unread`] for answers that nobody reads; [`Load`] and [`Streams`] are many clients at once; [`Go`] is for programs in Go, [`Postgres`] a server of databases, [`DeafDatabase`] a way to one without notifications;
//! [`eventually()`] is the only way to wait, [`Need`] the only way to leave a test out.

mod admin;
mod answer;
mod app;
mod binaries;
mod body;
mod certificate;
mod certificate_parts;
mod cli;
mod client;
mod client_authority;
mod contract;
mod control_plane;
mod deaf;
mod eventually;
mod free_port;
mod gateway;
mod go;
mod invariants;
mod issuer;
mod load;
mod mount;
mod need;
mod plugin;
mod postgres;
mod process;
mod raw;
mod running;
mod story;
mod streams;
mod unread;

pub use admin::Admin;
pub use answer::{Answer, GatewayError};
pub use app::{App, AppBuilder, TokenBuilder};
pub use binaries::{curl, program, schemathesis, search_path};
pub use body::{BrokenOff, Stream};
pub use certificate::Certificate;
pub use cli::{Cli, Finished};
pub use client::{Connection, Request, Version};
pub use client_authority::{ClientAuthority, ClientCertificate};
pub use contract::check_edge;
pub use control_plane::ControlPlane;
pub use deaf::{DeafDatabase, Deafness};
pub use eventually::{PATIENCE, eventually, pause, within};
pub use free_port::free_port;
pub use gateway::{Gateway, GatewayBuilder};
pub use go::{Flavour, Go, Library, go_story};
pub use issuer::{Behaviour, Issuer, JwtBuilder};
pub use load::{Load, Tally};
pub use mount::{Filler, ReadOnly, SmallDisk};
pub use need::Need;
pub use plugin::{Plugin, PluginBuilder, lines_of};
pub use postgres::{Backup, Postgres};
pub use process::{
    cpu_ticks, descendants, freeze, is_alive, kill, resident_kib, signal, terminate, thaw,
};
pub use raw::{Ending, Raw};
pub use running::Old;
pub use story::{lone_story, long_story, story};
pub use streams::{Pace, Streamed, Streams};
pub use unread::Unread;
