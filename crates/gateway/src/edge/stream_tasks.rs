//! The tasks that carry the streams of one HTTP/2 connection, so that each can be ended from outside.
//!
//! The HTTP library waits for a reader that takes nothing as long as that likes, and asks nobody
//! meanwhile. When a stream's task ends, the library resets the stream, whatever it still holds for
//! it, and all that lives as long as the answer ends too; the rest of the connection goes on. Knows
//! nothing of why.

use hyper::rt::Executor;
use sidegate_plugins::StreamTask;
use std::sync::{Arc, Mutex, PoisonError};

/// Carries the streams of one connection, each on a task of its own.
#[derive(Debug, Clone, Default)]
pub(crate) struct StreamTasks {
    /// The one that was asked for and is not spawned yet.
    next: Arc<Mutex<Option<StreamTask>>>,
}

impl StreamTasks {
    /// The task of the request that was read just now: the library spawns it next.
    pub(crate) fn next(&self) -> StreamTask {
        let task = StreamTask::default();
        *self.next.lock().unwrap_or_else(PoisonError::into_inner) = Some(task.clone());
        task
    }
}

impl<F> Executor<F> for StreamTasks
where
    F: Future<Output: Send + 'static> + Send + 'static,
{
    fn execute(&self, stream: F) {
        let handle = tokio::spawn(stream).abort_handle();
        let next = self.next.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(task) = next {
            task.started(handle);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::oneshot;

    #[tokio::test]
    async fn each_task_ends_alone() {
        let tasks = StreamTasks::default();
        let begin = |tasks: &StreamTasks| {
            let ((word, said), task) = (oneshot::channel::<()>(), tasks.next());
            assert!(!task.end(), "it is not there yet");
            tasks.execute(async move {
                let _word = word;
                std::future::pending::<()>().await;
            });
            (task, said)
        };
        let ((one, first), (_, mut second)) = (begin(&tasks), begin(&tasks));
        assert!(one.end());
        first.await.unwrap_err();
        assert!(second.try_recv().is_err_and(|e| e == oneshot::error::TryRecvError::Empty));
        // One that nobody asked for is spawned all the same.
        let (word, said) = oneshot::channel();
        tasks.execute(async move { word.send(7) });
        assert_eq!(said.await, Ok(7));
    }
}
