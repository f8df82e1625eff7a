//! The last samples of one series, fine ones for an hour and coarse ones for a day.

use sidegate_model::metrics_history::{HistorySpan, Sample, Samples};

/// What stands where nothing was counted.
const NOTHING: u32 = u32::MAX;

/// The last so many samples, each at the number of its step since the epoch.
#[derive(Debug)]
pub(super) struct Ring {
    slots: Box<[Sample]>,
    newest: i64,
}

impl Ring {
    pub(super) fn new(steps: usize) -> Self {
        let nothing = Sample { requests: NOTHING, ..Sample::default() };
        Self { slots: vec![nothing; steps].into(), newest: i64::MIN }
    }

    fn place(&self, step: i64) -> usize {
        let steps = i64::try_from(self.slots.len()).unwrap_or(i64::MAX);
        usize::try_from(step.rem_euclid(steps)).unwrap_or_default()
    }

    /// Puts in what was counted in a step. One that is older than the newest is left out: clocks are set.
    pub(super) fn put(&mut self, step: i64, sample: Sample) {
        if step <= self.newest {
            return;
        }
        let steps = i64::try_from(self.slots.len()).unwrap_or(i64::MAX);
        let missed = self.newest.saturating_add(1).max(step - steps + 1)..step;
        for missed in missed {
            let place = self.place(missed);
            self.slots[place].requests = NOTHING;
        }
        let place = self.place(step);
        // That many requests never end within one step.
        self.slots[place] = Sample { requests: sample.requests.min(NOTHING - 1), ..sample };
        self.newest = step;
    }

    /// So many samples from a step on.
    pub(super) fn read(&self, from: i64, steps: usize) -> Samples {
        let kept = i64::try_from(self.slots.len()).unwrap_or(i64::MAX);
        let at = |step: i64| {
            let is_kept = step <= self.newest && step > self.newest.saturating_sub(kept);
            let sample = self.slots[self.place(step)];
            (is_kept && sample.requests != NOTHING).then_some(sample)
        };
        (from..).take(steps).map(at).collect()
    }
}

/// What comes together in a coarse step.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Gathering {
    pub(super) requests: u32,
    pub(super) errors: u32,
    pub(super) in_flight: u32,
    pub(super) memory_kib: u32,
    cpu_percent: f32,
    samples: u16,
}

impl Gathering {
    pub(super) fn add(&mut self, sample: &Sample) {
        self.requests = self.requests.saturating_add(sample.requests);
        self.errors = self.errors.saturating_add(sample.errors);
        self.in_flight = self.in_flight.max(sample.in_flight);
        self.memory_kib = self.memory_kib.max(sample.memory_kib);
        self.cpu_percent += sample.cpu_percent;
        self.samples = self.samples.saturating_add(1);
    }

    /// All of it, without the times.
    pub(super) fn sample(&self) -> Sample {
        Sample {
            requests: self.requests,
            errors: self.errors,
            in_flight: self.in_flight,
            memory_kib: self.memory_kib,
            cpu_percent: self.cpu_percent / f32::from(self.samples.max(1)),
            ..Sample::default()
        }
    }
}

/// The rings that every series has.
#[derive(Debug)]
pub(super) struct Rings {
    pub(super) fine: Ring,
    pub(super) coarse: Ring,
}

impl Default for Rings {
    fn default() -> Self {
        let rings = [HistorySpan::HOUR, HistorySpan::DAY].map(|span| Ring::new(span.steps));
        let [fine, coarse] = rings;
        Self { fine, coarse }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(requests: u32) -> Sample {
        Sample { requests, ..Sample::default() }
    }

    fn requests(samples: Samples) -> Vec<Option<u32>> {
        samples.into_iter().map(|sample| sample.map(|sample| sample.requests)).collect()
    }

    #[test]
    fn what_was_not_counted_and_what_is_too_old_is_nothing() {
        let mut ring = Ring::new(4);
        assert_eq!(requests(ring.read(-2, 4)), [None; 4]);
        for step in [10, 11, 13] {
            ring.put(step, sample(u32::try_from(step).unwrap()));
        }
        let expected = [None, Some(10), Some(11), None, Some(13), None];
        assert_eq!(requests(ring.read(9, 6)), expected);
        ring.put(15, sample(15));
        let expected = [None, None, None, Some(13), None, Some(15)];
        assert_eq!(requests(ring.read(10, 6)), expected);
        // A clock that was set back, and one that was set far ahead.
        ring.put(14, sample(1));
        assert_eq!(requests(ring.read(14, 1)), [None]);
        ring.put(1000, sample(2));
        assert_eq!(requests(ring.read(997, 4)), [None, None, None, Some(2)]);
    }

    #[test]
    fn a_series_takes_about_35_kilobytes() {
        let slots = HistorySpan::HOUR.steps + HistorySpan::DAY.steps;
        assert!(slots * size_of::<Sample>() <= 35_000);
    }
}
