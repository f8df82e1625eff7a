//! The plugin as a client of a server: it asks what the server offers, in a session of its own where there are any. No rule is asked here.

use std::sync::Arc;
use std::time::Duration;

use serde_json::value::RawValue;
use serde_json::{Value, json};
use tokio::runtime::Handle;
use tokio::time::timeout;

use crate::about;
use crate::era::words::{enveloped, introduction};
use crate::era::{SESSIONS, STATELESS};
use crate::failure::Failure;
use crate::fields::Fields;
use crate::known::Known;
use crate::message::{Id, Message, Outcome};
use crate::reply::Content;
use crate::upstream::{Link, Upstream};

/// Longer lists are not read.
const PAGES: usize = 100;

const NO_METHOD: i64 = -32601;

/// Who asks a server, and within which bounds.
#[derive(Clone)]
pub(crate) struct Visitor {
    pub(crate) upstream: Arc<Upstream>,
    /// What is known of the server's era.
    pub(crate) era: Arc<Known>,
    /// How long each answer may take.
    pub(crate) within: Duration,
    /// How long a list may be.
    pub(crate) most_bytes: usize,
}

/// A session with a server, or requests that stand alone in place of one.
pub(crate) struct Visit {
    by: Visitor,
    link: Link,
    /// What the server says of itself.
    pub(crate) introduction: Fields,
}

impl Visitor {
    /// Begins to ask, in the words of the server's era.
    pub(crate) async fn visit(&self) -> Result<Visit, Failure> {
        if self.era.is_without_sessions() {
            return self.discover().await.inspect_err(|failure| {
                if let Failure::Broken(_) = failure {
                    self.era.forget();
                }
            });
        }
        // As for clients with sessions: who takes one speaks to them itself, whatever else it knows.
        match self.begin().await? {
            Begun::Visit(visit) => Ok(*visit),
            Begun::Refused(code) => {
                let mut visit = Visit::new(self, self.upstream.own_link()?);
                if !self.era.is_stateless(&self.upstream, &visit.link).await? {
                    return Err(broken("it refuses a session"));
                }
                visit.ask_introduction().await?;
                self.era.refused_session(code);
                Ok(visit)
            }
        }
    }

    /// Asks a server without sessions who it is.
    async fn discover(&self) -> Result<Visit, Failure> {
        let mut visit = Visit::new(self, self.upstream.own_link()?);
        visit.ask_introduction().await?;
        Ok(visit)
    }

    /// Begins a session.
    async fn begin(&self) -> Result<Begun, Failure> {
        let mut visit = Visit::new(self, Link::default());
        let about = json!({
            "protocolVersion": SESSIONS,
            "capabilities": {},
            "clientInfo": about::implementation(),
        });
        let begun = async {
            let reply = self.upstream.begin_own(&request("initialize", &about)).await?;
            visit.link.session = reply.session;
            Ok(match reply.content {
                Content::Refused(_, answer) => answer,
                content => content.answer().await,
            })
        };
        let answer = timeout(self.within, begun).await.unwrap_or(Err(Failure::Slow))?;
        let Some(Message::Answer { outcome: Outcome::Result(result), .. }) = answer else {
            let code = answer.as_ref().and_then(Message::error_code);
            return Ok(Begun::Refused(code.unwrap_or(0)));
        };
        visit.introduction =
            Fields::of(&result).ok_or_else(|| broken("it does not tell who it is"))?;
        visit.link.version = visit.introduction.text("protocolVersion");
        let told = Message::notification("notifications/initialized", None);
        visit.post(&told).await?;
        Ok(Begun::Visit(Box::new(visit)))
    }
}

/// What comes of asking for a session.
enum Begun {
    Visit(Box<Visit>),
    /// There is none, by this code.
    Refused(i32),
}

impl Visit {
    fn new(by: &Visitor, link: Link) -> Self {
        Self { by: by.clone(), link, introduction: Fields::default() }
    }

    /// What goes with a message in this visit.
    pub(crate) fn link(&self) -> &Link {
        &self.link
    }

