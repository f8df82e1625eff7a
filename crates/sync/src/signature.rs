//! Signatures: who may publish. A [`VerifiedManifest`] exists only where one of the pinned signers signed its
//! bytes, so whatever takes one need not check it again.

use crate::digest::Digest;
use crate::manifest::{InvalidManifest, Manifest};
use crate::message;
use crate::mutation::{Check, leaves_out};
use aws_lc_rs::signature::{ED25519, Ed25519KeyPair, KeyPair as _, UnparsedPublicKey};
use bytes::Bytes;
use std::collections::HashSet;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

/// What is signed in front of a manifest's bytes, so that the key never signs anything else by accident.
const PREFIX: &[u8] = b"sidegate manifest 1\0";
/// Most signers that can be pinned: the one in use, and those that keys are rotated from or to.
const MAX_SIGNERS: usize = 16;

/// Whoever publishes: a private key.
pub struct Signer(Ed25519KeyPair);

/// The key by which a signer is known; written as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SignerKey([u8; 32]);

/// The signers whose manifests are taken; at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PinnedSigners(Vec<SignerKey>);

/// A manifest that a pinned signer signed. Copies are cheap.
#[derive(Clone)]
pub struct VerifiedManifest(Arc<Inner>);

struct Inner {
    manifest: Manifest,
    digest: Digest,
    digests: HashSet<Digest>,
    bytes: Bytes,
    signature: Bytes,
}

/// A private key that is none, or could not be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("signing key: {0}")]
pub struct SignerError(&'static str);

/// Why signers cannot be pinned.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PinError {
    /// A text that is no key.
    #[error("signer {0:?} is no key: write 64 hexadecimal digits")]
    NotAKey(String),
    /// None at all.
    #[error("no signer is pinned: name the key of the control plane that signs")]
    Nobody,
    /// Too many.
    #[error("{0} signers are pinned: {MAX_SIGNERS} are the most")]
    TooMany(usize),
}

/// Why a manifest is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VerifyError {
    /// Nobody who is pinned signed these bytes.
    #[error(
        "no pinned signer signed it: it was changed, or signed by another control plane; pinned: {0}"
    )]
    NotSigned(String),
    /// Signed, and no manifest.
    #[error(transparent)]
    Invalid(#[from] InvalidManifest),
}

impl Signer {
    /// Makes a new key.
    ///
    /// # Errors
    /// [`SignerError`] when the system has no random numbers.
    pub fn generate() -> Result<Self, SignerError> {
        let made = Ed25519KeyPair::generate();
        made.map(Self).map_err(|_| SignerError("the system gives no random numbers"))
    }

    /// The signer with this private key, see [`Self::seed`].
    ///
    /// # Errors
    /// [`SignerError`] when these are not 32 bytes.
    pub fn from_seed(seed: &[u8]) -> Result<Self, SignerError> {
        let read = Ed25519KeyPair::from_seed_unchecked(seed);
        read.map(Self).map_err(|_| SignerError("it is not 32 bytes"))
    }

    /// The private key: to be kept sealed.
    pub fn seed(&self) -> Vec<u8> {
        let seed = self.0.seed().expect("a key that was made of a seed has it");
        let bytes = aws_lc_rs::encoding::AsBigEndian::as_be_bytes(&seed);
        bytes.expect("a seed is 32 bytes").as_ref().to_vec()
    }

    /// The key that edges pin.
    pub fn key(&self) -> SignerKey {
        let key = self.0.public_key().as_ref().try_into();
        SignerKey(key.expect("a public key of Ed25519 has 32 bytes"))
    }

    /// Signs a manifest.
    pub fn sign(&self, manifest: Manifest) -> VerifiedManifest {
        let bytes = Bytes::from(manifest.encode());
        let signature = self.0.sign(&signed_bytes(&bytes));
        let signature = Bytes::copy_from_slice(signature.as_ref());
        VerifiedManifest::new(manifest, bytes, signature)
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Signer({})", self.key())
    }
}

impl fmt::Display for SignerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for SignerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl SignerKey {
    /// Reads 64 hexadecimal digits.
    ///
    /// # Errors
    /// [`PinError::NotAKey`].
    pub fn parse(text: &str) -> Result<Self, PinError> {
        let read = sidegate_model::sha256::Sha256::parse(text);
        let wrong = || PinError::NotAKey(text.chars().take(100).collect());
        read.map(|bytes| Self(bytes.0)).ok_or_else(wrong)
    }

    /// The key of these bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl PinnedSigners {
    /// These ones.
    ///
    /// # Errors
    /// [`PinError`] when there are none or too many.
    pub fn new(signers: impl IntoIterator<Item = SignerKey>) -> Result<Self, PinError> {
        let mut signers: Vec<_> = signers.into_iter().collect();
        signers.sort_unstable();
        signers.dedup();
        match signers.len() {
            0 => Err(PinError::Nobody),
            count if count > MAX_SIGNERS => Err(PinError::TooMany(count)),
            _ => Ok(Self(signers)),
        }
    }

    /// Takes a manifest that one of them signed.
    ///
    /// # Errors
    /// [`VerifyError`].
    pub fn verify(
        &self,
        signed: &message::SignedManifest,
    ) -> Result<VerifiedManifest, VerifyError> {
        let message = signed_bytes(&signed.manifest);
        let is_signed = self.0.iter().any(|signer| {
            let key = UnparsedPublicKey::new(&ED25519, &signer.0);
            key.verify(&message, &signed.signature).is_ok()
        });
        if !is_signed && !leaves_out(Check::Signature) {
            let pinned: Vec<_> = self.0.iter().map(ToString::to_string).collect();
            return Err(VerifyError::NotSigned(pinned.join(", ")));
        }
        let manifest = Manifest::decode(&signed.manifest)?;
        let (bytes, signature) = (signed.manifest.clone(), signed.signature.clone());
        Ok(VerifiedManifest::new(manifest, bytes, signature))
    }
}

impl VerifiedManifest {
    fn new(manifest: Manifest, bytes: Bytes, signature: Bytes) -> Self {
        let digest = Digest::of(&bytes);
        let digests = manifest.entries().iter().map(|entry| entry.digest).collect();
        Self(Arc::new(Inner { manifest, digest, digests, bytes, signature }))
    }

    /// SHA-256 of its bytes: another one for each revision, also of equal content.
    pub fn digest(&self) -> Digest {
        self.0.digest
    }

    /// Whether one of its objects has this blob.
    pub fn has_blob(&self, digest: &Digest) -> bool {
        self.0.digests.contains(digest)
    }

    /// As it is sent and stored.
    pub fn to_message(&self) -> message::SignedManifest {
        let Inner { bytes, signature, .. } = &*self.0;
        message::SignedManifest { manifest: bytes.clone(), signature: signature.clone() }
    }
}

impl Deref for VerifiedManifest {
    type Target = Manifest;

    fn deref(&self) -> &Manifest {
        &self.0.manifest
    }
}

impl PartialEq for VerifiedManifest {
    fn eq(&self, other: &Self) -> bool {
        self.digest() == other.digest()
    }
}

impl Eq for VerifiedManifest {}

impl fmt::Debug for VerifiedManifest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner { manifest, digest, .. } = &*self.0;
        write!(f, "{} {} {digest:?}", manifest.namespace(), manifest.position())
    }
}

fn signed_bytes(manifest: &[u8]) -> Vec<u8> {
    [PREFIX, manifest].concat()
}
