//! One session: a stream, owned by one task, which closes it when the session ends, when nobody used it for long, and with the plugin.

use std::sync::Arc;

use futures_util::{StreamExt as _, future, stream};
use reqwest::header::{ACCEPT, CONTENT_TYPE};
use reqwest::{RequestBuilder, Response, StatusCode};
use sidegate_sdk::tracing;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use url::Url;

use super::{Address, endpoint};
use crate::failure::Failure;
use crate::message::{Id, Message};
use crate::reply::Events;
use crate::upstream::inbox::{Inbox, PATIENCE, WAITING};
use crate::upstream::kept::{Channel, Forget};
use crate::upstream::lifetime::Lifetime;
use crate::upstream::web::{EVENTS, RawEvents, Web, away, kind_of};

type Endpoint = Result<Url, Failure>;

/// A session with its stream.
pub(super) struct Session {
    address: Arc<Address>,
    web: Web,
    inbox: Arc<Inbox>,
    lifetime: Arc<Lifetime>,
    /// Where messages are posted, once the server has told it.
    endpoint: watch::Receiver<Option<Endpoint>>,
    /// So many messages may be on their way.
    places: Arc<Semaphore>,
}

impl Session {
    /// Opens the stream; `forget` is called when it has ended.
    pub(super) fn start(address: &Arc<Address>, web: &Web, forget: Forget) -> Self {
        let (told, endpoint) = watch::channel(None);
        let session = Self {
            address: Arc::clone(address),
            web: web.clone(),
            inbox: Arc::new(Inbox::new(&address.server)),
            lifetime: Arc::default(),
            endpoint,
            places: Arc::new(Semaphore::new(WAITING)),
        };
        let (inbox, lifetime) = (Arc::clone(&session.inbox), Arc::clone(&session.lifetime));
        let (address, web) = (Arc::clone(address), web.clone());
        tokio::spawn(async move {
            let why = tokio::select! {
                heard = hear(&address, &web, &inbox, &told) => match heard {
                    Ok(()) => "the server closed it".to_owned(),
                    Err(failure) => {
                        let why = failure.to_string();
                        if told.borrow().is_none() {
                            told.send_replace(Some(Err(failure)));
                        }
                        why
                    }
                },
                why = lifetime.over() => why.to_owned(),
            };
            inbox.close();
            forget();
            tracing::info!(server = address.server, why, "a stream has ended");
        });
        session
    }

    async fn endpoint(&self) -> Endpoint {
        let mut endpoint = self.endpoint.clone();
        let told = endpoint.wait_for(Option::is_some).await.ok().and_then(|told| told.clone());
        told.unwrap_or_else(|| Err(Failure::Away("its stream has ended".to_owned())))
    }

    /// Posts a message. Servers may take it only when they have done what it says, so this goes on by itself.
    async fn post(&self, to: Url, message: &Message) -> Result<Posted, Failure> {
        self.lifetime.renew();
        let place = timeout(PATIENCE, Arc::clone(&self.places).acquire_owned());
        let place = place.await.map_err(|_| Failure::Slow)?;
        let request = self.web.client.post(to).header(CONTENT_TYPE, "application/json");
        let request = request.body(message.to_json());
        let (inbox, lifetime) = (Arc::clone(&self.inbox), Arc::clone(&self.lifetime));
        let longest = self.address.longest;
        Ok(tokio::spawn(async move {
            let _place = place;
            let taken = tokio::select! {
                taken = timeout(longest, send(request)) => taken.unwrap_or(Err(Failure::Slow)),
                () = inbox.ended() => Err(Failure::Broken("its stream has ended".to_owned())),
            }?;
            match taken.status() {
                status if status.is_success() => Ok(()),
                status @ (StatusCode::NOT_FOUND | StatusCode::GONE) => {
                    lifetime.end();
                    Err(Failure::Broken(format!("it forgot the session (HTTP {status})")))
                }
                status => Err(refusal(status)),
            }
        }))
    }
}

/// A message on its way.
type Posted = JoinHandle<Result<(), Failure>>;

async fn taken(posted: &mut Posted) -> Result<(), Failure> {
    posted.await.unwrap_or_else(|error| Err(Failure::Away(error.to_string())))
}

impl Channel for Session {
    async fn ask(&self, question: &Id, message: &Message) -> Result<Events, Failure> {
        let endpoint = self.endpoint().await?;
        let mut events = self.inbox.expect(question)?;
        let mut posted = self.post(endpoint, message).await?;
        let first = tokio::select! {
            biased;
            taken = taken(&mut posted) => {
                taken?;
                return Ok(events);
            }
            first = events.next() => first,
        };
        // It speaks before it has taken the question, and may refuse it even so.
        let refused = stream::once(async move { taken(&mut posted).await.err() });
        let refused = refused.filter_map(|failure| future::ready(failure.map(Err)));
        let rest = stream::select(events, refused);
        Ok(Box::pin(stream::iter(first).chain(rest)))
    }

    async fn tell(&self, message: &Message) -> Result<(), Failure> {
        let endpoint = self.endpoint().await?;
        let mut posted = self.post(endpoint, message).await?;
        taken(&mut posted).await
    }

    fn listen(&self) -> Events {
        self.lifetime.renew();
        self.inbox.listen()
    }

    fn has_ended(&self) -> bool {
        self.inbox.is_closed()
    }

    fn end(&self) {
        self.lifetime.end();
    }
}

/// Opens the stream and reads it up to its end.
async fn hear(
    address: &Address,
    web: &Web,
    inbox: &Inbox,
    told: &watch::Sender<Option<Endpoint>>,
) -> Result<(), Failure> {
    let request = web.client.get(address.url.clone()).header(ACCEPT, EVENTS);
    let response = web.open(request).await?;
    if response.status() != StatusCode::OK {
        return Err(refusal(response.status()));
    }
    if kind_of(&response) != EVENTS {
        return Err(Failure::Broken("what it answers is no stream of events".to_owned()));
    }
    let mut events = RawEvents::new(response, address.most_bytes);
    while let Some(event) = events.next().await? {
        match event.name.as_str() {
            "endpoint" if told.borrow().is_none() => {
                let endpoint = endpoint::read(&address.url, &event.data)?;
                told.send_replace(Some(Ok(endpoint)));
            }
            "" | "message" if !event.data.trim().is_empty() => {
                let is_one = inbox.take(event.data.as_bytes()).await;
                is_one.then_some(()).ok_or_else(no_messages)?;
            }
            // Some say so that they are there.
            _ => {}
        }
    }
    Ok(())
}

fn no_messages() -> Failure {
    Failure::Broken("what it says are no messages".to_owned())
}

async fn send(request: RequestBuilder) -> Result<Response, Failure> {
    request.send().await.map_err(|error| away(&error))
}

fn refusal(status: StatusCode) -> Failure {
    match status.as_u16() {
        status @ (401 | 403 | 407) => Failure::Unauthorized(status),
        status => Failure::Broken(format!("HTTP status {status}")),
    }
}
