//! What an instance is asked, in the words of HTTP: every protocol makes its own message of it.

use super::answer::CallError;
use crate::app_identity::AppIdentity;
use crate::limits::Ticket;
use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt as _};
use http::{HeaderMap, HeaderName};
use sidegate_model::path::PluginPath;
use sidegate_model::plugin::PluginSpec;
use sidegate_transport::codec::encode_facts;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// Whether a client speaks with TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// Without.
    Http,
    /// With.
    Https,
}

impl Scheme {
    /// The word in an address.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// What every request tells plugins of this node and of how it came, written once for each protocol.
pub struct NodeFacts {
    grpc_http: Bytes,
    grpc_https: Bytes,
}

impl NodeFacts {
    /// Of the node with this name and namespace.
    pub fn new(edge_id: &str, edge_namespace: &str) -> Self {
        let with = |scheme: Scheme| {
            let node = [("edge_id", edge_id), ("edge_namespace", edge_namespace)];
            encode_facts(node.into_iter().chain([("scheme", scheme.as_str())]))
        };
        Self { grpc_http: with(Scheme::Http), grpc_https: with(Scheme::Https) }
    }

    /// As a part of a gRPC message, for a request that came this way.
    pub(super) fn grpc(&self, scheme: Scheme) -> &Bytes {
        match scheme {
            Scheme::Http => &self.grpc_http,
            Scheme::Https => &self.grpc_https,
        }
    }
}

/// The header fields of a request, as its plugin gets them.
#[derive(Debug, Clone, Copy)]
pub struct RequestFields<'a> {
    /// All of them, and some that the plugin does not get.
    pub all: &'a HeaderMap,
    /// Whether it does not get a field of this name.
    pub withheld: fn(&HeaderName) -> bool,
    /// Fields of the gateway's own, by names in their canonical spelling, where they have a value.
    pub added: &'a [(&'static str, &'a [u8])],
}

/// A request without its body, borrowed from who asks.
#[derive(Clone, Copy)]
pub struct Question<'a> {
    /// The method.
    pub method: &'a str,
    /// The path, in both readings.
    pub path: &'a PluginPath,
    /// The path as sent.
    pub raw_path: &'a str,
    /// The query as sent, without the question mark.
    pub query: &'a str,
    /// The header fields.
    pub fields: RequestFields<'a>,
    /// The client's address.
    pub client: &'a str,
    /// How the client came.
    pub scheme: Scheme,
    /// The host the client named.
    pub host: &'a [u8],
    /// As the client and the log are told.
    pub request_id: &'a str,
    /// What the operator says of the plugin now.
    pub plugin: &'a Arc<PluginSpec>,
    /// Of the node.
    pub facts: &'a NodeFacts,
    /// The app that calls, if it is known.
    pub app: Option<&'a AppIdentity>,
    /// What [`encode_facts`] made of what else is known of the caller.
    pub caller_facts: &'a [u8],
    /// The scopes of its token.
    pub scopes: &'a [String],
    /// Whether its endpoint answers with a stream.
    pub streams: bool,
    /// Its place among the plugin's calls, where those are limited: a stream keeps it to its end.
    pub ticket: Option<&'a Arc<Ticket>>,
}

/// How long a call may take, and who sees to that.
#[derive(Debug, Clone, Copy)]
pub struct CallLimits {
    /// From which of the edge's shards it comes.
    pub shard: usize,
    /// What the plugin is told; keeping it is the caller's duty.
    pub within: Duration,
    /// Who ends a stream.
    pub end: End,
}

/// Who ends a stream that lasts too long.
#[derive(Debug, Clone, Copy)]
pub enum End {
    /// Its reader.
    ByReader,
    /// Its reader, or others that may have to; there is no moment at which it must end.
    ByOthers,
    /// A guard, at this moment, even if nobody asks for more any more: the reader of an HTTP/2
    /// stream can stall so that its answer is not even polled.
    At(Instant),
}

/// The body of a request.
pub enum RequestBody {
    /// All of it.
    Whole(Bytes),
    /// Piece by piece, as its client sends it. Only tests ask so as yet: the edge reads a body to its
    /// end, since gRPC wants it whole. It is for a protocol that passes a body on while it comes.
    Coming(ComingBody),
}

impl RequestBody {
    /// Whether another instance may be asked the same: nothing of the body was taken, or all of it is
    /// still here.
    pub fn can_be_asked_again(&self) -> bool {
        match self {
            Self::Whole(_) => true,
            Self::Coming(coming) => !coming.taken,
        }
    }

    /// All of it, for a protocol that knows whole messages only; it is whole from then on.
    ///
    /// # Errors
    /// [`CallError::TooLarge`] above `limit` bytes, [`CallError::Upload`] where it does not come to
    /// its end.
    pub(super) async fn whole(&mut self, limit: usize) -> Result<Bytes, CallError> {
        let bytes = match self {
            Self::Whole(bytes) => return Ok(bytes.clone()),
            Self::Coming(coming) => coming.gather(limit).await?,
        };
        *self = Self::Whole(bytes.clone());
        Ok(bytes)
    }
}

/// The rest of a body that its client is still sending.
pub struct ComingBody {
    pieces: Pin<Box<dyn Stream<Item = io::Result<Bytes>> + Send>>,
    taken: bool,
}

impl ComingBody {
    /// Of which nothing was taken yet.
    pub fn new(pieces: impl Stream<Item = io::Result<Bytes>> + Send + 'static) -> Self {
        Self { pieces: Box::pin(pieces), taken: false }
    }

    async fn gather(&mut self, limit: usize) -> Result<Bytes, CallError> {
        let mut all = BytesMut::new();
        while let Some(piece) = self.pieces.next().await {
            self.taken = true;
            let piece = piece.map_err(|error| CallError::Upload(error.to_string()))?;
            if all.len() + piece.len() > limit {
                return Err(CallError::TooLarge { limit });
            }
            all.extend_from_slice(&piece);
        }
        Ok(all.freeze())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::stream;

    fn coming(pieces: Vec<io::Result<Bytes>>) -> RequestBody {
        RequestBody::Coming(ComingBody::new(stream::iter(pieces)))
    }

    #[tokio::test]
    async fn another_instance_may_be_asked_while_nothing_of_a_body_is_lost() {
        let mut body = coming(vec![Ok(Bytes::from("ab")), Ok(Bytes::from("c"))]);
        assert!(body.can_be_asked_again());
        assert_eq!(body.whole(3).await.unwrap(), "abc");
        assert!(body.can_be_asked_again(), "all of it is here");
        assert_eq!(body.whole(3).await.unwrap(), "abc");
        let mut broken = coming(vec![Ok(Bytes::from("ab")), Err(io::Error::other("reset"))]);
        assert!(matches!(broken.whole(9).await, Err(CallError::Upload(_))));
        assert!(!broken.can_be_asked_again());
    }

    #[tokio::test]
    async fn a_body_that_is_too_large_for_its_plugin_is_not_gathered() {
        let mut body = coming(vec![Ok(Bytes::from("abc")), Ok(Bytes::from("d"))]);
        assert!(matches!(body.whole(3).await, Err(CallError::TooLarge { limit: 3 })));
    }
}
