//! What edges of a namespace serve by, as one signed file, from which a new one starts without its control plane.

use super::Edges;
use bytes::Bytes;
use sidegate_model::actor::AuditContext;
use sidegate_model::namespace::Namespace;
use sidegate_store::StoreError;
use sidegate_sync::{Digest, bootstrap};
use std::collections::HashMap;
use std::fmt::Write as _;
use std::io;

/// What stands for the global namespace in a file of keys.
const GLOBAL: &str = "_global";

/// Why there is no file.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BootstrapError {
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Nothing is published there.
    #[error("nothing is published for the namespace {0}: name one that is there")]
    Nothing(Namespace),
    /// It cannot be put together.
    #[error("the bootstrap file cannot be made: {0}")]
    Failed(String),
}

impl Edges {
    /// The file for edges of a namespace.
    ///
    /// # Errors
    /// Why there is none.
    pub(crate) async fn bootstrap_file(
        &self,
        namespace: &Namespace,
    ) -> Result<Vec<u8>, BootstrapError> {
        let own = (!namespace.is_global()).then_some(namespace);
        let mut manifests = Vec::new();
        for namespace in [&Namespace::global()].into_iter().chain(own) {
            let newest = self.0.heads.newest(namespace);
            manifests.push(newest.ok_or_else(|| BootstrapError::Nothing(namespace.clone()))?);
        }
        let mut blobs = HashMap::<Digest, Bytes>::new();
        for manifest in &manifests {
            for entry in manifest.entries() {
                let bytes = self.bytes(manifest.namespace(), &entry.digest).await?;
                blobs.insert(entry.digest, bytes);
            }
        }
        let mut file = Vec::new();
        let blob = |digest: &Digest| {
            blobs.get(digest).cloned().ok_or_else(|| io::Error::other("a blob is missing"))
        };
        bootstrap::write(&mut file, &manifests, blob)
            .map_err(|error| BootstrapError::Failed(error.to_string()))?;
        Ok(file)
    }

    /// The text of a file with the keys of the secrets that edges of a namespace see; that it was shown is noted.
    ///
    /// # Errors
    /// Why there is none.
    pub(crate) async fn key_file(
        &self,
        namespace: &Namespace,
        context: AuditContext,
    ) -> Result<String, StoreError> {
        let own = (!namespace.is_global()).then_some(namespace);
        let mut text = String::new();
        for namespace in [&Namespace::global()].into_iter().chain(own) {
            let name = if namespace.is_global() { GLOBAL } else { namespace.as_str() };
            for (_, key) in self.0.store.numbered_data_keys(namespace).await? {
                let _ = writeln!(text, "{name} {}", key.reveal());
            }
        }
        self.0.store.by(context).note_keys_shown(namespace).await?;
        Ok(text)
    }

    async fn bytes(&self, namespace: &Namespace, digest: &Digest) -> Result<Bytes, BootstrapError> {
        if let Some(bytes) = self.0.heads.blob(namespace, digest) {
            return Ok(bytes);
        }
        let stored = self.0.store.published_blob(digest.as_bytes()).await?;
        stored.map(Bytes::from).ok_or_else(|| {
            BootstrapError::Failed("what was published moved on meanwhile: try again".to_owned())
        })
    }
}
