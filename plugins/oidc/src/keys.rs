//! The keys that sign: made at the first start, kept in the storage as the host sealed them, replaced in time and published
//! longer than anything lasts that they signed.

mod made;
mod ring;
mod sealed;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use sidegate_sdk::{Error, Result, tracing};

use crate::clock;
use crate::settings::Lifetimes;
use crate::storage::{Record, Records};

pub(crate) use ring::Ring;
use ring::RingRecord;
use sealed::Kept;

/// Where they are kept.
const KEY: &str = "keys";
/// For ever, as far as a storage knows.
const ALWAYS: Duration = Duration::from_secs(1000 * 365 * 24 * 60 * 60);
/// So often another process may have replaced some.
const LOOK_AGAIN_SECONDS: u64 = 60;
/// So many others may change the keys at a time before this process gives up.
const TRIES: usize = 20;

/// The keys as this process last saw them.
pub(crate) struct Keys {
    records: Records,
    lifetimes: Lifetimes,
    seen: Mutex<Seen>,
}

struct Seen {
    ring: Arc<Ring>,
    at: u64,
}

impl Keys {
    /// Those of the storage, or new ones.
    pub(crate) async fn load(records: Records, lifetimes: Lifetimes) -> Result<Self> {
        let now = clock::now();
        let ring = current(&records, lifetimes, now).await?;
        let seen = Mutex::new(Seen { ring: Arc::new(ring), at: now });
        Ok(Self { records, lifetimes, seen })
    }

    /// The keys of now. Where the storage does not answer they stay what they were.
    pub(crate) async fn ring(&self) -> Arc<Ring> {
        let now = clock::now();
        let (ring, is_due) = {
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            let is_due = now >= seen.at + look_again(self.lifetimes);
            if is_due {
                // One looks, all others go on.
                seen.at = now;
            }
            (Arc::clone(&seen.ring), is_due)
        };
        if !is_due {
            return ring;
        }
        match current(&self.records, self.lifetimes, now).await {
            Ok(ring) => {
                let ring = Arc::new(ring);
                self.seen.lock().unwrap_or_else(PoisonError::into_inner).ring = Arc::clone(&ring);
                ring
            }
            Err(error) => {
                tracing::warn!(%error, "the signing keys cannot be read; those from before are used");
                ring
            }
        }
    }
}

/// Often enough that a new key is seen before it signs.
fn look_again(lifetimes: Lifetimes) -> u64 {
    LOOK_AGAIN_SECONDS.min(lifetimes.key_overlap.as_secs() / 3).max(1)
}

async fn current(records: &Records, lifetimes: Lifetimes, now: u64) -> Result<Ring> {
    for _ in 0..TRIES {
        let Some(record) = records.get::<Kept>(KEY).await? else {
            let made = tokio::task::spawn_blocking(move || RingRecord::new(now)).await??;
            if records.insert(KEY, &Kept::seal(&made, records).await?, ALWAYS).await? {
                tracing::info!("signing keys are made and kept");
                return Ring::prepare(made, lifetimes, now);
            }
            continue;
        };
        let Record { value: kept, version } = record;
        let was_sealed = kept.is_sealed();
        let before = kept.open(records).await?;
        let same = before.clone();
        let turned = tokio::task::spawn_blocking(move || same.turned(lifetimes, now)).await??;
        let next = turned.as_ref().unwrap_or(&before);
        // Those of earlier versions are sealed once they are seen.
        let sealed = match turned.is_none() && was_sealed {
            true => return Ring::prepare(before, lifetimes, now),
            false => Kept::seal(next, records).await?,
        };
        if turned.is_none() && !sealed.is_sealed() {
            return Ring::prepare(before, lifetimes, now);
        }
        if records.replace(KEY, &Record { value: sealed, version }, ALWAYS).await? {
            tracing::info!("signing keys are sealed, replaced or removed, as their age asks for");
            return Ring::prepare(turned.unwrap_or(before), lifetimes, now);
        }
    }
    Err(Error::new("the signing keys change all the time: others write to this plugin's storage"))
}
