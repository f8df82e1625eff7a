//! Requests of each anonymous client, told apart by address, within a bound of memory.

use super::quota_table::QuotaTable;
use sidegate_model::quota::{self, Verdict};
use std::hash::{BuildHasher as _, RandomState};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

/// How many tables there are, each with a lock of its own.
const SHARDS: usize = 64;

/// The running counts of clients: at most 196,608 in 4 MiB, and nothing before the first one is
/// counted. Where more come, those go first that could send a whole burst anyway.
#[derive(Debug, Default)]
pub struct ClientQuotas {
    shards: OnceLock<Shards>,
}

#[derive(Debug)]
struct Shards {
    tables: Box<[Mutex<QuotaTable>]>,
    /// Nobody can guess which clients share a table, or a place in it.
    hasher: RandomState,
}

impl Default for Shards {
    fn default() -> Self {
        Self { tables: (0..SHARDS).map(|_| Mutex::default()).collect(), hasher: RandomState::new() }
    }
}

impl Shards {
    fn of(&self, key: u64) -> MutexGuard<'_, QuotaTable> {
        // The upper bits: the lower ones say where in its table a key is.
        let shard = usize::try_from(self.hasher.hash_one(key) >> 32).unwrap_or_default();
        self.tables[shard % SHARDS].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl ClientQuotas {
    /// Decides on one request of a client, at `now_nanos` under `limit` requests a minute.
    pub fn take(&self, client: IpAddr, limit: u32, now_nanos: u64) -> Verdict {
        let (shards, key) = (self.shards.get_or_init(Shards::default), key(client));
        let hash = |key| shards.hasher.hash_one(key);
        let mut table = shards.of(key);
        let arrival = table.get(key, hash);
        let (verdict, next) = quota::decide(arrival, limit, now_nanos);
        if next != arrival {
            table.set(key, next, now_nanos, hash);
        }
        verdict
    }

    /// What would be decided, without counting; what remains is told as it is before that.
    pub fn peek(&self, client: IpAddr, limit: u32, now_nanos: u64) -> Verdict {
        let key = key(client);
        let known = |shards: &Shards| shards.of(key).get(key, |key| shards.hasher.hash_one(key));
        quota::peek(self.shards.get().map_or(0, known), limit, now_nanos)
    }

    /// How many clients it remembers.
    pub fn len(&self) -> usize {
        let tables = self.shards.get().map_or(&[][..], |shards| &shards.tables);
        tables.iter().map(|table| table.lock().unwrap_or_else(PoisonError::into_inner).len()).sum()
    }

    /// Whether it remembers nobody.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Forgets everybody, and gives the memory back.
    pub(super) fn forget(&self) {
        for table in self.shards.get().map_or(&[][..], |shards| &shards.tables) {
            *table.lock().unwrap_or_else(PoisonError::into_inner) = QuotaTable::default();
        }
    }
}

/// Who counts as one client: an IPv4 address, however it is written, or the network of 64 bits that
/// one subscriber of IPv6 has for itself.
fn key(client: IpAddr) -> u64 {
    match client.to_canonical() {
        // Among the networks of multicast, which no client has.
        IpAddr::V4(ip) => 0xffff_ffff << 32 | u64::from(Ipv4Addr::to_bits(ip)),
        IpAddr::V6(ip) => u64::try_from(Ipv6Addr::to_bits(ip) >> 64).unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::quota_table::{MOST_KEYS, MOST_PLACES};
    use super::*;
    use std::collections::HashSet;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn passes(quotas: &ClientQuotas, client: IpAddr, now: u64) -> bool {
        matches!(quotas.take(client, 2, now), Verdict::Pass(_))
    }

    #[test]
    fn one_client_is_an_ipv4_address_or_an_ipv6_network() {
        let quotas = ClientQuotas::default();
        let same = [
            ("203.0.113.9", "::ffff:203.0.113.9"),
            ("2001:db8:1:2::9", "2001:db8:1:2:ffff:ffff:ffff:ffff"),
        ];
        for (one, other) in same {
            assert_eq!(key(ip(one)), key(ip(other)));
            assert!(passes(&quotas, ip(one), 0) && passes(&quotas, ip(other), 0));
            assert!(!passes(&quotas, ip(one), 0), "{one}");
        }
        let others = ["203.0.113.8", "2001:db8:1:3::9", "::1", "0.0.0.1"];
        let keys: HashSet<_> =
            others.into_iter().chain(["203.0.113.9"]).map(|t| key(ip(t))).collect();
        assert_eq!(keys.len(), others.len() + 1);
        assert!(others.into_iter().all(|client| passes(&quotas, ip(client), 0)));
    }

    #[test]
    fn a_hundred_thousand_addresses_keep_a_limit_each() {
        let quotas = ClientQuotas::default();
        let clients = || (0..100_000_u32).map(|n| IpAddr::from(Ipv4Addr::from_bits(n * 7919)));
        for round in 0..2 {
            assert!(clients().all(|client| passes(&quotas, client, round)));
        }
        assert!(clients().all(|client| !passes(&quotas, client, 2)));
        assert_eq!(quotas.len(), 100_000);
    }

    #[test]
    fn memory_is_bounded_however_many_addresses_come() {
        let quotas = ClientQuotas::default();
        let bound = SHARDS * MOST_KEYS;
        assert_eq!((bound, SHARDS * MOST_PLACES * 16), (196_608, 4 * 1024 * 1024));
        for n in 0..2 * bound as u64 {
            let client = Ipv6Addr::from_bits(u128::from(n) << 64);
            assert!(passes(&quotas, client.into(), 0));
        }
        assert_eq!(quotas.len(), bound);
        quotas.forget();
        assert!(quotas.is_empty());
    }

    #[test]
    fn a_peek_counts_nothing() {
        let quotas = ClientQuotas::default();
        let left = |now| match quotas.peek(ip("::1"), 2, now) {
            Verdict::Pass(state) => state.remaining,
            _ => 0,
        };
        assert_eq!((left(0), left(0), quotas.len()), (2, 2, 0));
        assert!(passes(&quotas, ip("::1"), 0));
        assert_eq!((left(0), left(0)), (1, 1));
        assert!(passes(&quotas, ip("::1"), 0));
        assert!(matches!(quotas.peek(ip("::1"), 2, 0), Verdict::Refuse { .. }));
        assert_eq!(left(60_000_000_000), 2);
    }
}
