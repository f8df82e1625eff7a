//! What the misbehaving plugin does wrong, by the last segment of the path.

use crate::call::Call;
use crate::crash;
use sidegate_wire::plugin as wire;
use sidegate_wire::plugin::endpoint_response_chunk::ChunkType;
use std::collections::HashMap;
use std::time::Duration;
use tokio::time::timeout;

type Done = Result<(), h2::Error>;

const EVENTS: &[(&str, &str)] = &[("Content-Type", "text/event-stream")];
/// A text that only logs may show.
const INTERNAL: &str = "dial tcp 10.1.2.3:5432 refused";

fn case(request: &wire::EndpointRequest) -> &str {
    request.path_segments.last().map_or("", String::as_str)
}

fn headers(pairs: &[(&str, &str)]) -> HashMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn with_status(status_code: i32) -> wire::EndpointResponse {
    wire::EndpointResponse { status_code, body: "body".into(), ..Default::default() }
}

/// Answers a unary call.
pub(crate) async fn unary(request: wire::EndpointRequest, mut call: Call) -> Done {
    match case(&request) {
        "grpc-error" => call.end(13, INTERNAL),
        "deadline-exceeded" => call.end(4, INTERNAL),
        "unavailable" => call.end(14, INTERNAL),
        "no-message" => call.end(0, ""),
        "two-messages" => {
            call.message(&with_status(200))?;
            call.answer(&with_status(201))
        }
        "garbage" => {
            call.bytes(b"\xff\xff\xff\xff")?;
            call.end(0, "")
        }
        "reset" => {
            call.reset();
            Ok(())
        }
        "http-500" => call.http_status(500),
        "hang" => {
            eprintln!("unary call is open");
            call.cancelled().await;
            Ok(())
        }
        // Unlike "hang" it does not even notice that the host has let go.
        "deaf" => std::future::pending().await,
        "crash" => crash::with(3),
        "error-message" => call.answer(&reported(418, "I am a teapot")),
        "error-message-zero" => call.answer(&reported(0, "it went wrong")),
        "hostile-headers" => call.answer(&hostile_headers()),
        "seen" => call.answer(&seen(&request)),
        status if status.starts_with("status-") => {
            let status = status.trim_start_matches("status-").parse().unwrap_or_default();
            call.answer(&with_status(status))
        }
        other => call.answer(&reported(404, other)),
    }
}

fn reported(status_code: i32, text: &str) -> wire::EndpointResponse {
    wire::EndpointResponse {
        status_code,
        headers: headers(&[("X-Discarded", "1")]),
        body: "discarded".into(),
        error_message: text.to_owned(),
        ..Default::default()
    }
}

/// What would sign somebody in to the console, in the browser of whoever reads the answer.
const CONSOLE_COOKIE: &str = " __HOST-sidegate_console = sgc_stolen; SECURE; path=/; HttpOnly";

/// Headers that would break an answer, or take over what is not the plugin's.
fn hostile_headers() -> wire::EndpointResponse {
    let headers = headers(&[
        ("X-Lines", "a\r\nX-Injected: 1"),
        ("X-Text", "grüße"),
        ("bad name", "1"),
        ("", "1"),
        ("Content-Length", "1"),
        ("Transfer-Encoding", "chunked"),
        ("Connection", "keep-alive, X-Hop"),
        ("Keep-Alive", "timeout=5"),
        ("Upgrade", "h2c"),
        ("X-Hop", "1"),
        ("X-Empty", ""),
        ("X-Request-ID", "mine"),
        ("X-Sidegate-Error", "gateway"),
        ("Set-Cookie", CONSOLE_COOKIE),
        ("X-Good", "1"),
    ]);
    wire::EndpointResponse { headers, body: "whole body".into(), ..Default::default() }
}

/// What a plugin of old sees of a request.
fn seen(request: &wire::EndpointRequest) -> wire::EndpointResponse {
    let seen = serde_json::json!({
        "headers": request.headers,
        "header_list": request.header_list.len(),
        "raw_path": request.raw_path.len(),
        "path": request.path,
        "relative_path": request.relative_path,
        "path_segments": request.path_segments,
        "body_len": request.body.len(),
        "protocol": request.protocol,
    });
    wire::EndpointResponse { body: seen.to_string().into(), ..Default::default() }
}

