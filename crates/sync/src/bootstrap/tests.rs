//! A bootstrap file is taken as a whole or not at all, and says what is missing.

use super::*;
use crate::object::Blob;
use crate::signature::Signer;
use crate::testing::{plugins, published};
use std::collections::BTreeMap;

struct File {
    signers: PinnedSigners,
    manifest: VerifiedManifest,
    blobs: BTreeMap<Digest, Bytes>,
    bytes: Vec<u8>,
}

fn file() -> File {
    let signer = Signer::generate().unwrap();
    let (manifest, blobs) = published(&signer, (1, 7), &plugins(&[1, 2], 1));
    let blobs: BTreeMap<_, _> =
        blobs.into_iter().map(|Blob { digest, bytes, .. }| (digest, bytes)).collect();
    let mut bytes = Vec::new();
    write(&mut bytes, std::slice::from_ref(&manifest), |digest| Ok(blobs[digest].clone())).unwrap();
    let signers = PinnedSigners::new([signer.key()]).unwrap();
    File { signers, manifest, blobs, bytes }
}

type Taken = (Vec<VerifiedManifest>, BTreeMap<Digest, Bytes>);

fn read_as(
    bytes: &[u8],
    signers: Option<&PinnedSigners>,
    has_key: bool,
) -> Result<Taken, BootstrapError> {
    let mut blobs = BTreeMap::new();
    let trust = Trust { signers, has_key: &|_| has_key };
    let manifests = read(&mut &*bytes, &trust, &mut |_, digest, bytes| {
        blobs.insert(digest, bytes);
        Ok(())
    })?;
    Ok((manifests, blobs))
}

#[test]
fn what_was_written_is_read() {
    let file = file();
    let (manifests, blobs) = read_as(&file.bytes, Some(&file.signers), true).unwrap();
    assert_eq!((manifests, blobs), (vec![file.manifest], file.blobs));
}

#[test]
fn no_byte_can_be_changed_cut_off_or_added() {
    let file = file();
    let is_refused = |bytes: &[u8]| read_as(bytes, Some(&file.signers), true).is_err();
    for at in 0..file.bytes.len() {
        assert!(is_refused(&file.bytes[..at]), "cut at {at}");
        for bit in 0..8 {
            let mut changed = file.bytes.clone();
            changed[at] ^= 1 << bit;
            assert!(is_refused(&changed), "changed at {at}");
        }
    }
    assert!(is_refused(&[file.bytes.as_slice(), b"E"].concat()));
}

#[test]
fn what_is_missing_is_said_all_at_once() {
    let file = file();
    let said = |signers, has_key| read_as(&file.bytes, signers, has_key).unwrap_err().to_string();
    let (signer, key) =
        ("the pinned signer, without which nobody vouches for it", "the key of namespace (global)");
    let begin = "the bootstrap file cannot be used: missing";
    assert_eq!(said(None, true), format!("{begin} {signer}"));
    assert_eq!(said(Some(&file.signers), false), format!("{begin} {key}"));
    assert_eq!(said(None, false), format!("{begin} {signer} and {key}"));
    let other = PinnedSigners::new([Signer::generate().unwrap().key()]).unwrap();
    assert!(said(Some(&other), true).contains("no pinned signer signed it"));
}

#[test]
fn a_length_that_is_a_lie_takes_no_memory() {
    let mut bytes = MAGIC.to_vec();
    bytes.push(BLOB);
    bytes.extend(u32::MAX.to_le_bytes());
    let said = read_as(&bytes, None, true).unwrap_err().to_string();
    assert!(said.contains("a part has 4294967295 bytes"), "{said}");
}
