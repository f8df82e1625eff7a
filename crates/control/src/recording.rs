//! What is recorded of plugins once they serve: what they offered without a token before anybody was asked,
//! which counts as approved, which of their settings their schema calls secrets, and which it leaves to admins.

use crate::control::{Control, with_plugin};
use crate::fleet::{Fleet, Overview};
use futures_util::StreamExt as _;
use sidegate_model::actor::AuditContext;
use sidegate_model::plugin::{Plugin, PluginId, PluginSpec};
use sidegate_model::public_endpoints::PublicEndpoints;
use sidegate_model::rate_limited_log::{RateLimitedLog, RateLimitedLogs};
use sidegate_model::secret::SettingPath;
use sidegate_model::status::PluginState;
use sidegate_store::{Store, StoreError};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

/// After a write that failed; after another one twice as long.
const RETRY: Duration = Duration::from_secs(5);

/// The longest pause after many that failed.
const MAX_RETRY: Duration = Duration::from_secs(300);

/// What could not be recorded of plugins.
static FAILURES: RateLimitedLogs<PluginId> = RateLimitedLogs::new();

/// Settings that edges call secrets and a plugin does not have: so many are remembered at most.
const MOST_UNUSED: usize = 500;

/// Of one plugin so many settings are remembered as left to admins, where edges say so.
const MOST_LEFT: usize = 1000;

/// What is left to admins of plugins, as it is kept.
type Kept = BTreeMap<PluginId, BTreeSet<SettingPath>>;

/// Records it whenever the fleet tells something new, until the fleet ends or it is dropped.
pub async fn keep_recorded(control: Control, fleet: Arc<dyn Fleet>) {
    // Before the first look, so that nothing is missed between.
    let mut changes = fleet.changes();
    let failures = RateLimitedLog::new();
    let mut pause = RETRY;
    let mut left = Kept::new();
    loop {
        let recorded = recorded(&control, &*fleet, &mut left).await;
        // Seldom, because the disk may fail for long.
        if let (Err(error), Some(times)) =
            (&recorded, recorded.as_ref().err().and_then(|_| failures.due()))
        {
            tracing::warn!(%error, times, "what plugins offer without a token, and which settings they call secrets or leave to admins, is not all recorded yet");
        }
        let next_pause = if recorded.is_ok() { RETRY } else { MAX_RETRY.min(pause * 2) };
        let retry = async {
            match recorded {
                Ok(()) => std::future::pending().await,
                Err(_) => tokio::time::sleep(pause).await,
            }
        };
        tokio::select! {
            change = changes.next() => if change.is_none() { return },
            () = retry => {}
        }
        pause = next_pause;
    }
}

async fn recorded(control: &Control, fleet: &dyn Fleet, left: &mut Kept) -> Result<(), StoreError> {
    // None of them waits for another one that fails.
    let secret = control.record_secret_settings(fleet).await;
    let of_admins = control.record_admin_settings(fleet, left).await;
    let public = control.record_public_endpoints(fleet).await;
    secret.and(of_admins).and(public)
}

/// Says at most once a minute that nothing is recorded of a plugin, so that others are not held up by it.
fn warn_of(plugin: &PluginSpec, error: &StoreError) {
    if FAILURES.due(plugin.id).is_some() {
        let (id, name) = (plugin.id, &plugin.name);
        tracing::warn!(plugin = name, %id, %error, "which settings its schema calls secrets or leaves to admins cannot be recorded");
    }
}

impl Control {
    /// Records as approved what those plugins offer without a token that serve now, and of which nobody
    /// has decided yet. Does nothing while another process runs the plugins, or another machine: an edge approves nothing.
    ///
    /// # Errors
    /// Those of [`Store::record_public_endpoints`].
    pub async fn record_public_endpoints(&self, fleet: &dyn Fleet) -> Result<(), StoreError> {
        if !fleet.is_own() {
            return Ok(());
        }
        let offered = self.undecided_offers(fleet);
        if offered.is_empty() || self.publisher().follows_callers_only() {
            return Ok(());
        }
        let write =
            move |store: Store| async move { store.record_public_endpoints(&offered).await };
        let apply = |snapshot, plugins: &Vec<Plugin>| plugins.iter().fold(snapshot, with_plugin);
        let context = AuditContext::system("record_public_endpoints");
        for plugin in self.publisher().change(context, write, apply).await?.value {
            let endpoints = plugin.public_endpoints.unwrap_or_default().to_string();
            let plugin = plugin.draft.name;
            tracing::info!(plugin, endpoints, "what is public already counts as approved");
        }
        Ok(())
    }

