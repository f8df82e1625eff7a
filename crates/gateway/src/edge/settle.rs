//! What must be settled before a request is admitted: which endpoint it names, who calls, and which
//! process answers. Where that process is just being started, the request waits, its body unread.

use super::access_log::RequestRecord;
use super::context::{Moment, RequestContext};
use super::decide::{Decision, Observer, decide};
use super::error::EdgeError;
use super::wall_clock;
use crate::identity::access::may_call;
use crate::identity::approval::awaits_approval;
use crate::identity::authenticate::{Caller, Known};
use crate::identity::newcomers::WAIT as NEWCOMER_WAIT;
use crate::identity::unidentified::Awaited;
use crate::metrics::RouteName;
use crate::route::lookup::Match;
use http::request::Parts;
use sidegate_model::clock::now_millis;
use sidegate_model::endpoint::{Method, MethodSet, Resolution};
use sidegate_model::issuer::IssuerId;
use sidegate_plugins::{Instance, Mount, Target};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

/// How long a request waits for a plugin's start.
const START_WAIT: Duration = Duration::from_secs(2);

/// A request of which everything is known but whether it may pass now.
pub(crate) struct Settled {
    /// Where it goes.
    pub matched: Match,
    /// Who calls.
    pub caller: Caller,
    /// Who answers.
    pub instance: Arc<Instance>,
    /// Under which moment all this was found out.
    pub moment: Moment,
}

/// Where a request goes.
pub(crate) enum Destination {
    /// A call to a plugin.
    Call(Settled),
    /// An OPTIONS that the gateway answers itself.
    Options(MethodSet),
}

/// Waiting for a start, at most for a while and with a place. Hardly any request has to.
#[derive(Default)]
struct Wait(Option<(Instant, OwnedSemaphorePermit)>);

impl Wait {
    /// Waits for the generation after this moment's.
    async fn for_change(
        &mut self,
        context: &RequestContext,
        moment: &mut Moment,
        places: Arc<Semaphore>,
    ) -> Result<(), EdgeError> {
        let end = match &self.0 {
            Some((end, _)) => *end,
            None => {
                let place = places.try_acquire_owned();
                let place = place.map_err(|_| EdgeError::overloaded())?;
                self.0.insert((Instant::now() + START_WAIT, place)).0
            }
        };
        let change = context.edge.generations.after(&moment.generation);
        let starting = |_| EdgeError::plugin_starting();
        // In a box, because hardly any request needs the room for it.
        let generation = Box::pin(timeout_at(end, change)).await.map_err(starting)?;
        *moment = Moment { generation, now: Instant::now() };
        Ok(())
    }
}

/// Settles a request. After each wait everything is asked anew, because the new generation may
/// demand what the old one did not.
///
/// # Errors
/// [`EdgeError`] for what has no endpoint, no good caller or, in time, no process.
pub(crate) async fn settle(
    context: &RequestContext,
    head: &Parts,
    record: &mut RequestRecord,
) -> Result<Destination, EdgeError> {
    let (mut wait, mut moment) = (Wait::default(), Moment::first(context));
    let (mut has_asked, mut newcomers_until) = (false, None);
    loop {
        // Not kept where it waits: it is room that each open request takes.
        let decision = decide(&context.rules(&moment.generation), head, now_millis, record);
        record.settled();
        match decision.as_ref().err().and_then(|error| error.awaits) {
            Some(Awaited::Keys(issuer)) if !has_asked => {
                has_asked = true;
                // In a box, because hardly any request needs the room for it.
                Box::pin(context.edge.jwts.keys.ask(issuer)).await;
                moment = now(context);
                continue;
            }
            Some(Awaited::App(issuer, done)) => {
                let until = *newcomers_until.get_or_insert_with(|| Instant::now() + NEWCOMER_WAIT);
                let waited = newcomer(context, &moment, (issuer, done));
                if Box::pin(timeout_at(until, waited)).await == Ok(true) {
                    moment = now(context);
                    continue;
                }
            }
            _ => {}
        }
        let mount = match decision? {
            Decision::Call { matched, caller, instance } => {
                if let Caller::App(known) = &caller {
                    let now = wall_clock::millis_at(context.start.into_std());
                    known.token.last_used.touch(now);
                }
                return Ok(Destination::Call(Settled { matched, caller, instance, moment }));
            }
            Decision::Options(allow) => return Ok(Destination::Options(allow)),
            Decision::Wait(mount) => mount,
        };
        wait.for_change(context, &mut moment, mount.waiting.clone()).await?;
    }
}

