//! What remains of a quota, as clients are told.

use http::{HeaderName, HeaderValue};
use sidegate_model::quota::QuotaState;

/// The headers that tell what remains of a quota.
pub(crate) fn quota_headers(quota: QuotaState) -> [(HeaderName, HeaderValue); 3] {
    const LIMIT: HeaderName = HeaderName::from_static("ratelimit-limit");
    const REMAINING: HeaderName = HeaderName::from_static("ratelimit-remaining");
    const RESET: HeaderName = HeaderName::from_static("ratelimit-reset");
    [
        (LIMIT, quota.limit.into()),
        (REMAINING, quota.remaining.into()),
        (RESET, quota.reset_seconds.into()),
    ]
}
