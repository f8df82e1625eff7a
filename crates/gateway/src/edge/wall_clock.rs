//! What time it is, for who needs no more than about that: the wall clock is read once a second, and between the
//! moment that the caller knows anyway counts from there.

use sidegate_model::UnixMillis;
use sidegate_model::clock::now_millis;
use std::cell::Cell;
use std::time::{Duration, Instant};

/// How long a reading is believed. Clocks are set, and machines sleep.
const TRUSTED: Duration = Duration::from_secs(1);

thread_local! {
    static READING: Cell<Option<(Instant, UnixMillis)>> = const { Cell::new(None) };
}

/// The wall clock at a moment, to within a second.
pub(crate) fn millis_at(moment: Instant) -> UnixMillis {
    READING.with(|reading| {
        let (time, next) = read(reading.get(), moment, now_millis);
        reading.set(Some(next));
        time
    })
}

type Reading = (Instant, UnixMillis);

/// The time at a moment, and the reading that counts from then on.
fn read(
    known: Option<Reading>,
    moment: Instant,
    wall: impl FnOnce() -> UnixMillis,
) -> (UnixMillis, Reading) {
    let passed = |(at, time): Reading| {
        let passed = moment.checked_duration_since(at).filter(|passed| *passed < TRUSTED)?;
        // Less than a second of them.
        Some((time + UnixMillis::from(passed.subsec_millis()), (at, time)))
    };
    known.and_then(passed).unwrap_or_else(|| {
        let time = wall();
        (time, (moment, time))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wall_clock_is_read_once_a_second_and_a_clock_that_was_set_is_heeded() {
        let begin = Instant::now();
        let after = |millis| begin + Duration::from_millis(millis);
        let never = || panic!("it was read");
        let (time, known) = read(None, begin, || 5000);
        assert_eq!(time, 5000);
        assert_eq!(read(Some(known), after(999), never).0, 5999);
        let (time, known) = read(Some(known), after(1000), || 100);
        assert_eq!(time, 100);
        assert_eq!(read(Some(known), after(1500), never).0, 600);
        assert_eq!(read(Some(known), begin, || 7).0, 7, "before what is known");
    }

    #[test]
    fn it_tells_the_time() {
        let time = millis_at(Instant::now());
        assert!((now_millis() - time).abs() < 2000);
    }
}
