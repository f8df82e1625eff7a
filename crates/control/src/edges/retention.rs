//! What is forgotten of all that was published: manifests that no edge asks for any more, and blobs that no manifest
//! names. One process does it for all.

use sidegate_model::UnixMillis;
use sidegate_model::clock::now_millis;
use sidegate_store::{Chore, PublishedManifest, Retention, Store, StoreError};
use sidegate_sync::Manifest;
use std::collections::BTreeSet;
use std::time::Duration;

const PAUSE: Duration = Duration::from_secs(300);
/// Of each namespace so many manifests are kept, whatever their age.
const MANIFESTS: u32 = 20;
/// What is younger is kept, whatever there is of it.
const YOUNG_MS: UnixMillis = 3_600_000;
/// Rows removed in one write; other writes come in between.
const AT_ONCE: u32 = 200;

/// Removes now and then what nobody needs, until it is dropped.
pub(crate) async fn keep_swept(store: Store) {
    loop {
        tokio::time::sleep(PAUSE).await;
        let swept = sweep(&store, now_millis().saturating_sub(YOUNG_MS)).await;
        if let Err(error) = swept {
            tracing::warn!(%error, "what was published before stays for now: the store cannot be written");
        }
    }
}

/// Removes what nobody needs and is older than this.
pub(super) async fn sweep(store: &Store, since: UnixMillis) -> Result<(), StoreError> {
    let Some(_alone) = store.alone(Chore::Publications).await? else { return Ok(()) };
    let keep = Retention { manifests: MANIFESTS, since };
    while store.remove_old_manifests(keep, AT_ONCE).await? == u64::from(AT_ONCE) {}
    let old = store.old_blobs(since).await?;
    if old.is_empty() {
        return Ok(());
    }
    let needed = needed(&store.published_manifests().await?);
    let Some(needed) = needed else { return Ok(()) };
    let useless: Vec<_> = old.into_iter().filter(|digest| !needed.contains(digest)).collect();
    for some in useless.chunks(AT_ONCE as usize) {
        store.remove_blobs(some, since).await?;
    }
    Ok(())
}

/// What manifests name; `None` where one cannot be read, which may name anything.
fn needed(manifests: &[PublishedManifest]) -> Option<BTreeSet<[u8; 32]>> {
    let mut needed = BTreeSet::new();
    for stored in manifests {
        let manifest = Manifest::decode(&stored.manifest).ok()?;
        needed.extend(manifest.entries().iter().map(|entry| *entry.digest.as_bytes()));
    }
    Some(needed)
}
