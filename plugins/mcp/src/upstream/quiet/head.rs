//! The heads of a request and of its response.

use std::io;

use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::response::Parts;
use http::{Method, Response, StatusCode, Uri, Version};
use tokio::io::{AsyncRead, AsyncReadExt as _};

use super::framing::Framing;
use super::{away, unreached};
use crate::failure::Failure;

/// Longer heads are not read, with those of preliminary responses before them.
const MOST_BYTES: usize = 16 * 1024;
/// Heads of more fields are not read.
const MOST_FIELDS: usize = 64;
const STEP: usize = 1024;

/// The bytes of the head of a request without a body.
pub(super) fn write(method: &Method, uri: &Uri, headers: &HeaderMap) -> Vec<u8> {
    let target = uri.path_and_query().map_or("/", |target| target.as_str());
    let mut bytes = format!("{method} {target} HTTP/1.1\r\n").into_bytes();
    for (name, value) in headers {
        for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
            bytes.extend_from_slice(part);
        }
    }
    bytes.extend_from_slice(b"\r\n");
    bytes
}

/// What stands at the end of a response's head: the head, how the body ends, and what of that has come with the head.
pub(super) type Read = (Parts, Framing, Vec<u8>);

/// Reads up to the end of the head of the response that counts.
pub(super) async fn read(socket: &mut (impl AsyncRead + Unpin)) -> Result<Read, Failure> {
    let mut bytes = Vec::new();
    let mut preliminary = 0;
    loop {
        bytes.reserve(STEP);
        match socket.read_buf(&mut bytes).await {
            Ok(0) => return Err(away("the connection was closed before there was a response")),
            Ok(_) => {}
            Err(error) => return Err(unreached(&error)),
        }
        while let Some((parts, length)) = parse(&bytes).map_err(|error| unreached(&error))? {
            bytes.drain(..length);
            if !parts.status.is_informational() || parts.status == StatusCode::SWITCHING_PROTOCOLS {
                let framing = Framing::of(&parts).map_err(|error| unreached(&error))?;
                return Ok((parts, framing, bytes));
            }
            preliminary += length;
        }
        if preliminary + bytes.len() >= MOST_BYTES {
            return Err(away("the head of its response is too long"));
        }
    }
}

/// The head that these bytes begin with, and its length.
fn parse(bytes: &[u8]) -> io::Result<Option<(Parts, usize)>> {
    let no_head = |why: String| io::Error::new(io::ErrorKind::InvalidData, why);
    let mut fields = [httparse::EMPTY_HEADER; MOST_FIELDS];
    let mut head = httparse::Response::new(&mut fields);
    let parsed = head.parse(bytes).map_err(|error| no_head(format!("no response: {error}")))?;
    let httparse::Status::Complete(length) = parsed else { return Ok(None) };
    let mut headers = HeaderMap::with_capacity(head.headers.len());
    for field in head.headers.iter() {
        let name = HeaderName::from_bytes(field.name.as_bytes());
        let value = HeaderValue::from_bytes(field.value);
        let (Ok(name), Ok(value)) = (name, value) else {
            return Err(no_head("no response: a field of its head is none".to_owned()));
        };
        headers.append(name, value);
    }
    let status = head.code.and_then(|code| StatusCode::from_u16(code).ok());
    let status = status.ok_or_else(|| no_head("no response: its status is none".to_owned()))?;
    let (mut parts, ()) = Response::new(()).into_parts();
    (parts.status, parts.headers) = (status, headers);
    parts.version = if head.version == Some(0) { Version::HTTP_10 } else { Version::HTTP_11 };
    Ok(Some((parts, length)))
}
