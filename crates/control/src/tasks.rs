//! Tasks that run beside all else, for as long as whoever owns them: when one ends before that, somebody is told which
//! one, and how it ended. Knows nothing of what they do.

use futures_util::FutureExt as _;
use std::any::Any;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Where it is told that a task ended that was not to end. The first one counts; copies are the same.
#[derive(Debug, Clone, Default)]
pub struct Ended(watch::Sender<Option<String>>);

impl Ended {
    /// Follows which task ended, and how.
    pub fn follow(&self) -> watch::Receiver<Option<String>> {
        self.0.subscribe()
    }

    /// Which task ended, and how, if any did.
    pub fn reason(&self) -> Option<String> {
        self.0.borrow().clone()
    }

    /// Nobody can go on, for this reason.
    pub fn tell(&self, reason: String) {
        self.0.send_if_modified(|told| {
            let is_first = told.is_none();
            told.get_or_insert(reason);
            is_first
        });
    }

    /// A task that is not to end unless `may_end` says so then; that it panicked is told in any case. `name` goes on
    /// after "the task that".
    pub fn noticed(
        &self,
        name: &'static str,
        may_end: impl FnOnce() -> bool + Send + 'static,
        task: impl Future<Output = ()> + Send + 'static,
    ) -> impl Future<Output = ()> + Send + 'static {
        let ended = self.clone();
        async move {
            match AssertUnwindSafe(task).catch_unwind().await {
                Ok(()) if may_end() => {}
                Ok(()) => ended.tell(format!("the task that {name} has ended")),
                Err(panic) => {
                    ended.tell(format!("the task that {name} panicked: {}", words(&*panic)));
                }
            }
        }
    }
}

/// Tasks that end with this, and not before.
pub struct Tasks {
    set: JoinSet<()>,
    ended: Ended,
}

impl Tasks {
    /// None yet; told there is which one ended.
    pub fn new(ended: Ended) -> Self {
        Self { set: JoinSet::new(), ended }
    }

    /// One more; `name` goes on after "the task that".
    pub fn spawn(&mut self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        self.set.spawn(self.ended.noticed(name, || false, task));
    }
}

/// What a panic says.
fn words(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("it says no more")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::pending;
    use std::sync::Arc;

    async fn told(ended: &Ended) -> String {
        let mut told = ended.follow();
        told.wait_for(Option::is_some).await.unwrap().clone().unwrap()
    }

    #[tokio::test]
    async fn a_task_that_panics_or_ends_is_told_by_its_name_and_the_first_one_counts() {
        let ended = Ended::default();
        let mut tasks = Tasks::new(ended.clone());
        tasks.spawn("goes on", pending());
        assert_eq!(ended.reason(), None);
        tasks.spawn("adds up", async { panic!("no more {}", 7) });
        assert_eq!(told(&ended).await, "the task that adds up panicked: no more 7");
        tasks.spawn("comes later", async {});
        while tasks.set.len() > 1 {
            tasks.set.join_next().await;
        }
        assert_eq!(told(&ended).await, "the task that adds up panicked: no more 7");

        let ended = Ended::default();
        let mut tasks = Tasks::new(ended.clone());
        tasks.spawn("returns", async {});
        assert_eq!(told(&ended).await, "the task that returns has ended");
    }

    #[tokio::test]
    async fn a_task_that_ends_with_its_owner_or_may_end_is_nothing_to_be_told() {
        let ended = Ended::default();
        let runs = Arc::new(());
        let mut tasks = Tasks::new(ended.clone());
        let held = runs.clone();
        tasks.spawn("goes on", async move {
            let _held = held;
            pending::<()>().await;
        });
        tokio::task::yield_now().await;
        drop(tasks);
        while Arc::strong_count(&runs) > 1 {
            tokio::task::yield_now().await;
        }
        ended.noticed("stops", || true, async {}).await;
        assert_eq!(ended.reason(), None);
        ended.noticed("stops", || true, async { panic!("badly") }).await;
        assert_eq!(ended.reason().unwrap(), "the task that stops panicked: badly");
    }
}
