//! The request: written by the gateway, read by a plugin.

use super::fields::{Counted, Fields, HEADER_LIST, either};
use super::grammar::{Malformed, Reader};
use super::put::{self, Encoded, Message, TooLarge};
use super::text::Text;
use bytes::{Buf as _, Bytes};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use prost::Message as _;
use prost::encoding::{DecodeContext, WireType, encode_varint, message};
use sidegate_wire::plugin::App;
use std::borrow::Cow;

const BODY: u32 = 6;
const CONTEXT: u32 = 11;
const APP: u32 = 13;
const SCOPES: u32 = 14;
const RAW_PATH: u32 = 1001;
/// The fields of the context.
const METADATA: u32 = 7;
const TRACE: u32 = 8;
/// What the keys and lengths of one request take at most, but for headers and segments.
const BASE_BYTES: usize = 160;
/// What the keys and lengths of one header or segment take.
const FIELD_BYTES: usize = 12;

/// What an `EndpointRequest` is written from.
#[derive(Debug, Clone, Copy)]
pub struct RequestParts<'a, S> {
    /// In capitals, such as `GET`.
    pub method: &'a str,
    /// The decoded path with the mount, `/plugins/{slug}/…`.
    pub path: &'a str,
    /// The decoded path without the mount.
    pub relative_path: &'a str,
    /// The path below the mount, cut at its slashes before it was decoded: a segment may hold a slash.
    pub path_segments: S,
    /// All headers of the client, each value on its own; [`Self::withheld`] says which of them are left
    /// out.
    pub headers: &'a HeaderMap,
    /// Whether the plugin does not get those of a name.
    pub withheld: fn(&HeaderName) -> bool,
    /// Headers beside those, by names in their canonical spelling, where they have a value.
    pub added: &'a [(&'static str, &'a [u8])],
    /// Whether the plugin reads the list; else it gets the map.
    pub header_list: bool,
    /// The whole body; a large one is sent beside the message, without a copy.
    pub body: &'a Bytes,
    /// The query as sent, without the question mark; empty where there is none.
    pub query_string: &'a str,
    /// The client's IP address, without a port.
    pub remote_addr: &'a str,
    /// The host the client named, with its port if it named one; bytes that are no text are replaced.
    pub host: &'a [u8],
    /// Always `http`, also where clients come over TLS: what that was is one of the facts.
    pub protocol: &'a str,
    /// The id under which client and logs know the request.
    pub request_id: &'a str,
    /// What [`encode_facts`] made of the facts that are the same for all requests.
    pub facts: &'a [u8],
    /// The same of facts of this caller alone; empty where there are none.
    pub caller_facts: &'a [u8],
    /// What [`encode_app`] made of the caller's app.
    pub app: Option<&'a [u8]>,
    /// The scopes of the caller's token, in the order in which they are stored.
    pub scopes: &'a [String],
    /// The path as sent, for plugins that read it.
    pub raw_path: &'a str,
}

/// The headers of a trace, which are told in the context as well.
const TRACE_HEADERS: [&str; 2] = ["traceparent", "tracestate"];

/// What is known of all headers after one look at them.
struct Survey<'a> {
    /// Enough for all of them, as they are written.
    bytes: usize,
    trace: [Option<&'a HeaderValue>; 2],
}

