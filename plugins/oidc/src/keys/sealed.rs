//! The keys as they lie in the storage: sealed by the host, so that whoever reads the storage or a copy of the database has
//! no key. Those of earlier versions lie there as they are, and so do those of hosts that seal nothing.

use serde::{Deserialize, Serialize};
use sidegate_sdk::{Error, Result};

use super::ring::RingRecord;
use crate::secret_text::{base64url, from_base64url};
use crate::storage::Records;

/// What the host is told that it seals.
const PURPOSE: &str = "signing keys";

/// Keys in the storage.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
pub(super) enum Kept {
    /// By the host, in Base64 for addresses.
    Sealed {
        sealed: String,
    },
    Plain(RingRecord),
}

impl Kept {
    pub(super) async fn seal(ring: &RingRecord, records: &Records) -> Result<Self> {
        let sealed = records.seal(serde_json::to_vec(ring)?, PURPOSE).await?;
        Ok(match sealed {
            Some(sealed) => Self::Sealed { sealed: base64url(&sealed) },
            None => Self::Plain(ring.clone()),
        })
    }

    pub(super) fn is_sealed(&self) -> bool {
        matches!(self, Self::Sealed { .. })
    }

    pub(super) async fn open(self, records: &Records) -> Result<RingRecord> {
        let sealed = match self {
            Self::Plain(ring) => return Ok(ring),
            Self::Sealed { sealed } => sealed,
        };
        let opened = match from_base64url(&sealed) {
            Some(sealed) => records.open(sealed, PURPOSE).await?,
            None => None,
        };
        let opened = opened.ok_or_else(|| {
            Error::new(
                "the signing keys cannot be opened: the host has no key any more that sealed them. Restore that, or remove \
                 the entry `keys` of this plugin's storage, which ends all tokens",
            )
        })?;
        Ok(serde_json::from_slice(&opened)?)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{ALWAYS, KEY, Keys};
    use super::*;
    use crate::settings::Settings;
    use crate::storage::Storage as _;
    use crate::storage::memory::Memory;

    fn lifetimes() -> crate::settings::Lifetimes {
        let config = [("slug".to_owned(), "id".to_owned())].into_iter().collect();
        Settings::read(&config).unwrap().lifetimes
    }

    #[tokio::test]
    async fn keys_are_sealed_also_those_that_an_earlier_version_kept_and_stay_the_same() {
        let storage = Memory::new();
        let records = Records::new(storage.clone());
        let now = crate::clock::now();
        records.insert(KEY, &RingRecord::new(now).unwrap(), ALWAYS).await.unwrap();
        let plain = storage.get(KEY).await.unwrap().unwrap().value;
        assert!(String::from_utf8(plain).unwrap().contains("mark_key"));
        let first = Keys::load(records.clone(), lifetimes()).await.unwrap().ring().await;
        let sealed = storage.get(KEY).await.unwrap().unwrap().value;
        let text = String::from_utf8(sealed.clone()).unwrap();
        assert!(text.starts_with("{\"sealed\":") && !text.contains("mark_key"), "{text}");
        let again = Keys::load(records, lifetimes()).await.unwrap().ring().await;
        assert_eq!(first.public(), again.public());
        assert_eq!(storage.get(KEY).await.unwrap().unwrap().value, sealed, "once is enough");
    }

    #[tokio::test]
    async fn keys_that_nobody_can_open_are_told_and_not_replaced() {
        let records = Records::new(Memory::new());
        let of_another_host = Kept::Sealed { sealed: base64url(b"something else") };
        records.insert(KEY, &of_another_host, ALWAYS).await.unwrap();
        let refused = Keys::load(records, lifetimes()).await.err().expect("no key").to_string();
        assert!(refused.contains("cannot be opened"), "{refused}");
    }
}
