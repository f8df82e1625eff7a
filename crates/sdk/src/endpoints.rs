//! A list of endpoints with their handlers, waiting for the state the handlers want.

use std::sync::Arc;

use crate::endpoint::Endpoint;
use crate::error::Result;
use crate::handler::{Boxed, Handler, StreamHandler};
use crate::request::Request;
use crate::response::Response;
use crate::stream::ResponseStream;

use sidegate_wire::plugin::EndpointRegistration;

/// Endpoints and the functions that answer them. A [`Plugin`](crate::Plugin) has one such list;
/// another can be made once the configuration is known, see
/// [`Plugin::endpoints`](crate::Plugin::endpoints).
#[must_use = "endpoints do nothing until they are given to a plugin"]
pub struct Endpoints<S = ()> {
    entries: Vec<Entry<S>>,
}

struct Entry<S> {
    registration: EndpointRegistration,
    bind: Box<dyn FnOnce(Arc<S>) -> Answerer + Send>,
}

/// A handler that has its state.
pub(crate) enum Answerer {
    Whole(Box<dyn Fn(Request) -> Boxed<Result<Response>> + Send + Sync>),
    Stream(Box<dyn Fn(Request, ResponseStream) -> Boxed<Result<()>> + Send + Sync>),
}

impl<S> Default for Endpoints<S> {
    fn default() -> Self {
        Self { entries: Vec::new() }
    }
}

impl<S: Send + Sync + 'static> Endpoints<S> {
    /// An empty list, to be filled by the methods below.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an endpoint whose handler answers as a whole.
    pub fn endpoint<H, Shape>(mut self, endpoint: impl Into<Endpoint>, handler: H) -> Self
    where
        H: Handler<S, Shape>,
    {
        self.entries.push(Entry {
            registration: endpoint.into().into_registration(false),
            bind: Box::new(move |state| {
                Answerer::Whole(Box::new(move |request| handler.call(request, &state)))
            }),
        });
        self
    }

    /// Adds an endpoint whose handler answers piece by piece.
    pub fn stream<H, Shape>(mut self, endpoint: impl Into<Endpoint>, handler: H) -> Self
    where
        H: StreamHandler<S, Shape>,
    {
        self.entries.push(Entry {
            registration: endpoint.into().into_registration(true),
            bind: Box::new(move |state| {
                Answerer::Stream(Box::new(move |request, stream| {
                    handler.call(request, stream, &state)
                }))
            }),
        });
        self
    }

    /// The same handlers under another state; they used none.
    pub(crate) fn without_state<T: Send + Sync + 'static>(self, none: S) -> Endpoints<T> {
        let none = Arc::new(none);
        let entries = self.entries.into_iter().map(|Entry { registration, bind }| {
            let none = Arc::clone(&none);
            Entry { registration, bind: Box::new(move |_| bind(none)) }
        });
        Endpoints { entries: entries.collect() }
    }

    pub(crate) fn append(&mut self, mut others: Self) {
        self.entries.append(&mut others.entries);
    }

    pub(crate) fn registrations(&self) -> Vec<EndpointRegistration> {
        self.entries.iter().map(|entry| entry.registration.clone()).collect()
    }

    /// Gives every handler its state.
    pub(crate) fn bind(self, state: &Arc<S>) -> Vec<(EndpointRegistration, Answerer)> {
        let bind = |entry: Entry<S>| (entry.registration, (entry.bind)(Arc::clone(state)));
        self.entries.into_iter().map(bind).collect()
    }
}

/// The methods that name a method, the same for a plugin and for a list of endpoints.
macro_rules! shorthands {
    ($($name:ident $method:literal),+) => {
        $(
            #[doc = concat!("Answers `", $method, "` at this address.")]
            pub fn $name<H, Shape>(self, endpoint: impl Into<$crate::Endpoint>, handler: H) -> Self
            where
                H: $crate::Handler<S, Shape>,
            {
                self.endpoint(endpoint.into().method($method), handler)
            }
        )+

        /// Answers every method at this address.
        pub fn any<H, Shape>(self, endpoint: impl Into<$crate::Endpoint>, handler: H) -> Self
        where
            H: $crate::Handler<S, Shape>,
        {
            self.endpoint(endpoint.into().any_method(), handler)
        }
    };
    () => {
        $crate::endpoints::shorthands! {
            get "GET", post "POST", put "PUT", patch "PATCH", delete "DELETE"
        }
    };
}
pub(crate) use shorthands;

impl<S: Send + Sync + 'static> Endpoints<S> {
    shorthands! {}
}

impl<S> std::fmt::Debug for Endpoints<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.entries.iter().map(|entry| &entry.registration)).finish()
    }
}
