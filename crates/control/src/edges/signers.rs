//! Who signs what is published: the key in use, and those whose manifests are taken. Kept in the database, made once.

use sidegate_model::namespace::Namespace;
use sidegate_store::{KeyPurpose, KeyState, NewFleetKey, PublishedManifest, Store, StoreError};
use sidegate_sync::message::SignedManifest;
use sidegate_sync::{Manifest, PinnedSigners, Signer, SignerKey, VerifiedManifest};

/// The signers of one installation.
pub(crate) struct Signers {
    current: Signer,
    keys: Vec<SignerKey>,
    pinned: PinnedSigners,
}

/// Why nothing can be signed or published.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PublishError {
    /// The store cannot be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A key that is none.
    #[error("the signing key in the database cannot be used: {0}")]
    Signer(String),
    /// The authority of certificates is not as it has to be.
    #[error("the authority of edges' certificates: {0}")]
    Authority(String),
    /// Content that no edge would take.
    #[error("namespace {0} cannot be published: {1}")]
    Content(Namespace, String),
    /// A manifest in the database that is none of ours.
    #[error("a manifest of namespace {0} in the database is not to be trusted: {1}")]
    Stored(Namespace, String),
}

impl Signers {
    /// Those of the store; one is made where there is none.
    pub(crate) async fn of(store: &Store) -> Result<Self, PublishError> {
        // Two may be made and one of them kept.
        let new = Signer::generate().map_err(|e| PublishError::Signer(e.to_string()))?;
        let keys = store.fleet_keys_or(KeyPurpose::Signer, || to_be_kept(&new)).await?;
        let mut current = None;
        let mut known = Vec::new();
        for key in keys {
            let signer = Signer::from_seed(&key.secret);
            let signer = signer.map_err(|e| PublishError::Signer(e.to_string()))?;
            known.push(signer.key());
            if key.state == KeyState::Current {
                current = Some(signer);
            }
        }
        let pinned = PinnedSigners::new(known.iter().copied())
            .map_err(|e| PublishError::Signer(e.to_string()))?;
        let current = current.ok_or_else(|| PublishError::Signer("none is in use".to_owned()))?;
        Ok(Self { current, keys: known, pinned })
    }

    /// Stores the one in use where none is stored any more: the database was restored to before there was one, and this
    /// is the one that edges know.
    pub(crate) async fn keep_stored(&self, store: &Store) -> Result<(), PublishError> {
        let make = || {
            tracing::warn!(
                "the database has no signing key (any more), as one that was restored to before the first start of the \
                 control plane: the one of this process is stored in it"
            );
            to_be_kept(&self.current)
        };
        let stored = store.fleet_keys_or(KeyPurpose::Signer, make).await?;
        let ours = to_be_kept(&self.current).public;
        match stored.iter().any(|key| key.state == KeyState::Current && key.public == ours) {
            true => Ok(()),
            false => Err(PublishError::Signer(
                "it is another one than this process began with, so the database is that of another control plane: start \
                 this process anew, and let edges join again that know the key before"
                    .to_owned(),
            )),
        }
    }

    /// The key by which edges know the one in use.
    pub(crate) fn key(&self) -> SignerKey {
        self.current.key()
    }

    /// The keys by which edges know them.
    pub(crate) fn keys(&self) -> &[SignerKey] {
        &self.keys
    }

    /// Whose manifests are taken.
    pub(crate) fn pinned(&self) -> &PinnedSigners {
        &self.pinned
    }

    pub(crate) fn sign(&self, manifest: Manifest) -> VerifiedManifest {
        self.current.sign(manifest)
    }

    /// Takes a manifest that lies in the database.
    pub(crate) fn verify(
        &self,
        stored: PublishedManifest,
    ) -> Result<VerifiedManifest, PublishError> {
        let PublishedManifest { namespace, manifest, signature, .. } = stored;
        let signed = SignedManifest { manifest: manifest.into(), signature: signature.into() };
        let verified = self.pinned.verify(&signed);
        verified.map_err(|error| PublishError::Stored(namespace, error.to_string()))
    }
}

fn to_be_kept(signer: &Signer) -> NewFleetKey {
    NewFleetKey { public: signer.key().to_string().into_bytes(), secret: signer.seed() }
}
