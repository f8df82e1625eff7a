//! The management service: each method checks its scope and says who answers. Knows nothing of
//! connections.

use super::calling_plugin::{
    APPS_READ, BUDGET_READ, CONTROL_SEND, CREDENTIALS_VALIDATE, CallingPlugin, KV_READWRITE,
    LLMS_READ, PRICING_READ,
};
use super::{facts, storage};
use sidegate_model::clock::now_millis;
use sidegate_model::kv::Kv;
use sidegate_wire::management as wire;
use sidegate_wire::management::microgateway_management_service_server::MicrogatewayManagementService;
use std::sync::Arc;
use tonic::{Request, Response, Status};

/// Largest payload for a control plane, in bytes.
const MAX_CONTROL_PAYLOAD: usize = 1024 * 1024;

type Answer<T> = Result<Response<T>, Status>;

/// What one plugin may ask of the gateway itself.
pub(super) struct Management {
    pub(super) calling_plugin: CallingPlugin,
    pub(super) kv: Arc<dyn Kv>,
}

#[tonic::async_trait]
impl MicrogatewayManagementService for Management {
    async fn list_ll_ms(
        &self,
        _: Request<wire::ListLlMsRequest>,
    ) -> Answer<wire::ListLlMsResponse> {
        self.calling_plugin.granted(LLMS_READ)?;
        Ok(Response::new(wire::ListLlMsResponse::default()))
    }

    async fn get_llm(&self, _: Request<wire::GetLlmRequest>) -> Answer<wire::GetLlmResponse> {
        self.calling_plugin.granted(LLMS_READ)?;
        Err(Status::not_found("LLM not found: this gateway keeps no LLMs"))
    }

    async fn list_apps(
        &self,
        request: Request<wire::ListAppsRequest>,
    ) -> Answer<wire::ListAppsResponse> {
        let snapshot = self.calling_plugin.granted(APPS_READ)?;
        facts::list_apps(&snapshot, request.get_ref()).map(Response::new)
    }

    async fn get_app(&self, request: Request<wire::GetAppRequest>) -> Answer<wire::GetAppResponse> {
        let snapshot = self.calling_plugin.granted(APPS_READ)?;
        facts::get_app(&snapshot, request.get_ref()).map(Response::new)
    }

    async fn get_budget_status(
        &self,
        request: Request<wire::GetBudgetStatusRequest>,
    ) -> Answer<wire::GetBudgetStatusResponse> {
        let snapshot = self.calling_plugin.granted(BUDGET_READ)?;
        facts::budget(&snapshot, request.get_ref(), now_millis()).map(Response::new)
    }

    async fn list_model_prices(
        &self,
        _: Request<wire::ListModelPricesRequest>,
    ) -> Answer<wire::ListModelPricesResponse> {
        self.calling_plugin.granted(PRICING_READ)?;
        Ok(Response::new(wire::ListModelPricesResponse::default()))
    }

    async fn get_model_price(
        &self,
        _: Request<wire::GetModelPriceRequest>,
    ) -> Answer<wire::GetModelPriceResponse> {
        self.calling_plugin.granted(PRICING_READ)?;
        Err(Status::not_found("model price not found: this gateway keeps no prices"))
    }

    async fn validate_credential(
        &self,
        request: Request<wire::ValidateCredentialRequest>,
    ) -> Answer<wire::ValidateCredentialResponse> {
        let snapshot = self.calling_plugin.granted(CREDENTIALS_VALIDATE)?;
        let secret = &request.get_ref().secret;
        Ok(Response::new(facts::credential(&snapshot, secret, now_millis())))
    }

    async fn write_plugin_kv(
        &self,
        request: Request<wire::WritePluginKvRequest>,
    ) -> Answer<wire::WritePluginKvResponse> {
        self.calling_plugin.granted(KV_READWRITE)?;
        let written = storage::write(&*self.kv, self.calling_plugin.id, request.into_inner()).await;
        written.map(Response::new)
    }

    async fn read_plugin_kv(
        &self,
        request: Request<wire::ReadPluginKvRequest>,
    ) -> Answer<wire::ReadPluginKvResponse> {
        self.calling_plugin.granted(KV_READWRITE)?;
        let read = storage::read(&*self.kv, self.calling_plugin.id, request.get_ref()).await;
        read.map(Response::new)
    }

    async fn delete_plugin_kv(
        &self,
        request: Request<wire::DeletePluginKvRequest>,
    ) -> Answer<wire::DeletePluginKvResponse> {
        self.calling_plugin.granted(KV_READWRITE)?;
        let deleted = storage::delete(&*self.kv, self.calling_plugin.id, request.get_ref()).await;
        deleted.map(Response::new)
    }

    async fn queue_control_payload(
        &self,
        request: Request<wire::QueueControlPayloadRequest>,
    ) -> Answer<wire::QueueControlPayloadResponse> {
        self.calling_plugin.granted(CONTROL_SEND)?;
        let error_message = match request.get_ref().payload.len() {
            0 => "the payload is empty".to_owned(),
            bytes if bytes > MAX_CONTROL_PAYLOAD => {
                format!("the payload has {bytes} bytes, {MAX_CONTROL_PAYLOAD} are the most")
            }
            _ => "this gateway has no control plane to send to".to_owned(),
        };
        let response = wire::QueueControlPayloadResponse { error_message, ..Default::default() };
        Ok(Response::new(response))
    }

    /// Needs no scope. The source is open, so there is nothing to buy and nothing that ends.
    async fn get_license_info(
        &self,
        _: Request<wire::GetLicenseInfoRequest>,
    ) -> Answer<wire::GetLicenseInfoResponse> {
        Ok(Response::new(wire::GetLicenseInfoResponse {
            license_valid: true,
            days_remaining: -1,
            license_type: "community".to_owned(),
            ..Default::default()
        }))
    }
}
