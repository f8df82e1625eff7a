//! The bootstrap file: manifests and all of their blobs in one file, from which a new edge starts without its control
//! plane. It is read as it comes, within bounds, and nothing of it is believed: manifests are signed, blobs are those
//! that the manifests name.
//!
//! After eight bytes that say what it is come parts: a letter, a length in four bytes, the smallest first, and so
//! many bytes. `M` is a signed manifest, `B` a blob, `E` the digest of everything before it and the end.

#[cfg(test)]
mod tests;

use crate::digest::Digest;
use crate::limits::{MAX_BLOB_BYTES, MAX_MANIFEST_BYTES};
use crate::message;
use crate::signature::{PinnedSigners, VerifiedManifest, VerifyError};
use bytes::Bytes;
use prost::Message as _;
use sha2::{Digest as _, Sha256};
use sidegate_model::namespace::Namespace;
use std::collections::BTreeSet;
use std::io::{self, Read, Write};

const MAGIC: &[u8; 8] = b"SGBOOT1\n";
const MANIFEST: u8 = b'M';
const BLOB: u8 = b'B';
const END: u8 = b'E';
/// Most manifests of one file: an edge sees two namespaces.
const MAX_MANIFESTS: usize = 16;

/// What an edge has that tells a good file from another.
pub struct Trust<'a> {
    /// Whose manifests are taken.
    pub signers: Option<&'a PinnedSigners>,
    /// Whether there is a key for what is sealed in a namespace.
    pub has_key: &'a dyn Fn(&Namespace) -> bool,
}

