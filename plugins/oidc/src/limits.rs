//! How often one may fail to sign in: for a name at an address, and for an address. No name alone is ever shut, so
//! nobody can lock somebody else out; what is shut opens by itself.
//!
//! Counted in memory, for this process, up to a bound.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};

use crate::secret_text;

/// So many tries of a name at an address are free, and so many of an address.
const FREE_OF_NAME: u32 = 5;
const FREE_OF_ADDRESS: u32 = 50;
/// The first wait, which doubles with each further try, up to the longest.
const FIRST_WAIT_SECONDS: u64 = 30;
const LONGEST_WAIT_SECONDS: u64 = 15 * 60;
/// After so long without a try nothing is held against anybody.
const FORGET_SECONDS: u64 = 60 * 60;
/// So many names and addresses are remembered.
const MOST: usize = 20_000;

#[derive(Debug, Clone, Copy, Default)]
struct Tries {
    count: u32,
    last: u64,
    shut_until: u64,
}

/// Who tries: a name at an address. What is typed in can be long, so its digest stands for it.
pub(crate) struct Trier {
    pair: String,
    address: String,
}

impl Trier {
    pub(crate) fn new(name: &str, address: &str) -> Self {
        let address = network(address);
        Self { pair: secret_text::digest_of(&[name, &address]), address }
    }
}

/// Tries by who makes them.
#[derive(Default)]
pub(crate) struct Limits {
    tries: Mutex<HashMap<String, Tries>>,
}

impl Limits {
    /// Counts a try before it is made, so that many at once are many; an error is the seconds to wait.
    pub(crate) fn begin(&self, trier: &Trier, now: u64) -> Result<(), u64> {
        let mut tries = self.tries.lock().unwrap_or_else(PoisonError::into_inner);
        let both = [(&trier.pair, FREE_OF_NAME), (&trier.address, FREE_OF_ADDRESS)];
        let shut = both.iter().filter_map(|(key, _)| tries.get(*key)).map(|one| one.shut_until);
        if let Some(until) = shut.max().filter(|until| *until > now) {
            return Err(until - now);
        }
        for (key, free) in both {
            if tries.len() >= MOST && !tries.contains_key(key) {
                forget_some(&mut tries, now);
            }
            let one = tries.entry(key.clone()).or_default();
            if now >= one.last + FORGET_SECONDS {
                *one = Tries::default();
            }
            one.count = one.count.saturating_add(1);
            one.last = now;
            if let Some(over) = one.count.checked_sub(free) {
                let wait = FIRST_WAIT_SECONDS.saturating_mul(1 << over.min(10));
                one.shut_until = now + wait.min(LONGEST_WAIT_SECONDS);
            }
        }
        Ok(())
    }

    /// The try was no failure.
    pub(crate) fn succeeded(&self, trier: &Trier) {
        let mut tries = self.tries.lock().unwrap_or_else(PoisonError::into_inner);
        tries.remove(&trier.pair);
        take_back(&mut tries, &trier.address);
    }

    /// The try was not made after all: nobody looked at the password.
    pub(crate) fn not_made(&self, trier: &Trier) {
        let mut tries = self.tries.lock().unwrap_or_else(PoisonError::into_inner);
        take_back(&mut tries, &trier.pair);
        take_back(&mut tries, &trier.address);
    }
}

/// As if one try had not been counted. It began while nothing was shut, so what is shut now is shut by it or by one
/// that was counted above it.
fn take_back(tries: &mut HashMap<String, Tries>, key: &str) {
    if let Some(one) = tries.get_mut(key) {
        one.count = one.count.saturating_sub(1);
        one.shut_until = 0;
    }
}

/// What is over; else the older half.
fn forget_some(tries: &mut HashMap<String, Tries>, now: u64) {
    tries.retain(|_, one| now < one.last + FORGET_SECONDS);
    if tries.len() >= MOST {
        let mut times: Vec<u64> = tries.values().map(|one| one.last).collect();
        times.sort_unstable();
        let middle = times[times.len() / 2];
        tries.retain(|_, one| one.last > middle);
    }
}

