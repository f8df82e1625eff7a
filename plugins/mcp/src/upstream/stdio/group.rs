//! The process group of a program, in which are the processes that it starts: all of them end together.

use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};
use tokio::process::Child;
use tokio::time::{sleep, timeout};

/// How long all may take to end by themselves once stdin is closed.
const GOODBYE: Duration = Duration::from_secs(3);
/// How long they may take once they are asked by a signal.
const MERCY: Duration = Duration::from_secs(2);
/// How long what is killed may take to vanish.
const VANISH: Duration = Duration::from_secs(5);
/// Between two looks at whether anybody is left.
const LOOK: Duration = Duration::from_millis(20);

/// A group, whose number is its first process's. What is left of it is killed when this is dropped.
pub(super) struct Group {
    number: Option<Pid>,
}

impl Group {
    /// The group that this child was started in, as its first.
    pub(super) fn of(child: &Child) -> Self {
        let number = child.id().and_then(|id| i32::try_from(id).ok());
        Self { number: number.and_then(Pid::from_raw) }
    }

    /// Waits for the end of all, asks for it by a signal, and kills who is left. Tells whether nobody is.
    pub(super) async fn end(mut self, child: &mut Child) -> bool {
        for (patience, signal) in [(GOODBYE, Signal::TERM), (MERCY, Signal::KILL)] {
            if timeout(patience, self.gone(child)).await.is_ok() {
                return true;
            }
            self.send(signal);
        }
        timeout(VANISH, self.gone(child)).await.is_ok()
    }

    /// Its number cannot be another's before the last one is gone.
    async fn gone(&mut self, child: &mut Child) {
        // Who is not reaped counts as one of them.
        let _ = child.wait().await;
        while self.number.is_some_and(|number| test_kill_process_group(number).is_ok()) {
            sleep(LOOK).await;
        }
        self.number = None;
    }

    fn send(&self, signal: Signal) {
        if let Some(number) = self.number {
            // It fails where nobody is left, which is what we want.
            let _ = kill_process_group(number, signal);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.send(Signal::KILL);
    }
}
