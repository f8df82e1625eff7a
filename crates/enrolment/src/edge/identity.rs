//! Who an edge is, as its folder says: the credentials, and what it knows of its control plane. What changes is on
//! the disk before anybody sees it.
//!
//! - `identity.pem`: the key and the certificate. With it the edge has joined.
//! - `trust-bundle`: what it knows of its control plane. Both begin with a line that has the SHA-256 of the rest.
//! - `joining.key`: the key of a join that has not ended.

use super::credentials::{Credentials, DamagedCredentials};
use super::folder::{Folder, FolderError};
use super::server::check_issued;
use crate::certificate::EdgeCertificate;
use crate::clock::Clock;
use crate::request::EdgeKey;
use crate::rotation::TrustedAuthorities;
use crate::trust_bundle::{InvalidTrustBundle, TrustBundle};
use arc_swap::ArcSwap;
use rustls::sign::CertifiedKey;
use sha2::{Digest as _, Sha256};
use sidegate_sync::server::PeerIdentity;
use std::fmt;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::watch;

const CREDENTIALS: &str = "identity.pem";
const TRUST_BUNDLE: &str = "trust-bundle";
const JOINING_KEY: &str = "joining.key";
/// What the first lines of the two say.
const OF_CREDENTIALS: &str = "identity";
const OF_BUNDLE: &str = "trust bundle";

/// Who an edge is. A clone is cheap and the same identity; what is renewed shows in all of them.
#[derive(Clone)]
pub struct EdgeIdentity(Arc<Inner>);

struct Inner {
    folder: Folder,
    clock: Clock,
    credentials: ArcSwap<Credentials>,
    trust: watch::Sender<Arc<TrustBundle>>,
    /// Held by whoever writes files.
    writing: Mutex<()>,
}

/// An identity that cannot be used or stored. What was there before is still there.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The disk.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// What is on it.
    #[error(
        "{0}; restore the folder, or remove it and join again with a new token (`sidegate edge create`)"
    )]
    Damaged(FolderError),
    /// A trust bundle that is none.
    #[error(transparent)]
    Bundle(#[from] InvalidTrustBundle),
    /// What was issued is not what was asked for.
    #[error("what the control plane issued cannot be used: {0}")]
    Issued(String),
}

impl From<DamagedCredentials> for IdentityError {
    fn from(error: DamagedCredentials) -> Self {
        Self::Issued(error.to_string())
    }
}

impl EdgeIdentity {
    /// Reads the identity in a folder; `None` where no edge has joined yet.
    ///
    /// # Errors
    /// [`IdentityError`] when it cannot be read, others may read it, or it is damaged.
    pub fn load(folder: &Path, clock: Clock) -> Result<Option<Self>, IdentityError> {
        let folder = Folder::new(folder);
        let Some(credentials) = folder.read(CREDENTIALS)? else { return Ok(None) };
        let damaged = |name, problem: &dyn ToString| {
            IdentityError::Damaged(folder.damaged(name, &problem.to_string()))
        };
        let credentials = read(OF_CREDENTIALS, &credentials).map_err(str::to_owned);
        let credentials = credentials
            .and_then(|pem| Credentials::from_pem(pem).map_err(|error| error.to_string()))
            .map_err(|problem| damaged(CREDENTIALS, &problem))?;
        let bundle = folder.read(TRUST_BUNDLE)?;
        let bundle = bundle.ok_or_else(|| damaged(TRUST_BUNDLE, &"it is missing"))?;
        let bundle = read(OF_BUNDLE, &bundle).map_err(str::to_owned);
        let bundle = bundle
            .and_then(|bytes| TrustBundle::decode(bytes).map_err(|error| error.to_string()))
            .map_err(|problem| damaged(TRUST_BUNDLE, &problem))?;
        Ok(Some(Self::of(folder, clock, credentials, bundle)))
    }

    fn of(folder: Folder, clock: Clock, credentials: Credentials, bundle: TrustBundle) -> Self {
        Self(Arc::new(Inner {
            folder,
            clock,
            credentials: ArcSwap::from_pointee(credentials),
            trust: watch::Sender::new(Arc::new(bundle)),
            writing: Mutex::default(),
        }))
    }

    /// Which edge it is, as its certificate says.
    pub fn peer(&self) -> PeerIdentity {
        self.certificate().peer
    }

    /// The newest certificate.
    pub fn certificate(&self) -> EdgeCertificate {
        self.0.credentials.load().certificate().clone()
    }

    /// What it knows of its control plane, now and from now on.
    pub fn trust(&self) -> watch::Receiver<Arc<TrustBundle>> {
        self.0.trust.subscribe()
    }

    /// Takes a trust bundle, as the control plane sent it. It is on the disk when this returns, and before anybody sees
    /// it. The last one counts, whatever its number: after a restore the database's number goes back. Says whether it
    /// is another one than before. It writes files, and so must not be called where nothing may wait.
    ///
    /// # Errors
    /// [`IdentityError`]; the one of before is still there and counts.
    pub fn store_bundle(&self, bytes: &[u8]) -> Result<bool, IdentityError> {
        let bundle = TrustBundle::decode(bytes)?;
        let _writing = self.0.writing.lock().unwrap_or_else(PoisonError::into_inner);
        if **self.0.trust.borrow() == bundle {
            return Ok(false);
        }
        self.0.folder.write(TRUST_BUNDLE, &written(OF_BUNDLE, bytes))?;
        self.0.trust.send_replace(Arc::new(bundle));
        Ok(true)
    }

