//! The gRPC contract: one question as a message, one answer or a stream of chunks.
//!
//! Knows endpoints' messages and statuses; what of an answer reaches the client, and when a stream has
//! lasted too long, is the affair of who asks.

mod answer;
mod headers;
mod lane;
mod pieces;
mod request;

pub(crate) use lane::Address;
pub(super) use pieces::{GrpcPieces, SharedCall};

use super::answer::{Answer, AskError, CallError};
use super::presence::{InService, Presence};
use super::question::{CallLimits, Question, RequestBody};
use super::usage::Usage;
use bytes::Bytes;
use lane::{CallKind, Lane, Messages, OnlyMessage};
use sidegate_transport::codec::{self, Encoded, Malformed};
use sidegate_transport::pinned::Connector;
use sidegate_wire::handshake::{FEATURE_HEADER_LIST, FEATURE_LARGE_MESSAGES, FEATURE_RAW_PATH};
use std::future::poll_fn;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Poll, ready};
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// What the gRPC server of a Go plugin takes in one message, in bytes.
pub(crate) const SMALL_MESSAGE_BYTES: usize = 4 * 1024 * 1024;

/// The extensions of the contract that a plugin announced.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Features {
    /// Ordered, repeatable headers in both directions.
    pub header_list: bool,
    /// The raw path in requests.
    pub raw_path: bool,
    /// Requests above 4 MiB are taken.
    pub large_messages: bool,
}

impl Features {
    /// Reads the features a plugin named in its answer to Initialize.
    pub fn from_announced(names: &[String]) -> Self {
        let has = |name: &str| names.iter().any(|n| n == name);
        Self {
            header_list: has(FEATURE_HEADER_LIST),
            raw_path: has(FEATURE_RAW_PATH),
            large_messages: has(FEATURE_LARGE_MESSAGES),
        }
    }

    /// What both can do.
    pub fn common(self, other: Self) -> Self {
        Self {
            header_list: self.header_list && other.header_list,
            raw_path: self.raw_path && other.raw_path,
            large_messages: self.large_messages && other.large_messages,
        }
    }

    /// Largest encoded request that the plugin takes, in bytes.
    fn max_request_bytes(self) -> usize {
        if self.large_messages { u32::MAX as usize } else { SMALL_MESSAGE_BYTES }
    }
}

/// The connections to one process, or to several of one plugin that runs elsewhere.
pub(super) struct Grpc {
    features: Features,
    /// For each shard one lane to each address.
    lanes: Box<[Box<[Lane]>]>,
    /// Whose turn it is among several addresses.
    turn: AtomicUsize,
    control: GrpcControl,
}

/// A unary call on its way.
enum UnaryCall<S> {
    /// On a connection that was there.
    Begun(OnlyMessage),
    /// Connecting, or trying again.
    Slowly(Pin<Box<S>>),
}

/// What is done to the connections by whoever looks after the processes.
#[derive(Clone)]
pub(super) struct GrpcControl {
    /// Which addresses are in service.
    in_service: InService,
    closed: CancellationToken,
}

impl GrpcControl {
    /// Waits until somebody could not reach one of them; one who could not before counts.
    pub(super) async fn doubted(&self) {
        let doubts = self.in_service.iter().map(|address| Box::pin(address.doubted()));
        futures_util::future::select_all(doubts).await;
    }

    /// Every open call fails now, and no new one begins.
    pub(super) fn close(&self) {
        self.closed.cancel();
    }
}

impl Grpc {
    /// To a process that listens on `socket`, encrypted where there is `tls`, with one lane for each
    /// of the edge's `shards`.
    pub(super) fn new(
        socket: &Path,
        tls: Option<&Connector>,
        features: Features,
        shards: usize,
    ) -> Self {
        let always = [Presence::new(true)].into();
        let address = Address::Unix(socket.to_owned());
        let lanes = |closed: &CancellationToken| {
            [Lane::new(address.clone(), tls.cloned(), closed.clone())].into()
        };
        Self::with_lanes(features, shards, always, lanes)
    }

    /// To processes that all run one plugin; those `in_service` take turns, address by address. Somebody
    /// must look after them, who says for each new connection whether its process is known.
    pub(super) fn at(
        addresses: &[Address],
        features: Features,
        shards: usize,
        in_service: &InService,
    ) -> Self {
        let lanes = |closed: &CancellationToken| {
            let lane = |(at, address): (usize, &Address)| {
                Lane::new(address.clone(), None, closed.clone()).watched(in_service.clone(), at)
            };
            addresses.iter().enumerate().map(lane).collect()
        };
        Self::with_lanes(features, shards, in_service.clone(), lanes)
    }

    /// With `lanes` for each shard, one to each address.
    fn with_lanes(
        features: Features,
        shards: usize,
        in_service: InService,
        lanes: impl Fn(&CancellationToken) -> Box<[Lane]>,
    ) -> Self {
        let closed = CancellationToken::new();
        let lanes = (0..shards.max(1)).map(|_| lanes(&closed)).collect();
        let control = GrpcControl { in_service, closed };
        Self { features, lanes, turn: AtomicUsize::new(0), control }
    }

