//! Whether a known caller may call now.

use super::authenticate::{Caller, KnownApp};
use sidegate_model::quota::{QuotaState, Verdict};

/// Proof that a request was admitted; later steps demand it.
pub(crate) struct Permit {
    caller: Caller,
    quota: Option<QuotaState>,
}

/// A caller that used up its quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OverQuota {
    /// What remains.
    pub state: QuotaState,
    /// When the next request passes, in seconds.
    pub retry_after_seconds: u64,
}

/// Admits a caller at `now_nanos` of the gateway's clock.
///
/// # Errors
/// [`OverQuota`] when the app's requests a minute are used up.
pub(crate) fn admit(caller: Caller, now_nanos: u64) -> Result<Permit, OverQuota> {
    let Caller::App(known) = &caller else {
        return Ok(Permit { caller, quota: None });
    };
    match known.identity.quota.take(known.identity.app.rate_limit, now_nanos) {
        Verdict::Unlimited => Ok(Permit { caller, quota: None }),
        Verdict::Pass(state) => Ok(Permit { caller, quota: Some(state) }),
        Verdict::Refuse { state, retry_after_seconds } => {
            Err(OverQuota { state, retry_after_seconds })
        }
    }
}

impl Permit {
    /// The app that calls, if it is known.
    pub(crate) fn app(&self) -> Option<&KnownApp> {
        match &self.caller {
            Caller::App(known) => Some(known),
            Caller::Anonymous => None,
        }
    }

    /// What remains of the app's quota, if it has one.
    pub(crate) fn quota(&self) -> Option<QuotaState> {
        self.quota
    }
}