    /// Parameters as the server's era wants them.
    pub(crate) fn worded(&self, params: Fields) -> Fields {
        match self.link.stateless {
            true => enveloped(&params, "{}", &about::implementation().to_string(), ""),
            false => params,
        }
    }

    async fn ask_introduction(&mut self) -> Result<(), Failure> {
        let answer = self.post(&request("server/discover", &json!({}))).await?;
        let Some(Message::Answer { outcome: Outcome::Result(result), .. }) = answer else {
            return Err(broken("it does not tell what it has"));
        };
        let found = Fields::of(&result).ok_or_else(|| broken("it does not tell who it is"))?;
        self.introduction = introduction(&found, STATELESS);
        Ok(())
    }

    /// All items of a list; none where the server has no such list.
    pub(crate) async fn list(
        &mut self,
        method: &str,
        member: &str,
    ) -> Result<Vec<Box<RawValue>>, Failure> {
        let (mut all, mut bytes, mut params) = (Vec::new(), 0, json!({}));
        for _ in 0..PAGES {
            let answer = self.post(&request(method, &params)).await?;
            let Some(result) = self.listed(member, answer)? else { return Ok(all) };
            let unreadable = || broken("a list cannot be read");
            let fields = Fields::of(&result).ok_or_else(unreadable)?;
            let items: Vec<Box<RawValue>> = fields.get(member).ok_or_else(unreadable)?;
            bytes += items.iter().map(|item| item.get().len()).sum::<usize>();
            if bytes > self.by.most_bytes {
                return Err(Failure::TooLarge(self.by.most_bytes));
            }
            all.extend(items);
            match fields.text("nextCursor") {
                Some(cursor) => params = json!({"cursor": cursor}),
                None => return Ok(all),
            }
        }
        Err(broken("a list does not end"))
    }

    /// A page of a list; `None` where the server has no such list. What fails for now is not a list without items.
    fn listed(
        &self,
        member: &str,
        answer: Option<Message>,
    ) -> Result<Option<Box<RawValue>>, Failure> {
        let error = match answer {
            Some(Message::Answer { outcome: Outcome::Result(result), .. }) => {
                return Ok(Some(result));
            }
            Some(Message::Answer { outcome: Outcome::Error(error), .. }) => error,
            _ => return Err(broken("it did not answer the question")),
        };
        let code: Option<i64> = Fields::of(&error).and_then(|error| error.get("code"));
        let offers = self.introduction.object("capabilities");
        let is_offered = offers.is_some_and(|all| all.raw(member).is_some());
        match is_offered && code != Some(NO_METHOD) {
            true => Err(broken("it does not say what it offers")),
            false => Ok(None),
        }
    }

    async fn post(&mut self, message: &Message) -> Result<Option<Message>, Failure> {
        let message = match message.clone() {
            Message::Request { id, method, params } => {
                let params = Some(self.worded(params.unwrap_or_default()));
                Message::Request { id, method, params }
            }
            other => other,
        };
        let asked = async {
            let reply = self.by.upstream.post(&self.link, &message).await?;
            Ok(match reply.content {
                _ if message.asks().is_none() => None,
                // This era has statuses of HTTP for errors.
                Content::Refused(_, answer) if self.link.stateless => answer,
                content => content.answer().await,
            })
        };
        timeout(self.by.within, asked).await.unwrap_or(Err(Failure::Slow))
    }
}

/// The session ends with the visit, also where nobody waits for that any more.
impl Drop for Visit {
    fn drop(&mut self) {
        let (by, link) = (self.by.clone(), std::mem::take(&mut self.link));
        if link.session.is_none() {
            return;
        }
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(async move {
                let _ = timeout(by.within, by.upstream.end(&link)).await;
            });
        }
    }
}

fn request(method: &str, params: &Value) -> Message {
    let params = serde_json::from_str(&params.to_string()).ok();
    Message::Request { id: Id::Number(1), method: method.to_owned(), params }
}

fn broken(why: &str) -> Failure {
    Failure::Broken(why.to_owned())
}
