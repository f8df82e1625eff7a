//! The host services of a testing host, as the plugin calls them: checks scopes and sizes as a
//! gateway does, and looks into the memory.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};
use sidegate_wire::events as wire_events;
use sidegate_wire::events::plugin_event_service_server::PluginEventService;
use sidegate_wire::management as wire;
use sidegate_wire::management::microgateway_management_service_server::MicrogatewayManagementService;
use tokio_stream::wrappers::BroadcastStream;
use tonic::{Request, Response, Status};

use super::memory::Memory;

/// The origin of what the plugin under test publishes.
const ORIGIN: &str = "plugin:1@test";
/// The longest key and the largest value, in bytes, as Sidegate has them.
const KEY_BYTES: usize = 512;
pub(super) const VALUE_BYTES: usize = 1024 * 1024;
/// The size of a page where the caller names none.
const PAGE: usize = 10;

pub(super) type Answer<T> = Result<Response<T>, Status>;

/// Both services on one memory.
#[derive(Clone, Default)]
pub(super) struct Services(Arc<Mutex<Memory>>);

impl Services {
    pub(super) fn memory(&self) -> MutexGuard<'_, Memory> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The memory, for a plugin that has this scope.
    fn granted(&self, scope: &str) -> Result<MutexGuard<'_, Memory>, Status> {
        let memory = self.memory();
        if memory.granted.contains(scope) {
            return Ok(memory);
        }
        Err(Status::permission_denied(format!("insufficient scope: {scope} (plugin: 1)")))
    }

    pub(super) fn values(&self, key: &str) -> Result<MutexGuard<'_, Memory>, Status> {
        let memory = self.granted("kv.readwrite")?;
        if key.is_empty() || key.len() > KEY_BYTES {
            let text = format!("a key has 1 to {KEY_BYTES} bytes, this one has {}", key.len());
            return Err(Status::invalid_argument(text));
        }
        if memory.is_away {
            return Err(Status::unavailable("the storage cannot be reached right now"));
        }
        Ok(memory)
    }
}

impl Services {
    /// Keeps a value; tells whether its key is new.
    pub(super) fn keep(
        &self,
        key: &str,
        value: Bytes,
        until: Option<SystemTime>,
    ) -> Result<bool, Status> {
        let mut memory = self.values(key)?;
        if value.len() > VALUE_BYTES {
            return Err(Status::invalid_argument(format!("{VALUE_BYTES} bytes are the most")));
        }
        Ok(memory.write(key, value, until))
    }

    pub(super) fn kept(&self, key: &str) -> Result<Bytes, Status> {
        self.values(key)?.read(key).ok_or_else(|| Status::not_found("key not found"))
    }
}

pub(super) fn not_here<T>() -> Answer<T> {
    Err(Status::unimplemented("a testing host does not offer this"))
}

#[tonic::async_trait]
impl MicrogatewayManagementService for Services {
    async fn write_plugin_kv(
        &self,
        request: Request<wire::WritePluginKvRequest>,
    ) -> Answer<wire::WritePluginKvResponse> {
        let message = request.into_inner();
        let until = message.expire_at.map(SystemTime::try_from).transpose();
        let until = until.map_err(|error| Status::invalid_argument(error.to_string()))?;
        let created = self.keep(&message.key, message.value, until)?;
        Ok(Response::new(wire::WritePluginKvResponse { created }))
    }

    async fn read_plugin_kv(
        &self,
        request: Request<wire::ReadPluginKvRequest>,
    ) -> Answer<wire::ReadPluginKvResponse> {
        let value = self.kept(&request.into_inner().key)?;
        Ok(Response::new(wire::ReadPluginKvResponse { value }))
    }

    async fn delete_plugin_kv(
        &self,
        request: Request<wire::DeletePluginKvRequest>,
    ) -> Answer<wire::DeletePluginKvResponse> {
        let key = request.into_inner().key;
        let deleted = self.values(&key)?.delete(&key);
        Ok(Response::new(wire::DeletePluginKvResponse { deleted }))
    }

    async fn list_apps(
        &self,
        request: Request<wire::ListAppsRequest>,
    ) -> Answer<wire::ListAppsResponse> {
        let message = request.into_inner();
        let is_active = message.is_active.unwrap_or(true);
        let memory = self.granted("apps.read")?;
        let apps = memory.apps.iter().filter(|app| app.is_active == is_active);
        let total_count = i64::try_from(apps.clone().count()).unwrap_or(i64::MAX);
        let limit = usize::try_from(message.limit).ok().filter(|&n| n > 0).unwrap_or(PAGE);
        let earlier = usize::try_from(message.page.max(1) - 1).unwrap_or(0);
        let apps = apps.skip(earlier.saturating_mul(limit)).take(limit).cloned().collect();
        Ok(Response::new(wire::ListAppsResponse { apps, total_count }))
    }

