//! How often one may fail to sign in. An attempt counts when it begins, so that many at a time are no way around, and counts
//! no more where it succeeded or where nothing was found out about the password.
//!
//! Three limits: of an address (of IPv6: its network) whatever the name, of a name at an address, and, far looser, of a name
//! from wherever. Nobody can lock somebody else out by failing under their name: that fills the last one alone, which
//! only makes those slower who were let in with that name from their address before.
//!
//! Memory is bounded: where there are too many to remember, whoever would be forgiven next is forgotten. Names are
//! kept as hashes.

use sidegate_model::UnixMillis;
use sidegate_model::token::TokenHash;
use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// How many failures are forgiven at once, and after how long one more is.
#[derive(Debug, Clone, Copy)]
struct Limit {
    at_once: i64,
    pause: UnixMillis,
}

/// Of an address, whatever the name.
const OF_ADDRESS: Limit = Limit { at_once: 10, pause: 6_000 };
/// Of a name at an address. After the first ones it is slower than a name is forgiven, so that no address by itself
/// uses up what a name may fail from wherever.
const OF_NAME_THERE: Limit = Limit { at_once: 10, pause: 60_000 };
const _: () =
    assert!(OF_NAME_THERE.pause > OF_NAME.pause && OF_NAME_THERE.at_once < OF_NAME.at_once);
/// Of a name from wherever: a hundred, and a hundred an hour.
const OF_NAME: Limit = Limit { at_once: 100, pause: 36_000 };
/// Of a name at an address from which it was let in before, while the name has failed too often.
const OF_KNOWN: Limit = Limit { at_once: 3, pause: OF_NAME_THERE.pause };
/// Most addresses, most names and most names at addresses that are remembered.
const MOST: usize = 4096;
/// For how long it is remembered from where a name was let in.
const KNOWN_FOR: UnixMillis = 30 * 24 * 60 * 60_000;

/// Until when each of these is in debt; as far in the future as it has failed often.
#[derive(Debug)]
struct Debts<K> {
    limit: Limit,
    until: HashMap<K, UnixMillis>,
}

impl<K: Eq + Hash + Clone> Debts<K> {
    fn new(limit: Limit) -> Self {
        Self { limit, until: HashMap::new() }
    }

    /// For how long it may not be tried again; none where it may.
    fn wait(&self, key: &K, now: UnixMillis) -> Option<UnixMillis> {
        self.wait_within(key, now, self.limit)
    }

    /// The same by another limit than its own.
    fn wait_within(&self, key: &K, now: UnixMillis, limit: Limit) -> Option<UnixMillis> {
        let debt = self.until.get(key)?.saturating_sub(now);
        let too_much = debt - (limit.at_once - 1) * limit.pause;
        (too_much > 0).then_some(too_much)
    }

    fn add(&mut self, key: &K, now: UnixMillis) {
        if !self.until.contains_key(key) {
            make_room(&mut self.until, now);
        }
        let until = self.until.entry(key.clone()).or_insert(now);
        *until = (*until).max(now) + self.limit.pause;
    }

    fn take_back(&mut self, key: &K) {
        if let Some(until) = self.until.get_mut(key) {
            *until -= self.limit.pause;
        }
    }
}

/// Forgets what is over, and where that is not enough what is over next.
fn make_room<K: Eq + Hash + Clone>(until: &mut HashMap<K, UnixMillis>, now: UnixMillis) {
    if until.len() < MOST {
        return;
    }
    until.retain(|_, until| *until > now);
    if until.len() >= MOST
        && let Some(first) = until.iter().min_by_key(|(_, until)| **until)
    {
        let first = first.0.clone();
        until.remove(&first);
    }
}

type Name = TokenHash;

#[derive(Debug)]
struct All {
    addresses: Debts<IpAddr>,
    names_there: Debts<(Name, IpAddr)>,
    names: Debts<Name>,
    /// From where names were let in, and until when that counts.
    known: HashMap<(Name, IpAddr), UnixMillis>,
}

impl All {
    /// For how long this may not be tried; none where it may.
    fn wait(&self, Tried { address, name }: &Tried, now: UnixMillis) -> Option<UnixMillis> {
        let by_address = address.and_then(|address| self.addresses.wait(&address, now));
        let there = name.zip(*address);
        let by_name_there = there.and_then(|there| self.names_there.wait(&there, now));
        let by_name = name.and_then(|name| self.names.wait(&name, now));
        let by_name = match (by_name, there) {
            (Some(_), Some(there)) if self.known.get(&there).is_some_and(|until| *until > now) => {
                self.names_there.wait_within(&there, now, OF_KNOWN)
            }
            (by_name, _) => by_name,
        };
        by_address.max(by_name_there).max(by_name)
    }

