//! A tool, tried by an operator: by the way that every caller's message takes, with a line in the log.

use std::sync::Arc;

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use sidegate_sdk::{Error, Result};

use crate::caller::Caller;
use crate::failure::Failure;
use crate::fields::Fields;
use crate::message::{Id, Message, Outcome};
use crate::reply::Content;
use crate::server::Server;
use crate::upstream::Link;
use crate::visit::Visit;

/// More is too much to be read on a page.
const SHOWN: usize = 1 << 20;

/// A call, as somebody wrote it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Call {
    server: String,
    tool: String,
    /// An object in JSON.
    arguments: String,
}

impl Call {
    pub(super) fn server(&self) -> &str {
        &self.server
    }
}

/// What comes of it.
pub(super) async fn call(server: &Arc<Server>, caller: Arc<Caller>, call: &Call) -> Result<Value> {
    let arguments: Fields = serde_json::from_str(&call.arguments)
        .map_err(|error| Error::new(format!("the arguments are no object in JSON: {error}")))?;
    let failed = |failure| Error::new(format!("{}: {failure}", server.name));
    let mut visit = server.visitor.visit().await.map_err(failed)?;
    let mut params = Fields::default();
    params.set("name", &call.tool);
    params.set("arguments", &arguments);
    let method = "tools/call".to_owned();
    let params = Some(visit.worded(params));
    let message = Message::Request { id: Id::Number(2), method, params };
    let link = link(server, &mut visit, call, &arguments).await.map_err(failed)?;
    let reply = server.post(&link, &caller, &message).await;
    let reply = reply.map_err(|refusal| Error::new(refusal.text))?;
    let answer = match reply.content {
        Content::Refused(_, answer) => answer,
        content => content.answer().await,
    };
    let Some(Message::Answer { outcome, .. }) = answer else {
        return Err(Error::new("the server did not answer the question"));
    };
    let (key, value): (_, &RawValue) = match &outcome {
        Outcome::Result(value) => ("result", value),
        Outcome::Error(value) => ("error", value),
    };
    if value.get().len() > SHOWN {
        return Err(Error::new("the answer is too large to be shown"));
    }
    Ok(json!({key: value}))
}

/// What goes with the call: also the arguments that the tool wants in headers.
async fn link(
    server: &Server,
    visit: &mut Visit,
    call: &Call,
    arguments: &Fields,
) -> std::result::Result<Link, Failure> {
    if !visit.link().stateless {
        return Ok(visit.link().clone());
    }
    let mut list = Fields::default();
    list.set("tools", &visit.list("tools/list", "tools").await?);
    let tools = &server.states.tools;
    tools.learn_list(&list);
    let repeated = tools.headers(&call.tool, &serde_json::to_value(arguments).unwrap_or_default());
    Ok(Link { repeated, ..visit.link().clone() })
}
