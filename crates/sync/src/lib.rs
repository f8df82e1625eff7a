//! How an edge gets what its control plane published, and keeps it. An edge holds only published revisions: of each
//! namespace exactly one, but for objects that it had to reject, which keep their last good version.
//!
//! Content is cut into [`object`]s, one for each plugin and one for each 256th of apps and tokens, and an object is
//! a blob named by its SHA-256. A [`Manifest`] lists the blobs of a namespace at one revision, and is signed. An edge
//! is told of a new manifest, asks for the blobs that it does not have, stores all of them, and only then
//! serves by them. Nothing is a difference to something before, so nothing can be applied to the wrong thing: messages
//! can come twice, late or not at all.
//!
//! Secrets are sealed in blobs ([`sealed_settings`]), under the data key of their namespace, and so are disks, backups
//! and bootstrap files; an edge opens them with [`DataKeys`]. Those come in a trust bundle ([`TrustBytes`]), down the
//! stream and before every head that needs them: the bundle says whom and what an edge trusts, and is stored before it
//! counts. An object whose key is not known is rejected, keeps its last good version, and is tried again when the keys
//! change.
//!
//! An edge that is ahead of what is published, because a database was restored, proves it by the manifest that it
//! serves by; whoever publishes raises the lineage then ([`server::Said::Ahead`]).
//!
//! Beside all that one edge can be given commands ([`command`]): explain a request, show records, follow log lines,
//! reload a plugin. Their answers go when nothing else is to be said, and no more of them than there is room for
//! where they are read.
//!
//! What is not to be overlooked by an older edge has a name in [`Features`]; such an edge rejects the object
//! that needs it, and takes all others.
//!
//! Reading order: [`object`] and [`Content`] (what is carried), [`Manifest`] and [`Position`] (what there is, and
//! which counts), [`Signer`] and [`PinnedSigners`] (who may say so), [`edge_content`] (what an edge makes of it),
//! [`disk`] and [`bootstrap`] (where it lies), [`edge`] and [`server`] (the two ends of the protocol, each a machine
//! without input and output, and what reads and writes for it over gRPC), [`report`] (how an edge is doing).
//!
//! It knows neither SQL nor the admin API nor a plugin's process, makes no certificates, does not know what is in a
//! trust bundle, and looks into a configuration only for what is sealed.
//!
//! ```
//! use sidegate_model::plugin::{PluginId, PluginSpec};
//! use sidegate_model::snapshot::Snapshot;
//! use sidegate_sync::{Content, Manifest, Namespace, PinnedSigners, Position, Publication, Signer};
//!
//! // The control plane: a snapshot becomes blobs, and a signed manifest of them.
//! let echo = PluginSpec::new(PluginId(1), "echo", "file:///opt/echo");
//! let content = Content::of(&Snapshot::default().with_plugin(echo.id, Some(echo)))?;
//! let publication = Publication {
//!     namespace: Namespace::global(),
//!     position: Position { lineage: 1, revision: 1 },
//!     parent: None,
//!     author: "root".to_owned(),
//!     at: sidegate_model::clock::now_millis(),
//! };
//! let signer = Signer::generate()?;
//! let published = signer.sign(Manifest::new(publication, content.blobs())?);
//!
//! // An edge: takes the manifest because it knows the signer, and asks for the blobs that it names.
//! let pinned = PinnedSigners::new([signer.key()])?;
//! let manifest = pinned.verify(&published.to_message())?;
//! let blob = content.blobs().next().expect("there is one plugin");
//! assert_eq!(manifest.entries()[0].digest, blob.digest);
//! assert!(pinned.verify(&Signer::generate()?.sign((*manifest).clone()).to_message()).is_err());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod backoff;
mod boot_time;
pub mod bootstrap;
pub mod canonical_json;
pub mod command;
mod content;
mod data_keys;
mod digest;
pub mod disk;
pub mod edge;
pub mod edge_content;
mod features;
pub mod limits;
mod manifest;
pub mod message;
mod mutation;
pub mod object;
mod parts;
pub mod report;
pub mod sealed_settings;
pub mod server;
mod signature;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod testing;
mod trust;

pub use boot_time::BootTime;
pub use content::Content;
pub use data_keys::{DataKeys, Keyrings};
pub use digest::Digest;
pub use features::{Features, NotUnderstood};
pub use manifest::{Entry, InvalidManifest, Manifest, Position, Publication};
pub use object::{Blob, Object, ObjectName, Rejection};
pub use sidegate_model::namespace::{InvalidNamespace, Namespace};
pub use signature::{
    PinError, PinnedSigners, Signer, SignerError, SignerKey, VerifiedManifest, VerifyError,
};
pub use trust::{InvalidTrust, TrustBytes};
