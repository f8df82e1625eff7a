//! Whole answers made to order: a status, headers, so many bytes, a failure.

use std::sync::Arc;

use serde_json::json;
use sidegate_sdk::{Error, Request, Response, Result};

use crate::params::{number, query_number, query_wait, status as read_status};
use crate::stats::Lab;

/// The most that `/bytes/{n}` sends: 64 MiB.
const BYTES: u64 = 64 * 1024 * 1024;
/// The most cookies of one answer.
const COOKIES: u64 = 1000;

/// `/status/{code}`.
pub(crate) fn status(code: &str) -> Result<Response> {
    let code = read_status("code", code)?;
    Ok(match code {
        100..=199 | 204 | 304 => Response::new(code),
        _ => Response::json(&json!({ "status": code })).with_status(code),
    })
}

/// `/resp?status=&h=Name:value&body=`, where `h` may come again.
pub(crate) fn resp(req: &Request) -> Result<Response> {
    let mut response = Response::new(200);
    for (name, value) in req.query_pairs() {
        response = match name.as_str() {
            "status" => response.with_status(read_status("status", &value)?),
            "body" => response.with_body(value),
            "h" => {
                let Some((name, value)) = value.split_once(':') else {
                    return Err(Error::public(400, "`h` must be a header like `Name:value`"));
                };
                response.header(name, value.trim_start())
            }
            _ => response,
        };
    }
    Ok(response)
}

/// `/cookies?n=`: several `Set-Cookie` in one answer.
pub(crate) fn cookies(req: &Request) -> Result<Response> {
    let n = query_number(req, "n", 2, COOKIES)?;
    let response = Response::json(&json!({ "cookies": n }));
    Ok((0..n)
        .fold(response, |response, i| response.header("Set-Cookie", format!("c{i}=v{i}; Path=/"))))
}

/// `/bytes/{n}`: byte `i` is `i % 251`, so that a shift or a gap shows.
pub(crate) fn bytes(n: &str) -> Result<Response> {
    let n = number("n", n, BYTES)?;
    Ok(Response::bytes(pattern(0, n)).header("Content-Type", "application/octet-stream"))
}

/// The bytes `from..to` of an endless pattern.
pub(crate) fn pattern(from: u64, to: u64) -> Vec<u8> {
    let byte = |i: u64| u8::try_from(i % 251).expect("a remainder of 251 is less than 256");
    (from..to).map(byte).collect()
}

/// `/redirect?to=`.
pub(crate) fn redirect(req: &Request) -> Result<Response> {
    match req.query("to") {
        Some(to) => Ok(Response::redirect(&to)),
        None => Err(Error::public(400, "`to` must name the address to go to")),
    }
}

/// `/sleep?ms=`: an answer that takes its time.
pub(crate) async fn sleep(req: &Request, lab: &Arc<Lab>) -> Result<Response> {
    let _open = lab.open_call();
    let wait = query_wait(req, "ms", 0)?;
    tokio::time::sleep(wait).await;
    Ok(Response::json(&json!({ "slept_ms": wait.as_millis() })))
}

/// `/method-only`: the catch-all brings other methods here as well, so they are refused here.
pub(crate) fn method_only(req: &Request) -> Response {
    match req.method() {
        "POST" => Response::json(&json!({ "method": "POST" })),
        _ => Response::json(&json!({ "error": "only POST is accepted here" }))
            .with_status(405)
            .header("Allow", "POST"),
    }
}

/// `/seen?nonce=`: whether a request with this `X-Nonce` arrived.
pub(crate) fn seen(req: &Request, lab: &Lab) -> Result<Response> {
    match req.query("nonce") {
        Some(nonce) => Ok(Response::json(&json!({ "seen": lab.seen(&nonce) }))),
        None => Err(Error::public(400, "`nonce` must be the value of an X-Nonce header")),
    }
}

/// `/error?status=&text=`: an error with words for the client.
pub(crate) fn error(req: &Request) -> Result<Response> {
    let status = req.query("status").map_or(Ok(500), |text| read_status("status", &text))?;
    let text = req.query("text").unwrap_or_else(|| "made to order".to_owned());
    Ok(Response::error(status, text))
}
