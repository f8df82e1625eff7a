//! One server and what holds for it: every message to it and from it comes by here, whatever address the client asked.

mod asked;
mod questions;
mod subscribed;

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::{StreamExt as _, future};
use sidegate_sdk::{Host, Result, tracing};
use tokio::time::timeout;

use crate::audit::Account;
use crate::caller::Caller;
use crate::era::UNSUPPORTED_VERSION;
use crate::failure::Failure;
use crate::health::{Health, Watch};
use crate::known::Known;
use crate::message::{Id, Message, Outcome};
use crate::pins::{Pins, Stopped};
use crate::policy::{self, Kind, Policy, Subject, Verdict, pattern};
use crate::presented::States;
use crate::quota::Quotas;
use crate::refusal::Refusal;
use crate::reply::{Content, Events, Reply};
use crate::settings::Limits;
use crate::settings::server::ServerSettings;
use crate::unknown;
use crate::upstream::{Link, Upstream};
use crate::visit::Visitor;
use asked::Asked;
use questions::Questions;

/// What is told a server beside answers waits no longer.
const ASIDE: Duration = Duration::from_secs(5);

/// A server behind the plugin.
pub(crate) struct Server {
    pub(crate) name: String,
    upstream: Arc<Upstream>,
    /// By which the plugin itself asks.
    pub(crate) visitor: Visitor,
    pub(crate) policy: Policy,
    pub(crate) settings: ServerSettings,
    pub(crate) limits: Limits,
    era: Arc<Known>,
    /// Sessions of clients that the server knows nothing of.
    pub(crate) states: States,
    quotas: Arc<Quotas>,
    questions: Questions,
    watch: Watch,
    /// Where definitions are pinned.
    pub(crate) pins: Option<Pins>,
}

impl Server {
    pub(crate) fn new(settings: ServerSettings, limits: Limits, host: &Host) -> Result<Self> {
        let (within, most_bytes) = (limits.timeout, limits.message_bytes);
        let upstream = Arc::new(settings.upstream(limits)?);
        let era = Arc::new(Known::new(settings.era()));
        let visitor =
            Visitor { upstream: Arc::clone(&upstream), era: Arc::clone(&era), within, most_bytes };
        let policy = settings.policy(limits.open);
        Ok(Self {
            name: settings.name.clone(),
            upstream,
            policy,
            limits,
            era,
            states: States::default(),
            quotas: Arc::new(settings.quotas()),
            questions: Questions::default(),
            watch: Watch::default(),
            pins: settings.pins(limits, host.kv(), visitor.clone()),
            visitor,
            settings,
        })
    }

    /// Whether the server takes requests that stand alone.
    pub(crate) async fn is_stateless(&self, link: &Link) -> Result<bool, Refusal> {
        let asked = self.era.is_stateless(&self.upstream, link).await;
        asked.map_err(|failure| self.failed(&failure, None))
    }

    /// Whether it is known that the server begins no session.
    pub(crate) fn is_without_sessions(&self) -> bool {
        self.era.is_without_sessions()
    }

    /// The server refused a session with this code.
    pub(crate) fn refused_session(&self, code: i32) {
        self.era.refused_session(code);
    }

    /// Whether the caller may send this, of which the server does not hear.
    pub(crate) fn permit(
        &self,
        link: &Link,
        caller: &Caller,
        message: &Message,
    ) -> Result<(), Refusal> {
        self.judge(link, caller, message)
    }

    /// Gives a message to the server. What comes back ends in time, with an answer or with an error.
    pub(crate) async fn post(
        self: &Arc<Self>,
        link: &Link,
        caller: &Arc<Caller>,
        message: &Message,
    ) -> Result<Reply, Refusal> {
        let mut account = Account::open(&self.name, caller, message, self.limits.audit_arguments);
        if let Err(refusal) = self.let_in(link, caller, message, account.as_mut()).await {
            if let Some(account) = &mut account {
                account.ends(refusal.outcome);
            }
            return Err(refusal);
        }
        if let Message::Answer { id: Some(id), .. } = message {
            self.questions.close(link, id);
        }
        if link.stateless && message.method() == Some(subscribed::METHOD) {
            return self.subscribe(link, caller, message).await;
        }
        let limits = self.limits_of(message);
        let posted = timeout(limits.timeout, self.upstream.post(link, message)).await;
        let mut reply = posted.unwrap_or(Err(Failure::Slow)).map_err(|failure| {
            if let Some(account) = &mut account {
                account.ends(failure.outcome());
            }
            self.failed(&failure, message.asks())
        })?;
        self.watch.answered();
        self.doubt_era(link, &reply.content);
        let Message::Request { id, method, .. } = message else {
            // Whoever asks nothing is told nothing.
            if let Content::Events(_) | Content::One(_) = reply.content {
                reply.content = Content::Accepted;
            }
            return Ok(reply);
        };
        let asked = Asked {
            server: Arc::clone(self),
            caller: Arc::clone(caller),
            link: link.clone(),
            question: id.clone(),
            method: method.clone(),
            about: Subject::of(message),
            limits,
            account,
        };
        reply.content = asked.content(reply.content)?;
        Ok(reply)
    }

