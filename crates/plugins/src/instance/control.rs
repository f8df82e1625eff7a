//! An instance in the hands of whoever looks after its process: what may be done to it, and when nobody
//! uses it any more. It keeps nothing in use itself, and sends no request.

use super::grpc::GrpcControl;
use super::usage::{OpenCalls, Usage};
use crate::ending::Ending;
use sidegate_model::plugin::PluginSpec;
use std::sync::Arc;
use std::time::Duration;

/// How long streams that were told to end may take.
const LAST_STREAMS: Duration = Duration::from_millis(500);

/// An instance, for whoever looks after its process.
#[derive(Clone)]
pub(crate) struct InstanceControl {
    plugin: Arc<PluginSpec>,
    protocol: ProtocolControl,
    usage: Arc<Usage>,
}

/// What ends the connections, by protocol.
#[derive(Clone)]
pub(super) enum ProtocolControl {
    Grpc(GrpcControl),
}

impl InstanceControl {
    pub(super) fn new(
        plugin: Arc<PluginSpec>,
        protocol: ProtocolControl,
        usage: Arc<Usage>,
    ) -> Self {
        Self { plugin, protocol, usage }
    }

    /// Waits until somebody could not reach it; one who could not before counts.
    pub(crate) async fn doubted(&self) {
        match &self.protocol {
            ProtocolControl::Grpc(grpc) => grpc.doubted().await,
        }
    }

    /// The process is gone: every open call fails now, and no new one begins.
    pub(crate) fn close(&self) {
        match &self.protocol {
            ProtocolControl::Grpc(grpc) => grpc.close(),
        }
    }

    /// For those who only count.
    pub(crate) fn open_calls(&self) -> OpenCalls {
        OpenCalls::of(&self.usage)
    }

    /// Waits until no call is open.
    pub(crate) async fn drained(&self) {
        self.usage.drained().await;
    }

    /// Waits until no request can reach the process any more: nobody holds the instance, neither a
    /// generation nor whoever was led to it by one, and no call is open.
    pub(crate) async fn released(&self) {
        self.usage.released().await;
        self.usage.drained().await;
    }

    /// Tells all open streams to end, each as befits it, and waits a moment until they have.
    pub(crate) async fn end_streams(&self) {
        let streams = self.usage.streams();
        streams.each(|signal| _ = signal.send(Ending::Drained));
        if tokio::time::timeout(LAST_STREAMS, streams.emptied()).await.is_err() {
            tracing::debug!(plugin = self.plugin.name, "streams are cut with their process");
            // Those whose reader has stalled would learn of it when he reads on, if ever.
            streams.each(|signal| signal.force());
        }
    }
}