    /// Asks, the way the endpoint wants to be asked.
    ///
    /// # Errors
    /// See [`AskError`].
    pub(super) async fn ask(
        &self,
        usage: &Arc<Usage>,
        question: &Question<'_>,
        body: &mut RequestBody,
        limits: CallLimits,
    ) -> Result<Answer<Box<GrpcPieces>>, AskError> {
        let body = match body {
            // As it nearly always is.
            RequestBody::Whole(bytes) => bytes.clone(),
            RequestBody::Coming(_) => {
                Box::pin(body.whole(self.features.max_request_bytes())).await?
            }
        };
        let request = request::encode(question, &body, self.features)?;
        if question.streams {
            // In a box, because a single answer needs less room.
            return Box::pin(self.stream(usage, question, &request, limits)).await;
        }
        self.unary(usage, &request, limits).await
    }

    /// One question, one answer.
    async fn unary(
        &self,
        usage: &Arc<Usage>,
        request: &Encoded,
        limits: CallLimits,
    ) -> Result<Answer<Box<GrpcPieces>>, AskError> {
        let mut in_use = usage.enter();
        let message = self.only(request, limits).await.inspect_err(|error| in_use.note(error))?;
        Ok(answer::whole(codec::Answer::decode(&message)?)?)
    }

    /// The one message of the answer.
    fn only<'a>(
        &'a self,
        request: &'a Encoded,
        limits: CallLimits,
    ) -> impl Future<Output = Result<Bytes, CallError>> + 'a {
        let slowly = move || {
            // In a box, because hardly any call needs the room for it.
            Box::pin(async move {
                let call = self.call(limits.shard, CallKind::Unary, request, limits.within);
                let mut only = call.await?.only();
                poll_fn(|cx| only.poll(cx)).await
            })
        };
        let mut call = match self.begin_at_once(request, limits) {
            Some(messages) => UnaryCall::Begun(messages.only()),
            None => UnaryCall::Slowly(slowly()),
        };
        poll_fn(move |cx| {
            loop {
                match &mut call {
                    UnaryCall::Begun(only) => match ready!(only.poll(cx)) {
                        Err(CallError::Unreachable(_)) => call = UnaryCall::Slowly(slowly()),
                        only => return Poll::Ready(only),
                    },
                    UnaryCall::Slowly(slowly) => return slowly.as_mut().poll(cx),
                }
            }
        })
    }

    /// Begins a call where there is one address and a connection to it, as it nearly always is.
    fn begin_at_once(&self, request: &Encoded, limits: CallLimits) -> Option<Messages> {
        match self.lanes_of(limits.shard) {
            [lane] if self.control.in_service[0].is_up() => {
                lane.begin_at_once(CallKind::Unary, request, limits.within)
            }
            _ => None,
        }
    }

    /// One question, a stream for an answer, up to where that begins.
    async fn stream(
        &self,
        usage: &Arc<Usage>,
        question: &Question<'_>,
        request: &Encoded,
        limits: CallLimits,
    ) -> Result<Answer<Box<GrpcPieces>>, AskError> {
        let mut in_use = usage.enter();
        let call = self.call(limits.shard, CallKind::Streaming, request, limits.within).await;
        let messages = call.inspect_err(|error| in_use.note(error))?;
        let pieces = Box::new(GrpcPieces::new(messages, in_use, limits.end, question));
        Ok(answer::begin(pieces).await?)
    }

    /// Sends a request to the address whose turn it is, or to the next one that can be reached.
    async fn call(
        &self,
        shard: usize,
        kind: CallKind,
        request: &Encoded,
        limit: Duration,
    ) -> Result<Messages, CallError> {
        let lanes = self.lanes_of(shard);
        let first = if lanes.len() == 1 { 0 } else { self.turn.fetch_add(1, Ordering::Relaxed) };
        let mut result = Err(CallError::Unreachable("no address is in service".to_owned()));
        for step in 0..lanes.len() {
            let at = (first.wrapping_add(step)) % lanes.len();
            if !self.control.in_service[at].is_up() {
                continue;
            }
            result = lanes[at].call(kind, request, limit).await;
            if !matches!(result, Err(CallError::Unreachable(_))) {
                break;
            }
            self.control.in_service[at].doubt();
        }
        result
    }

    fn lanes_of(&self, shard: usize) -> &[Lane] {
        &self.lanes[shard % self.lanes.len()]
    }

    /// For whoever looks after the processes.
    pub(super) fn control(&self) -> GrpcControl {
        self.control.clone()
    }
}

impl From<Malformed> for CallError {
    fn from(malformed: Malformed) -> Self {
        Self::Protocol(malformed.to_string())
    }
}

impl From<Malformed> for AskError {
    fn from(malformed: Malformed) -> Self {
        Self::Heard(malformed.into())
    }
}
