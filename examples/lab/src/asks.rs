//! Answers for which the host is asked: what is kept under a key, and events.
//!
//! Shows what a plugin does when the host refuses or is not there: it says so, and serves on.

use std::sync::Arc;

use serde_json::json;
use sidegate_sdk::{Error, HostError, Request, Response, ResponseStream, Result};

use crate::params;
use crate::stats::Lab;

/// Reads, keeps (for `ttl_ms`, if given) or deletes what is under a key.
pub(crate) async fn kv(req: &Request, key: &str) -> Result<Response> {
    let kv = req.plugin_host().kv();
    let answer = match req.method() {
        "GET" => match kv.get(key).await.map_err(refused)? {
            Some(value) => Response::new(200).with_body(value),
            None => Response::error(404, "nothing is kept under this key"),
        },
        "DELETE" => Response::json(&json!({ "deleted": kv.delete(key).await.map_err(refused)? })),
        _ => {
            let value = req.body().clone();
            let kept = if req.query("ttl_ms").is_some() {
                kv.set_for(key, value, params::query_wait(req, "ttl_ms", 0)?).await
            } else {
                kv.set(key, value).await
            };
            kept.map_err(refused)?;
            Response::json(&json!({ "kept": key }))
        }
    };
    Ok(answer)
}

/// Publishes the body.
pub(crate) async fn publish(req: &Request, topic: &str) -> Result<Response> {
    let events = req.plugin_host().events();
    let id = events.publish(topic, req.body().clone()).await.map_err(refused)?;
    Ok(Response::json(&json!({ "id": id })))
}

/// Sends the events of a topic on, until the client has gone.
pub(crate) async fn events(req: Request, mut out: ResponseStream, lab: Arc<Lab>) -> Result<()> {
    lab.saw(&req);
    let topic = req.segments().get(1).map_or("", String::as_str);
    let mut told = req.plugin_host().events().subscribe(topic).await.map_err(refused)?;
    out.headers(Response::event_stream()).await?;
    loop {
        tokio::select! {
            () = out.closed() => return Ok(()),
            event = told.next() => {
                let Some(event) = event else { return Ok(()) };
                let payload = String::from_utf8_lossy(&event.payload).replace('\n', "\ndata: ");
                out.send(format!("id: {}\ndata: {payload}\n\n", event.id)).await?;
            }
        }
    }
}

/// What the client is told when the host does not do it.
fn refused(error: HostError) -> Error {
    let status = match error {
        HostError::NoHost | HostError::Unsupported(_) => 501,
        HostError::NotGranted { .. } => 403,
        HostError::Invalid(_) => 400,
        HostError::TooLarge(_) => 413,
        HostError::Full(_) => 507,
        HostError::Unavailable(_) => 503,
        other => return other.into(),
    };
    Error::public(status, error.to_string())
}
