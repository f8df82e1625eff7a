//! A request that was settled and then had to wait, for its body or for its turn, is decided once more:
//! whoever would not be let in now is not let in because of what was so before.

use super::context::{Moment, RequestContext};
use super::decide::{Decision, Observer, decide};
use super::error::EdgeError;
use super::settle;
use crate::identity::admit::Permit;
use crate::identity::authenticate::Caller;
use crate::route::lookup::Match;
use http::request::Parts;
use sidegate_model::clock::now_millis;
use sidegate_plugins::{Instance, Mount};
use std::sync::Arc;

/// Of a request that waited.
pub(crate) struct Waited<'a> {
    /// Where it goes, as it was found before.
    pub matched: &'a Match,
    /// Who was admitted.
    pub permit: &'a mut Permit,
    /// Under which moment.
    pub moment: &'a mut Moment,
    /// Who was to answer.
    pub instance: &'a mut Arc<Instance>,
}

/// Nobody needs to be told what was told before.
struct Unobserved;

impl Observer for Unobserved {
    fn found_plugin(&mut self, _: &Arc<Mount>) {}
    fn found_route(&mut self, _: &Match) {}
    fn found_caller(&mut self, _: &Match, _: &Caller) {}
}

/// Whether something may be otherwise than it was when the request was settled.
pub(crate) fn is_due(context: &RequestContext, permit: &Permit, moment: &Moment) -> bool {
    !Arc::ptr_eq(&context.edge.generations.load(), &moment.generation)
        || permit.is_expired(now_millis)
}

/// Decides once more on a request that waited; it goes on with whoever answers now.
///
/// # Errors
/// [`EdgeError`] of a request that would come now; 503 where it means another endpoint now.
pub(crate) async fn recheck(
    context: &RequestContext,
    head: &Parts,
    waited: Waited<'_>,
) -> Result<(), EdgeError> {
    let Waited { matched, permit, moment, instance } = waited;
    moment.generation = context.edge.generations.load();
    let rules = context.rules(&moment.generation);
    match decide(&rules, head, now_millis, &mut Unobserved)? {
        Decision::Call { matched: now, caller, instance: serves } if is_same(matched, &now) => {
            permit.renew(caller)?;
            *instance = serves;
        }
        // It is being started again: whoever answered before has gone, or is asked in vain.
        Decision::Wait(mount) if mount.plugin.id == matched.mount.plugin.id => {
            *instance = settle::replacement(context, moment, matched, None).await?;
            let rules = context.rules(&moment.generation);
            let caller = settle::identify(&rules.known(), matched, head)?;
            permit.renew(caller)?;
        }
        _ => return Err(EdgeError::plugin_unavailable()),
    }
    Ok(())
}

/// Whether both are the same endpoint of the same plugin.
fn is_same(before: &Match, now: &Match) -> bool {
    before.mount.plugin.id == now.mount.plugin.id
        && *before.endpoint == *now.endpoint
        && before.via_get == now.via_get
}
