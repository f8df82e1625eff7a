//! The client's end: Streamable HTTP at an address of the gateway. From a request to messages and back, and nothing of what
//! they say.

mod at_once;

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use sidegate_sdk::{Error, Request, Response, ResponseStream, Result};

use crate::door::{Door, Target};
use crate::era;
use crate::era::claim::{self, Headers};
use crate::hub::Hub;
use crate::message::Message;
use crate::policy::Subject;
use crate::refusal::{Refusal, whole};
use crate::reply::{Content, Events, Reply};
use crate::sessions::{Owner, Session};
use crate::sse;
use crate::upstream::Link;

/// What is between here and the client may take a silent connection for a dead one.
const KEEP_ALIVE: Duration = Duration::from_secs(25);

/// Answers one request.
pub(crate) async fn answer(req: Request, mut out: ResponseStream, hub: Arc<Hub>) -> Result<()> {
    hub.is_reached_by(&req);
    // On the heap, to be gone while an answer of hours is written: the request, too, holds more than it says.
    let asked = Box::pin(ask(req, hub));
    let asked = tokio::select! {
        asked = asked => asked,
        () = out.closed() => return Ok(()),
    };
    match asked {
        Ok(Answer::Whole(response)) => Box::pin(out.headers(response)).await,
        Ok(Answer::Events(head, events)) => {
            Box::pin(out.headers(head)).await?;
            relay(&mut out, events).await
        }
        Err(refusal) => Box::pin(out.headers(refusal.response())).await,
    }
}

async fn ask(req: Request, hub: Arc<Hub>) -> Result<Answer, Refusal> {
    match req.method() {
        "POST" => post(&req, &hub).await,
        "GET" => listen(&req, &hub).await,
        _ => end(&req, &hub).await,
    }
}

/// What a client gets.
enum Answer {
    Whole(Response),
    Events(Response, Events),
}

async fn post(req: &Request, hub: &Hub) -> Result<Answer, Refusal> {
    if !is_json(req) {
        return Err(Refusal::no_json());
    }
    let message = Message::parse(req.body())?;
    let headers = Headers::of(req);
    if claim::stands_alone(&message, &headers)? {
        return alone(req, hub, message).await;
    }
    let door = Door::of(req, &hub.servers, link(req))?;
    let owner = owner(req, &door);
    let session = session(req, hub, &owner).await?;
    let names = names_a_thing(&message);
    let (mut reply, began) = door.post(session.as_ref(), message).await?;
    if names {
        reply.content = at_once::whole(reply.content).await;
    }
    let began = match began {
        Some(session) => Some(hub.sessions.seal(&owner, session).await?),
        None => None,
    };
    Ok(to_client(reply, 202, began.as_deref()))
}

/// Whether the body is said to be JSON: what else it can be, a page can send without asking anybody.
fn is_json(req: &Request) -> bool {
    let kind = req.header("Content-Type").unwrap_or_default();
    kind.split(';').next().is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}

/// Answers a message of the newer era, which belongs to no session.
async fn alone(req: &Request, hub: &Hub, message: Message) -> Result<Answer, Refusal> {
    let sent = link(req);
    let link = Link { repeated: repeated(req)?, last_event_id: None, stateless: true, ..sent };
    let door = Door::of(req, &hub.servers, link)?;
    let answering = |refusal: Refusal| refusal.answering(message.asks());
    if message.method().is_some_and(era::is_removed) {
        return Err(answering(Refusal::new(404, -32601, "Method not found")));
    }
    let is_native = match &door.target {
        Target::One(server) => {
            server.admit(&door.caller).map_err(answering)?;
            server.is_stateless(&door.link).await.map_err(answering)?
        }
        Target::All(_) => false,
    };
    let names = names_a_thing(&message);
    let mut reply = if is_native {
        door.post(None, message).await?.0
    } else {
        let owner = owner(req, &door);
        hub.wrapped.post(door, owner, message).await?
    };
    if names {
        reply.content = at_once::whole(reply.content).await;
    }
    Ok(to_client(reply, 202, None))
}

