//! What a server offers, each thing with what the rules say of it for one caller.

use serde_json::value::RawValue;
use serde_json::{Value, json};
use sidegate_sdk::{Error, Result};

use crate::caller::Caller;
use crate::fields::Fields;
use crate::pins::{Definitions, LISTS};
use crate::policy::{Kind, Verdict};
use crate::server::Server;

/// Resources are not pinned, and only listed.
const RESOURCES: (&str, &str) = ("resources/list", "resources");

/// What the server offers now.
pub(super) async fn at(server: &Server, caller: &Caller) -> Result<Value> {
    let failed = |failure| Error::new(format!("{}: {failure}", server.name));
    let mut visit = server.visitor.visit().await.map_err(failed)?;
    let approved = match &server.pins {
        Some(pins) => {
            Some(pins.shelf.approved().await?.map(|it| it.definitions).unwrap_or_default())
        }
        None => None,
    };
    let judged = |kind, key: &str, item: &RawValue| {
        let name = Fields::of(item).and_then(|item| item.text(key)).unwrap_or_default();
        let verdict = verdict(server, caller, approved.as_ref(), (kind, &name), item);
        json!({"name": name, "verdict": verdict, "item": item})
    };
    let mut found = json!({
        "introduction": visit.introduction.raw("serverInfo"),
        "version": visit.introduction.text("protocolVersion"),
    });
    for (method, member, kind) in LISTS {
        let items = visit.list(method, member).await.map_err(failed)?;
        found[member] = items.iter().map(|item| judged(kind, "name", item)).collect();
    }
    let (method, member) = RESOURCES;
    let items = visit.list(method, member).await.map_err(failed)?;
    found[member] = items.iter().map(|item| judged(Kind::Resource, "uri", item)).collect();
    Ok(found)
}

/// In one word, or the scope that is missing.
fn verdict(
    server: &Server,
    caller: &Caller,
    approved: Option<&Definitions>,
    (kind, name): (Kind, &str),
    item: &RawValue,
) -> String {
    match server.policy.judge(caller, kind, name) {
        Verdict::Deny => "denied".to_owned(),
        _ if kind != Kind::Resource && approved.is_some_and(|set| !set.has(kind, item)) => {
            "held".to_owned()
        }
        Verdict::NeedsScope(scope) => format!("scope {scope}"),
        Verdict::Pass => "passes".to_owned(),
    }
}
