//! The page in the console: how servers do, what they offer and to whom, trying a tool, and approving definitions. It runs in
//! a process of its own, with sessions of its own; the rules are those of all callers.

mod look;
mod tried;

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use serde::Deserialize;
use serde_json::{Value, json};
use sidegate_sdk::{Error, Result, tracing};
use tokio::time::timeout;

use crate::caller::Caller;
use crate::health::Report;
use crate::hub::Hub;
use crate::pins::Pins;
use crate::server::Server;
pub(crate) use tried::Call;

/// A page waits 30 seconds; whoever is slower is told to be.
const WITHIN: Duration = Duration::from_secs(20);

/// A server by name.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ServerName {
    server: String,
}

/// An app, as it could be.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AccessOf {
    #[serde(default)]
    metadata: HashMap<String, String>,
    #[serde(default)]
    scopes: Vec<String>,
}

/// A set of definitions that somebody looked at.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Approval {
    server: String,
    digest: String,
}

/// What is configured, and how the servers did for those who serve.
pub(crate) async fn overview(hub: &Hub) -> Result<Value> {
    let report = Report::last(&hub.host.kv()).await;
    let servers = hub.servers.iter().map(|server| {
        let mut shown = server.settings.shown();
        shown["name"] = server.name.clone().into();
        shown["is_pinned"] = server.pins.is_some().into();
        shown["health"] = json!(report.servers.get(&server.name));
        shown
    });
    Ok(json!({
        "slug": hub.slug,
        "address": report.address,
        "require_auth": hub.require_auth,
        "open": hub.servers.first().is_none_or(|server| server.limits.open),
        "servers": servers.collect::<Vec<_>>(),
    }))
}

/// What a server offers now, and which of it may be used.
pub(crate) async fn look(hub: &Hub, at: &ServerName) -> Result<Value> {
    let server = find(hub, &at.server)?;
    in_time(look::at(server, &operator(server))).await
}

/// What a tool answers.
pub(crate) async fn call(hub: &Hub, call: Call) -> Result<Value> {
    let server = find(hub, call.server())?;
    in_time(tried::call(server, Arc::new(operator(server)), &call)).await
}

/// What an app with these metadata and a token with these scopes may use.
pub(crate) async fn access(hub: &Hub, of: AccessOf) -> Result<Value> {
    let caller = Caller { metadata: of.metadata, scopes: of.scopes, ..Caller::default() };
    let all = hub.servers.iter().map(|server| async {
        if server.admit(&caller).is_err() {
            return json!({"server": server.name, "is_admitted": false});
        }
        match in_time(look::at(server, &caller)).await {
            Ok(mut found) => {
                found["server"] = server.name.clone().into();
                found["is_admitted"] = true.into();
                found
            }
            Err(error) => {
                let failure = error.to_string();
                json!({"server": server.name, "is_admitted": true, "failure": failure})
            }
        }
    });
    Ok(json!({"servers": join_all(all).await}))
}

/// What is pinned, and what is held.
pub(crate) async fn pins(hub: &Hub) -> Result<Value> {
    let mut all = Vec::new();
    for server in hub.servers.iter() {
        let Some(Pins { shelf, .. }) = &server.pins else { continue };
        let (approved, held) = (shelf.approved().await?, shelf.held().await?);
        let before = approved.as_ref().map(|kept| kept.definitions.clone()).unwrap_or_default();
        let (tools, prompts) = before.count();
        let approved = approved.map(|kept| {
            let digest = kept.definitions.digest();
            json!({"digest": digest, "since": kept.since, "by": kept.by, "tools": tools, "prompts": prompts})
        });
        let held = held.map(|kept| {
            let (digest, differences) =
                (kept.definitions.digest(), before.differences(&kept.definitions));
            json!({"digest": digest, "since": kept.since, "differences": differences})
        });
        all.push(json!({"server": server.name, "approved": approved, "held": held}));
    }
    Ok(json!({"servers": all}))
}

/// Asks a server anew what it offers.
pub(crate) async fn check(hub: &Hub, at: &ServerName) -> Result<Value> {
    let server = find(hub, &at.server)?;
    let pins = pinned(server)?;
    pins.look_again();
    in_time(async {
        server.ready().await.map_err(|refusal| Error::new(refusal.text))?;
        Ok(json!({}))
    })
    .await
}

/// Approves exactly the set that somebody looked at.
pub(crate) async fn approve(hub: &Hub, it: &Approval) -> Result<Value> {
    let server = find(hub, &it.server)?;
    let pins = pinned(server)?;
    pins.shelf.approve(&it.digest, "an operator").await?;
    pins.look_again();
    tracing::info!(server = server.name, digest = it.digest, "definitions are approved");
    Ok(json!({}))
}

fn find<'h>(hub: &'h Hub, name: &str) -> Result<&'h Arc<Server>> {
    hub.server(name).ok_or_else(|| Error::new(format!("there is no server {name:?} any more")))
}

fn pinned(server: &Server) -> Result<&Pins> {
    let why = || Error::new(format!("definitions of {} are not pinned", server.name));
    server.pins.as_ref().ok_or_else(why)
}

/// Somebody who may use all that the configuration lets through.
fn operator(server: &Server) -> Caller {
    let all = ["mcp_tools", "mcp_resources", "mcp_prompts"];
    Caller {
        id: 0,
        app: "console".to_owned(),
        metadata: all.map(|key| (key.to_owned(), "*".to_owned())).into(),
        scopes: server.policy.scopes.iter().map(|rule| rule.scope.clone()).collect(),
    }
}

async fn in_time(asked: impl Future<Output = Result<Value>>) -> Result<Value> {
    let late = || Error::new(format!("the server did not answer within {} s", WITHIN.as_secs()));
    timeout(WITHIN, asked).await.map_err(|_| late())?
}

#[cfg(test)]
mod tests;