    /// Listens for what the server says by itself, or goes on where an earlier stream ended.
    pub(crate) async fn listen(
        self: &Arc<Self>,
        link: &Link,
        caller: &Arc<Caller>,
    ) -> Result<Reply, Refusal> {
        self.admit(caller)?;
        if link.last_event_id.is_some() {
            // There may be a list in it.
            self.ready().await?;
        }
        let asked = timeout(self.limits.timeout, self.upstream.listen(link)).await;
        let mut reply =
            asked.unwrap_or(Err(Failure::Slow)).map_err(|failure| self.failed(&failure, None))?;
        if let Content::Events(events) = reply.content {
            let is_resumed = link.last_event_id.is_some();
            let screened = self.screened(events, caller, is_resumed);
            reply.content = Content::Events(self.bounded(link, screened));
        }
        Ok(reply)
    }

    /// Ends the server's session.
    pub(crate) async fn end(&self, link: &Link) -> Result<Reply, Refusal> {
        self.questions.end(link);
        let asked = timeout(self.limits.timeout, self.upstream.end(link)).await;
        asked.unwrap_or(Err(Failure::Slow)).map_err(|failure| self.failed(&failure, None))
    }

    /// Whether the app may use the server at all.
    pub(crate) fn admit(&self, caller: &Caller) -> Result<(), Refusal> {
        if self.policy.admits(caller) {
            return Ok(());
        }
        Err(Refusal::new(403, -32003, "this app may not use this server"))
    }

    /// What a server of the supposed era would not say lets it be asked anew.
    fn doubt_era(&self, link: &Link, content: &Content) {
        let (code, is_refused) = match content {
            Content::Refused(_, answer) => (answer.as_ref().and_then(Message::error_code), true),
            Content::One(answer) => (answer.error_code(), false),
            _ => return,
        };
        let is_of_old = code.is_none_or(|code| (-32019..=-32000).contains(&code));
        let is_odd = link.stateless && is_refused && is_of_old;
        if is_odd || code == Some(UNSUPPORTED_VERSION) {
            self.era.forget();
        }
    }

    /// Knows what the server offers and what is approved of it, where that is pinned.
    pub(crate) async fn ready(&self) -> Result<(), Refusal> {
        match &self.pins {
            Some(pins) => pins.ready().await.map_err(|why| self.stopped(why)),
            None => Ok(()),
        }
    }

    fn stopped(&self, why: Stopped) -> Refusal {
        match why {
            Stopped::Refused(refusal) => refusal,
            Stopped::Failed(failure) => self.failed(&failure, None),
        }
    }

    /// Whether the caller may send this now. The account keeps its place among the calls that may go on at once.
    async fn let_in(
        &self,
        link: &Link,
        caller: &Caller,
        message: &Message,
        account: Option<&mut Account>,
    ) -> Result<(), Refusal> {
        self.judge(link, caller, message)?;
        if let Some(pins) = &self.pins {
            let stopped = |why| self.stopped(why).answering(message.asks());
            pins.let_in(message).await.map_err(stopped)?;
        }
        let (Some(account), Subject::Thing(Kind::Tool, name)) = (account, Subject::of(message))
        else {
            return Ok(());
        };
        let place = self.quotas.take(caller.id, &name, Instant::now());
        let limited = |wait| Refusal::limited(&name, wait).answering(message.asks());
        account.keeps(place.map_err(limited)?);
        Ok(())
    }

