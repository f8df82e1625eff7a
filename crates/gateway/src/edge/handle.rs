//! The story of a request to a plugin, in seven steps, each of which may end it.

use super::access_log::RequestRecord;
use super::body::EdgeBody;
use super::context::{Moment, RequestContext};
use super::cors;
use super::dispatch::{self, Failed, PluginAnswer};
use super::error::{EdgeError, allow_value};
use super::recheck::{self, Waited};
use super::request::{self, Admitted, PluginRequest};
use super::response::{self, Form};
use super::settle::{self, Destination, Settled, settle};
use super::turn;
use super::upload::{BodyLimit, Upload, Uploaded};
use crate::identity::admit::{Counted, admit};
use http::request::Parts;
use http::{Response, StatusCode, header};
use sidegate_model::endpoint::MethodSet;
use sidegate_plugins::{Instance, RequestBody};
use std::sync::Arc;
use tokio::time::Instant;

/// Answers a request for a path under `/plugins/`.
///
/// # Errors
/// [`EdgeError`], which becomes the answer.
pub(crate) async fn handle(
    context: &RequestContext,
    head: &Parts,
    body: &mut Upload,
    record: &mut RequestRecord,
) -> Result<Response<EdgeBody>, EdgeError> {
    // Two halves, so that what only one of them needs takes no room beside the other.
    let ready = match admitted(context, head, body, record).await? {
        Step::Ask(ready) => ready,
        Step::Options(allow) => return Ok(options(record, head, allow)),
    };
    answered(context, head, ready).await
}

/// What the first half of the story comes to.
#[expect(
    clippy::large_enum_variant,
    reason = "nearly every request is asked, and a box for it would cost more than the room"
)]
enum Step {
    /// A plugin is asked.
    Ask(Ready),
    /// An OPTIONS that the gateway answers itself.
    Options(MethodSet),
}

/// A request that may pass, with its body.
struct Ready {
    admitted: Admitted,
    moment: Moment,
    uploaded: Uploaded,
}

/// Up to where the request may pass and its body is there.
async fn admitted(
    context: &RequestContext,
    head: &Parts,
    body: &mut Upload,
    record: &mut RequestRecord,
) -> Result<Step, EdgeError> {
    let settled = match settle(context, head, record).await? {
        Destination::Call(settled) => settled,
        Destination::Options(allow) => return Ok(Step::Options(allow)),
    };
    let Settled { matched, caller, mut instance, mut moment } = settled;
    let (mount, client) = (&*matched.mount, context.client());
    let mut permit =
        admit(caller, &Counted { mount, client, now_nanos: context.edge.nanos(context.start) })?;
    let policy = &mount.plugin.options.policy;
    let limit = BodyLimit::of(&context.edge, policy);
    body.check_announced(limit)?;
    if policy.concurrency.is_some() {
        // Whoever would be turned away need not send its body.
        mount.limits.concurrency.peek()?;
    }
    let was_there = body.has_ended();
    // Its share of the memory is held until the answer begins.
    let uploaded = body.read(&context.edge, limit).await?;
    let mut has_waited = !was_there;
    if policy.concurrency.is_some() {
        // Only now: a body that comes slowly keeps nobody from the plugin. In a box, because no
        // other request needs the room for it.
        let turn = Box::pin(turn::take(&context.edge, &matched, uploaded.bytes.len())).await?;
        permit.hold(turn.ticket);
        has_waited |= turn.has_waited;
    }
    if has_waited {
        moment.now = Instant::now();
    }
    if has_waited && recheck::is_due(context, &permit, &moment) {
        let (matched, permit, moment) = (&matched, &mut permit, &mut moment);
        let waited = Waited { matched, permit, moment, instance: &mut instance };
        // In a box, because hardly any request needs the room for it.
        Box::pin(recheck::recheck(context, head, waited)).await?;
    }
    record.received(uploaded.bytes.len());
    let admitted = Admitted { matched, permit, instance };
    Ok(Step::Ask(Ready { admitted, moment, uploaded }))
}

/// Asks the plugin, and makes an answer of what it says.
async fn answered(
    context: &RequestContext,
    head: &Parts,
    ready: Ready,
) -> Result<Response<EdgeBody>, EdgeError> {
    let Ready { admitted, moment, uploaded } = ready;
    let (request, instance) = request::build(context, admitted, head);
    let mut body = RequestBody::Whole(uploaded.bytes.clone());
    let asked = dispatch::ask(context, &request, &mut body, &instance, moment.now).await;
    let answer = match asked {
        Ok(answer) => answer,
        Err(Failed::Unheard(_)) if body.can_be_asked_again() => {
            // In a box, because no other request needs the room for it.
            let next = ask_another(context, &moment, &request, &mut body, &instance);
            Box::pin(next).await?
        }
        Err(failed) => return Err(failed.into()),
    };
    let form = Form { method: &head.method, matched: &request.matched, moment: &moment };
    Ok(response::build(context, &request.permit, answer, form))
}

/// Asks the process that took the place of one that is gone. Its caller was let in at `moment`, which
/// stays what it is.
async fn ask_another(
    context: &RequestContext,
    moment: &Moment,
    request: &PluginRequest<'_>,
    body: &mut RequestBody,
    gone: &Arc<Instance>,
) -> Result<PluginAnswer, Failed> {
    let mut later = Moment { generation: moment.generation.clone(), now: moment.now };
    let next = settle::replacement(context, &mut later, &request.matched, Some(gone)).await?;
    dispatch::ask(context, request, body, &next, Instant::now()).await
}

fn options(record: &RequestRecord, head: &Parts, allow: MethodSet) -> Response<EdgeBody> {
    let mut response = Response::new(EdgeBody::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    if let Some(cors) = record.cors()
        && cors::is_preflight(head)
    {
        cors::permit(cors, &head.headers, allow, response.headers_mut());
    }
    response.headers_mut().insert(header::ALLOW, allow_value(allow));
    response
}