/// Whoever has one address of a network of IPv6 has all of them.
pub(crate) fn network(address: &str) -> String {
    match address.parse::<IpAddr>() {
        Ok(IpAddr::V6(v6)) => match v6.to_ipv4_mapped() {
            Some(v4) => v4.to_string(),
            None => Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64).to_string(),
        },
        _ => address.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fails(limits: &Limits, name: &str, address: &str, times: u32, now: u64) {
        for _ in 0..times {
            limits.begin(&Trier::new(name, address), now).unwrap();
        }
    }

    #[test]
    fn a_name_is_shut_at_one_address_only_and_opens_again() {
        let limits = Limits::default();
        fails(&limits, "ann", "192.0.2.1", FREE_OF_NAME, 1000);
        let ann = Trier::new("ann", "192.0.2.1");
        assert_eq!(limits.begin(&ann, 1000), Err(30));
        assert_eq!(limits.begin(&Trier::new("ann", "192.0.2.2"), 1000), Ok(()), "she herself");
        assert_eq!(limits.begin(&Trier::new("bob", "192.0.2.1"), 1000), Ok(()), "somebody else");
        assert_eq!(limits.begin(&ann, 1030), Ok(()));
        assert_eq!(limits.begin(&ann, 1030), Err(60), "longer each time");
        let mut now = 1030;
        for _ in 0..50 {
            let wait = limits.begin(&ann, now).err().unwrap_or_default();
            assert!(wait <= LONGEST_WAIT_SECONDS, "{wait}");
            now += wait;
        }
    }

    #[test]
    fn many_names_at_one_network_are_tried_a_bounded_number_of_times() {
        let limits = Limits::default();
        let tried = (0..1000).filter(|at| {
            let address = format!("2001:db8:1:2::{at:x}");
            limits.begin(&Trier::new(&format!("user{at}"), &address), 1000).is_ok()
        });
        assert_eq!(tried.count(), FREE_OF_ADDRESS as usize);
    }

    #[test]
    fn a_success_is_held_against_nobody() {
        let limits = Limits::default();
        let ann = Trier::new("ann", "192.0.2.1");
        for _ in 0..1000 {
            assert_eq!(limits.begin(&ann, 1000), Ok(()));
            limits.succeeded(&ann);
        }
    }

    #[test]
    fn a_try_that_was_not_made_is_held_against_nobody() {
        let limits = Limits::default();
        let ann = Trier::new("ann", "192.0.2.1");
        for _ in 0..1000 {
            assert_eq!(limits.begin(&ann, 1000), Ok(()));
            limits.not_made(&ann);
        }
        fails(&limits, "ann", "192.0.2.1", FREE_OF_NAME - 1, 1000);
        assert_eq!(limits.begin(&ann, 1000), Ok(()));
        limits.not_made(&ann);
        fails(&limits, "ann", "192.0.2.1", 1, 1000);
        assert_eq!(limits.begin(&ann, 1000), Err(30), "what failed still counts");
    }

    #[test]
    fn a_success_opens_the_address_that_it_shut() {
        let limits = Limits::default();
        for at in 1..FREE_OF_ADDRESS {
            fails(&limits, &format!("user{at}"), "192.0.2.1", 1, 1000);
        }
        let ann = Trier::new("ann", "192.0.2.1");
        assert_eq!(limits.begin(&ann, 1000), Ok(()));
        limits.succeeded(&ann);
        fails(&limits, "bob", "192.0.2.1", 1, 1000);
        assert_eq!(limits.begin(&ann, 1000), Err(30));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let limits = Limits::default();
        for at in 0..(2 * MOST) {
            let address = format!("10.{}.{}.{}", at >> 16, (at >> 8) & 255, at & 255);
            _ = limits.begin(&Trier::new("ann", &address), at as u64);
        }
        assert!(limits.tries.lock().unwrap().len() <= MOST + 1);
    }
}