    /// Whether the caller may send this. What is held back is answered as if it were not there.
    fn judge(&self, link: &Link, caller: &Caller, message: &Message) -> Result<(), Refusal> {
        let refuse = |status, code, text: String| {
            Err(Refusal::new(status, code, text).answering(message.asks()))
        };
        self.admit(caller).map_err(|refusal| refusal.answering(message.asks()))?;
        let (kind, name) = match Subject::of(message) {
            Subject::Nothing => return Ok(()),
            Subject::Thing(kind, name) => (kind, name),
            Subject::Unnamed => {
                return refuse(200, -32602, "Invalid params: nothing is named".to_owned());
            }
            Subject::Unknown => {
                let method = message.method().unwrap_or_default();
                let known = |one: &String| pattern::matches(one, method);
                return match message.asks() {
                    Some(_) if self.policy.methods.iter().any(known) => Ok(()),
                    Some(_) => {
                        let status = if link.stateless { 404 } else { 200 };
                        refuse(status, -32601, "Method not found".to_owned())
                    }
                    None => refuse(400, -32600, "Invalid Request: no notification".to_owned()),
                };
            }
        };
        match self.policy.judge(caller, kind, &name) {
            Verdict::Pass => Ok(()),
            Verdict::Deny => {
                let refusal = unknown::refusal(kind, &name, link.stateless);
                Err(refusal.answering(message.asks()))
            }
            Verdict::NeedsScope(scope) => {
                Err(Refusal::needs_scope(&scope, caller).answering(message.asks()))
            }
        }
    }

    /// The limits of a call: the tool's own, or those of all.
    fn limits_of(&self, message: &Message) -> Limits {
        let mut limits = self.limits;
        if let Subject::Thing(Kind::Tool, name) = Subject::of(message)
            && let Some(own) = self.settings.timeout_of(&name)
        {
            limits.timeout = own;
            limits.longest = own;
        }
        limits
    }

    /// What a server sends beside answers, as far as the caller may see it. Answers are left out, but for those of a
    /// stream that goes on: nobody knows any more what they answer.
    fn screened(
        self: &Arc<Self>,
        events: Events,
        caller: &Arc<Caller>,
        is_resumed: bool,
    ) -> Events {
        let (server, caller) = (Arc::clone(self), Arc::clone(caller));
        Box::pin(events.filter_map(move |event| {
            let passed = match event {
                Ok(mut event) => match event.message.take() {
                    Some(Message::Answer { .. }) if !is_resumed => None,
                    Some(message) => {
                        let passed = server.screen(&caller, None, message);
                        passed.map(|message| {
                            Ok(crate::reply::Event { message: Some(message), ..event })
                        })
                    }
                    None => Some(Ok(event)),
                },
                Err(failure) => Some(Err(failure)),
            };
            future::ready(passed)
        }))
    }

    /// A message of the server as the caller may see it. `method` is what it answers, where that is known.
    fn screen(&self, caller: &Caller, method: Option<&str>, message: Message) -> Option<Message> {
        match message {
            Message::Answer { id, outcome: Outcome::Result(result) } => {
                let kept = match method {
                    Some(method) => policy::filter(&self.policy, caller, method, result),
                    None => policy::filter_any(&self.policy, caller, result),
                };
                let kept = match &self.pins {
                    Some(pins) => kept.and_then(|kept| pins.filter(method, kept)),
                    None => kept,
                };
                let Some(result) = kept else {
                    let failure = Failure::Broken("a list cannot be read".to_owned());
                    return Some(self.failed(&failure, id.as_ref()).message());
                };
                Some(Message::Answer { id, outcome: Outcome::Result(result) })
            }
            Message::Notification { ref method, ref params }
                if method == "notifications/resources/updated" =>
            {
                let uri = params.as_ref().and_then(|params| params.text("uri"))?;
                self.policy.lets_through(caller, Kind::Resource, &uri).then_some(message)
            }
            other => {
                if let Some(pins) = &self.pins {
                    pins.hear(&other);
                }
                Some(other)
            }
        }
    }

    /// How the server does.
    pub(crate) fn health(&self) -> Health {
        Health { processes: self.upstream.processes(), ..self.watch.now() }
    }

    fn failed(&self, failure: &Failure, question: Option<&Id>) -> Refusal {
        tracing::warn!(server = self.name, %failure, "a server failed");
        self.watch.failed(&failure.to_string());
        Refusal::from(failure).answering(question)
    }

    /// Tells the server something that it need not answer.
    async fn tell(&self, link: &Link, message: &Message, at_most: Duration) {
        if timeout(at_most, self.upstream.post(link, message)).await.is_err() {
            tracing::debug!(server = self.name, "a notification was not taken in time");
        }
    }
}
