//! Sessions that live in this process, each with a channel of its own to its server: a bounded number of them.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::beginning::Beginning;
use super::{Link, lock};
use crate::failure::Failure;
use crate::message::{Id, Message};
use crate::reply::{Content, Events, Reply};

/// What a session has to itself at its server.
pub(super) trait Channel: Send + Sync + 'static {
    /// Asks, and gives what comes up to the answer.
    fn ask(
        &self,
        question: &Id,
        message: &Message,
    ) -> impl Future<Output = Result<Events, Failure>> + Send;

    /// Gives it a message that wants no answer.
    fn tell(&self, message: &Message) -> impl Future<Output = Result<(), Failure>> + Send;

    /// What the server says by itself. Who listens last is told.
    fn listen(&self) -> Events;

    /// Whether it takes nothing any more.
    fn has_ended(&self) -> bool;

    /// Ends it.
    fn end(&self);
}

/// Is called by a channel that has ended.
pub(super) type Forget = Box<dyn FnOnce() + Send>;

type Channels<C> = Arc<Mutex<HashMap<String, Arc<C>>>>;

/// The sessions of a server.
pub(super) struct Kept<C> {
    clients: Channels<C>,
    /// How many of clients there may be at one time.
    most: usize,
    /// Those in which the plugin itself asks.
    own: Channels<C>,
}

impl<C: Channel> Kept<C> {
    pub(super) fn new(most: usize) -> Self {
        Self { clients: Channels::default(), most, own: Channels::default() }
    }

    /// Gives a message to its session's channel; the first one of a session starts it.
    pub(super) async fn post(
        &self,
        link: &Link,
        message: &Message,
        start: impl FnOnce(Forget) -> Result<C, Failure>,
    ) -> Result<Reply, Failure> {
        let channel = match (&link.session, message.method()) {
            (None, Some("initialize")) => {
                return begin(&self.clients, self.most, message, start).await;
            }
            (None, _) => return Ok(Content::Refused(400, None).into()),
            (Some(id), _) => match self.get(id) {
                Some(channel) => channel,
                None => return Ok(Content::Refused(404, None).into()),
            },
        };
        Ok(give(&*channel, message).await?.into())
    }

    /// Begins a session of the plugin's own, of which there are at most so many beside those of clients.
    pub(super) async fn begin_own(
        &self,
        message: &Message,
        most: usize,
        start: impl FnOnce(Forget) -> Result<C, Failure>,
    ) -> Result<Reply, Failure> {
        begin(&self.own, most, message, start).await
    }

    /// Listens for what the server says by itself.
    pub(super) fn listen(&self, link: &Link) -> Reply {
        match link.session.as_ref().and_then(|id| self.get(id)) {
            Some(channel) => Content::Events(channel.listen()).into(),
            None => Content::Refused(404, None).into(),
        }
    }

    /// Ends the session.
    pub(super) fn end(&self, link: &Link) -> Reply {
        match link.session.as_ref().is_some_and(|id| self.remove(id)) {
            true => Content::Accepted.into(),
            false => Content::Refused(404, None).into(),
        }
    }

    /// Ends what has this name; `false` where nothing has.
    pub(super) fn remove(&self, id: &str) -> bool {
        let ended = lock(&self.clients).remove(id).or_else(|| lock(&self.own).remove(id));
        ended.inspect(|channel| channel.end()).is_some()
    }

    fn get(&self, id: &str) -> Option<Arc<C>> {
        let of = |all: &Channels<C>| lock(all).get(id).filter(|one| !one.has_ended()).cloned();
        of(&self.clients).or_else(|| of(&self.own))
    }
}

/// Begins a session by its first message. One that did not get it ends at once: nobody knows it.
async fn begin<C: Channel>(
    among: &Channels<C>,
    most: usize,
    message: &Message,
    start: impl FnOnce(Forget) -> Result<C, Failure>,
) -> Result<Reply, Failure> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(|error| Failure::Away(error.to_string()))?;
    // Ids of an earlier run name no session of this one.
    let id = URL_SAFE_NO_PAD.encode(random);
    let channel = keep(among, most, id.clone(), start)?;
    let beginning = Beginning::or_end(|| channel.end());
    let content = give(&*channel, message).await?;
    beginning.become_known();
    Ok(Reply { session: Some(id), presented: None, content })
}

async fn give<C: Channel>(channel: &C, message: &Message) -> Result<Content, Failure> {
    Ok(match message.asks() {
        Some(question) => Content::Events(channel.ask(question, message).await?),
        None => {
            channel.tell(message).await?;
            Content::Accepted
        }
    })
}

fn keep<C: Channel>(
    among: &Channels<C>,
    most: usize,
    id: String,
    start: impl FnOnce(Forget) -> Result<C, Failure>,
) -> Result<Arc<C>, Failure> {
    let mut channels = lock(among);
    if let Some(channel) = channels.get(&id).filter(|channel| !channel.has_ended()) {
        return Ok(Arc::clone(channel));
    }
    if channels.len() >= most {
        return Err(Failure::Busy("streams"));
    }
    let (all, own) = (Arc::clone(among), id.clone());
    let forget = move || {
        let mut all = lock(&all);
        // One that was started in its place stays.
        if all.get(&own).is_some_and(|channel| channel.has_ended()) {
            all.remove(&own);
        }
    };
    let channel = Arc::new(start(Box::new(forget))?);
    channels.insert(id, Arc::clone(&channel));
    Ok(channel)
}