    /// Records which settings the schemas of those plugins call secrets that the fleet knows, and that were not
    /// known as such: they are sealed and hidden from then on. Does nothing while another process runs the plugins.
    ///
    /// # Errors
    /// Those of [`Store::record_secret_settings`].
    pub async fn record_secret_settings(&self, fleet: &dyn Fleet) -> Result<(), StoreError> {
        let desired = self.desired();
        let overview = Overview::of(fleet, self.apps());
        let new = |spec: &Arc<PluginSpec>| {
            let called_so = overview.called_secret(spec.id);
            let settings = newly_secret(spec, called_so, fleet.is_own());
            (!settings.is_empty()).then_some((spec.id, settings))
        };
        let called_so: BTreeMap<_, _> = desired.plugins.values().filter_map(new).collect();
        if called_so.is_empty() || self.publisher().follows_callers_only() {
            return Ok(());
        }
        let all = self.record_as_secret(called_so.clone()).await;
        if !matches!(all, Err(StoreError::Damaged { .. })) {
            return all;
        }
        // One that is damaged keeps nothing from the others.
        let mut recorded = Ok(());
        for (id, settings) in called_so {
            let one = self.record_as_secret(BTreeMap::from([(id, settings)])).await;
            if let (Err(error), Some(plugin)) = (&one, desired.plugins.get(&id)) {
                warn_of(plugin, error);
            }
            recorded = recorded.and(one);
        }
        recorded
    }

    async fn record_as_secret(
        &self,
        called_so: BTreeMap<PluginId, BTreeSet<SettingPath>>,
    ) -> Result<(), StoreError> {
        let write =
            move |store: Store| async move { store.record_secret_settings(&called_so).await };
        let apply = |snapshot, plugins: &Vec<Plugin>| plugins.iter().fold(snapshot, with_plugin);
        let context = AuditContext::system("record_secret_settings");
        for plugin in self.publisher().change(context, write, apply).await?.value {
            let plugin = plugin.draft.name;
            tracing::info!(plugin, "settings that its schema calls secrets are sealed and hidden");
        }
        Ok(())
    }

    /// Keeps which settings nodes leave to admins now, for when none says it; `kept` has what was kept before. The node
    /// of this process says what counts; edges only add to it. Does nothing while another process runs the plugins.
    ///
    /// # Errors
    /// Those of [`Store::keep_admin_settings`].
    async fn record_admin_settings(
        &self,
        fleet: &dyn Fleet,
        kept: &mut Kept,
    ) -> Result<(), StoreError> {
        if self.publisher().follows_callers_only() {
            return Ok(());
        }
        let (desired, overview) = (self.desired(), Overview::of(fleet, self.apps()));
        let mut new = Kept::new();
        for (id, plugin) in desired.plugins.iter() {
            let Some(told) = overview.left_to_admins(*id) else { continue };
            if kept.get(id).is_some_and(|kept| is_told(kept, &told, fleet.is_own())) {
                continue;
            }
            let before = match self.view().admin_settings(*id).await {
                // What this process knows by itself takes its place. What edges tell does not: that may be less.
                Err(StoreError::Damaged { .. }) if fleet.is_own() => None,
                Err(error @ StoreError::Damaged { .. }) => {
                    warn_of(plugin, &error);
                    continue;
                }
                before => before?,
            };
            let after = match &before {
                Some(before) if !fleet.is_own() => with_more(before, &told),
                _ => told,
            };
            if before.as_ref() == Some(&after) {
                kept.insert(*id, after);
            } else {
                new.insert(*id, after);
            }
        }
        if !new.is_empty() {
            self.store().keep_admin_settings(&new).await?;
            kept.append(&mut new);
        }
        Ok(())
    }

