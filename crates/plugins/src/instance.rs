//! One running process of a plugin, as who asks it sees it: a question, an answer, and how many calls
//! are open.
//!
//! Which protocol the process speaks is known only below here. Starting and stopping it is the host's
//! work.

mod answer;
mod answer_names;
mod control;
mod grpc;
mod pieces;
mod presence;
mod question;
mod usage;

pub use answer::{AskError, CallError, Piece};
pub(crate) use control::InstanceControl;
pub(crate) use grpc::{Address, Features, SMALL_MESSAGE_BYTES};
pub use pieces::{Canceller, Pieces};
pub(crate) use presence::{InService, Presence};
pub use question::{
    CallLimits, ComingBody, End, NodeFacts, Question, RequestBody, RequestFields, Scheme,
};
pub(crate) use usage::OpenCalls;

use control::ProtocolControl;
use futures_util::FutureExt as _;
use grpc::Grpc;
use sidegate_model::plugin::PluginSpec;
use sidegate_transport::pinned::Connector;
use std::path::Path;
use std::sync::Arc;
use usage::Usage;

/// An answer, as far as it is known when it begins.
pub type Answer = answer::Answer<Pieces>;
/// The body of an answer.
pub type AnswerBody = answer::AnswerBody<Pieces>;

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
    pub fn ask<'a>(
        &'a self,
        question: &'a Question<'_>,
        body: &'a mut RequestBody,
        limits: CallLimits,
    ) -> impl Future<Output = Result<Answer, AskError>> + Send + 'a {
        // Another protocol makes this one of two futures.
        let Protocol::Grpc(grpc) = &self.protocol;
        let asking = grpc.ask(&self.usage, question, body, limits);
        asking.map(|answer| Ok(answer?.map(Pieces::grpc)))
    }

    /// For whoever looks after its process.
    pub(crate) fn control(&self) -> InstanceControl {
        let protocol = match &self.protocol {
            Protocol::Grpc(grpc) => ProtocolControl::Grpc(grpc.control()),
        };
        InstanceControl::new(self.plugin.clone(), protocol, self.usage.clone())
    }

    /// Calls that are open now.
    pub fn in_flight(&self) -> usize {
        self.usage.open()
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        self.usage.release();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sidegate_model::plugin::PluginId;
    use std::pin::pin;

    fn instance() -> Arc<Instance> {
        let plugin = PluginSpec::new(PluginId(1), "p", "file:///nobody");
        Instance::new(Arc::new(plugin), Path::new("/nobody"), None, Features::default(), 1)
    }

    #[tokio::test]
    async fn an_instance_is_released_when_nobody_holds_it_and_its_last_call_has_ended() {
        let instance = instance();
        let (held, control) = (instance.clone(), instance.control());
        let call = instance.usage.enter();
        let mut released = pin!(control.released());
        drop(instance);
        assert!(released.as_mut().now_or_never().is_none(), "somebody may still begin a call");
        drop(held);
        assert!(released.as_mut().now_or_never().is_none(), "a call is open");
        drop(call);
        released.await;
    }
}
