//! How many places one address may have, so that it cannot take all of them from the others. Memory is bounded by
//! the places: who has none is not remembered.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Semaphore;

/// Who counts as one: an IPv4 address, however it is written, or the network of 64 bits that one subscriber of IPv6
/// has for itself.
pub(crate) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() >> 64 << 64).into(),
        v4 @ IpAddr::V4(_) => v4,
    }
}

/// Places by address.
#[derive(Debug)]
pub(super) struct Addresses {
    most: usize,
    turns: usize,
    taken: Mutex<HashMap<IpAddr, Taken>>,
}

#[derive(Debug)]
struct Taken {
    places: usize,
    turns: Arc<Semaphore>,
}

/// A place of one address, until it is dropped.
#[derive(Debug)]
pub(crate) struct Place {
    of: IpAddr,
    addresses: Arc<Addresses>,
    /// Of those with a place so many may do something at one time.
    pub(super) turns: Arc<Semaphore>,
}

impl Addresses {
    /// So many places each, and so many turns.
    pub(super) fn new(most: usize, turns: usize) -> Arc<Self> {
        Arc::new(Self { most, turns, taken: Mutex::default() })
    }

    /// A place, if this address has one left.
    pub(super) fn take(self: &Arc<Self>, address: IpAddr) -> Option<Place> {
        let of = network(address);
        let mut taken = self.taken();
        let new = || Taken { places: 0, turns: Arc::new(Semaphore::new(self.turns)) };
        let here = taken.entry(of).or_insert_with(new);
        if here.places >= self.most {
            return None;
        }
        here.places += 1;
        let turns = here.turns.clone();
        Some(Place { of, addresses: self.clone(), turns })
    }

    fn taken(&self) -> MutexGuard<'_, HashMap<IpAddr, Taken>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.addresses.taken();
        if let Some(here) = taken.get_mut(&self.of) {
            here.places -= 1;
            if here.places == 0 {
                taken.remove(&self.of);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn an_address_has_so_many_places_and_takes_none_from_another() {
        let addresses = Addresses::new(2, 1);
        let held = [addresses.take(ip("192.0.2.1")), addresses.take(ip("::ffff:192.0.2.1"))];
        assert!(held.iter().all(Option::is_some));
        assert!(addresses.take(ip("192.0.2.1")).is_none());
        assert!(addresses.take(ip("192.0.2.2")).is_some());
        drop(held);
        assert!(addresses.take(ip("192.0.2.1")).is_some());
        assert!(addresses.taken().is_empty(), "whoever has no place is forgotten");
    }

    #[test]
    fn a_subscriber_of_ipv6_counts_as_one_however_many_addresses_it_uses() {
        let addresses = Addresses::new(1, 1);
        let _held = addresses.take(ip("2001:db8:1:2::9")).unwrap();
        assert!(addresses.take(ip("2001:db8:1:2:ffff::1")).is_none());
        assert!(addresses.take(ip("2001:db8:1:3::9")).is_some());
    }
}
