//! All keys together: which one signs, which are published, and when one goes.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sidegate_sdk::{Error, Result};

use super::made::{KeyRecord, SigningKey};
use crate::secret_text;
use crate::settings::Lifetimes;
use crate::settings::client::SigningAlgorithm;

const ALGORITHMS: [SigningAlgorithm; 2] = [SigningAlgorithm::RS256, SigningAlgorithm::ES256];
/// Clocks differ.
const LEEWAY_SECONDS: u64 = 300;

/// The keys as they are kept.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct RingRecord {
    keys: Vec<KeyRecord>,
    /// What marks refresh tokens and forms.
    mark_key: String,
}

impl RingRecord {
    pub(super) fn new(now: u64) -> Result<Self> {
        let keys = ALGORITHMS.iter().map(|alg| KeyRecord::new(*alg, now));
        Ok(Self { keys: keys.collect::<Result<_>>()?, mark_key: secret_text::secret()? })
    }

    /// What there is to be at this time, where that differs.
    pub(super) fn turned(&self, lifetimes: Lifetimes, now: u64) -> Result<Option<Self>> {
        let mut keys = self.keys.clone();
        let overlap = lifetimes.key_overlap.as_secs();
        for alg in ALGORITHMS {
            let newest = keys.iter().filter(|key| key.alg == alg).map(|key| key.made).max();
            // Made early enough to be known when it takes over.
            let age = lifetimes.key.as_secs();
            let is_due = newest.is_none_or(|made| now + overlap >= made + age.max(2 * overlap));
            if is_due {
                keys.push(KeyRecord::new(alg, now)?);
            }
        }
        let longest = lifetimes.access_token.max(lifetimes.id_token).as_secs() + LEEWAY_SECONDS;
        let all = keys.clone();
        keys.retain(|key| {
            let successor = successor_of(key, &all);
            successor.is_none_or(|next| now < next.made + overlap + longest)
        });
        let is_same = keys.len() == self.keys.len()
            && keys.iter().zip(&self.keys).all(|(new, old)| new.kid == old.kid);
        Ok((!is_same).then(|| Self { keys, mark_key: self.mark_key.clone() }))
    }
}

/// The key that takes over from another.
fn successor_of<'a>(key: &KeyRecord, all: &'a [KeyRecord]) -> Option<&'a KeyRecord> {
    let later = all.iter().filter(|other| other.alg == key.alg && other.made > key.made);
    later.min_by_key(|other| other.made)
}

/// The keys, ready.
pub(crate) struct Ring {
    keys: Vec<SigningKey>,
    /// Those that sign, by place in `keys`.
    signing: Vec<usize>,
    mark_key: Vec<u8>,
}

impl Ring {
    pub(super) fn prepare(record: RingRecord, lifetimes: Lifetimes, now: u64) -> Result<Self> {
        // Made before, it was published long enough.
        let known_since = now.saturating_sub(lifetimes.key_overlap.as_secs());
        let signing = ALGORITHMS.iter().map(|alg| signing_at(&record.keys, *alg, known_since));
        let signing = signing.collect::<Option<Vec<_>>>();
        let signing =
            signing.ok_or_else(|| Error::new("a signing key is missing in the storage"))?;
        let keys = record.keys.iter().map(SigningKey::prepare).collect::<Result<_>>()?;
        Ok(Self { keys, signing, mark_key: record.mark_key.into_bytes() })
    }

    /// The key that signs with this algorithm.
    pub(crate) fn signing(&self, alg: SigningAlgorithm) -> &SigningKey {
        let mut signing = self.signing.iter().map(|at| &self.keys[*at]);
        signing.find(|key| key.alg == alg).unwrap_or(&self.keys[0])
    }

    /// The key of this name.
    pub(crate) fn by_kid(&self, kid: &str) -> Option<&SigningKey> {
        self.keys.iter().find(|key| key.kid == kid)
    }

    /// What is published.
    pub(crate) fn public(&self) -> Value {
        let keys: Vec<&Value> = self.keys.iter().map(|key| &key.public).collect();
        json!({ "keys": keys })
    }

    /// What only this provider can mark these texts with.
    pub(crate) fn mark(&self, texts: &[&str]) -> String {
        secret_text::mark(&self.mark_key, texts)
    }
}

/// The newest that was published long enough, else the oldest.
fn signing_at(keys: &[KeyRecord], alg: SigningAlgorithm, known_since: u64) -> Option<usize> {
    let of_alg = || keys.iter().enumerate().filter(|(_, key)| key.alg == alg);
    let known = of_alg().filter(|(_, key)| key.made <= known_since);
    let newest = known.max_by_key(|(_, key)| key.made);
    newest.or_else(|| of_alg().min_by_key(|(_, key)| key.made)).map(|(at, _)| at)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const DAY: u64 = 24 * 60 * 60;
    const LIFETIMES: Lifetimes = Lifetimes {
        code: Duration::from_secs(60),
        access_token: Duration::from_secs(600),
        id_token: Duration::from_secs(600),
        refresh_token: Duration::from_secs(600),
        session: Duration::from_secs(600),
        key: Duration::from_secs(90 * DAY),
        key_overlap: Duration::from_secs(DAY),
    };

    fn signs(record: &RingRecord, now: u64) -> String {
        let ring = Ring::prepare(record.clone(), LIFETIMES, now).unwrap();
        ring.signing(SigningAlgorithm::ES256).kid.clone()
    }

    fn published(record: &RingRecord) -> usize {
        record.keys.iter().filter(|key| key.alg == SigningAlgorithm::ES256).count()
    }

    #[test]
    fn a_key_is_published_a_day_before_it_signs_and_until_nothing_lasts_that_the_old_one_signed() {
        let first = RingRecord::new(1000).unwrap();
        let old = signs(&first, 1000);
        assert!(first.turned(LIFETIMES, 1000 + 88 * DAY).unwrap().is_none(), "too early");
        let made = 1000 + 89 * DAY;
        let both = first.turned(LIFETIMES, made).unwrap().expect("a new key");
        assert_eq!((published(&both), signs(&both, made)), (2, old.clone()));
        assert!(both.turned(LIFETIMES, made + 1).unwrap().is_none(), "one is enough");
        let takes_over = made + DAY;
        assert_ne!(signs(&both, takes_over), old);
        let last = takes_over + 600 + LEEWAY_SECONDS;
        assert!(
            both.turned(LIFETIMES, last - 1).unwrap().is_none(),
            "a token of the old key lasts"
        );
        let one = both.turned(LIFETIMES, last).unwrap().expect("the old one goes");
        assert_eq!((published(&one), signs(&one, last)), (1, signs(&both, takes_over)));
    }

    #[test]
    fn what_is_published_holds_no_private_part() {
        let ring = Ring::prepare(RingRecord::new(1).unwrap(), LIFETIMES, 1).unwrap();
        let text = ring.public().to_string();
        for private in ["\"d\"", "\"p\"", "\"q\"", "\"dp\"", "\"private\""] {
            assert!(!text.contains(private), "{text}");
        }
        assert_eq!(ring.public()["keys"].as_array().map(Vec::len), Some(2));
    }
}