impl<'a, S> RequestParts<'a, S>
where
    S: Iterator<Item = &'a str> + Clone,
{
    /// Writes the message.
    ///
    /// # Errors
    /// [`TooLarge`] above 4 GiB.
    pub fn encode(&self) -> Result<Encoded, TooLarge> {
        let survey = self.survey();
        let mut message = Message::new(self.size(survey.bytes));
        let out = message.fields();
        put::bytes(out, 1, self.method.as_bytes());
        put::bytes(out, 2, self.path.as_bytes());
        put::bytes(out, 3, self.relative_path.as_bytes());
        for segment in self.path_segments.clone() {
            put::element(out, 4, segment.as_bytes());
        }
        put::bytes(out, 7, self.query_string.as_bytes());
        put::bytes(out, 8, self.remote_addr.as_bytes());
        put::bytes(out, 9, lossy(self.host).as_ref());
        put::bytes(out, 10, self.protocol.as_bytes());
        self.put_context(out, survey.trace);
        if let Some(app) = self.app {
            out.extend_from_slice(app);
        }
        for scope in self.scopes {
            put::element(out, SCOPES, scope.as_bytes());
        }
        if self.header_list {
            self.put_list(out);
        } else {
            self.put_map(out);
        }
        put::bytes(out, RAW_PATH, self.raw_path.as_bytes());
        message.finish(BODY, self.body.clone())
    }

    fn added(&self) -> impl Iterator<Item = &(&'static str, &'a [u8])> {
        self.added.iter().filter(|(_, value)| !value.is_empty())
    }

    fn survey(&self) -> Survey<'a> {
        let added = self.added().map(|(name, value)| name.len() + value.len() + FIELD_BYTES);
        let mut survey = Survey { bytes: added.sum(), trace: [None; 2] };
        for (name, value) in self.headers {
            let name = name.as_str();
            survey.bytes += name.len() + value.len() + FIELD_BYTES;
            if let Some(at) = TRACE_HEADERS.iter().position(|traced| *traced == name) {
                survey.trace[at].get_or_insert(value);
            }
        }
        survey
    }

    /// Enough for all but a large body, so that memory is asked for once.
    fn size(&self, headers: usize) -> usize {
        let texts = [self.method, self.path, self.relative_path, self.query_string];
        let more = [self.remote_addr, self.protocol, self.request_id, self.raw_path];
        let fixed: usize = texts.iter().chain(&more).map(|text| text.len()).sum();
        let scopes = self.scopes.iter().map(String::as_str);
        let lists = self.path_segments.clone().chain(scopes);
        let lists: usize = lists.map(|text| text.len() + FIELD_BYTES).sum();
        let facts = self.facts.len() + self.caller_facts.len();
        let ready = self.host.len() + facts + self.app.map_or(0, <[u8]>::len);
        BASE_BYTES + fixed + lists + headers + ready + put::copied_len(self.body)
    }

    fn put_context(&self, out: &mut Vec<u8>, trace: [Option<&HeaderValue>; 2]) {
        let trace = trace.map(|value| value.and_then(|value| value.to_str().ok()));
        let entries = TRACE_HEADERS.into_iter().zip(trace);
        let entries = entries.filter_map(|(name, value)| Some((name, value?)));
        let entry_len = |(name, value): (&str, &str)| {
            put::bytes_len(put::bytes_len(name.len()) + put::bytes_len(value.len()))
        };
        let traced: usize = entries.clone().map(entry_len).sum();
        let length = put::bytes_len(self.request_id.len())
            + self.facts.len()
            + self.caller_facts.len()
            + traced;
        put::delimited(out, CONTEXT, length);
        put::bytes(out, 1, self.request_id.as_bytes());
        out.extend_from_slice(self.facts);
        out.extend_from_slice(self.caller_facts);
        for (name, value) in entries {
            put::pair(out, TRACE, name.as_bytes(), value.as_bytes());
        }
    }

    /// Each value by itself, in order; cookies joined into one.
    fn put_list(&self, out: &mut Vec<u8>) {
        let mut has_cookies = false;
        for (name, value) in self.headers {
            if (self.withheld)(name) {
                continue;
            }
            if *name != header::COOKIE {
                put::header(out, HEADER_LIST, name, value.as_bytes());
            } else if !has_cookies {
                has_cookies = true;
                put::header(out, HEADER_LIST, name, &self.cookies(value));
            }
        }
        for (name, value) in self.added() {
            put::pair(out, HEADER_LIST, name.as_bytes(), value);
        }
    }

    /// All cookies in one value, of which this is the first.
    fn cookies<'v>(&self, first: &'v HeaderValue) -> Cow<'v, [u8]> {
        let all = self.headers.get_all(header::COOKIE);
        if all.iter().nth(1).is_none() {
            return Cow::Borrowed(first.as_bytes());
        }
        let all: Vec<_> = all.iter().map(HeaderValue::as_bytes).collect();
        Cow::Owned(all.join(&b"; "[..]))
    }

    /// One text for each name, every value kept.
    fn put_map(&self, out: &mut Vec<u8>) {
        let mut text = String::new();
        for name in self.headers.keys().filter(|name| !(self.withheld)(name)) {
            let separator = if *name == header::COOKIE { "; " } else { ", " };
            text.clear();
            for (at, value) in self.headers.get_all(name).iter().enumerate() {
                if at > 0 {
                    text.push_str(separator);
                }
                text.push_str(&String::from_utf8_lossy(value.as_bytes()));
            }
            put::header(out, 5, name, text.as_bytes());
        }
        for (name, value) in self.added() {
            put::pair(out, 5, name.as_bytes(), &lossy(value));
        }
    }
}

/// Bytes as a text, which they mostly are.
fn lossy(bytes: &[u8]) -> Cow<'_, [u8]> {
    if bytes.is_ascii() {
        return Cow::Borrowed(bytes);
    }
    Cow::Owned(String::from_utf8_lossy(bytes).into_owned().into_bytes())
}

/// Facts that every request of a gateway tells, written once: entries of the context's metadata.
pub fn encode_facts<'a>(facts: impl IntoIterator<Item = (&'a str, &'a str)>) -> Bytes {
    let mut out = Vec::new();
    for (name, value) in facts {
        put::pair(&mut out, METADATA, name.as_bytes(), value.as_bytes());
    }
    out.into()
}

/// The part of a request that tells of an app that proved itself, written once for each app.
pub fn encode_app(app: &App) -> Bytes {
    let mut out = Vec::new();
    put::int32(&mut out, 12, 1);
    put::element(&mut out, APP, &app.encode_to_vec());
    out.into()
}