/// What serves now.
fn now(context: &RequestContext) -> Moment {
    Moment { generation: context.edge.generations.load(), now: Instant::now() }
}

/// Waits until the app of a new client may be there, or is known not to come; not where too many wait.
async fn newcomer(
    context: &RequestContext,
    moment: &Moment,
    (issuer, done): (IssuerId, u64),
) -> bool {
    let edge = &context.edge;
    let Some(_place) = edge.newcomers.place(issuer) else { return false };
    tokio::select! {
        _ = edge.generations.after(&moment.generation) => {}
        () = edge.newcomers.another(done) => {}
    }
    true
}

impl Observer for RequestRecord {
    fn found_plugin(&mut self, mount: &Arc<Mount>) {
        self.asks(&mount.plugin);
    }

    fn found_route(&mut self, matched: &Match) {
        self.routed(route_name(matched));
    }

    fn found_caller(&mut self, _: &Match, caller: &Caller) {
        if let Caller::App(known) = caller {
            self.called_by(known.identity.app.id.0);
        }
    }
}

/// A process for a request that was settled before: of which the first one heard nothing, because it
/// was gone, or which has waited. The request must name the very same endpoint there, and that must
/// demand no more of its caller.
///
/// # Errors
/// 503 when there is none in time.
pub(crate) async fn replacement(
    context: &RequestContext,
    moment: &mut Moment,
    matched: &Match,
    gone: Option<&Arc<Instance>>,
) -> Result<Arc<Instance>, EdgeError> {
    let unavailable = EdgeError::plugin_unavailable;
    let slug = matched.mount.slug.as_str();
    let mut wait = Wait::default();
    loop {
        let mount = moment.generation.mount(slug).ok_or_else(unavailable)?.clone();
        match &mount.target {
            Target::Ready(instance) if gone.is_none_or(|gone| !Arc::ptr_eq(instance, gone)) => {
                let mode = context.edge.public_endpoints;
                let same = names_the_same(&mount, matched)
                    && !awaits_approval(mode, matched, &mount.plugin);
                return if same { Ok(instance.clone()) } else { Err(unavailable()) };
            }
            Target::Ready(_) | Target::Starting => {
                wait.for_change(context, moment, mount.waiting.clone()).await?;
            }
            Target::Unavailable => return Err(unavailable()),
        }
    }
}

/// Whether a request still means what it meant, and was let in by the same demands, for a mount that
/// took another one's place.
fn names_the_same(mount: &Mount, matched: &Match) -> bool {
    let method = if matched.via_get { Method::Head } else { matched.method };
    match mount.endpoints.resolve(Some(method), matched.path.relative()) {
        Resolution::Endpoint(named) => {
            let (policy, before) =
                (&mount.plugin.options.policy, &matched.mount.plugin.options.policy);
            let require_auth = named.require_auth || policy.demands_token();
            *named.endpoint == *matched.endpoint
                && require_auth == matched.require_auth
                && named.scopes == matched.scopes
                && policy.same_callers(before)
        }
        _ => false,
    }
}

/// Finds out who calls.
///
/// # Errors
/// [`EdgeError`] where that is demanded and not known.
pub(crate) fn identify(by: &Known<'_>, matched: &Match, head: &Parts) -> Result<Caller, EdgeError> {
    let query = head.uri.query();
    Ok(may_call(by, matched, &head.headers, query, now_millis)?)
}

fn route_name(matched: &Match) -> RouteName<'_> {
    RouteName {
        plugin: &matched.mount.plugin.name,
        route: &matched.endpoint.path,
        method: matched.method.as_str(),
    }
}
