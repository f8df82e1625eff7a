//! Looks at what plugins tell of themselves. Of all who look at one plugin at the same time one waits for its process, and the
//! others get what that one gets: however many look, they take one place of those who wait.

use futures_util::FutureExt as _;
use futures_util::future::{BoxFuture, Shared, WeakShared};
use sidegate_model::plugin::{PluginId, PluginSpec};
use sidegate_model::plugin_page::{PageFailure, ToldByPlugin};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

type Outcome = Result<ToldByPlugin, PageFailure>;
type Looking = BoxFuture<'static, Outcome>;
type Open = HashMap<PluginId, (Arc<PluginSpec>, WeakShared<Looking>)>;

/// Those that are open; each ends with the last who waits for it.
#[derive(Default)]
pub(super) struct Looks(Mutex<Open>);

impl Looks {
    /// Joins the look at this plugin that is open, or begins this one.
    pub(super) fn join(
        &self,
        spec: &Arc<PluginSpec>,
        begin: impl FnOnce() -> Looking,
    ) -> Shared<Looking> {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        open.retain(|_, (_, look)| look.upgrade().is_some_and(|look| look.peek().is_none()));
        if let Some((known, look)) = open.get(&spec.id)
            && known.same_process(spec)
            && let Some(look) = look.upgrade()
        {
            return look;
        }
        let look = begin().shared();
        let weak = look.downgrade();
        open.extend(weak.map(|weak| (spec.id, (spec.clone(), weak))));
        look
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::oneshot;

    #[tokio::test]
    async fn all_who_look_at_one_plugin_wait_for_one_look_and_none_goes_on_for_nobody() {
        let looks = Looks::default();
        let spec = |config: &str| {
            let mut spec = PluginSpec::new(PluginId(1), "p", "file:///p");
            spec.config.insert("content".to_owned(), config.into());
            Arc::new(spec)
        };
        let (answer, answered) = oneshot::channel::<()>();
        let look = async move {
            let _ = answered.await;
            Ok(ToldByPlugin::default())
        };
        let first = looks.join(&spec("a"), || look.boxed());
        let never = || -> Looking { unreachable!("one is open") };
        let others: Vec<_> = (0..100).map(|_| looks.join(&spec("a"), never)).collect();
        let failing = || async { Err(PageFailure::Busy("another".to_owned())) }.boxed();
        assert!(looks.join(&spec("b"), failing).await.is_err(), "of what it is now");
        answer.send(()).unwrap();
        assert!(first.await.is_ok());
        for other in others {
            assert!(other.await.is_ok());
        }
        let (gone, ended) = oneshot::channel::<()>();
        let look = looks.join(&spec("a"), || {
            async move {
                let _gone = gone;
                std::future::pending().await
            }
            .boxed()
        });
        drop(look);
        assert!(ended.await.is_err());
    }
}