    fn add(&mut self, Tried { address, name }: &Tried, now: UnixMillis) {
        if let Some(address) = address {
            self.addresses.add(address, now);
        }
        if let Some(name) = name {
            self.names.add(name, now);
        }
        if let Some(there) = name.zip(*address) {
            self.names_there.add(&there, now);
        }
    }

    fn take_back(&mut self, Tried { address, name }: &Tried) {
        if let Some(address) = address {
            self.addresses.take_back(address);
        }
        if let Some(name) = name {
            self.names.take_back(name);
        }
        if let Some(there) = name.zip(*address) {
            self.names_there.take_back(&there);
        }
    }

    fn let_in(&mut self, Tried { address, name }: &Tried, now: UnixMillis) {
        if let Some(there) = name.zip(*address) {
            if !self.known.contains_key(&there) {
                make_room(&mut self.known, now);
            }
            self.known.insert(there, now.saturating_add(KNOWN_FOR));
        }
    }
}

/// From where something is tried, and with which name.
#[derive(Debug)]
struct Tried {
    address: Option<IpAddr>,
    name: Option<Name>,
}

/// Copies share what they remember.
#[derive(Debug, Clone)]
pub(crate) struct Attempts(Arc<Mutex<All>>);

impl Default for Attempts {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(All {
            addresses: Debts::new(OF_ADDRESS),
            names_there: Debts::new(OF_NAME_THERE),
            names: Debts::new(OF_NAME),
            known: HashMap::new(),
        })))
    }
}

/// An attempt that has begun. It counts as failed unless it is told otherwise, also where nobody waits for its end.
#[derive(Debug)]
pub(crate) struct Attempt {
    attempts: Attempts,
    tried: Tried,
    /// When it began.
    at: UnixMillis,
}

impl Attempts {
    /// Begins an attempt from an address, with a name where there is one.
    ///
    /// # Errors
    /// After how many seconds it may be tried again.
    pub(crate) fn begin(
        &self,
        address: Option<IpAddr>,
        name: Option<&str>,
        now: UnixMillis,
    ) -> Result<Attempt, u32> {
        let tried = Tried { address: address.map(network), name: name.map(TokenHash::of) };
        let mut all = self.all();
        if let Some(wait) = all.wait(&tried, now) {
            return Err(u32::try_from(wait.div_euclid(1000) + 1).unwrap_or(u32::MAX));
        }
        all.add(&tried, now);
        drop(all);
        Ok(Attempt { attempts: self.clone(), tried, at: now })
    }

    fn all(&self) -> MutexGuard<'_, All> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Attempt {
    /// The password was right: it counts no more, and it is remembered from where that was.
    pub(crate) fn succeeded(self) {
        let mut all = self.attempts.all();
        all.take_back(&self.tried);
        all.let_in(&self.tried, self.at);
    }

    /// Nothing was found out about the password: it counts no more.
    pub(crate) fn came_to_nothing(self) {
        self.attempts.all().take_back(&self.tried);
    }
}

