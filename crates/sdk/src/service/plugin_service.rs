//! `PluginService`: what the host asks of a plugin while it runs.
//!
//! The first half is what this SDK offers. The second half answers for hooks it does not offer yet,
//! the way plugins do that lack them.

use std::sync::Arc;

use sidegate_wire::handshake::{
    FEATURE_HEADER_LIST, FEATURE_LARGE_MESSAGES, FEATURE_RAW_PATH, FEATURE_SEALING, FEATURE_STORAGE,
};
use sidegate_wire::plugin as wire;
use sidegate_wire::plugin::plugin_service_server::PluginService;
use tokio_util::sync::CancellationToken;
use tonic::{Request, Response, Status};

use super::{Master, Streamed, page_calls};
use crate::config::Config;
use crate::guard::Failure;
use crate::program::Program;
use crate::session::Sessions;

/// What this SDK can do beyond the original contract.
const FEATURES: [&str; 5] = [
    FEATURE_HEADER_LIST,
    FEATURE_RAW_PATH,
    FEATURE_LARGE_MESSAGES,
    FEATURE_STORAGE,
    FEATURE_SEALING,
];

/// Endpoint calls are answered before they come here, see `connection`.
const ELSEWHERE: &str = "endpoint calls do not come this way";

/// What is said where a hook must be refused in words.
const NOT_OFFERED: &str = "plugin does not provide this";

/// The answer of every call.
type Answer<T> = Result<Response<T>, Status>;

pub(super) struct PluginCalls {
    program: Arc<Program>,
    sessions: Sessions,
    master: Master,
    stop: CancellationToken,
}

impl PluginCalls {
    pub(super) fn new(program: Arc<Program>, master: Master, stop: CancellationToken) -> Self {
        Self { program, sessions: Sessions::new(), master, stop }
    }
}

#[tonic::async_trait]
impl PluginService for PluginCalls {
    async fn initialize(&self, request: Request<wire::InitRequest>) -> Answer<wire::InitResponse> {
        let wire::InitRequest { config, features } = request.into_inner();
        let header_list = features.iter().any(|feature| feature == FEATURE_HEADER_LIST);
        let config = Config::from_wire(config);
        let outcome = match self.master {
            Master::Host => {
                let config = config.heard_from(&self.program.host);
                self.program.host.offers(&features);
                self.program.initialize(config, header_list).await
            }
            // Hosts come and go, and may be on other machines: there is none to ask.
            Master::Itself => self.program.initialize_or_join(config).await,
        };
        if let Err(error) = &outcome {
            tracing::error!(%error, "the plugin cannot be initialized");
        }
        Ok(Response::new(wire::InitResponse {
            success: outcome.is_ok(),
            error_message: outcome.err().map(|error| error.to_string()).unwrap_or_default(),
            features: FEATURES.map(str::to_owned).to_vec(),
        }))
    }

    async fn ping(&self, request: Request<wire::PingRequest>) -> Answer<wire::PingResponse> {
        let timestamp = request.get_ref().timestamp;
        Ok(Response::new(wire::PingResponse { timestamp, healthy: true }))
    }

    /// The process lives on until the controller or a signal ends it. One that is its own master
    /// goes on serving other hosts.
    async fn shutdown(&self, _: Request<wire::ShutdownRequest>) -> Answer<wire::ShutdownResponse> {
        if self.master == Master::Itself {
            return Ok(Response::new(wire::ShutdownResponse { success: true }));
        }
        self.program.session_closing().await;
        self.sessions.close("shutdown");
        self.program.host.end();
        match self.program.shutdown().await {
            Ok(()) => Ok(Response::new(wire::ShutdownResponse { success: true })),
            Err(Failure::Error(error)) => Err(Status::unknown(error.to_string())),
            Err(Failure::Panic(text)) => Err(Status::internal(format!("panicked: {text}"))),
        }
    }

    async fn get_endpoint_registrations(
        &self,
        _: Request<wire::GetEndpointRegistrationsRequest>,
    ) -> Answer<wire::GetEndpointRegistrationsResponse> {
        let registrations = self.program.registrations().to_vec();
        Ok(Response::new(wire::GetEndpointRegistrationsResponse { registrations }))
    }

    async fn handle_endpoint_request(
        &self,
        _: Request<wire::EndpointRequest>,
    ) -> Answer<wire::EndpointResponse> {
        Err(Status::internal(ELSEWHERE))
    }

    type HandleEndpointRequestStreamStream = Streamed<wire::EndpointResponseChunk>;

