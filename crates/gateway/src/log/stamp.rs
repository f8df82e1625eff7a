//! The time at the beginning of a line. The wall clock is read once a second; between, the moment
//! that the caller knows anyway counts from there, and only six digits are written anew.

use sidegate_model::clock;
use std::cell::RefCell;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How long the wall clock is believed.
const TRUSTED: Duration = Duration::from_secs(1);
/// `2026-01-31T12:00:00.` and six digits and `Z`.
const LENGTH: usize = 27;
const DIGITS: usize = 20;

thread_local! {
    static STAMP: RefCell<Stamp> = RefCell::new(Stamp::at(Instant::now(), clock::now()));
}

/// Appends the time of a moment, as a fresh reading of the wall clock would tell it.
pub(super) fn write(out: &mut Vec<u8>, now: Instant) {
    STAMP.with_borrow_mut(|stamp| stamp.write(out, now, clock::now));
}

struct Stamp {
    /// A moment and the wall clock at it, since 1970.
    known: (Instant, Duration),
    second: u64,
    text: [u8; LENGTH],
}

impl Stamp {
    fn at(now: Instant, wall: SystemTime) -> Self {
        // A clock before 1970 is a clock that nobody has set.
        let wall = wall.duration_since(UNIX_EPOCH).unwrap_or_default();
        let mut stamp =
            Self { known: (now, wall), second: 0, text: *b"1970-01-01T00:00:00.000000Z" };
        stamp.begin(wall.as_secs());
        stamp
    }

    fn begin(&mut self, second: u64) {
        let known = i64::try_from(second).ok().and_then(|s| jiff::Timestamp::from_second(s).ok());
        let text = known.unwrap_or(jiff::Timestamp::UNIX_EPOCH).to_string();
        let length = text.len().min(DIGITS - 1);
        self.text[..length].copy_from_slice(&text.as_bytes()[..length]);
        self.second = second;
    }

    fn write(&mut self, out: &mut Vec<u8>, now: Instant, wall: impl FnOnce() -> SystemTime) {
        let passed = now.checked_duration_since(self.known.0).filter(|passed| *passed < TRUSTED);
        let passed = passed.unwrap_or_else(|| {
            *self = Self::at(now, wall());
            Duration::ZERO
        });
        let time = self.known.1 + passed;
        if time.as_secs() != self.second {
            self.begin(time.as_secs());
        }
        let mut micros = time.subsec_micros();
        for digit in self.text[DIGITS..LENGTH - 1].iter_mut().rev() {
            // A remainder of ten is a digit.
            *digit = b'0' + (micros % 10) as u8;
            micros /= 10;
        }
        out.extend_from_slice(&self.text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(stamp: &mut Stamp, now: Instant, wall: SystemTime) -> String {
        let mut out = Vec::new();
        stamp.write(&mut out, now, || wall);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_time_counts_on_from_the_last_reading_and_is_read_again_after_a_second() {
        let (begin, wall) = (Instant::now(), UNIX_EPOCH + Duration::from_millis(1_769_860_799_500));
        let mut stamp = Stamp::at(begin, wall);
        let never = UNIX_EPOCH;
        assert_eq!(at(&mut stamp, begin, never), "2026-01-31T11:59:59.500000Z");
        let later = begin + Duration::from_micros(500_001);
        assert_eq!(at(&mut stamp, later, never), "2026-01-31T12:00:00.000001Z");
        let set_back = wall - Duration::from_secs(3600);
        let much_later = begin + Duration::from_secs(1);
        assert_eq!(at(&mut stamp, much_later, set_back), "2026-01-31T10:59:59.500000Z");
        assert_eq!(
            at(&mut stamp, begin, never),
            "1970-01-01T00:00:00.000000Z",
            "before what is known"
        );
    }
}
