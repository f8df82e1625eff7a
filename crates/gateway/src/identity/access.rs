//! Whether whoever calls may call what is named: by the plugin's word and by the operator's, of which
//! neither weakens the other.

use super::authenticate::{self, Caller, Known, KnownApp, Proof, authenticate};
use super::unidentified::Unidentified;
use crate::route::lookup::Match;
use http::HeaderMap;
use sidegate_model::UnixMillis;
use sidegate_model::app::App;
use sidegate_model::endpoint::{Method, Resolution};
use sidegate_model::plugin::{PluginId, Slug};
use sidegate_model::policy::PolicyOptions;
use sidegate_model::public_endpoints::{PublicMode, is_approved};
use sidegate_model::token::Token;
use sidegate_plugins::{Ending, Generation};
use std::collections::BTreeSet;

/// Why a caller is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refused {
    /// A token is demanded, and who calls is not known.
    Unidentified(Unidentified),
    /// The operator names the apps that may call, and it is none of them.
    NotAmongApps,
    /// The token does not carry all of these.
    LacksScope {
        /// All that the route and the operator demand, in order.
        required: Vec<String>,
    },
    /// What is demanded cannot be read, so that nobody meets it.
    NobodyMay,
}

impl From<Unidentified> for Refused {
    fn from(why: Unidentified) -> Self {
        Self::Unidentified(why)
    }
}

/// Finds out who calls a matched endpoint, and that it may. What time it is, is asked only of tokens
/// that expire.
///
/// # Errors
/// [`Refused`] for whoever may not, or where it cannot be decided.
pub(crate) fn may_call(
    by: &Known<'_>,
    matched: &Match,
    headers: &HeaderMap,
    query: Option<&str>,
    now: impl FnOnce() -> UnixMillis,
) -> Result<Caller, Refused> {
    let caller = authenticate(by, matched, headers, query, now)?;
    if let Caller::App(known) = &caller {
        let policy = &matched.mount.plugin.options.policy;
        let of_route = matched.scopes.as_deref().unwrap_or_default();
        permits(policy, of_route, &known.identity.app, &known.token)?;
    }
    Ok(caller)
}

/// Whether an app with this token meets what is demanded on a route.
fn permits(
    policy: &PolicyOptions,
    of_route: &[String],
    app: &App,
    token: &Token,
) -> Result<(), Refused> {
    if policy.apps.as_ref().is_some_and(|apps| !apps.allows(app)) {
        return Err(Refused::NotAmongApps);
    }
    let required = || policy.scopes_required.iter().chain(of_route);
    if required().all(|scope| token.scopes.contains(scope)) {
        return Ok(());
    }
    let required: BTreeSet<_> = required().cloned().collect();
    // It stands for a list that cannot be read.
    if required.contains("") {
        return Err(Refused::NobodyMay);
    }
    Err(Refused::LacksScope { required: required.into_iter().collect() })
}

/// By what the caller of something that stays open was let in, so that it can be asked for again.
pub(crate) struct Standing {
    /// Who it is and what it showed, if anything.
    shown: Option<KnownApp>,
    plugin: PluginId,
    slug: Slug,
    method: Method,
    /// Relative to the slug.
    path: Box<str>,
}

impl Standing {
    /// Of a caller that was let in as this app, or as nobody in particular.
    pub(crate) fn of(matched: &Match, shown: Option<&KnownApp>) -> Self {
        Self {
            shown: shown.cloned(),
            plugin: matched.mount.plugin.id,
            slug: matched.mount.slug.clone(),
            method: matched.method,
            path: matched.path.relative().into(),
        }
    }

    /// Takes up what its token is now: its end may come earlier than it did.
    pub(crate) fn renew(&mut self, generation: &Generation) {
        let Some(KnownApp { token, proof: Proof::Token, .. }) = &mut self.shown else { return };
        if let Some(known) = generation.tokens.get(&token.hash).filter(|it| it.id == token.id) {
            known.clone_into(token);
        }
    }

    /// When its token expires.
    pub(crate) fn expires_at(&self) -> Option<UnixMillis> {
        self.shown.as_ref()?.token.expires_at
    }

    /// Why it would not be let in now, if that is so. What is not mounted any more, or has another
    /// address now, demands nothing more: its process ends, and what is open with it.
    pub(crate) fn ending(
        &self,
        generation: &Generation,
        mode: PublicMode,
        now: UnixMillis,
    ) -> Option<Ending> {
        let (shown, mount) =
            (self.shown.as_ref(), generation.mount_of(self.plugin, self.slug.as_str()));
        let at = mount.map(|mount| &**mount);
        if let Some(ending) = shown.and_then(|it| authenticate::ending(generation, at, it, now)) {
            return Some(ending);
        }
        let mount = mount?;
        let policy = &mount.plugin.options.policy;
        let named = match mount.endpoints.resolve(Some(self.method), &self.path) {
            Resolution::Endpoint(named) => Some(named),
            _ => None,
        };
        let scopes = named.as_ref().and_then(|named| named.scopes.as_deref());
        let by_route = named.as_ref().is_some_and(|named| named.require_auth);
        let is_public = !by_route && !policy.demands_token();
        let decided = mount.plugin.public_endpoints.as_ref();
        let waits = mode == PublicMode::Approve
            && is_public
            && named
                .as_ref()
                .is_some_and(|named| !is_approved(decided, self.method, &named.endpoint.path));
        if waits {
            return Some(Ending::Forbidden);
        }
        let is_permitted = match shown.map(|shown| &shown.token) {
            None => is_public,
            // Whoever has none was told above.
            Some(token) => generation.app(token.app_id).is_some_and(|known| {
                permits(policy, scopes.unwrap_or_default(), &known.app, token).is_ok()
            }),
        };
        (!is_permitted).then_some(Ending::Forbidden)
    }
}

#[cfg(test)]
mod tests;
