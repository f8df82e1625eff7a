//! The service of Sidegate's own: each method checks its scope and says who answers. Knows nothing of connections.

use super::calling_plugin::{CallingPlugin, KV_READWRITE};
use super::{entries, sealing};
use sidegate_model::kv::Kv;
use sidegate_model::plugin_sealing::NamespaceKeys;
use sidegate_wire::host as wire;
use sidegate_wire::host::sidegate_host_service_server::SidegateHostService;
use std::sync::Arc;
use tonic::{Request, Response, Status};

type Answer<T> = Result<Response<T>, Status>;

/// What one plugin may ask beyond the original contract.
pub(super) struct Sidegate {
    pub(super) calling_plugin: CallingPlugin,
    pub(super) kv: Arc<dyn Kv>,
    pub(super) keys: Arc<dyn NamespaceKeys>,
}

#[tonic::async_trait]
impl SidegateHostService for Sidegate {
    async fn read_entry(
        &self,
        request: Request<wire::ReadEntryRequest>,
    ) -> Answer<wire::ReadEntryResponse> {
        self.calling_plugin.granted(KV_READWRITE)?;
        let read = entries::read(&*self.kv, self.calling_plugin.id, request.get_ref()).await;
        read.map(Response::new)
    }

    async fn write_entry(
        &self,
        request: Request<wire::WriteEntryRequest>,
    ) -> Answer<wire::WriteEntryResponse> {
        self.calling_plugin.granted(KV_READWRITE)?;
        let written = entries::write(&*self.kv, self.calling_plugin.id, request.into_inner()).await;
        written.map(Response::new)
    }

    async fn take_entry(
        &self,
        request: Request<wire::TakeEntryRequest>,
    ) -> Answer<wire::TakeEntryResponse> {
        self.calling_plugin.granted(KV_READWRITE)?;
        let taken = entries::take(&*self.kv, self.calling_plugin.id, request.get_ref()).await;
        taken.map(Response::new)
    }

    async fn list_entries(
        &self,
        request: Request<wire::ListEntriesRequest>,
    ) -> Answer<wire::ListEntriesResponse> {
        self.calling_plugin.granted(KV_READWRITE)?;
        let listed = entries::list(&*self.kv, self.calling_plugin.id, request.get_ref()).await;
        listed.map(Response::new)
    }

    async fn seal(&self, request: Request<wire::SealRequest>) -> Answer<wire::SealResponse> {
        let snapshot = self.calling_plugin.granted(KV_READWRITE)?;
        let (id, request) = (self.calling_plugin.id, request.get_ref());
        sealing::seal(&*self.keys, &snapshot, id, request).await.map(Response::new)
    }

    async fn open(&self, request: Request<wire::OpenRequest>) -> Answer<wire::OpenResponse> {
        let snapshot = self.calling_plugin.granted(KV_READWRITE)?;
        let (id, request) = (self.calling_plugin.id, request.get_ref());
        sealing::open(&*self.keys, &snapshot, id, request).await.map(Response::new)
    }
}
