//! Ports for programs that are told at which one to listen.

use std::collections::HashSet;
use std::hash::{BuildHasher as _, RandomState};
use std::net::TcpListener;
use std::sync::{LazyLock, Mutex, PoisonError};

/// Below those that the system gives to whoever connects, or asks for any.
const FIRST: u16 = 20_000;
const COUNT: u64 = 10_000;

/// A port at which nobody listens, and that stays free until somebody does. Each of this program is another one.
///
/// # Panics
/// When there is none.
pub fn free_port() -> u16 {
    static GIVEN: LazyLock<Mutex<HashSet<u16>>> = LazyLock::new(Mutex::default);
    let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
    for number in 0..COUNT {
        let random = RandomState::new().hash_one(number) % COUNT;
        let port = FIRST + u16::try_from(random).unwrap_or_default();
        if !given.contains(&port) && TcpListener::bind(("127.0.0.1", port)).is_ok() {
            given.insert(port);
            return port;
        }
    }
    panic!("no port from {FIRST} on is free");
}
