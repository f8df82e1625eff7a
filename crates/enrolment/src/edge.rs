//! The edge's end: its identity on disk, how it is got and renewed, and connections by it.
//!
//! ```no_run
//! # use sidegate_enrolment::{Clock, ControlUrl, JoinToken, edge};
//! # async fn start(token: &str, stop: tokio::sync::watch::Receiver<bool>) -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = std::path::Path::new("data/edge/identity");
//! let urls = vec![ControlUrl::parse("https://control.example:8443")?];
//! let control = edge::ControlPlanes::new(urls, None)?;
//! let identity = match edge::EdgeIdentity::load(folder, Clock::system())? {
//!     Some(identity) => identity,
//!     None => edge::join(folder, &control, &JoinToken::parse(token)?, Clock::system()).await?,
//! };
//! tokio::spawn(edge::keep_renewed(identity.clone(), control.clone(), stop));
//! let dialer = edge::Dialer::new(identity, control);
//! # Ok(())
//! # }
//! ```

mod client;
mod control_planes;
mod credentials;
mod dialer;
mod folder;
mod identity;
mod join;
mod proxy;
mod renewal;
mod server;

pub use client::EnrolError;
pub use control_planes::{ControlPlanes, NoControlPlane};
pub use credentials::DamagedCredentials;
pub use dialer::Dialer;
pub use folder::FolderError;
pub use identity::{EdgeIdentity, IdentityError};
pub use join::{JoinError, join, keep_joining};
pub use proxy::{InvalidProxy, Proxy};
pub use renewal::{RenewError, keep_renewed, renew};
