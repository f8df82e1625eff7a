//! The hand-written codec against the generated types: the same bytes mean the same, or nothing.
//!
//! An input is a message, read as each of those that there are.

use crate::verdict::{Outcome, Verdict, same};
use bytes::Bytes;
use prost::Message as _;
use sidegate_transport::codec::{Answer, Chunk, Fields, ReceivedRequest};
use sidegate_wire::plugin as wire;
use std::collections::HashMap;

/// Parts of messages.
pub const WORDS: &[&[u8]] = &[
    b"\x08\xc8\x01",
    b"\x0a\x03GET",
    b"\x12\x06\x0a\x01a\x12\x01b",
    b"\x12\x09\x0a\x01a\x12\x01\xff\x12\x01b",
    b"\x1a\x06\x0a\x01a\x12\x01b",
    b"\x2a\x06\x0a\x01a\x12\x01b",
    b"\xc2\x3e\x06\x0a\x01a\x12\x01b",
    b"\x5a\x03\x0a\x01r",
    b"\x5a\x08\x3a\x06\x0a\x01a\x12\x01b",
    b"\x60\x01",
    b"\x6a\x02\x08\x01",
    b"\x72\x01s",
    b"\xca\x3e\x02/a",
    b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
    b"\xa3\x06",
    b"\xa4\x06",
    b"\xa3\x06\xa3\x06\xa3\x06\xa3\x06\xa3\x06\xa3\x06\xa3\x06\xa3\x06\xa3\x06\xa3\x06",
    b"\xc3\xa4",
];

/// The readers that are tried: each gives what the generated type holds, with the headers in the list.
#[derive(Clone, Copy)]
pub struct Readers {
    /// Of whole answers.
    pub answer: fn(&Bytes) -> Option<wire::EndpointResponse>,
    /// Of pieces of answers.
    pub chunk: fn(&Bytes) -> Option<wire::EndpointResponseChunk>,
    /// Of requests.
    pub request: fn(&Bytes) -> Option<wire::EndpointRequest>,
}

/// The gateway's, and the SDK's.
pub const READERS: Readers = Readers { answer, chunk, request };

/// Tries the gateway's and the SDK's.
///
/// # Errors
/// What they read otherwise.
pub fn check(input: &[u8]) -> Verdict {
    check_with(READERS, input)
}

/// Tries readers.
///
/// # Errors
/// What they read otherwise.
pub fn check_with(readers: Readers, input: &[u8]) -> Verdict {
    let bytes = Bytes::copy_from_slice(input);
    let answer = wire::EndpointResponse::decode(input).ok().map(|answer| wire::EndpointResponse {
        header_list: listed(&answer.headers, &answer.header_list),
        headers: HashMap::new(),
        ..answer
    });
    same("an answer", &(readers.answer)(&bytes), &answer)?;
    let chunk = wire::EndpointResponseChunk::decode(input).ok();
    let chunk = chunk.map(|chunk| wire::EndpointResponseChunk {
        r#type: chunk.r#type().into(),
        header_list: listed(&chunk.headers, &chunk.header_list),
        headers: HashMap::new(),
        ..chunk
    });
    same("a chunk", &(readers.chunk)(&bytes), &chunk)?;
    let request = wire::EndpointRequest::decode(input).ok().map(expected);
    same("a request", &(readers.request)(&bytes), &request)?;
    let sizes = (
        answer.map(|a| (a.header_list.len(), a.body.len().min(3), a.error_message.len().min(2))),
        chunk.map(|c| (c.r#type, c.header_list.len(), c.data.len().min(3))),
        request
            .map(|r| (r.header_list.len(), r.app.is_some(), r.context.is_some(), r.scopes.len())),
    );
    Ok(Outcome::of(&sizes))
}

/// Headers as both ends take them: the list, else the map.
fn listed(map: &HashMap<String, String>, list: &[wire::HeaderField]) -> Vec<wire::HeaderField> {
    if !list.is_empty() {
        return list.to_vec();
    }
    let field = |(name, value): (&String, &String)| wire::HeaderField {
        name: name.clone(),
        value: value.clone().into(),
    };
    let mut fields: Vec<_> = map.iter().map(field).collect();
    fields.sort_by(|a, b| a.name.cmp(&b.name));
    fields
}

fn shown(fields: &Fields) -> Vec<wire::HeaderField> {
    let field = |(name, value): (&str, &[u8])| wire::HeaderField {
        name: name.to_owned(),
        value: value.to_vec().into(),
    };
    let mut shown: Vec<_> = fields.iter().map(field).collect();
    if fields.is_map() {
        shown.sort_by(|a, b| a.name.cmp(&b.name));
    }
    shown
}

fn map(fields: &Fields) -> HashMap<String, String> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    fields.iter().map(|(name, value)| (name.to_owned(), text(value))).collect()
}

/// What endpoints see of a request.
fn expected(request: wire::EndpointRequest) -> wire::EndpointRequest {
    let seen = |context: wire::PluginContext| wire::PluginContext {
        request_id: context.request_id,
        metadata: context.metadata,
        trace_context: context.trace_context,
        ..Default::default()
    };
    wire::EndpointRequest {
        header_list: listed(&request.headers, &request.header_list),
        headers: HashMap::new(),
        context: request.context.map(seen),
        app: request.app.map(comparable),
        ..request
    }
}

/// No number but this is different from itself.
fn comparable(app: wire::App) -> wire::App {
    let monthly_budget = if app.monthly_budget.is_nan() { -0.5 } else { app.monthly_budget };
    wire::App { monthly_budget, ..app }
}

fn answer(bytes: &Bytes) -> Option<wire::EndpointResponse> {
    let answer = Answer::decode(bytes).ok()?;
    Some(wire::EndpointResponse {
        status_code: answer.status_code,
        headers: HashMap::new(),
        header_list: shown(&answer.headers),
        body: answer.body,
        error_message: answer.error_message.to_string(),
    })
}

fn chunk(bytes: &Bytes) -> Option<wire::EndpointResponseChunk> {
    let chunk = Chunk::decode(bytes).ok()?;
    Some(wire::EndpointResponseChunk {
        r#type: chunk.kind.into(),
        status_code: chunk.status_code,
        headers: HashMap::new(),
        header_list: shown(&chunk.headers),
        data: chunk.data,
        error_message: chunk.error_message.to_string(),
    })
}

fn request(bytes: &Bytes) -> Option<wire::EndpointRequest> {
    let request = ReceivedRequest::decode(bytes).ok()?;
    let context = request.context.map(|context| wire::PluginContext {
        request_id: context.request_id.to_string(),
        metadata: map(&context.metadata),
        trace_context: map(&context.trace_context),
        ..Default::default()
    });
    Some(wire::EndpointRequest {
        method: request.method.to_string(),
        path: request.path.to_string(),
        relative_path: request.relative_path.to_string(),
        path_segments: request.path_segments,
        headers: HashMap::new(),
        header_list: shown(&request.headers),
        body: request.body,
        query_string: request.query_string.to_string(),
        remote_addr: request.remote_addr.to_string(),
        host: request.host.to_string(),
        protocol: request.protocol.to_string(),
        context,
        authenticated: request.authenticated,
        app: request.app.map(comparable),
        scopes: request.scopes,
        raw_path: request.raw_path,
    })
}
