//! Whether a known caller may call now.

use super::authenticate::{Caller, KnownApp};
use sidegate_model::quota::{QuotaState, Verdict};
use sidegate_plugins::{Mount, Ticket};
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

/// Admits a caller: first by his own quota, so that whoever is over it takes nothing of what all share.
///
/// # Errors
/// [`OverQuota`] when one that the request counts for is used up.
pub(crate) fn admit(caller: Caller, counted: &Counted<'_>) -> Result<Permit, OverQuota> {
    let Counted { mount, client, now_nanos: now } = counted;
    let policy = &mount.plugin.options.policy;
    let mut quota = None;
    match &caller {
        Caller::App(known) => {
            let verdict = known.identity.quota.take(known.identity.app.rate_limit, *now);
            note(&mut quota, QuotaOf::App, verdict)?;
        }
        Caller::Anonymous => {
            if let Some(limit) = policy.rate_limit_per_client {
                let verdict = mount.limits.clients.take(address(client), limit, *now);
                note(&mut quota, QuotaOf::Client, verdict)?;
            }
        }
    }
    if let Some(limit) = policy.rate_limit {
        note(&mut quota, QuotaOf::Plugin, mount.limits.rate.take(limit, *now))?;
    }
    Ok(Permit { caller, quota, ticket: None })
}

/// Keeps what remains of the quota of which least remains.
fn note(quota: &mut Option<QuotaState>, of: QuotaOf, verdict: Verdict) -> Result<(), OverQuota> {
    match verdict {
        Verdict::Unlimited => Ok(()),
        Verdict::Pass(state) => {
            if quota.is_none_or(|tightest| state.remaining < tightest.remaining) {
                *quota = Some(state);
            }
            Ok(())
        }
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
