//! The data plane as the control plane sees it, and its settings as the gateway wants them.
//!
//! It translates; it decides nothing.

use crate::config::resolved::Config;
use crate::error::Failure;
use sidegate_control::DataPlane;
use sidegate_model::snapshot::{Revision, Snapshot};
use sidegate_model::status::PluginStatus;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use tokio::sync::watch;

pub(crate) struct Gateway(SocketAddr);

pub(crate) async fn start(
    config: &Config,
    _desired: watch::Receiver<Arc<Snapshot>>,
) -> Result<Gateway, Failure> {
    Ok(Gateway(config.gateway_addr))
}

impl Gateway {
    pub(crate) fn local_addr(&self) -> SocketAddr {
        self.0
    }

    pub(crate) async fn shutdown(&self) {}
}

impl DataPlane for Gateway {
    fn plugins(&self) -> Vec<PluginStatus> {
        Vec::new()
    }

    fn applied(&self, _: Revision) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(std::future::ready(()))
    }
}
