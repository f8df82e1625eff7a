//! What has begun, up to when somebody knows of it.

/// Ends what has begun, unless it becomes known.
pub(super) struct Beginning<F: FnOnce()> {
    end: Option<F>,
}

impl<F: FnOnce()> Beginning<F> {
    pub(super) fn or_end(end: F) -> Self {
        Self { end: Some(end) }
    }

    /// From now on it ends by itself or by whoever knows it.
    pub(super) fn become_known(mut self) {
        self.end = None;
    }
}

impl<F: FnOnce()> Drop for Beginning<F> {
    fn drop(&mut self) {
        if let Some(end) = self.end.take() {
            end();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    #[test]
    fn what_nobody_came_to_know_ends_once_and_what_is_known_does_not() {
        let ended = Cell::new(0);
        let begin = || Beginning::or_end(|| ended.set(ended.get() + 1));
        begin().become_known();
        assert_eq!(ended.get(), 0);
        drop(begin());
        assert_eq!(ended.get(), 1);
    }
}