    async fn handle_endpoint_request_stream(
        &self,
        _: Request<wire::EndpointRequest>,
    ) -> Answer<Self::HandleEndpointRequestStreamStream> {
        Err(Status::internal(ELSEWHERE))
    }

    async fn open_session(
        &self,
        request: Request<wire::OpenSessionRequest>,
    ) -> Answer<wire::OpenSessionResponse> {
        let request = request.into_inner();
        if self.master == Master::Host {
            self.program.host.learn(request.service_broker_id, request.plugin_id);
        }
        self.program.session_opened();
        let session = self.sessions.open(request);
        let stopped = async {
            self.stop.cancelled().await;
            self.sessions.close("shutdown");
            std::future::pending().await
        };
        tokio::select! {
            closed = session => Ok(Response::new(closed)),
            never = stopped => never,
        }
    }

    async fn close_session(
        &self,
        request: Request<wire::CloseSessionRequest>,
    ) -> Answer<wire::CloseSessionResponse> {
        // Where hosts come and go, the session ends with the process.
        if self.master == Master::Host {
            self.program.session_closing().await;
            // Requests may still be open. But another process may do by now what this one did beside them.
            let program = Arc::clone(&self.program);
            // Ends by itself after a while, and with the process in any case.
            tokio::spawn(async move { program.session_over().await });
        }
        self.sessions.close(&request.get_ref().reason);
        Ok(Response::new(wire::CloseSessionResponse { success: true, ..Default::default() }))
    }

    async fn get_asset(
        &self,
        request: Request<wire::GetAssetRequest>,
    ) -> Answer<wire::GetAssetResponse> {
        let path = &request.get_ref().asset_path;
        Ok(Response::new(page_calls::asset(&self.program.about, path)))
    }

    async fn list_assets(
        &self,
        request: Request<wire::ListAssetsRequest>,
    ) -> Answer<wire::ListAssetsResponse> {
        let prefix = &request.get_ref().path_prefix;
        Ok(Response::new(page_calls::assets(&self.program.about, prefix)))
    }

    async fn call(&self, request: Request<wire::CallRequest>) -> Answer<wire::CallResponse> {
        let request = request.into_inner();
        if self.master == Master::Host {
            self.program.host.learn(request.service_broker_id, 0);
        }
        Ok(Response::new(page_calls::call(&self.program, request).await))
    }

    async fn get_manifest(
        &self,
        _: Request<wire::GetManifestRequest>,
    ) -> Answer<wire::GetManifestResponse> {
        Ok(Response::new(wire::GetManifestResponse {
            success: true,
            manifest_json: self.program.about.manifest(),
            ..Default::default()
        }))
    }

    async fn get_config_schema(
        &self,
        _: Request<wire::GetConfigSchemaRequest>,
    ) -> Answer<wire::GetConfigSchemaResponse> {
        Ok(Response::new(wire::GetConfigSchemaResponse {
            success: true,
            schema_json: self.program.about.schema().to_owned(),
            ..Default::default()
        }))
    }

    // ---- Hooks this SDK does not offer ----

    async fn process_pre_auth(
        &self,
        _: Request<wire::PluginRequest>,
    ) -> Answer<wire::PluginResponse> {
        Ok(Response::new(wire::PluginResponse::default()))
    }

    async fn process_post_auth(
        &self,
        _: Request<wire::EnrichedRequest>,
    ) -> Answer<wire::PluginResponse> {
        Ok(Response::new(wire::PluginResponse::default()))
    }

    async fn authenticate(&self, _: Request<wire::AuthRequest>) -> Answer<wire::AuthResponse> {
        Ok(Response::new(wire::AuthResponse {
            error_message: NOT_OFFERED.to_owned(),
            ..Default::default()
        }))
    }

    async fn get_app_by_credential(
        &self,
        _: Request<wire::GetAppRequest>,
    ) -> Answer<wire::GetAppResponse> {
        Ok(Response::new(wire::GetAppResponse {
            error_message: NOT_OFFERED.to_owned(),
            ..Default::default()
        }))
    }

    async fn get_user_by_credential(
        &self,
        _: Request<wire::GetUserRequest>,
    ) -> Answer<wire::GetUserResponse> {
        Ok(Response::new(wire::GetUserResponse {
            error_message: NOT_OFFERED.to_owned(),
            ..Default::default()
        }))
    }

    async fn on_before_write_headers(
        &self,
        _: Request<wire::HeadersRequest>,
    ) -> Answer<wire::HeadersResponse> {
        Ok(Response::new(wire::HeadersResponse::default()))
    }

