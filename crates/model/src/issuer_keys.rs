//! What a node knows of the keys of an issuer: when it last asked for them, how that went, and what it has.

use crate::UnixMillis;
use crate::issuer::IssuerId;

/// The keys of one issuer, as a node has them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IssuerKeysReport {
    /// Whose they are.
    pub issuer: Option<IssuerId>,
    /// How many there are that JWTs can be signed with.
    pub keys: usize,
    /// Whether they are still good; none are where none were ever fetched.
    pub are_good: bool,
    /// When they were last asked for.
    pub asked_at: Option<UnixMillis>,
    /// When they were last fetched.
    pub fetched_at: Option<UnixMillis>,
    /// Why that went wrong the last time, if it did; for operators.
    pub error: Option<String>,
    /// How often they were asked for.
    pub asked: u64,
    /// How often in vain.
    pub failed: u64,
}
