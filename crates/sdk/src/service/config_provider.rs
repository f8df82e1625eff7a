//! What a host may ask of a plugin it does not mean to run: its schema and its manifest.

use std::sync::Arc;

use sidegate_wire::config_provider::config_provider_service_server::ConfigProviderService;
use sidegate_wire::config_provider::{
    ConfigPingRequest, ConfigPingResponse, ConfigSchemaRequest, ConfigSchemaResponse,
    GetManifestRequest, GetManifestResponse,
};
use tonic::{Request, Response, Status};

use crate::program::Program;

pub(super) struct ConfigCalls {
    program: Arc<Program>,
}

impl ConfigCalls {
    pub(super) fn new(program: Arc<Program>) -> Self {
        Self { program }
    }
}

#[tonic::async_trait]
impl ConfigProviderService for ConfigCalls {
    async fn get_config_schema(
        &self,
        _: Request<ConfigSchemaRequest>,
    ) -> Result<Response<ConfigSchemaResponse>, Status> {
        Ok(Response::new(ConfigSchemaResponse {
            success: true,
            schema_json: self.program.about.schema().to_owned(),
            error_message: String::new(),
        }))
    }

    async fn get_manifest(
        &self,
        _: Request<GetManifestRequest>,
    ) -> Result<Response<GetManifestResponse>, Status> {
        Ok(Response::new(GetManifestResponse {
            success: true,
            manifest_json: self.program.about.manifest(),
            error_message: String::new(),
        }))
    }

    async fn ping(
        &self,
        request: Request<ConfigPingRequest>,
    ) -> Result<Response<ConfigPingResponse>, Status> {
        let timestamp = request.get_ref().timestamp;
        Ok(Response::new(ConfigPingResponse { timestamp, healthy: true }))
    }
}