    async fn on_before_write(
        &self,
        _: Request<wire::ResponseWriteRequest>,
    ) -> Answer<wire::ResponseWriteResponse> {
        Ok(Response::new(wire::ResponseWriteResponse::default()))
    }

    async fn on_stream_complete(
        &self,
        _: Request<wire::StreamCompleteRequest>,
    ) -> Answer<wire::StreamCompleteResponse> {
        Ok(Response::new(wire::StreamCompleteResponse::default()))
    }

    async fn handle_proxy_log(
        &self,
        _: Request<wire::ProxyLogRequest>,
    ) -> Answer<wire::DataCollectionResponse> {
        Ok(Response::new(wire::DataCollectionResponse { success: true, ..Default::default() }))
    }

    async fn handle_analytics(
        &self,
        _: Request<wire::AnalyticsRequest>,
    ) -> Answer<wire::DataCollectionResponse> {
        Ok(Response::new(wire::DataCollectionResponse { success: true, ..Default::default() }))
    }

    async fn handle_budget_usage(
        &self,
        _: Request<wire::BudgetUsageRequest>,
    ) -> Answer<wire::DataCollectionResponse> {
        Ok(Response::new(wire::DataCollectionResponse { success: true, ..Default::default() }))
    }

    async fn portal_call(
        &self,
        _: Request<wire::PortalCallRequest>,
    ) -> Answer<wire::PortalCallResponse> {
        Ok(Response::new(wire::PortalCallResponse {
            error_message: NOT_OFFERED.to_owned(),
            ..Default::default()
        }))
    }

    async fn get_object_hook_registrations(
        &self,
        _: Request<wire::GetObjectHookRegistrationsRequest>,
    ) -> Answer<wire::GetObjectHookRegistrationsResponse> {
        Ok(Response::new(wire::GetObjectHookRegistrationsResponse::default()))
    }

    async fn handle_object_hook(
        &self,
        _: Request<wire::ObjectHookRequest>,
    ) -> Answer<wire::ObjectHookResponse> {
        Ok(Response::new(wire::ObjectHookResponse { allow_operation: true, ..Default::default() }))
    }

    async fn accept_edge_payload(
        &self,
        _: Request<wire::EdgePayloadRequest>,
    ) -> Answer<wire::EdgePayloadResponse> {
        Ok(Response::new(wire::EdgePayloadResponse {
            error_message: NOT_OFFERED.to_owned(),
            ..Default::default()
        }))
    }

    async fn get_resource_type_registrations(
        &self,
        _: Request<wire::GetResourceTypeRegistrationsRequest>,
    ) -> Answer<wire::GetResourceTypeRegistrationsResponse> {
        Ok(Response::new(wire::GetResourceTypeRegistrationsResponse::default()))
    }

    async fn list_resource_instances(
        &self,
        _: Request<wire::ListResourceInstancesRequest>,
    ) -> Answer<wire::ListResourceInstancesResponse> {
        Ok(Response::new(wire::ListResourceInstancesResponse {
            error_message: NOT_OFFERED.to_owned(),
            ..Default::default()
        }))
    }

    async fn get_resource_instance(
        &self,
        _: Request<wire::GetResourceInstanceRequest>,
    ) -> Answer<wire::GetResourceInstanceResponse> {
        Ok(Response::new(wire::GetResourceInstanceResponse {
            error_message: NOT_OFFERED.to_owned(),
            ..Default::default()
        }))
    }

    async fn create_resource_instance(
        &self,
        _: Request<wire::CreateResourceInstanceRequest>,
    ) -> Answer<wire::CreateResourceInstanceResponse> {
        Ok(Response::new(wire::CreateResourceInstanceResponse {
            error_message: NOT_OFFERED.to_owned(),
            ..Default::default()
        }))
    }

    async fn validate_resource_selection(
        &self,
        _: Request<wire::ValidateResourceSelectionRequest>,
    ) -> Answer<wire::ValidateResourceSelectionResponse> {
        Ok(Response::new(wire::ValidateResourceSelectionResponse {
            valid: true,
            ..Default::default()
        }))
    }

    type HandleAgentMessageStream = Streamed<wire::AgentMessageChunk>;

    async fn handle_agent_message(
        &self,
        _: Request<wire::AgentMessageRequest>,
    ) -> Answer<Self::HandleAgentMessageStream> {
        Err(Status::unknown(NOT_OFFERED))
    }

    async fn execute_scheduled_task(
        &self,
        _: Request<wire::ExecuteScheduledTaskRequest>,
    ) -> Answer<wire::ExecuteScheduledTaskResponse> {
        Err(Status::unknown(NOT_OFFERED))
    }
}
