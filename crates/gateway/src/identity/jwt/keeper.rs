//! Who fetches the keys of issuers: a task for each one that a plugin names, beside all requests. One that is slow or
//! away holds up nobody but those who wait for its keys.

use super::identify::Jwts;
use super::inside::{self, AskInside};
use super::keys::{KeyState, KeyTable, Source};
use sidegate_jwt::fetch::FetchError;
use sidegate_jwt::key_set::KeySet;
use sidegate_jwt::metadata::fetch_keys;
use sidegate_model::clock::now_millis;
use sidegate_model::issuer::{Issuer, IssuerDraft, IssuerId};
use sidegate_model::snapshot::Snapshot;
use sidegate_plugins::IssuerPlugin;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::task::AbortOnDropHandle;

/// How long fetching may take, all of it.
const FETCH_TIME: Duration = Duration::from_secs(5);
/// How often keys are fetched that nobody asks for.
const REFRESH: Duration = Duration::from_secs(300);
/// The shortest pause between two attempts, and the longest one after failures.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Keeps the keys of all issuers that the plugins of desired state name. Never returns.
pub(crate) async fn keep_keys(
    asker: Arc<impl AsRef<Jwts> + AskInside>,
    mut desired: watch::Receiver<Arc<Snapshot>>,
) {
    let mut tasks = BTreeMap::<IssuerId, AbortOnDropHandle<()>>::new();
    loop {
        let snapshot = desired.borrow_and_update().clone();
        let jwts = (*asker).as_ref();
        let before = jwts.keys.all();
        let table = next_table(&snapshot, &before);
        tasks.retain(|id, _| table.contains_key(id));
        for (id, state) in &table {
            let is_same = before.get(id).is_some_and(|known| Arc::ptr_eq(known, state));
            if !is_same {
                let task = tokio::spawn(keep(asker.clone(), state.clone()));
                tasks.insert(*id, AbortOnDropHandle::new(task));
            }
        }
        if !is_same(&table, &before) {
            jwts.keys.set(table);
        }
        if desired.changed().await.is_err() {
            // Nothing changes any more, and what there is goes on.
            return std::future::pending().await;
        }
    }
}

/// Whether both are the very same.
fn is_same(one: &KeyTable, other: &KeyTable) -> bool {
    let is_pair = |((a, one), (b, other)): ((_, _), (_, _))| a == b && Arc::ptr_eq(one, other);
    one.len() == other.len() && one.iter().zip(other).all(is_pair)
}

/// What there is of keys under other desired state; of a source that stays what was fetched stays.
fn next_table(snapshot: &Snapshot, before: &KeyTable) -> KeyTable {
    let options = snapshot.plugins.values().map(|spec| &spec.options.policy.issuers);
    let named: BTreeSet<_> = options.flatten().collect();
    let is_wanted = |draft: &IssuerDraft| {
        draft.is_active && !draft.is_of_certificates() && named.contains(&draft.name)
    };
    let wanted = snapshot.issuers.values().filter(|issuer| is_wanted(&issuer.draft));
    let state = |source: Source, known: Option<&Arc<KeyState>>| match known {
        Some(known) if known.source == source => known.clone(),
        _ => Arc::new(KeyState::new(source)),
    };
    let row = |issuer: &Arc<Issuer>| {
        let plugin = IssuerPlugin::of(&issuer.draft, snapshot);
        // One that is gone or switched off is asked for nothing.
        if plugin.is_none() && issuer.draft.plugin().is_some() {
            return None;
        }
        let source = Source::of(issuer, plugin.as_ref());
        Some((issuer.id, state(source, before.get(&issuer.id))))
    };
    wanted.filter_map(row).collect()
}

/// Keeps the keys of one issuer. Never returns.
async fn keep(asker: Arc<impl AskInside>, state: Arc<KeyState>) {
    let mut failures = 0_u32;
    let mut was_asked = false;
    let plugin = state.source.plugin.as_ref();
    loop {
        let process = plugin.and_then(|plugin| asker.process_of(plugin));
        // It has other keys, perhaps, and another name.
        let another = async {
            match plugin {
                Some(plugin) => asker.another_process(plugin, process.as_ref()).await,
                None => std::future::pending().await,
            }
        };
        let fetched = timeout(FETCH_TIME, look(&*asker, &state.source)).await;
        let outcome = fetched.unwrap_or(Err(FetchError::TooSlow));
        let is_good = outcome.is_ok();
        let told = outcome.as_ref().map(KeySet::len).map_err(ToString::to_string);
        state.note(now_millis(), told);
        match outcome {
            Ok(keys) => {
                tell_keys(&state, &keys, failures);
                state.keys.store(Some(Arc::new(keys)));
                failures = 0;
            }
            Err(error) => {
                failures = failures.saturating_add(1);
                // One line for each outage; how it goes on is told when it ends.
                if failures == 1 {
                    let issuer = &state.source.url;
                    tracing::warn!(%issuer, %error, "the keys of an issuer cannot be fetched; it is tried again and again");
                }
            }
        }
        state.looks.send_modify(|look| {
            look.finished += 1;
            look.is_good = is_good;
            if was_asked {
                look.asked_at = Some(Instant::now());
            }
        });
        was_asked = tokio::select! {
            () = sleep(pause(failures, state.source.max_age)) => false,
            () = asked(&state) => true,
            () = another => false,
        };
    }
}

/// Asks for keys, wherever they are.
async fn look(asker: &impl AskInside, source: &Source) -> Result<KeySet, FetchError> {
    match &source.plugin {
        Some(plugin) => inside::fetch(asker, plugin).await,
        None => fetch_keys(&source.url, source.jwks_uri.as_deref(), source.allow_private).await,
    }
}

fn tell_keys(state: &KeyState, keys: &KeySet, failures: u32) {
    let (issuer, count) = (&state.source.url, keys.len());
    if failures > 0 {
        tracing::info!(%issuer, count, failures, "the keys of an issuer can be fetched again");
    } else if state.keys.load().is_none() {
        tracing::info!(%issuer, count, "the keys of an issuer are known");
    }
}

/// How long until the next attempt: often enough that keys do not end before.
fn pause(failures: u32, max_age: Duration) -> Duration {
    let usual = REFRESH.min(max_age / 2).max(FIRST_PAUSE);
    match failures {
        0 => usual,
        failures => (FIRST_PAUSE * 2_u32.pow((failures - 1).min(5))).min(LONGEST_PAUSE).min(usual),
    }
}

/// Until somebody asks who may.
async fn asked(state: &KeyState) {
    loop {
        state.ask.notified().await;
        if state.looks.borrow().can_ask() {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_fetched_again_before_they_end_and_an_issuer_that_is_away_not_too_often() {
        let hour = Duration::from_secs(3600);
        assert_eq!(pause(0, hour), REFRESH);
        assert_eq!(pause(0, Duration::from_secs(10)), Duration::from_secs(5));
        assert_eq!(pause(0, Duration::ZERO), FIRST_PAUSE);
        let pauses = [1, 2, 3, 6, 100].map(|failures| pause(failures, hour).as_secs());
        assert_eq!(pauses, [1, 2, 4, 30, 30]);
        assert_eq!(pause(100, Duration::from_secs(4)), Duration::from_secs(2));
    }
}
