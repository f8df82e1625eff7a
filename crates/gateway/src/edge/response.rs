//! From a plugin's answer to the client's.

use super::body::EdgeBody;
use super::context::{Moment, RequestContext};
use super::dispatch::PluginAnswer;
use super::event_border::is_listened_to;
use super::open_streams::{BegunStream, Force};
use super::quota_headers::quota_headers;
use super::stream::StreamBody;
use crate::identity::access::Standing;
use crate::identity::admit::Permit;
use crate::route::lookup::Match;
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, Version, header};
use sidegate_model::stream_options::{StreamEnd, StreamOptions};
use sidegate_plugins::{Answer, AnswerBody};

/// What of the request decides about the form of its answer.
#[derive(Clone, Copy)]
pub(crate) struct Form<'a> {
    /// How it was asked.
    pub method: &'a Method,
    /// Where it went.
    pub matched: &'a Match,
    /// The moment under which its caller was let in.
    pub moment: &'a Moment,
}

/// Whether answers with this status have no content, whatever they are given.
pub(crate) fn has_no_content(status: StatusCode) -> bool {
    let without = [StatusCode::NO_CONTENT, StatusCode::RESET_CONTENT, StatusCode::NOT_MODIFIED];
    without.contains(&status)
}

/// Makes the client's answer.
pub(crate) fn build(
    context: &RequestContext,
    permit: &Permit,
    answer: PluginAnswer,
    form: Form<'_>,
) -> Response<EdgeBody> {
    let PluginAnswer { answer: Answer { status, mut headers, body }, limits } = answer;
    let promised = take_length(&mut headers);
    let is_head = *form.method == Method::HEAD;
    let body = match body {
        // Dropping a stream here cancels the plugin's call.
        _ if has_no_content(status) => EdgeBody::empty(),
        AnswerBody::Pieces { .. } | AnswerBody::Empty if is_head => {
            insert_length(&mut headers, promised);
            EdgeBody::empty()
        }
        AnswerBody::Whole(bytes) if is_head => {
            let length = bytes.len() as u64;
            insert_length(&mut headers, Some(length).filter(|n| *n > 0).or(promised));
            EdgeBody::empty()
        }
        AnswerBody::Whole(bytes) => {
            // The length of others is told by the HTTP library, which knows it from the body.
            if bytes.is_empty() {
                insert_length(&mut headers, Some(0));
            }
            EdgeBody::full(bytes)
        }
        AnswerBody::Empty => EdgeBody::empty(),
        AnswerBody::Pieces { first: None, rest } if promised == Some(0) => {
            rest.let_finish();
            insert_length(&mut headers, promised);
            EdgeBody::empty()
        }
        AnswerBody::Pieces { first, rest } => {
            let mut stream = StreamBody::new(rest, first, &limits);
            if let Some(length) = promised {
                stream.promise(length);
                insert_length(&mut headers, promised);
            } else if context.version == Version::HTTP_10 {
                stream.ends_with(context.connection.clone());
            }
            let StreamOptions { end, recheck, .. } = form.matched.mount.plugin.options.stream;
            if end == StreamEnd::BetweenEvents
                && promised.is_none()
                && is_listened_to(form.method, status, &headers)
            {
                stream.end_between_events();
            }
            let standing = recheck.then(|| Standing::of(form.matched, permit.app()));
            enter(context, form.moment, &mut stream, standing);
            EdgeBody::stream(stream)
        }
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    if let Some(quota) = permit.quota() {
        for (name, value) in quota_headers(quota) {
            headers.insert(name, value);
        }
    }
    *response.headers_mut() = headers;
    response
}

/// Takes a stream in among those that its shard has open.
fn enter(
    context: &RequestContext,
    moment: &Moment,
    stream: &mut StreamBody,
    standing: Option<Standing>,
) {
    let RequestContext { connection, stream: carrier, edge, .. } = context;
    if let Some(carrier) = carrier {
        stream.signal().is_carried_by(carrier.clone());
    }
    let (connection, call) = (connection.clone(), stream.canceller());
    let shard = connection.shard;
    let begun = BegunStream {
        signal: stream.signal().clone(),
        force: Force { connection, stream: carrier.clone(), call },
        standing,
        generation: &moment.generation,
    };
    stream.entered(edge.open_streams(shard).enter(begun, &edge.generations));
}

/// Takes the plugin's Content-Length out; it is put back where it can be kept.
fn take_length(headers: &mut HeaderMap) -> Option<u64> {
    let length = headers.remove(header::CONTENT_LENGTH)?;
    length.to_str().ok()?.parse().ok()
}

fn insert_length(headers: &mut HeaderMap, length: Option<u64>) {
    if let Some(length) = length {
        headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    }
}