/// Why a file is not taken.
#[derive(Debug, thiserror::Error)]
pub enum BootstrapError {
    /// It could not be read or written, or ends too early.
    #[error("the bootstrap file: {0}")]
    Io(#[from] io::Error),
    /// Another file, or one that was changed.
    #[error("this is no whole bootstrap file: {0}")]
    Damaged(String),
    /// Nobody says what to trust.
    #[error("the bootstrap file cannot be used: missing {}", .0.join(" and "))]
    Missing(Vec<String>),
    /// Not signed by whom it must be.
    #[error("the bootstrap file: {0}")]
    NotVerified(#[from] VerifyError),
    /// Whoever takes the blobs cannot.
    #[error(transparent)]
    Sink(SinkError),
}

/// Writes a file of these manifests; `blob` gives the bytes of each blob once.
///
/// # Errors
/// [`BootstrapError::Io`] of the file or of `blob`.
pub fn write(
    out: &mut impl Write,
    manifests: &[VerifiedManifest],
    mut blob: impl FnMut(&Digest) -> io::Result<Bytes>,
) -> Result<(), BootstrapError> {
    let mut out = Hashing { inner: out, hash: Sha256::new() };
    out.write_all(MAGIC)?;
    for manifest in manifests {
        put(&mut out, MANIFEST, &manifest.to_message().encode_to_vec())?;
    }
    for digest in blobs_of(manifests) {
        put(&mut out, BLOB, &blob(&digest)?)?;
    }
    let digest = out.hash.clone().finalize();
    put(&mut out, END, &digest)?;
    Ok(out.flush()?)
}

/// Whoever takes the blobs of a file, with the manifests that name them.
pub type Sink<'a> = dyn FnMut(&[VerifiedManifest], Digest, Bytes) -> Result<(), SinkError> + 'a;

/// Why a blob is not taken.
pub type SinkError = Box<dyn std::error::Error + Send + Sync>;

/// Reads a file to its end. Each blob goes to `sink`, checked, as it comes; only when this is `Ok` was the file whole,
/// and are all blobs there that the manifests name.
///
/// # Errors
/// [`BootstrapError`] says what is wrong or missing.
pub fn read(
    input: &mut impl Read,
    trust: &Trust<'_>,
    sink: &mut Sink<'_>,
) -> Result<Vec<VerifiedManifest>, BootstrapError> {
    let mut input = Hashing { inner: input, hash: Sha256::new() };
    let mut magic = [0; MAGIC.len()];
    input.read_exact(&mut magic)?;
    if magic != *MAGIC {
        return Err(damaged("it begins otherwise than files of this version"));
    }
    let mut signed = Vec::new();
    let mut part = next_part(&mut input)?;
    while let Part::Manifest(bytes) = part {
        if signed.len() == MAX_MANIFESTS {
            return Err(damaged("it has too many manifests"));
        }
        let manifest = message::SignedManifest::decode(bytes);
        signed.push(manifest.map_err(|error| damaged(&error.to_string()))?);
        part = next_part(&mut input)?;
    }
    let manifests = trust.verify(&signed)?;
    let mut wanted = blobs_of(&manifests);
    while let Part::Blob(bytes) = part {
        let digest = Digest::of(&bytes);
        if !wanted.remove(&digest) {
            return Err(damaged("a blob was changed, or is there twice"));
        }
        sink(&manifests, digest, bytes).map_err(BootstrapError::Sink)?;
        part = next_part(&mut input)?;
    }
    match part {
        Part::End if wanted.is_empty() => Ok(manifests),
        Part::End => Err(damaged(&format!("{} blobs are missing", wanted.len()))),
        _ => Err(damaged("its parts are out of order")),
    }
}

enum Part {
    Manifest(Bytes),
    Blob(Bytes),
    End,
}

fn next_part<R: Read>(input: &mut Hashing<&mut R>) -> Result<Part, BootstrapError> {
    let before = input.hash.clone().finalize();
    let mut head = [0; 5];
    input.read_exact(&mut head)?;
    let [kind, length @ ..] = head;
    let length = usize::try_from(u32::from_le_bytes(length)).unwrap_or(usize::MAX);
    let most = match kind {
        // With the signature around it.
        MANIFEST => MAX_MANIFEST_BYTES + 1024,
        BLOB => MAX_BLOB_BYTES,
        END => 32,
        _ => return Err(damaged("it has a part of an unknown kind")),
    };
    if length > most {
        return Err(damaged(&format!("a part has {length} bytes: {most} are the most")));
    }
    // Grows with what really comes.
    let mut bytes = Vec::new();
    let read = input.by_ref().take(length as u64).read_to_end(&mut bytes)?;
    if read < length {
        return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
    }
    match kind {
        MANIFEST => Ok(Part::Manifest(bytes.into())),
        BLOB => Ok(Part::Blob(bytes.into())),
        _ if bytes != before.as_slice() => Err(damaged("its digest is another")),
        _ if input.read(&mut [0])? != 0 => Err(damaged("something comes after its end")),
        _ => Ok(Part::End),
    }
}

impl Trust<'_> {
    fn verify(
        &self,
        signed: &[message::SignedManifest],
    ) -> Result<Vec<VerifiedManifest>, BootstrapError> {
        let mut missing = Vec::new();
        if self.signers.is_none() {
            missing.push("the pinned signer, without which nobody vouches for it".to_owned());
        }
        let mut manifests: Vec<VerifiedManifest> = Vec::new();
        for signed in signed {
            let namespace = match self.signers {
                Some(signers) => {
                    let manifest = signers.verify(signed)?;
                    let namespace = manifest.namespace().clone();
                    manifests.push(manifest);
                    Some(namespace)
                }
                // Only to say all that is missing; nothing is believed.
                None => crate::Manifest::decode(&signed.manifest)
                    .ok()
                    .map(|manifest| manifest.namespace().clone()),
            };
            let lacks = |namespace: &Namespace| !(self.has_key)(namespace);
            if let Some(namespace) = namespace.filter(lacks) {
                missing.push(format!("the key of namespace {namespace}"));
            }
        }
        let namespaces: BTreeSet<_> = manifests.iter().map(|m| m.namespace()).collect();
        match (missing.is_empty(), namespaces.len() == manifests.len()) {
            (false, _) => Err(BootstrapError::Missing(missing)),
            (true, false) => Err(damaged("it has two manifests of one namespace")),
            (true, true) => Ok(manifests),
        }
    }
}

fn blobs_of(manifests: &[VerifiedManifest]) -> BTreeSet<Digest> {
    manifests.iter().flat_map(|m| m.entries()).map(|entry| entry.digest).collect()
}

fn put(out: &mut impl Write, kind: u8, bytes: &[u8]) -> io::Result<()> {
    let too_long = |_| io::Error::new(io::ErrorKind::InvalidInput, "a part is too long");
    let length = u32::try_from(bytes.len()).map_err(too_long)?;
    out.write_all(&[kind])?;
    out.write_all(&length.to_le_bytes())?;
    out.write_all(bytes)
}

fn damaged(problem: &str) -> BootstrapError {
    BootstrapError::Damaged(problem.to_owned())
}

/// Hashes what passes.
struct Hashing<T> {
    inner: T,
    hash: Sha256,
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.hash.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(bytes)?;
        self.hash.update(&bytes[..read]);
        Ok(read)
    }
}