    /// Takes a renewed certificate, with the bundle that came with it.
    pub(super) fn renewed(
        &self,
        key: EdgeKey,
        chain: Vec<Vec<u8>>,
        bundle: &[u8],
    ) -> Result<(), IdentityError> {
        let issued = Issued::check(key, chain, bundle, &self.0.clock)?;
        let was = self.peer();
        let is = &issued.credentials.certificate().peer;
        if was != *is {
            let told = format!("it is for {is:?}, and this edge is {was:?}");
            return Err(IdentityError::Issued(told));
        }
        self.store_bundle(bundle)?;
        let _writing = self.0.writing.lock().unwrap_or_else(PoisonError::into_inner);
        self.0.folder.write(CREDENTIALS, &file(&issued.credentials))?;
        self.0.credentials.store(Arc::new(issued.credentials));
        Ok(())
    }

    pub(super) fn certified(&self) -> Arc<CertifiedKey> {
        self.0.credentials.load().certified()
    }

    pub(super) fn clock(&self) -> &Clock {
        &self.0.clock
    }

    pub(super) fn trusted(&self) -> TrustedAuthorities {
        TrustedAuthorities::new(self.0.trust.borrow().authorities.clone())
    }
}

impl fmt::Debug for EdgeIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EdgeIdentity({:?})", self.0.credentials.load())
    }
}

/// An identity that is being made.
pub(super) struct Joining {
    folder: Folder,
    key: EdgeKey,
}

impl Joining {
    /// With the key of an attempt before, so that a token that was used by that is not lost.
    pub(super) fn begin(folder: &Path) -> Result<Self, IdentityError> {
        let folder = Folder::new(folder);
        folder.make()?;
        if let Some(text) = folder.read(JOINING_KEY)? {
            let key = std::str::from_utf8(&text).ok().and_then(|text| EdgeKey::from_pem(text).ok());
            let problem = "it holds no readable private key; remove this file";
            let key = key.ok_or_else(|| folder.damaged(JOINING_KEY, &problem))?;
            return Ok(Self { folder, key });
        }
        let key = EdgeKey::generate().map_err(|error| IdentityError::Issued(error.to_string()))?;
        folder.write(JOINING_KEY, key.to_pem().as_bytes())?;
        Ok(Self { folder, key })
    }

    pub(super) fn key(&self) -> &EdgeKey {
        &self.key
    }

    /// Stores what was issued: from then on the edge has joined.
    pub(super) fn end(
        self,
        chain: Vec<Vec<u8>>,
        bundle: &[u8],
        clock: Clock,
    ) -> Result<EdgeIdentity, IdentityError> {
        let Issued { credentials, bundle: read } = Issued::check(self.key, chain, bundle, &clock)?;
        self.folder.write(TRUST_BUNDLE, &written(OF_BUNDLE, bundle))?;
        self.folder.write(CREDENTIALS, &file(&credentials))?;
        self.folder.remove(JOINING_KEY)?;
        Ok(EdgeIdentity::of(self.folder, clock, credentials, read))
    }
}

/// What a control plane issued, looked at before anything depends on it.
struct Issued {
    credentials: Credentials,
    bundle: TrustBundle,
}

impl Issued {
    fn check(
        key: EdgeKey,
        chain: Vec<Vec<u8>>,
        bundle: &[u8],
        clock: &Clock,
    ) -> Result<Self, IdentityError> {
        let bundle = TrustBundle::decode(bundle)?;
        let credentials = Credentials::new(key, chain)?;
        let trusted = TrustedAuthorities::new(bundle.authorities.clone());
        let checked = check_issued(credentials.der(), &trusted, clock);
        checked.map_err(|error| IdentityError::Issued(error.to_string()))?;
        Ok(Self { credentials, bundle })
    }
}

fn file(credentials: &Credentials) -> Vec<u8> {
    written(OF_CREDENTIALS, credentials.to_pem().as_bytes())
}

/// What a file begins with: what it is, and the SHA-256 of all that follows.
fn head(of: &str, bytes: &[u8]) -> String {
    let digest: [u8; 32] = Sha256::digest(bytes).into();
    format!("sidegate {of} 1 sha256 {}\n", sidegate_model::sha256::Sha256(digest))
}

fn written(of: &str, bytes: &[u8]) -> Vec<u8> {
    [head(of, bytes).as_bytes(), bytes].concat()
}

/// What was written, if it is whole.
fn read<'a>(of: &str, file: &'a [u8]) -> Result<&'a [u8], &'static str> {
    let end = file.iter().position(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    let (first, bytes) = file.split_at(end);
    match first == head(of, bytes).as_bytes() {
        true => Ok(bytes),
        false => {
            Err("it was changed or cut off: its bytes are not those that its first line names")
        }
    }
}
