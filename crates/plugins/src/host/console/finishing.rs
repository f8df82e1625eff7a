//! Processes that finish what they are asked and end: few of one plugin, so that replacing them again and again piles up none.

use super::beside::Beside;
use std::collections::VecDeque;
use tokio::task::{Id, JoinError, JoinSet};
use tokio_util::sync::CancellationToken;

/// Most of one plugin at a time. Where one more comes, the oldest is ended at once.
const MOST_FINISHING: usize = 2;

/// Those of one plugin.
#[derive(Default)]
pub(super) struct Finishing {
    tasks: JoinSet<()>,
    /// The oldest first.
    cuts: VecDeque<(Id, CancellationToken)>,
}

impl Finishing {
    /// Takes one that is to finish what it is asked.
    pub(super) fn take(&mut self, process: Beside) {
        self.push(|cut| process.finish(cut));
    }

    fn push<F: Future<Output = ()> + Send + 'static>(
        &mut self,
        finish: impl FnOnce(CancellationToken) -> F,
    ) {
        while let Some(ended) = self.tasks.try_join_next_with_id() {
            self.forget(ended);
        }
        while self.cuts.len() >= MOST_FINISHING
            && let Some((_, oldest)) = self.cuts.pop_front()
        {
            oldest.cancel();
        }
        let cut = CancellationToken::new();
        let task = self.tasks.spawn(finish(cut.clone()));
        self.cuts.push_back((task.id(), cut));
    }

    /// Waits for the end of one; `None` where there is none.
    pub(super) async fn ended(&mut self) -> Option<()> {
        let ended = self.tasks.join_next_with_id().await?;
        self.forget(ended);
        Some(())
    }

    /// Ends all of them.
    pub(super) async fn shutdown(&mut self) {
        self.tasks.shutdown().await;
    }

    fn forget(&mut self, ended: Result<(Id, ()), JoinError>) {
        let ended = ended.map_or_else(|error| error.id(), |(id, ())| id);
        self.cuts.retain(|(id, _)| *id != ended);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn of_three_that_would_go_on_the_oldest_is_cut_and_one_that_ended_counts_no_more() {
        let mut finishing = Finishing::default();
        finishing.push(|_| async {});
        finishing.ended().await.unwrap();
        for _ in 0..MOST_FINISHING {
            finishing.push(|cut| async move { cut.cancelled().await });
        }
        let oldest = finishing.cuts[0].clone();
        assert!(!oldest.1.is_cancelled());
        finishing.push(|cut| async move { cut.cancelled().await });
        assert!(oldest.1.is_cancelled());
        finishing.ended().await.unwrap();
        assert_eq!((finishing.tasks.len(), finishing.cuts.len()), (MOST_FINISHING, MOST_FINISHING));
        assert!(finishing.cuts.iter().all(|(_, cut)| !cut.is_cancelled()));
        finishing.shutdown().await;
    }
}