    async fn get_app(&self, request: Request<wire::GetAppRequest>) -> Answer<wire::GetAppResponse> {
        let id = request.into_inner().app_id;
        let memory = self.granted("apps.read")?;
        let app = memory.apps.iter().find(|app| app.id == id).cloned();
        let app = app.ok_or_else(|| Status::not_found("app not found"))?;
        Ok(Response::new(wire::GetAppResponse { app: Some(app) }))
    }

    async fn validate_credential(
        &self,
        request: Request<wire::ValidateCredentialRequest>,
    ) -> Answer<wire::ValidateCredentialResponse> {
        let memory = self.granted("credentials.validate")?;
        let app_id = memory.secrets.get(&request.into_inner().secret).copied();
        Ok(Response::new(wire::ValidateCredentialResponse {
            valid: app_id.is_some(),
            app_id: app_id.unwrap_or(0),
            credential_id: app_id.map_or(0, |_| 1),
            expires_at: None,
        }))
    }

    async fn get_budget_status(
        &self,
        request: Request<wire::GetBudgetStatusRequest>,
    ) -> Answer<wire::GetBudgetStatusResponse> {
        drop(self.granted("budget.read")?);
        let app_id = request.into_inner().app_id;
        Ok(Response::new(wire::GetBudgetStatusResponse { app_id, ..Default::default() }))
    }

    // ---- What the client of this SDK does not ask ----

    async fn list_ll_ms(
        &self,
        _: Request<wire::ListLlMsRequest>,
    ) -> Answer<wire::ListLlMsResponse> {
        not_here()
    }

    async fn get_llm(&self, _: Request<wire::GetLlmRequest>) -> Answer<wire::GetLlmResponse> {
        not_here()
    }

    async fn list_model_prices(
        &self,
        _: Request<wire::ListModelPricesRequest>,
    ) -> Answer<wire::ListModelPricesResponse> {
        not_here()
    }

    async fn get_model_price(
        &self,
        _: Request<wire::GetModelPriceRequest>,
    ) -> Answer<wire::GetModelPriceResponse> {
        not_here()
    }

    async fn queue_control_payload(
        &self,
        _: Request<wire::QueueControlPayloadRequest>,
    ) -> Answer<wire::QueueControlPayloadResponse> {
        not_here()
    }

    async fn get_license_info(
        &self,
        _: Request<wire::GetLicenseInfoRequest>,
    ) -> Answer<wire::GetLicenseInfoResponse> {
        not_here()
    }
}

#[tonic::async_trait]
impl PluginEventService for Services {
    async fn publish(
        &self,
        request: Request<wire_events::PublishRequest>,
    ) -> Answer<wire_events::PublishResponse> {
        let message = request.into_inner();
        Ok(Response::new(if message.topic.is_empty() {
            let error_message = "topic is required".to_owned();
            wire_events::PublishResponse { error_message, ..Default::default() }
        } else {
            let event_id = self.memory().publish(&message.topic, message.payload, ORIGIN);
            wire_events::PublishResponse { success: true, event_id, ..Default::default() }
        }))
    }

    type SubscribeStream =
        Pin<Box<dyn Stream<Item = Result<wire_events::EventMessage, Status>> + Send>>;

    async fn subscribe(
        &self,
        request: Request<wire_events::SubscribeRequest>,
    ) -> Answer<Self::SubscribeStream> {
        let wanted = request.into_inner();
        if wanted.topic.is_empty() && !wanted.subscribe_all {
            return Err(Status::unknown("topic is required"));
        }
        let all = BroadcastStream::new(self.memory().follow());
        // Those that a slow follower missed are lost.
        let events = all.filter_map(move |event| {
            let fits = event.ok().filter(|e| wanted.subscribe_all || e.topic == wanted.topic);
            std::future::ready(fits.map(Ok))
        });
        Ok(Response::new(Box::pin(events)))
    }

    async fn unsubscribe(
        &self,
        _: Request<wire_events::UnsubscribeRequest>,
    ) -> Answer<wire_events::UnsubscribeResponse> {
        Ok(Response::new(wire_events::UnsubscribeResponse { success: true, ..Default::default() }))
    }
}