/// Whether a message asks for something that can be held back.
fn names_a_thing(message: &Message) -> bool {
    matches!(Subject::of(message), Subject::Thing(..))
}

/// The headers by which a client repeats arguments of a call, for the server to compare.
fn repeated(req: &Request) -> Result<Vec<(String, String)>, Refusal> {
    let mut all: Vec<(String, String)> = Vec::new();
    for (name, value) in req.headers().iter() {
        let name = name.to_ascii_lowercase();
        if !name.starts_with("mcp-param-") {
            continue;
        }
        if all.iter().any(|(known, _)| *known == name) {
            return Err(claim::mismatch(&format!("{name} is there twice")));
        }
        let Ok(value) = std::str::from_utf8(value) else {
            return Err(claim::mismatch(&format!("{name} has characters that no header has")));
        };
        all.push((name, value.to_owned()));
    }
    Ok(all)
}

async fn listen(req: &Request, hub: &Hub) -> Result<Answer, Refusal> {
    let door = old_door(req, hub)?;
    let session = session(req, hub, &owner(req, &door)).await?;
    Ok(to_client(door.listen(session.as_ref()).await?, 202, None))
}

async fn end(req: &Request, hub: &Hub) -> Result<Answer, Refusal> {
    let door = old_door(req, hub)?;
    let session = session(req, hub, &owner(req, &door)).await?;
    Ok(to_client(door.end(session.as_ref()).await?, 200, None))
}

/// GET and DELETE are of the older era only.
fn old_door(req: &Request, hub: &Hub) -> Result<Door, Refusal> {
    if Headers::of(req).are_stateless() {
        return Err(Refusal::new(405, -32000, "Method not allowed: requests are posted"));
    }
    Door::of(req, &hub.servers, link(req))
}

fn owner(req: &Request, door: &Door) -> Owner {
    Owner { app: door.caller.id, endpoint: req.relative_path().to_owned() }
}

async fn session(req: &Request, hub: &Hub, owner: &Owner) -> Result<Option<Arc<Session>>, Refusal> {
    match req.header("Mcp-Session-Id") {
        Some(id) => Ok(Some(hub.sessions.open(owner, id).await?.ok_or_else(Refusal::no_session)?)),
        None => Ok(None),
    }
}

fn link(req: &Request) -> Link {
    let header = |name| req.header(name).map(str::to_owned);
    Link {
        version: header("Mcp-Protocol-Version"),
        accept: header("Accept"),
        traceparent: req.traceparent().map(str::to_owned),
        last_event_id: header("Last-Event-ID").filter(|_| req.method() == "GET"),
        ..Link::default()
    }
}

fn to_client(reply: Reply, accepted: u16, session: Option<&str>) -> Answer {
    let with_session = |response: Response| match session {
        Some(id) => response.header("Mcp-Session-Id", id),
        None => response,
    };
    match reply.content {
        Content::Accepted => Answer::Whole(Response::new(accepted)),
        Content::One(message) => Answer::Whole(with_session(whole(200, &message))),
        Content::Refused(status, Some(message)) => Answer::Whole(whole(status, &message)),
        Content::Refused(status, None) => {
            let text = "the server refused the message";
            Answer::Whole(Refusal::new(status, -32000, text).response())
        }
        Content::Events(events) => {
            let head = Response::event_stream().header("X-Accel-Buffering", "no");
            Answer::Events(with_session(head), events)
        }
    }
}

/// Each event at once, up to the end or until the client goes, which ends what is asked of the server, too.
async fn relay(out: &mut ResponseStream, mut events: Events) -> Result<()> {
    loop {
        let next = tokio::select! {
            next = tokio::time::timeout(KEEP_ALIVE, events.next()) => next,
            () = out.closed() => return Ok(()),
        };
        match next {
            Ok(Some(Ok(event))) => {
                let text = sse::write(event.id.as_deref(), event.retry, event.message.as_ref());
                out.send(text).await?;
            }
            Ok(Some(Err(failure))) => return Err(Error::from(failure)),
            Ok(None) => return Ok(()),
            Err(_) => out.send(sse::KEEP_ALIVE).await?,
        }
    }
}