/// An `EndpointRequest`, as a plugin reads it.
#[derive(Debug, Clone, Default)]
pub struct ReceivedRequest {
    /// As the host sends it; a gateway of ours writes it in capitals.
    pub method: Text,
    /// The decoded path with the mount, `/plugins/{slug}/…`.
    pub path: Text,
    /// The decoded path without the mount.
    pub relative_path: Text,
    /// The path below the mount, cut at its slashes before it was decoded: a segment may hold a slash.
    pub path_segments: Vec<String>,
    /// The headers: the list where there is one, else the map.
    pub headers: Fields,
    /// The whole body; empty where the client sent none.
    pub body: Bytes,
    /// The query as sent, without the question mark.
    pub query_string: Text,
    /// The client's IP address, without a port.
    pub remote_addr: Text,
    /// The host the client named, with its port if it named one.
    pub host: Text,
    /// Always `http`, also where clients come over TLS.
    pub protocol: Text,
    /// What the host says of the request.
    pub context: Option<Context>,
    /// Whether the host knows who calls.
    pub authenticated: bool,
    /// The app whose token the caller showed; `None` for anonymous callers.
    pub app: Option<App>,
    /// The scopes of the caller's token.
    pub scopes: Vec<String>,
    /// The path as sent, still encoded; empty from hosts that do not tell it.
    pub raw_path: Bytes,
}

impl ReceivedRequest {
    /// Reads a message. What it holds stays in the message's memory.
    ///
    /// # Errors
    /// [`Malformed`] where the generated type could not be read either.
    pub fn decode(message: &Bytes) -> Result<Self, Malformed> {
        let mut request = Self::default();
        let (mut map, mut list) = (Counted::default(), Counted::default());
        let mut context = None;
        let mut reader = Reader::new(message);
        while let Some((field, value)) = reader.next()? {
            match field {
                1 => request.method = Text::of(message, value)?,
                2 => request.path = Text::of(message, value)?,
                3 => request.relative_path = Text::of(message, value)?,
                4 => request.path_segments.push(value.text()?.to_owned()),
                5 => map.entry(value)?,
                BODY => request.body = message.slice_ref(value.bytes()?),
                7 => request.query_string = Text::of(message, value)?,
                8 => request.remote_addr = Text::of(message, value)?,
                9 => request.host = Text::of(message, value)?,
                10 => request.protocol = Text::of(message, value)?,
                CONTEXT => context = Some(merged(context, message.slice_ref(value.bytes()?))?),
                12 => request.authenticated = value.boolean()?,
                APP => read_app(request.app.get_or_insert_default(), value.bytes()?)?,
                SCOPES => request.scopes.push(value.text()?.to_owned()),
                HEADER_LIST => list.listed(value)?,
                RAW_PATH => request.raw_path = message.slice_ref(value.bytes()?),
                _ => {}
            }
        }
        request.headers = either(list, (map, 5), message);
        request.context = context.map(|bytes| Context::decode(&bytes)).transpose()?;
        Ok(request)
    }
}

/// Reads an app into what was read of it before, as a part of a message: how deep it lies counts.
fn read_app(app: &mut App, content: &[u8]) -> Result<(), Malformed> {
    let mut length = Vec::with_capacity(10);
    encode_varint(content.len() as u64, &mut length);
    let mut part = (&length[..]).chain(content);
    message::merge(WireType::LengthDelimited, app, &mut part, DecodeContext::default())
        .map_err(|_| Malformed::APP)
}

/// A context that comes twice means both, one after the other; each must be sound by itself.
fn merged(before: Option<Bytes>, more: Bytes) -> Result<Bytes, Malformed> {
    let Some(before) = before else { return Ok(more) };
    Context::decode(&before)?;
    Context::decode(&more)?;
    Ok([&before[..], &more].concat().into())
}

/// What a host says of a request besides the request itself: of a `PluginContext`, the part that
/// endpoints see.
#[derive(Debug, Clone, Default)]
pub struct Context {
    /// The id under which client and logs know the request.
    pub request_id: Text,
    /// Facts by name, such as `edge_id` and `scheme`.
    pub metadata: Fields,
    /// The trace the request belongs to.
    pub trace_context: Fields,
}

impl Context {
    fn decode(message: &Bytes) -> Result<Self, Malformed> {
        let mut context = Self::default();
        let (mut metadata, mut trace) = (Counted::within(1), Counted::within(1));
        let mut reader = Reader::within(message, 1);
        while let Some((field, value)) = reader.next()? {
            match field {
                1 => context.request_id = Text::of(message, value)?,
                2 | 4 => _ = value.text()?,
                3 | 5 | 6 => _ = value.int32()?,
                METADATA => metadata.entry(value)?,
                TRACE => trace.entry(value)?,
                _ => {}
            }
        }
        context.metadata = metadata.map(message, METADATA);
        context.trace_context = trace.map(message, TRACE);
        Ok(context)
    }
}