fn chunk(kind: ChunkType) -> wire::EndpointResponseChunk {
    wire::EndpointResponseChunk { r#type: kind.into(), ..Default::default() }
}

fn head(status_code: i32, pairs: &[(&str, &str)]) -> wire::EndpointResponseChunk {
    let headers = headers(pairs);
    wire::EndpointResponseChunk { status_code, headers, ..chunk(ChunkType::Headers) }
}

fn piece(text: &'static str) -> wire::EndpointResponseChunk {
    wire::EndpointResponseChunk { data: text.into(), ..chunk(ChunkType::Body) }
}

fn error(status_code: i32, text: &str) -> wire::EndpointResponseChunk {
    let error_message = text.to_owned();
    wire::EndpointResponseChunk { status_code, error_message, ..chunk(ChunkType::Error) }
}

fn done() -> wire::EndpointResponseChunk {
    chunk(ChunkType::Done)
}

/// The chunks of the cases that only differ in these; they end with success.
fn script(case: &str) -> Option<Vec<wire::EndpointResponseChunk>> {
    let ok = || head(200, &[("Content-Type", "text/plain")]);
    Some(match case {
        "good" => vec![ok(), piece("a"), piece("b"), done()],
        "status-zero" => vec![head(0, &[]), piece("a"), done()],
        "status-99" => vec![head(99, &[]), piece("a"), done()],
        "status-201" => vec![head(201, &[("X-Made", "1")]), done()],
        "body-first" => vec![piece("a"), piece("b"), done()],
        "empty-body-first" => vec![piece(""), ok(), piece(""), piece("a"), done()],
        "second-headers" => {
            vec![ok(), piece("a"), head(500, &[("X-Late", "1")]), piece("b"), done()]
        }
        "console-cookie" => {
            vec![head(200, &[("set-cookie", CONSOLE_COOKIE), ("X-Good", "1")]), piece("a"), done()]
        }
        "no-done" => vec![ok(), piece("a")],
        "only-headers" => vec![ok()],
        "nothing" => vec![],
        "only-done" => vec![done()],
        "error-first" => vec![error(0, "not today")],
        "error-first-409" => vec![error(409, "somebody was faster")],
        "error-after-headers" => vec![ok(), error(0, "hidden words")],
        "error-after-body" => vec![ok(), piece("a"), error(0, "hidden words")],
        "after-done" => vec![ok(), piece("a"), done(), piece("late"), error(0, "late")],
        "too-short" => vec![head(200, &[("Content-Length", "9")]), piece("abc"), done()],
        "too-long" => vec![head(200, &[("Content-Length", "2")]), piece("abc"), done()],
        "just-right" => vec![head(200, &[("Content-Length", "3")]), piece("abc"), done()],
        "hop-by-hop" => vec![
            head(
                200,
                &[("Connection", "keep-alive"), ("Transfer-Encoding", "gzip"), ("X-Good", "1")],
            ),
            piece("a"),
            done(),
        ],
        _ => return None,
    })
}

/// Answers a streaming call.
pub(crate) async fn stream(request: wire::EndpointRequest, mut call: Call) -> Done {
    let case = case(&request);
    if let Some(chunks) = script(case) {
        chunks.iter().try_for_each(|chunk| call.message(chunk))?;
        return call.end(0, "");
    }
    match case {
        "grpc-error-first" => call.end(13, INTERNAL),
        "deadline-exceeded-first" => call.end(4, INTERNAL),
        "crash-first" => crash::with(3),
        "hang-first" => {
            call.cancelled().await;
            Ok(())
        }
        "half-event" => {
            call.message(&head(200, EVENTS))?;
            call.message(&piece("data: 1\n\ndata: 2\n"))?;
            call.cancelled().await;
            Ok(())
        }
        "astride" => {
            call.message(&head(200, EVENTS))?;
            call.message(&piece("data: begun"))?;
            // Each piece ends one event and begins the next.
            while timeout(Duration::from_millis(30), call.cancelled()).await.is_err() {
                call.message(&piece("\n\ndata: next"))?;
            }
            Ok(())
        }
        _ => {
            call.message(&head(200, &[("Content-Type", "text/plain")]))?;
            call.message(&piece("begun"))?;
            after_the_beginning(case, call).await
        }
    }
}

async fn after_the_beginning(case: &str, mut call: Call) -> Done {
    match case {
        "grpc-error-later" => call.end(13, INTERNAL),
        "reset-later" => {
            // A yield lets the chunks go out before the reset overtakes them.
            tokio::task::yield_now().await;
            call.reset();
            Ok(())
        }
        "garbage-later" => {
            call.bytes(b"\xff\xff\xff\xff")?;
            call.end(0, "")
        }
        "hang-after-done" => {
            call.message(&done())?;
            call.cancelled().await;
            Ok(())
        }
        // "hang-later", and everything unknown
        _ => {
            call.cancelled().await;
            Ok(())
        }
    }
}
