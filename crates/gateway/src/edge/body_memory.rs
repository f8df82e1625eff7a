//! Memory for the bodies of requests, shared by all of them, so that many uploads together cannot
//! take more than was set aside.

use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What one permit of the memory for bodies stands for, in bytes.
const GRAIN: usize = 4096;

/// Memory for bodies that are being read or answered, shared by all requests.
#[derive(Debug)]
pub(crate) struct BodyMemory {
    free: Arc<Semaphore>,
    bytes: usize,
}

impl BodyMemory {
    /// Memory of so many bytes.
    pub(crate) fn new(bytes: usize) -> Self {
        let grains = (bytes / GRAIN).clamp(1, Semaphore::MAX_PERMITS);
        Self { free: Arc::new(Semaphore::new(grains)), bytes: grains * GRAIN }
    }

    /// All of it: no body larger than this is ever taken.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Makes a share large enough for so many bytes.
    ///
    /// # Errors
    /// [`Exhausted`] when there is not as much left.
    pub(crate) fn take(
        &self,
        bytes: usize,
        held: &mut Option<Reservation>,
    ) -> Result<(), Exhausted> {
        let has = held.as_ref().map_or(0, |reservation| reservation.0.num_permits()) * GRAIN;
        let missing = bytes.saturating_sub(has).div_ceil(GRAIN);
        let Some(missing) = u32::try_from(missing).ok().filter(|n| *n > 0) else { return Ok(()) };
        let more = self.free.clone().try_acquire_many_owned(missing);
        let more = more.map_err(|_| Exhausted)?;
        match held {
            Some(reservation) => reservation.0.merge(more),
            None => *held = Some(Reservation(more)),
        }
        Ok(())
    }
}

/// A request's share; given back when dropped.
#[derive(Debug)]
pub(crate) struct Reservation(OwnedSemaphorePermit);

/// There is no more memory for bodies right now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Exhausted;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_grow_and_are_given_back() {
        let memory = BodyMemory::new(10 * GRAIN);
        let (mut one, mut two) = (None, None);
        assert_eq!(memory.take(6 * GRAIN, &mut one), Ok(()));
        assert_eq!(memory.take(5 * GRAIN, &mut two), Err(Exhausted));
        assert_eq!(memory.take(7 * GRAIN, &mut one), Ok(()));
        drop(one);
        assert_eq!(memory.take(10 * GRAIN, &mut two), Ok(()));
    }
}
