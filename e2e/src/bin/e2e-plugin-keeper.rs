//! A plugin that keeps entries under conditions and seals bytes: for tests about what is used once, counted and remembered.

use serde_json::json;
use sidegate_sdk::{Error, HostError, Kv, Plugin, Request, Response, Result, Version};
use std::time::Duration;

#[tokio::main]
async fn main() -> Result<()> {
    Plugin::new("keeper", "1.0.0")
        .get("/find/*", find)
        .put("/put/*", put)
        .post("/take/*", take)
        .post("/count/*", count)
        .get("/list/*", list)
        .post("/seal/*", seal)
        .post("/open/*", open)
        .serve()
        .await
}

/// What the path names.
fn named(req: &Request) -> Result<&str> {
    match req.segments() {
        [_, name] => Ok(name),
        _ => Err(Error::public(404, "name one thing")),
    }
}

fn number<T: std::str::FromStr>(req: &Request, name: &str) -> Result<Option<T>> {
    let parsed = req.query(name).map(|text| text.parse());
    parsed.transpose().map_err(|_| Error::public(400, format!("{name} is no number")))
}

async fn find(req: Request) -> Result<Response> {
    let Some(entry) = req.plugin_host().kv().find(named(&req)?).await.map_err(refused)? else {
        return Ok(Response::error(404, "nothing is kept under this key"));
    };
    Ok(Response::json(&json!({
        "value": String::from_utf8_lossy(&entry.value),
        "version": hex(entry.version.as_bytes()),
        "remaining_ms": entry.remaining.map(|left| u64::try_from(left.as_millis()).unwrap_or(0)),
    })))
}

/// Keeps the body: where nothing is (`?if=absent`), or a version (`?if={version}`), for `?ttl_ms=`.
async fn put(req: Request) -> Result<Response> {
    let mut put = req.plugin_host().kv().put(named(&req)?, req.body().clone());
    if let Some(millis) = number(&req, "ttl_ms")? {
        put = put.for_time(Duration::from_millis(millis));
    }
    put = match req.query("if").as_deref() {
        Some("absent") => put.if_absent(),
        Some(version) => put.if_version(&Version::from_bytes(unhex(version)?)),
        None => put,
    };
    match put.await.map_err(refused)? {
        Some(version) => Ok(Response::json(&json!({"version": hex(version.as_bytes())}))),
        None => Ok(Response::error(412, "the condition does not hold")),
    }
}

async fn take(req: Request) -> Result<Response> {
    match req.plugin_host().kv().take(named(&req)?).await.map_err(refused)? {
        Some(value) => Ok(Response::new(200).with_body(value)),
        None => Ok(Response::error(404, "somebody else has it")),
    }
}

/// Counts so many times, each time only where nobody else has counted meanwhile.
async fn count(req: Request) -> Result<Response> {
    let (kv, key) = (req.plugin_host().kv(), named(&req)?);
    for _ in 0..number(&req, "times")?.unwrap_or(1) {
        while !counted(&kv, key).await.map_err(refused)? {}
    }
    Ok(Response::text("counted"))
}

async fn counted(kv: &Kv, key: &str) -> std::result::Result<bool, HostError> {
    let entry = kv.find(key).await?;
    let text = entry.as_ref().map(|entry| String::from_utf8_lossy(&entry.value).into_owned());
    let next = text.and_then(|text| text.parse().ok()).unwrap_or(0_u64) + 1;
    let put = kv.put(key, next.to_string());
    let kept = match &entry {
        Some(entry) => put.if_version(&entry.version).await?,
        None => put.if_absent().await?,
    };
    Ok(kept.is_some())
}

async fn list(req: Request) -> Result<Response> {
    let after = req.query("after").unwrap_or_default();
    let limit = number(&req, "limit")?.unwrap_or(100);
    let list = req.plugin_host().kv().list(named(&req)?).after(after).limit(limit);
    let page = list.await.map_err(refused)?;
    let keys: Vec<_> = page.entries.iter().map(|entry| &entry.key).collect();
    Ok(Response::json(&json!({"keys": keys, "next": page.next})))
}

/// Seals the body for whom the path names.
async fn seal(req: Request) -> Result<Response> {
    let (body, for_whom) = (req.body().clone(), named(&req)?.to_owned());
    let sealed = req.plugin_host().seal(body, for_whom).await.map_err(refused)?;
    Ok(Response::bytes(sealed))
}

async fn open(req: Request) -> Result<Response> {
    let (body, for_whom) = (req.body().clone(), named(&req)?.to_owned());
    match req.plugin_host().open(body, for_whom).await.map_err(refused)? {
        Some(clear) => Ok(Response::bytes(clear)),
        None => Ok(Response::error(401, "this was not sealed here")),
    }
}

/// What a client is told when the host does not do it.
fn refused(error: HostError) -> Error {
    let status = match error {
        HostError::NotGranted { .. } => 403,
        HostError::Invalid(_) => 400,
        HostError::Full(_) => 507,
        HostError::Unavailable(_) => 503,
        other => return other.into(),
    };
    Error::public(status, error.to_string())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Result<Vec<u8>> {
    let byte = |at| text.get(at..at + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok());
    let bytes: Option<Vec<u8>> = (0..text.len()).step_by(2).map(byte).collect();
    bytes.ok_or_else(|| Error::public(400, "this is no version"))
}
