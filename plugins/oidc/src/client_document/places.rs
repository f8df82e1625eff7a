//! Who has documents of clients read: anybody can ask, with addresses that they choose, and a host can take its time to
//! answer. So there are places for each host and for each address that asks, and neither takes those of others.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use crate::limits::network;

/// So many are read at a time: of all, of one host, and for one network.
const AT_ONCE: usize = 16;
const AT_ONCE_OF_HOST: u32 = 2;
const AT_ONCE_OF_CALLER: u32 = 4;
/// So many within ten minutes: of one host, and for one network.
const SOME_OF_HOST: u32 = 60;
const SOME_OF_CALLER: u32 = 30;
const WINDOW_SECONDS: u64 = 600;
/// So many hosts and networks are remembered.
const MOST: usize = 20_000;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Whose {
    Host(String),
    Caller(String),
}

#[derive(Debug, Clone, Copy, Default)]
struct Used {
    running: u32,
    since: u64,
    count: u32,
}

/// Places to read documents in.
#[derive(Default)]
pub(super) struct Places(Mutex<HashMap<Whose, Used>>);

/// Why there is none.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Full {
    /// Too many of all are read.
    All,
    /// Too many of this host.
    Host,
    /// Too many for whoever asks.
    Caller,
}

impl fmt::Display for Full {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::All => "too many are read now",
            Self::Host => "too many of one host were read",
            Self::Caller => "too many were read for one address",
        })
    }
}

/// A place, until it is dropped.
#[derive(Debug)]
pub(super) struct Place<'a> {
    places: &'a Places,
    whose: [Whose; 2],
}

impl fmt::Debug for Places {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Places")
    }
}

impl Places {
    /// A place for a document of a host, and for whoever asks.
    pub(super) fn take(&self, host: &str, caller: &str, now: u64) -> Result<Place<'_>, Full> {
        let whose = [Whose::Host(host.to_owned()), Whose::Caller(network(caller))];
        let mut used = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_over = |one: &Used| one.running == 0 && now >= one.since + WINDOW_SECONDS;
        if used.len() + whose.len() > MOST {
            used.retain(|_, one| !is_over(one));
        }
        let of_hosts = used.iter().filter(|(whose, _)| matches!(whose, Whose::Host(_)));
        let running: u32 = of_hosts.map(|(_, one)| one.running).sum();
        if running as usize >= AT_ONCE || used.len() + whose.len() > MOST {
            return Err(Full::All);
        }
        let limits = [
            (AT_ONCE_OF_HOST, SOME_OF_HOST, Full::Host),
            (AT_ONCE_OF_CALLER, SOME_OF_CALLER, Full::Caller),
        ];
        for (whose, (at_once, some, full)) in whose.iter().zip(limits) {
            let one = used.get(whose).copied().unwrap_or_default();
            let count = if now >= one.since + WINDOW_SECONDS { 0 } else { one.count };
            if one.running >= at_once || count >= some {
                return Err(full);
            }
        }
        for whose in &whose {
            let one = used.entry(whose.clone()).or_default();
            if now >= one.since + WINDOW_SECONDS {
                *one = Used { running: one.running, since: now, count: 0 };
            }
            one.running += 1;
            one.count += 1;
        }
        drop(used);
        Ok(Place { places: self, whose })
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let mut used = self.places.0.lock().unwrap_or_else(PoisonError::into_inner);
        for whose in &self.whose {
            if let Some(one) = used.get_mut(whose) {
                one.running = one.running.saturating_sub(1);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 10_000;

    #[test]
    fn a_slow_host_and_a_busy_caller_take_no_places_of_others() {
        let places = Places::default();
        let slow: Vec<_> = (0..AT_ONCE_OF_HOST)
            .map(|at| places.take("slow.example", &format!("192.0.2.{at}"), NOW).unwrap())
            .collect();
        assert_eq!(places.take("slow.example", "192.0.2.9", NOW).unwrap_err(), Full::Host);
        let busy: Vec<_> = (0..AT_ONCE_OF_CALLER)
            .map(|at| places.take(&format!("h{at}.example"), "2001:db8:1:2::a", NOW).unwrap())
            .collect();
        let again = places.take("h9.example", "2001:db8:1:2::b", NOW);
        assert_eq!(again.unwrap_err(), Full::Caller, "one network is one caller");
        assert!(places.take("good.example", "198.51.100.7", NOW).is_ok());
        drop((slow, busy));
        assert!(places.take("slow.example", "192.0.2.9", NOW).is_ok());
    }

    #[test]
    fn so_many_in_ten_minutes_and_then_again() {
        let places = Places::default();
        for at in 0..SOME_OF_CALLER {
            drop(places.take(&format!("h{at}.example"), "192.0.2.1", NOW).unwrap());
        }
        let take = |host: &str, caller: &str, now| places.take(host, caller, now).map(drop);
        assert_eq!(take("h.example", "192.0.2.1", NOW + 599), Err(Full::Caller));
        assert_eq!(take("h.example", "192.0.2.2", NOW + 599), Ok(()));
        assert_eq!(take("h.example", "192.0.2.1", NOW + WINDOW_SECONDS), Ok(()));
        for at in 1..SOME_OF_HOST {
            take("one.example", &format!("10.0.0.{at}"), NOW).unwrap();
        }
        take("one.example", "10.0.1.1", NOW).unwrap();
        assert_eq!(take("one.example", "10.0.1.2", NOW), Err(Full::Host));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let places = Places::default();
        for at in 0..MOST as u64 {
            _ = places.take(
                &format!("h{at}.example"),
                &format!("10.{}.{}.1", at >> 8, at & 255),
                at,
            );
        }
        assert!(places.0.lock().unwrap().len() <= MOST);
    }
}
