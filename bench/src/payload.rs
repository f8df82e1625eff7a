//! What every contestant serves, so that all of them do the same work: a small text, an echo, and
//! streams of events that carry their number and the time they were made. Knows no protocol.

use bytes::Bytes;
use sidegate_model::clock;
use std::ops::Range;
use std::time::{Duration, UNIX_EPOCH};

/// The answer to `/hello`, `/auth/hello` and every `/r/{number}`.
pub const HELLO: &str = "hello, world\n";
/// What every path of the benchmark begins with.
pub const MOUNT: &str = "/plugins/bench";
/// Length of one event in bytes.
pub const EVENT_BYTES: usize = 64;
/// Where in an event its number begins, and how many digits it has.
const NUMBER: Range<usize> = 6..16;
/// The same for the time in microseconds of Unix time.
const TIME: Range<usize> = 17..33;

/// Microseconds of Unix time. Plugin and client run on the same clock.
pub fn now_us() -> u64 {
    let now = clock::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_micros()).unwrap_or(u64::MAX)
}

/// One server-sent event of [`EVENT_BYTES`] bytes.
///
/// ```
/// use sidegate_bench::payload::{EVENT_BYTES, Event, event};
/// let bytes = event(7);
/// assert_eq!(bytes.len(), EVENT_BYTES);
/// assert_eq!(Event::read(&bytes).unwrap().number, 7);
/// ```
pub fn event(number: u64) -> Bytes {
    let pad = EVENT_BYTES - 36;
    let time = now_us();
    Bytes::from(format!("data: {number:010} {time:016} {:x<pad$}\n\n", ""))
}

/// An event as a client reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event {
    /// Counted from 0 within its stream.
    pub number: u64,
    /// When it was made, in microseconds of Unix time.
    pub made_us: u64,
}

impl Event {
    /// Reads one event; `None` for bytes that are none.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        if bytes.len() != EVENT_BYTES || !bytes.starts_with(b"data: ") || !bytes.ends_with(b"\n\n")
        {
            return None;
        }
        Some(Self { number: digits(bytes, NUMBER)?, made_us: digits(bytes, TIME)? })
    }
}

fn digits(bytes: &[u8], range: Range<usize>) -> Option<u64> {
    std::str::from_utf8(bytes.get(range)?).ok()?.parse().ok()
}

/// Which events a client asked for: `n=` of them (0 is for ever), one each `interval_us=`
/// microseconds (0 is as fast as they are taken).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Order {
    /// How many.
    pub count: u64,
    /// The time from one to the next.
    pub interval: Duration,
}

impl Order {
    /// Reads the query of `/sse`; what is missing is 0.
    pub fn read(query: &str) -> Self {
        let number = |name: &str| {
            let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            pairs.filter(|(key, _)| *key == name).find_map(|(_, value)| value.parse().ok())
        };
        let count = number("n").filter(|n| *n > 0).unwrap_or(u64::MAX);
        Self { count, interval: Duration::from_micros(number("interval_us").unwrap_or(0)) }
    }
}

/// The events of an order, each at its time.
#[derive(Debug)]
pub struct Events {
    order: Order,
    next: u64,
    due: tokio::time::Instant,
}

impl Events {
    /// The first event is due at once.
    pub fn new(order: Order) -> Self {
        Self { order, next: 0, due: tokio::time::Instant::now() }
    }

    /// Waits for the next event; `None` after the last.
    pub async fn next(&mut self) -> Option<Bytes> {
        if self.next == self.order.count {
            return None;
        }
        if !self.order.interval.is_zero() {
            tokio::time::sleep_until(self.due).await;
            self.due += self.order.interval;
        }
        self.next += 1;
        Some(event(self.next - 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_read_as_it_was_written_and_nothing_else_is_one() {
        let before = now_us();
        let read = Event::read(&event(4_000_000_000)).unwrap();
        assert_eq!(read.number, 4_000_000_000);
        assert!(read.made_us >= before && read.made_us <= now_us());
        assert_eq!(Event::read(&event(1)[1..]), None);
        assert_eq!(Event::read(&[b'x'; EVENT_BYTES]), None);
    }

    #[test]
    fn an_order_without_words_is_a_flood_without_end() {
        let order = Order::read("");
        assert_eq!((order.count, order.interval), (u64::MAX, Duration::ZERO));
        let order = Order::read("n=3&interval_us=10000");
        assert_eq!((order.count, order.interval), (3, Duration::from_millis(10)));
    }
}
