//! A place among the calls of a plugin that takes only so many at one time. A request asks for one when
//! its body is there; where it has to wait, what was settled before is looked at again afterwards.

use super::context::{Moment, RequestContext};
use super::error::EdgeError;
use super::settle;
use crate::route::lookup::Match;
use http::request::Parts;
use sidegate_plugins::{Entry, Instance, Ticket};
use std::sync::Arc;
use tokio::time::Instant;

/// Takes a place for a request of which `instance` is to be asked, or whoever has taken its place
/// meanwhile.
///
/// # Errors
/// 503 where the plugin is too busy, or where nobody answers as it was settled any more; 401 where the
/// caller is not let in any more.
pub(crate) async fn take(
    context: &RequestContext,
    head: &Parts,
    matched: &Match,
    moment: &mut Moment,
    instance: &mut Arc<Instance>,
) -> Result<Arc<Ticket>, EdgeError> {
    let limits = &matched.mount.limits;
    let ticket = match limits.concurrency.enter()? {
        Entry::Inside(ticket) => return Ok(ticket),
        Entry::Waits(waiting) => waiting.admitted().await?,
    };
    moment.now = Instant::now();
    let generation = context.edge.generations.load();
    if Arc::ptr_eq(&generation, &moment.generation) {
        return Ok(ticket);
    }
    moment.generation = generation;
    *instance = settle::replacement(context, moment, matched, None).await?;
    settle::identify(&moment.generation, matched, head)?;
    // Another plugin under the same slug has places of its own.
    let mount = moment.generation.mount(matched.mount.slug.as_str());
    let is_same = mount.is_some_and(|mount| Arc::ptr_eq(&mount.limits, limits));
    if is_same { Ok(ticket) } else { Err(EdgeError::plugin_unavailable()) }
}
