//! The snapshots of an edge on its disk: which namespaces, whose word counts, and what is damaged.

use super::served::ServingHost;
use super::trust;
use super::version::Version;
use crate::config::edge::Bootstrap;
use crate::error::Failure;
use sidegate_enrolment::edge::EdgeIdentity;
use sidegate_model::clock::now_millis;
use sidegate_model::namespace::Namespace;
use sidegate_sync::edge::{EdgeConfig, Replica};
use sidegate_sync::{DataKeys, PinnedSigners};
use std::collections::BTreeSet;
use std::path::PathBuf;

/// How snapshots are opened.
#[derive(Clone)]
pub(super) struct Opening {
    /// Where they are.
    pub(super) folder: PathBuf,
    /// Who serves by them.
    pub(super) host: ServingHost,
    /// What opens secrets in them.
    pub(super) keys: DataKeys,
    /// Another one for each start of the process.
    pub(super) boot_id: [u8; 16],
}

/// Whose word an edge takes, and about what.
#[derive(Clone)]
pub(super) struct Believing {
    /// The global namespace and its own.
    pub(super) namespaces: BTreeSet<Namespace>,
    signers: PinnedSigners,
    trust: Option<sidegate_sync::Digest>,
}

impl Believing {
    /// As the identity says.
    ///
    /// # Errors
    /// When its trust bundle names nobody.
    pub(super) fn of(identity: &EdgeIdentity) -> Result<Self, Failure> {
        let bundle = identity.trust().borrow().clone();
        let signers = bundle.pinned_signers();
        let signers = signers.map_err(|error| Failure::failed(error.to_string()))?;
        let namespaces = seen_from(identity.peer().namespace);
        Ok(Self { namespaces, signers, trust: trust::digest(&bundle) })
    }

    /// As the settings say, for an edge that never joined.
    pub(super) fn of_settings(namespace: Namespace, signers: PinnedSigners) -> Self {
        Self { namespaces: seen_from(namespace), signers, trust: None }
    }
}

/// What an edge of a namespace gets.
fn seen_from(namespace: Namespace) -> BTreeSet<Namespace> {
    [Namespace::global(), namespace].into()
}

/// Does what waits for the disk where that holds nobody up.
///
/// # Errors
/// What it fails with.
pub(super) async fn on_disk<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, Failure> + Send + 'static,
) -> Result<T, Failure> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(error) => Err(Failure::failed(format!("a task ended: {error}"))),
    }
}

impl Opening {
    /// Opens what is there, and serves by it. What is damaged is named in the log. Waits for the disk.
    ///
    /// # Errors
    /// When the folder cannot be used.
    pub(super) fn open(&self, believing: &Believing) -> Result<Replica<ServingHost>, Failure> {
        let [seed @ .., _, _, _, _, _, _, _, _] = self.boot_id;
        let Version { number, features } = Version::of_this_build();
        let config = EdgeConfig {
            signers: believing.signers.clone(),
            trust: believing.trust,
            features,
            version: number,
            boot_id: self.boot_id,
            connections_before: u64::try_from(now_millis()).unwrap_or_default(),
            seed: u64::from_le_bytes(seed),
        };
        let namespaces = believing.namespaces.iter().cloned();
        let opened = Replica::open(&self.folder, namespaces, config, self.host.clone());
        let (replica, damaged) = opened.map_err(|error| {
            Failure::failed(format!("the snapshots of this edge: {error}"))
                .hint("the folder `edge` in DATA_DIR must be one that this user may write")
        })?;
        for damaged in damaged {
            let (file, problem) = (damaged.file.display(), &damaged.problem);
            tracing::error!(%file, problem, "a file of a snapshot is damaged and not used");
        }
        Ok(replica)
    }

    /// The same; an edge that has nothing yet begins with a bootstrap file, where there is one.
    ///
    /// # Errors
    /// Those of [`Self::open`], and what is wrong with the file.
    pub(super) fn begin(
        &self,
        believing: &Believing,
        bootstrap: Option<&Bootstrap>,
    ) -> Result<Replica<ServingHost>, Failure> {
        let mut replica = self.open(believing)?;
        if let Some(bootstrap) = bootstrap.filter(|_| self.host.served().borrow().is_empty()) {
            super::bootstrap::begin(&mut replica, bootstrap, &self.keys)?;
        }
        Ok(replica)
    }
}
