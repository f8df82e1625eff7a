//! Whether a known caller may call now.

use super::authenticate::{Caller, KnownApp};
use super::unidentified::{INVALID, Unidentified};
use crate::metrics::PolicyLimit;
use sidegate_model::UnixMillis;
use sidegate_model::quota::{Quota, QuotaState, Verdict};
use sidegate_plugins::{ClientQuotas, Mount, Ticket};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;

/// Proof that a request was admitted; later steps demand it.
pub(crate) struct Permit {
    caller: Caller,
    quota: Option<QuotaState>,
    ticket: Option<Arc<Ticket>>,
}

/// What a request is counted for.
pub(crate) struct Counted<'a> {
    /// The plugin that is asked.
    pub mount: &'a Mount,
    /// The client's address.
    pub client: &'a str,
    /// The gateway's clock.
    pub now_nanos: u64,
}

/// Whose requests a minute are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum QuotaOf {
    /// Those of an app.
    App,
    /// Those of an anonymous client to one plugin.
    Client,
    /// Those of all callers to one plugin.
    Plugin,
}

impl QuotaOf {
    /// The name of the option, or of what an app has.
    pub(crate) fn name(self) -> &'static str {
        PolicyLimit::from(self).as_str()
    }
}

impl From<QuotaOf> for PolicyLimit {
    fn from(of: QuotaOf) -> Self {
        match of {
            QuotaOf::App => Self::AppRateLimit,
            QuotaOf::Client => Self::RateLimitPerClient,
            QuotaOf::Plugin => Self::RateLimit,
        }
    }
}

/// A quota that is used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OverQuota {
    /// Which one.
    pub of: QuotaOf,
    /// What remains.
    pub state: QuotaState,
    /// When the next request passes, in seconds.
    pub retry_after_seconds: u64,
}

/// A running count, of whichever kind.
pub(crate) enum QuotaRef<'a> {
    /// Of an app, or of all callers of a plugin.
    Shared(&'a Quota, u32),
    /// Of one client of a plugin.
    Client(&'a ClientQuotas, IpAddr, u32),
}

impl QuotaRef<'_> {
    /// Decides, and counts.
    fn take(&self, now_nanos: u64) -> Verdict {
        match self {
            Self::Shared(quota, limit) => quota.take(*limit, now_nanos),
            Self::Client(clients, client, limit) => clients.take(*client, *limit, now_nanos),
        }
    }

    /// What would be decided; nothing is counted.
    pub(crate) fn peek(&self, now_nanos: u64) -> Verdict {
        match self {
            Self::Shared(quota, limit) => quota.peek(*limit, now_nanos),
            Self::Client(clients, client, limit) => clients.peek(*client, *limit, now_nanos),
        }
    }
}

/// Goes through every quota that a caller's request counts for: first by his own, so that whoever is
/// over it takes nothing of what all share.
///
/// # Errors
/// The first one that `visit` gives.
pub(crate) fn each_quota(
    caller: &Caller,
    counted: &Counted<'_>,
    mut visit: impl FnMut(QuotaOf, QuotaRef<'_>) -> Result<(), OverQuota>,
) -> Result<(), OverQuota> {
    let Counted { mount, client, .. } = counted;
    let policy = &mount.plugin.options.policy;
    match caller {
        Caller::App(known) => {
            let limit = known.identity.app.rate_limit;
            visit(QuotaOf::App, QuotaRef::Shared(&known.identity.quota, limit))?;
        }
        Caller::Anonymous => {
            if let Some(limit) = policy.rate_limit_per_client {
                let quota = QuotaRef::Client(&mount.limits.clients, address(client), limit);
                visit(QuotaOf::Client, quota)?;
            }
        }
    }
    match policy.rate_limit {
        Some(limit) => visit(QuotaOf::Plugin, QuotaRef::Shared(&mount.limits.rate, limit)),
        None => Ok(()),
    }
}

/// Admits a caller.
///
/// # Errors
/// [`OverQuota`] when a quota that the request counts for is used up.
pub(crate) fn admit(caller: Caller, counted: &Counted<'_>) -> Result<Permit, OverQuota> {
    let mut tightest: Option<QuotaState> = None;
    each_quota(&caller, counted, |of, quota| {
        let left = passed(of, quota.take(counted.now_nanos))?;
        let is_tighter = |left: &QuotaState| tightest.is_none_or(|t| left.remaining < t.remaining);
        tightest = left.filter(is_tighter).or(tightest);
        Ok(())
    })?;
    Ok(Permit { caller, quota: tightest, ticket: None })
}

/// What remains of a quota after a request that passed it, where it is limited.
///
/// # Errors
/// [`OverQuota`] for one that did not.
pub(crate) fn passed(of: QuotaOf, verdict: Verdict) -> Result<Option<QuotaState>, OverQuota> {
    match verdict {
        Verdict::Unlimited => Ok(None),
        Verdict::Pass(state) => Ok(Some(state)),
        Verdict::Refuse { state, retry_after_seconds } => {
            Err(OverQuota { of, state, retry_after_seconds })
        }
    }
}

/// The client's address, read from its text: hardly any request needs it.
fn address(client: &str) -> IpAddr {
    // It was written from an address, so it is one.
    client.parse().unwrap_or(IpAddr::V6(Ipv6Addr::UNSPECIFIED))
}

impl Permit {
    /// The app that calls, if it is known.
    pub(crate) fn app(&self) -> Option<&KnownApp> {
        match &self.caller {
            Caller::App(known) => Some(known),
            Caller::Anonymous => None,
        }
    }

    /// Whether what the caller showed has come to its end.
    pub(crate) fn is_expired(&self, now: impl FnOnce() -> UnixMillis) -> bool {
        let token = self.app().map(|known| &known.token);
        token.is_some_and(|token| token.expires_at.is_some() && token.is_expired(now()))
    }

    /// Takes up who calls now, of the same request.
    ///
    /// # Errors
    /// [`Unidentified`] where nobody is known any more who was known before.
    pub(crate) fn renew(&mut self, caller: Caller) -> Result<(), Unidentified> {
        if self.app().is_some() && matches!(caller, Caller::Anonymous) {
            return Err(INVALID);
        }
        self.caller = caller;
        Ok(())
    }

    /// What remains of the quota of which least remains, if the request counts for any.
    pub(crate) fn quota(&self) -> Option<QuotaState> {
        self.quota
    }

    /// It has a place among the plugin's calls.
    pub(crate) fn hold(&mut self, ticket: Arc<Ticket>) {
        self.ticket = Some(ticket);
    }

    /// Its place among the plugin's calls, where those are limited.
    pub(crate) fn ticket(&self) -> Option<&Arc<Ticket>> {
        self.ticket.as_ref()
    }
}
