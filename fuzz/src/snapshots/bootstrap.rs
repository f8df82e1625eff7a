//! Bootstrap files, held against a literal reading of their parts. The signer is one whom everybody knows.

use crate::verdict::{Outcome, Verdict, same};
use sidegate_sync::bootstrap::{Trust, read};
use sidegate_sync::{Digest, PinnedSigners, Signer, VerifiedManifest, message};
use std::collections::BTreeSet;

/// Words that belong into them.
pub const WORDS: &[&[u8]] = &[
    b"SGBOOT1\n",
    b"M\x00\x00\x00\x00",
    b"B\x00\x00\x00\x00",
    b"B\x04\x00\x00\x00",
    b"E\x20\x00\x00\x00",
    b"\xff\xff\xff\xff",
];

/// The private key of the signer of all seeds.
const SEED: [u8; 32] = [1; 32];
/// The digest at the end, with its head.
const END_BYTES: usize = 37;

/// The digests of manifests and blobs that were taken.
pub type Taken = (Vec<Digest>, BTreeSet<Digest>);

/// The reader that is tried.
pub type Reader = fn(&[u8], &PinnedSigners) -> Option<Taken>;

/// The edge's.
pub fn ours(bytes: &[u8], signers: &PinnedSigners) -> Option<Taken> {
    let trust = Trust { signers: Some(signers), has_key: &|_| true };
    let mut blobs = BTreeSet::new();
    let manifests = read(&mut &*bytes, &trust, &mut |_, digest, _| {
        blobs.insert(digest);
        Ok(())
    });
    Some((manifests.ok()?.iter().map(VerifiedManifest::digest).collect(), blobs))
}

/// Tries the edge's.
///
/// # Errors
/// What it reads otherwise.
pub fn check(input: &[u8]) -> Verdict {
    check_with(ours, input)
}

/// Tries a reader: with these bytes, and with a digest at the end that fits what is before it.
///
/// # Errors
/// What it reads otherwise.
pub fn check_with(reader: Reader, input: &[u8]) -> Verdict {
    let signer = Signer::from_seed(&SEED).map_err(|error| error.to_string())?;
    let signers = PinnedSigners::new([signer.key()]).map_err(|error| error.to_string())?;
    let body = &input[..input.len().saturating_sub(END_BYTES)];
    let sealed = sealed(body);
    let mut outcome = Vec::new();
    for bytes in [input, sealed.as_slice()] {
        let taken = reader(bytes, &signers);
        same("a file", &taken, &literal(bytes, &signers))?;
        outcome.push(taken.map(|(manifests, blobs)| (manifests.len(), blobs.len())));
    }
    Ok(Outcome::of(&outcome))
}

/// Some bytes with the end of a file.
pub fn sealed(body: &[u8]) -> Vec<u8> {
    [body, b"E\x20\x00\x00\x00", Digest::of(body).as_bytes().as_slice()].concat()
}

/// All parts at once, then what they have to be.
fn literal(bytes: &[u8], signers: &PinnedSigners) -> Option<Taken> {
    let mut rest = bytes.strip_prefix(b"SGBOOT1\n")?;
    let (mut letters, mut parts) = (String::new(), Vec::new());
    while let Some((letter, after)) = rest.split_first() {
        let (length, after) = after.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_le_bytes(*length)).ok()?;
        let (part, after) = after.split_at_checked(length)?;
        letters.push(char::from(*letter));
        parts.push(part);
        rest = after;
    }
    let manifests = letters.bytes().take_while(|letter| *letter == b'M').count();
    let blobs = letters[manifests..].bytes().take_while(|letter| *letter == b'B').count();
    if manifests > 16 || letters[manifests + blobs..] != *"E" {
        return None;
    }
    let (end, before) = parts.split_last()?;
    let body = &bytes[..bytes.len() - end.len() - 5];
    if *end != Digest::of(body).as_bytes() {
        return None;
    }
    let verify = |part: &&[u8]| {
        let signed: message::SignedManifest = prost::Message::decode(*part).ok()?;
        signers.verify(&signed).ok()
    };
    let known = before[..manifests].iter().map(verify).collect::<Option<Vec<_>>>()?;
    let namespaces: BTreeSet<_> = known.iter().map(|manifest| manifest.namespace()).collect();
    let named: BTreeSet<_> =
        known.iter().flat_map(|m| m.entries()).map(|entry| entry.digest).collect();
    let there: BTreeSet<_> = before[manifests..].iter().map(|blob| Digest::of(blob)).collect();
    let is_whole = there == named && blobs == named.len() && namespaces.len() == known.len();
    is_whole.then(|| (known.iter().map(VerifiedManifest::digest).collect(), there))
}
