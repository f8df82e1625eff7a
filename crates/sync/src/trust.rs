//! Trust bundles: whom and what an edge trusts, as its control plane says it. What is in one is not known here; it
//! holds keys, so nobody ever sees its bytes in a log.

use crate::digest::Digest;
use crate::limits::MAX_TRUST_BYTES;
use crate::message;
use bytes::Bytes;
use std::fmt;

/// A trust bundle, named by its digest. Copies are cheap.
#[derive(Clone, PartialEq, Eq)]
pub struct TrustBytes {
    bytes: Bytes,
    digest: Digest,
}

/// Bytes that are no trust bundle.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTrust {
    /// More than anybody trusts.
    #[error("the trust bundle has {0} bytes: {MAX_TRUST_BYTES} are the most")]
    TooLarge(usize),
    /// The digest is another one's.
    #[error("the trust bundle was changed on its way")]
    Changed,
}

impl TrustBytes {
    /// These bytes.
    ///
    /// # Errors
    /// [`InvalidTrust::TooLarge`].
    pub fn new(bytes: impl Into<Bytes>) -> Result<Self, InvalidTrust> {
        let bytes = bytes.into();
        match bytes.len() {
            length if length > MAX_TRUST_BYTES => Err(InvalidTrust::TooLarge(length)),
            _ => Ok(Self { digest: Digest::of(&bytes), bytes }),
        }
    }

    /// What is in it. Holds keys.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// By which an edge says that it keeps this one.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    pub(crate) fn to_message(&self, number: u64) -> message::Trust {
        let digest = Bytes::copy_from_slice(self.digest.as_bytes());
        message::Trust { bundle: self.bytes.clone(), digest, number }
    }

    pub(crate) fn read(trust: message::Trust) -> Result<Self, InvalidTrust> {
        let read = Self::new(trust.bundle)?;
        match read.digest.as_bytes().as_slice() == trust.digest {
            true => Ok(read),
            false => Err(InvalidTrust::Changed),
        }
    }
}

impl fmt::Debug for TrustBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TrustBytes({:?})", self.digest)
    }
}

impl fmt::Debug for message::Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Trust({} bytes)", self.bundle.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bundle_is_taken_as_it_was_sent_and_never_shown() {
        let trust = TrustBytes::new("hunter2".as_bytes()).unwrap();
        let message = trust.to_message(1);
        assert_eq!(TrustBytes::read(message.clone()), Ok(trust.clone()));
        let whole = message::ControlMessage {
            body: Some(message::control_message::Body::Trust(message.clone())),
        };
        for shown in [format!("{trust:?}"), format!("{whole:?}")] {
            assert!(!shown.contains("hunter2") && !shown.contains("104, 117"), "{shown}");
        }
        let changed = message::Trust { bundle: "hunter3".into(), ..message };
        assert_eq!(TrustBytes::read(changed), Err(InvalidTrust::Changed));
        let long = vec![0; MAX_TRUST_BYTES + 1];
        assert_eq!(TrustBytes::new(long), Err(InvalidTrust::TooLarge(MAX_TRUST_BYTES + 1)));
    }
}
