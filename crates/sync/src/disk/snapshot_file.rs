//! The files `current` and `previous`: a fixed beginning, a digest of the rest, a signed manifest and what is kept of
//! others. Every byte counts: one that was changed makes the file another one's.

use super::StoredSnapshot;
use crate::digest::Digest;
use crate::limits::{MAX_KEPT_MANIFESTS, MAX_MANIFEST_BYTES};
use crate::message;
use crate::object::ObjectName;
use crate::signature::PinnedSigners;
use prost::Message as _;

/// Largest file: manifests that things are kept from are usually few.
pub(super) const MAX_BYTES: usize = 8 * MAX_MANIFEST_BYTES;

const MAGIC: &[u8; 8] = b"SGSNAP1\n";
const KIND: &str = "sidegate snapshot file 1";

pub(super) fn encode(snapshot: &StoredSnapshot) -> Vec<u8> {
    let kept = snapshot.kept.iter().map(|(manifest, names)| message::KeptFrom {
        manifest: Some(manifest.to_message()),
        objects: names.iter().map(name_message).collect(),
    });
    let stored = message::StoredSnapshot {
        manifest: Some(snapshot.manifest.to_message()),
        kept: kept.collect(),
    };
    let body = stored.encode_to_vec();
    let digest = Digest::of_kind(KIND, &[&body]);
    [MAGIC.as_slice(), digest.as_bytes(), &body].concat()
}

/// Reads a file.
///
/// # Errors
/// What is wrong with it.
pub(super) fn decode(bytes: &[u8], signers: &PinnedSigners) -> Result<StoredSnapshot, String> {
    let rest = bytes.strip_prefix(MAGIC).ok_or("it is no snapshot of this version")?;
    let (digest, body) = rest.split_at_checked(32).ok_or("it is cut off")?;
    if Digest::of_kind(KIND, &[body]).as_bytes() != digest {
        return Err("it was changed or cut off".to_owned());
    }
    let stored = message::StoredSnapshot::decode(body).map_err(|error| error.to_string())?;
    let verify = |signed: Option<message::SignedManifest>| {
        let signed = signed.ok_or("a manifest is missing")?;
        signers.verify(&signed).map_err(|error| error.to_string())
    };
    if stored.kept.len() > MAX_KEPT_MANIFESTS {
        return Err(format!("it keeps things from more than {MAX_KEPT_MANIFESTS} manifests"));
    }
    let mut kept = Vec::with_capacity(stored.kept.len());
    for from in stored.kept {
        let manifest = verify(from.manifest)?;
        let names: Option<Vec<_>> =
            from.objects.iter().map(|name| ObjectName::parse(&name.kind, &name.key)).collect();
        kept.push((manifest, names.ok_or("it keeps something without a name")?));
    }
    Ok(StoredSnapshot { manifest: verify(stored.manifest)?, kept })
}

fn name_message(name: &ObjectName) -> message::ObjectName {
    message::ObjectName { kind: name.kind().to_owned(), key: name.key().to_owned() }
}
