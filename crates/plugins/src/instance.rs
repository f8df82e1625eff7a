//! One running process of a plugin, as who asks it sees it: a question, an answer, and how many calls
//! are open.
//!
//! Which protocol the process speaks is known only below here. Starting and stopping it is the host's
//! work.

mod answer;
mod answer_names;
mod grpc;
mod pieces;
mod presence;
mod question;
mod usage;

pub use answer::{AskError, CallError, Piece};
pub(crate) use grpc::{Address, Features, SMALL_MESSAGE_BYTES};
pub use pieces::{Canceller, Pieces};
pub(crate) use presence::{InService, Presence};
pub use question::{
    CallLimits, ComingBody, End, NodeFacts, Question, RequestBody, RequestFields, Scheme,
};
pub(crate) use usage::OpenCalls;

use crate::ending::Ending;
use grpc::Grpc;
use sidegate_model::plugin::PluginSpec;
use sidegate_transport::pinned::Connector;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use usage::Usage;

/// An answer, as far as it is known when it begins.
pub type Answer = answer::Answer<Pieces>;
/// The body of an answer.
pub type AnswerBody = answer::AnswerBody<Pieces>;

/// How long streams that were told to end may take.
const LAST_STREAMS: Duration = Duration::from_millis(500);

/// One running process, or several of one plugin that runs elsewhere.
pub struct Instance {
    plugin: Arc<PluginSpec>,
    protocol: Protocol,
    usage: Arc<Usage>,
}

/// What a process speaks.
enum Protocol {
    Grpc(Grpc),
}

impl Instance {
    /// A process that listens on `socket` and speaks gRPC, encrypted where there is `tls`, for an edge
    /// with so many shards.
    pub fn new(
        plugin: Arc<PluginSpec>,
        socket: &Path,
        tls: Option<&Connector>,
        features: Features,
        shards: usize,
    ) -> Arc<Self> {
        let grpc = Grpc::new(socket, tls, features, shards);
        Self::speaking(plugin, Protocol::Grpc(grpc))
    }

    /// Processes that all run one plugin and speak gRPC; those `in_service` take turns, address by
    /// address. Somebody must look after them, who says for each new connection whether its process is
    /// known.
    pub fn at(
        plugin: Arc<PluginSpec>,
        addresses: &[Address],
        features: Features,
        shards: usize,
        in_service: &InService,
    ) -> Arc<Self> {
        let grpc = Grpc::at(addresses, features, shards, in_service);
        Self::speaking(plugin, Protocol::Grpc(grpc))
    }

    fn speaking(plugin: Arc<PluginSpec>, protocol: Protocol) -> Arc<Self> {
        Arc::new(Self { plugin, protocol, usage: Arc::default() })
    }

    /// What this process runs.
    pub fn plugin(&self) -> &Arc<PluginSpec> {
        &self.plugin
    }

    /// Asks; of a streamed answer, up to where its body begins. Dropping the future, or the pieces of the
    /// answer, cancels the plugin's call.
    ///
    /// # Errors
    /// See [`AskError`]. An instance that did not hear of the request has taken nothing of its body, or
    /// has left it whole.
    pub async fn ask(
        &self,
        question: &Question<'_>,
        body: &mut RequestBody,
        limits: CallLimits,
    ) -> Result<Answer, AskError> {
        match &self.protocol {
            Protocol::Grpc(grpc) => {
                let answer = grpc.ask(&self.usage, question, body, limits).await?;
                Ok(answer.map(Pieces::grpc))
            }
        }
    }

    /// Waits until somebody could not reach it; one who could not before counts.
    pub async fn doubted(&self) {
        match &self.protocol {
            Protocol::Grpc(grpc) => grpc.doubted().await,
        }
    }

    /// The process is gone: every open call fails now, and no new one begins.
    pub fn close(&self) {
        match &self.protocol {
            Protocol::Grpc(grpc) => grpc.close(),
        }
    }

    /// Calls that are open now.
    pub fn in_flight(&self) -> usize {
        self.usage.open()
    }

    /// For those who only count.
    pub fn open_calls(&self) -> OpenCalls {
        OpenCalls::of(&self.usage)
    }

    /// Waits until no call is open.
    pub async fn drained(&self) {
        self.usage.drained().await;
    }

    /// Tells all open streams to end, each as befits it, and waits a moment until they have.
    pub async fn end_streams(&self) {
        let streams = self.usage.streams();
        streams.each(|signal| _ = signal.send(Ending::Drained));
        if tokio::time::timeout(LAST_STREAMS, streams.emptied()).await.is_err() {
            tracing::debug!(plugin = self.plugin.name, "streams are cut with their process");
            // Those whose reader has stalled would learn of it when he reads on, if ever.
            streams.each(|signal| signal.force());
        }
    }
}