    /// What those plugins offer without a token that serve now, and of which nobody has decided yet.
    fn undecided_offers(&self, fleet: &dyn Fleet) -> BTreeMap<PluginId, PublicEndpoints> {
        let desired = self.desired();
        let is_undecided = |spec: &&Arc<PluginSpec>| spec.public_endpoints.is_none();
        let mut undecided = desired.plugins.values().filter(is_undecided).peekable();
        if undecided.peek().is_none() {
            return BTreeMap::new();
        }
        let overview = Overview::of(fleet, self.apps());
        undecided.filter_map(|spec| Some((spec.id, offered(&overview, spec)?))).collect()
    }
}

/// What a plugin offers without a token, where it serves.
fn offered(overview: &Overview, spec: &PluginSpec) -> Option<PublicEndpoints> {
    let mut known = overview.said_of(spec.id);
    known.find(|status| status.state == PluginState::Ready)?;
    Some(overview.offers(spec.id, &spec.options)?.each)
}

/// Whether what is told is kept already.
fn is_told(kept: &BTreeSet<SettingPath>, told: &BTreeSet<SettingPath>, is_own: bool) -> bool {
    if is_own { kept == told } else { is_all(kept) || told.is_subset(kept) }
}

/// With more of them, as long as there is room; beyond that everything is an admin's, so that none of them is lost.
fn with_more(
    before: &BTreeSet<SettingPath>,
    told: &BTreeSet<SettingPath>,
) -> BTreeSet<SettingPath> {
    let more = before | told;
    if is_all(before) || more.len() > MOST_LEFT {
        return BTreeSet::from([SettingPath::everything()]);
    }
    more
}

fn is_all(kept: &BTreeSet<SettingPath>) -> bool {
    kept.contains(&SettingPath::everything())
}

/// Which of the settings that are called secrets are not known as such. Of those that a plugin does not have, other
/// machines may fill no more than a part of what can be remembered, so that there is room for those that it has.
fn newly_secret(
    spec: &PluginSpec,
    called_so: BTreeSet<SettingPath>,
    is_own: bool,
) -> BTreeSet<SettingPath> {
    let known = &spec.secret_settings;
    let room = MOST_UNUSED.saturating_sub(known.len());
    let new = called_so.into_iter().filter(|setting| !known.contains(setting));
    let (used, unused): (Vec<_>, Vec<_>) = new.partition(|setting| setting.is_in(&spec.config));
    let room = if is_own { usize::MAX } else { room };
    used.into_iter().chain(unused.into_iter().take(room)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(names: impl IntoIterator<Item = String>) -> BTreeSet<SettingPath> {
        names.into_iter().map(|name| name.parse().unwrap()).collect()
    }

    #[test]
    fn what_edges_leave_to_admins_only_grows_and_where_there_is_no_room_it_is_everything() {
        let of = |name: &str, count| paths((0..count).map(|number| format!("{name}{number}")));
        let grown = with_more(&of("a", MOST_LEFT - 1), &of("b", 1));
        assert_eq!(grown.len(), MOST_LEFT);
        let all = with_more(&grown, &of("c", 1));
        assert_eq!(all, BTreeSet::from([SettingPath::everything()]));
        assert_eq!(with_more(&all, &of("d", 1)), all);
        assert!(is_told(&all, &of("d", 1), false) && !is_told(&all, &of("d", 1), true));
    }

    #[test]
    fn no_edge_leaves_too_little_room_for_the_secrets_that_a_plugin_has() {
        let mut spec = PluginSpec::new(PluginId(1), "p", "file:///p");
        spec.config.insert("zone_key".to_owned(), "hunter2".into());
        let invented = || paths((0..1000).map(|number| format!("a{number}")));
        spec.secret_settings = newly_secret(&spec, invented(), false);
        assert_eq!(spec.secret_settings.len(), MOST_UNUSED);
        let more = paths((0..1000).map(|number| format!("b{number}")));
        assert_eq!(newly_secret(&spec, more, false).len(), 0);
        let has = paths(["zone_key".to_owned()]);
        let mut called_so = invented();
        called_so.extend(has.clone());
        assert_eq!(newly_secret(&spec, called_so, false), has);
        // Whoever runs the plugin itself says what it says.
        assert_eq!(newly_secret(&spec, invented(), true).len(), 1000 - MOST_UNUSED);
    }
}
