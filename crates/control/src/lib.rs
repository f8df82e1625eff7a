//! The control plane: the admin API and the publishing of snapshots. It never sees a client's
//! request and never runs a plugin; what it knows of a data plane is [`DataPlane`].
//!
//! Reading order: `publish` (store, then snapshot), `control` (what may be done to desired state),
//! `plane` (what a data plane is asked), `logs` (what the log is asked), `expiry` (what plugins kept long enough), `admin` (all of it over HTTP).

mod admin;
mod control;
mod expiry;
mod logs;
mod plane;
mod publish;

pub use admin::{AdminTls, ControlSettings, serve};
pub use control::Control;
pub use logs::LogLevels;
pub use plane::DataPlane;
pub use publish::{Published, Publisher};