/// Whoever has one IPv6 address has all of its network.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(v4) => IpAddr::V4(v4),
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::V6([a, b, c, d, 0, 0, 0, 0].into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> Option<IpAddr> {
        Some(IpAddr::from([192, 0, 2, last]))
    }

    /// One of many networks.
    fn of_many(number: usize) -> Option<IpAddr> {
        let [a, b] = u16::try_from(number).unwrap().to_be_bytes();
        Some(IpAddr::from([10, 0, a, b]))
    }

    #[test]
    fn after_ten_failures_from_an_address_one_more_may_fail_now_and_then() {
        let attempts = Attempts::default();
        for number in 0..10 {
            let name = format!("name{number}");
            attempts.begin(address(1), Some(&name), 0).unwrap();
        }
        let wait = attempts.begin(address(1), Some("another"), 0).unwrap_err();
        assert_eq!(wait, 7);
        attempts.begin(address(2), Some("another"), 0).unwrap();
        attempts.begin(address(1), Some("another"), 6_000).unwrap();
        attempts.begin(address(1), Some("another"), 6_000).unwrap_err();
        attempts.begin(address(1), None, 60 * 60_000).unwrap();
    }

    #[test]
    fn whoever_fails_under_a_name_bars_themselves_and_not_whose_it_is() {
        let attempts = Attempts::default();
        for _ in 0..10 {
            attempts.begin(address(1), Some("jane"), 0).unwrap();
        }
        attempts.begin(address(1), Some("jane"), 0).unwrap_err();
        attempts.begin(address(2), Some("jane"), 0).unwrap();
        // The address pays for it sooner than the name there.
        attempts.begin(address(1), Some("jane"), 6_000).unwrap_err();
        attempts.begin(address(1), Some("jane"), 60_000).unwrap();
    }

    #[test]
    fn one_address_that_tries_for_a_day_bars_a_name_nowhere_else() {
        let attempts = Attempts::default();
        let mut tried = 0;
        for now in (0..24 * 60 * 60_000).step_by(1_000) {
            tried += u32::from(attempts.begin(address(1), Some("jane"), now).is_ok());
            if now % 600_000 == 0 {
                attempts.begin(address(2), Some("jane"), now).unwrap().came_to_nothing();
            }
        }
        assert!((1_000..=1_500).contains(&tried), "{tried}");
    }

    #[test]
    fn a_name_that_fails_from_everywhere_is_slow_where_it_was_let_in_before_and_barred_elsewhere() {
        let attempts = Attempts::default();
        attempts.begin(address(7), Some("jane"), 0).unwrap().succeeded();
        for number in 0..100 {
            attempts.begin(of_many(number), Some("jane"), 0).unwrap();
        }
        assert_eq!(attempts.begin(of_many(100), Some("jane"), 0).unwrap_err(), 37);
        attempts.begin(of_many(100), Some("joe"), 0).unwrap();
        for _ in 0..3 {
            attempts.begin(address(7), Some("jane"), 0).unwrap();
        }
        assert_eq!(attempts.begin(address(7), Some("jane"), 0).unwrap_err(), 61);
        attempts.begin(address(7), Some("jane"), 60_000).unwrap().succeeded();
        attempts.begin(address(7), Some("jane"), 60_000).unwrap();
        // An hour later all is as before, and after a month she is as anybody.
        let hour = 60 * 60_000 + 4 * 36_000;
        for number in 0..50 {
            attempts.begin(of_many(number), Some("jane"), 2 * hour).unwrap();
        }
        let month = KNOWN_FOR + 2 * hour;
        for number in 0..100 {
            attempts.begin(of_many(number), Some("jane"), month).unwrap();
        }
        attempts.begin(address(7), Some("jane"), month).unwrap_err();
    }

    #[test]
    fn an_attempt_at_a_limit_is_no_sign_of_a_name() {
        // Whether somebody is called so makes no difference to what is counted.
        let attempts = Attempts::default();
        for number in 0..100 {
            attempts.begin(of_many(number), Some("nobody"), 0).unwrap();
        }
        assert_eq!(attempts.begin(address(1), Some("nobody"), 0).unwrap_err(), 37);
    }

    #[test]
    fn what_succeeds_or_comes_to_nothing_does_not_count() {
        let attempts = Attempts::default();
        for _ in 0..200 {
            attempts.begin(address(1), Some("jane"), 0).unwrap().succeeded();
            attempts.begin(address(1), Some("joe"), 0).unwrap().came_to_nothing();
        }
        for number in 0..100 {
            attempts.begin(of_many(number), Some("joe"), 0).unwrap();
        }
        attempts.begin(address(1), Some("joe"), 0).unwrap_err();
        attempts.begin(address(1), Some("jane"), 0).unwrap();
    }

    #[test]
    fn addresses_of_one_network_are_one() {
        let attempts = Attempts::default();
        let of = |last: u16| Some(IpAddr::from([0x2001, 0xdb8, 0, 7, 0, 0, 0, last]));
        for last in 0..10 {
            attempts.begin(of(last), None, 0).unwrap();
        }
        attempts.begin(of(99), None, 0).unwrap_err();
        let mapped = |last: u8| Some(IpAddr::from([0, 0, 0, 0, 0, 0xffff, 0xc000, last.into()]));
        for last in 0..10 {
            attempts.begin(mapped(last), None, 0).unwrap();
        }
        attempts.begin(mapped(1), None, 0).unwrap();
    }

    #[test]
    fn memory_is_bounded_and_the_worst_are_remembered() {
        let attempts = Attempts::default();
        for _ in 0..10 {
            attempts.begin(address(1), Some("jane"), 0).unwrap();
        }
        attempts.begin(address(2), Some("john"), 0).unwrap().succeeded();
        for number in 0..2 * MOST {
            let name = number.to_string();
            let _ = attempts.begin(of_many(number), Some(&name), 0);
            if let Ok(attempt) = attempts.begin(of_many(number), Some(&format!("u{name}")), 0) {
                attempt.succeeded();
            }
        }
        let all = attempts.all();
        let lengths = [
            all.addresses.until.len(),
            all.names.until.len(),
            all.names_there.until.len(),
            all.known.len(),
        ];
        assert!(lengths.iter().all(|length| *length <= MOST), "{lengths:?}");
        drop(all);
        attempts.begin(address(1), None, 0).unwrap_err();
        attempts.begin(address(1), Some("jane"), 0).unwrap_err();
    }
}
