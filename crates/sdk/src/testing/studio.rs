//! The services that a testing host offers in the place of a console: storage, and changes of the plugin's
//! configuration.

use std::time::SystemTime;

use serde_json::{Map, Value};
use sidegate_wire::studio as wire;
use sidegate_wire::studio::ai_studio_management_service_server::AiStudioManagementService;
use tonic::{Request, Status};

use super::services::{Answer, Services, not_here};

/// Either of them lets a plugin change its own configuration.
const SCOPES: [&str; 2] = ["plugins.write", "plugins.config"];

/// What a testing host's plugin has as its number.
const PLUGIN_ID: u32 = 1;

/// A list or an object, also where it is the text of one: plugins get texts.
fn meant(value: &Value) -> Value {
    let text = value.as_str().filter(|text| text.trim_start().starts_with(['[', '{']));
    text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_else(|| value.clone())
}

#[tonic::async_trait]
impl AiStudioManagementService for Services {
    async fn update_plugin_config(
        &self,
        request: Request<wire::UpdatePluginConfigRequest>,
    ) -> Answer<wire::UpdatePluginConfigResponse> {
        let message = request.into_inner();
        let mut memory = self.memory();
        if !SCOPES.iter().any(|scope| memory.granted.contains(*scope)) {
            return Err(Status::permission_denied("insufficient scope: plugins.write (plugin: 1)"));
        }
        if message.plugin_id != PLUGIN_ID {
            return Err(Status::permission_denied("a plugin changes its own configuration only"));
        }
        let changes: Map<String, Value> = serde_json::from_str(&message.config_json)
            .map_err(|_| Status::invalid_argument("the configuration is no JSON object"))?;
        let expected: Map<String, Value> = match message.expected_json.as_str() {
            "" => Map::new(),
            json => serde_json::from_str(json)
                .map_err(|_| Status::invalid_argument("what is expected is no JSON object"))?,
        };
        let stored = |key: &String| meant(memory.config.get(key).unwrap_or(&Value::Null));
        if let Some((key, _)) = expected.iter().find(|(key, value)| stored(key) != meant(value)) {
            return Err(Status::aborted(format!("config.{key}: somebody else has changed it")));
        }
        let answer = |success, message: &str| {
            Ok(tonic::Response::new(wire::UpdatePluginConfigResponse {
                success,
                message: message.to_owned(),
            }))
        };
        if changes.get("slug").is_some_and(|slug| Some(slug) != memory.config.get("slug")) {
            return answer(false, "the slug is the operator's to change");
        }
        for (key, value) in changes {
            match value {
                Value::Null => memory.config.remove(&key),
                value => memory.config.insert(key, value),
            };
        }
        answer(true, "saved")
    }

    async fn write_plugin_kv(
        &self,
        request: Request<wire::WritePluginKvRequest>,
    ) -> Answer<wire::WritePluginKvResponse> {
        let message = request.into_inner();
        let until = message.expire_at.map(SystemTime::try_from).transpose();
        let until = until.map_err(|error| Status::invalid_argument(error.to_string()))?;
        let created = self.keep(&message.key, message.value, until)?;
        Ok(tonic::Response::new(wire::WritePluginKvResponse { created, ..Default::default() }))
    }

    async fn read_plugin_kv(
        &self,
        request: Request<wire::ReadPluginKvRequest>,
    ) -> Answer<wire::ReadPluginKvResponse> {
        let value = self.kept(&request.into_inner().key)?;
        Ok(tonic::Response::new(wire::ReadPluginKvResponse { value, ..Default::default() }))
    }

    async fn delete_plugin_kv(
        &self,
        request: Request<wire::DeletePluginKvRequest>,
    ) -> Answer<wire::DeletePluginKvResponse> {
        let key = request.into_inner().key;
        let deleted = self.values(&key)?.delete(&key);
        Ok(tonic::Response::new(wire::DeletePluginKvResponse { deleted, ..Default::default() }))
    }

    // ---- What the client of this SDK does not ask ----

    async fn list_plugins(
        &self,
        _: Request<wire::ListPluginsRequest>,
    ) -> Answer<wire::ListPluginsResponse> {
        not_here()
    }

    async fn get_plugin(
        &self,
        _: Request<wire::GetPluginRequest>,
    ) -> Answer<wire::GetPluginResponse> {
        not_here()
    }

    async fn list_apps(&self, _: Request<wire::ListAppsRequest>) -> Answer<wire::ListAppsResponse> {
        not_here()
    }

    async fn get_app(&self, _: Request<wire::GetAppRequest>) -> Answer<wire::GetAppResponse> {
        not_here()
    }

    async fn update_app(
        &self,
        _: Request<wire::UpdateAppRequest>,
    ) -> Answer<wire::UpdateAppResponse> {
        not_here()
    }

    async fn patch_app_metadata(
        &self,
        _: Request<wire::PatchAppMetadataRequest>,
    ) -> Answer<wire::PatchAppMetadataResponse> {
        not_here()
    }

    async fn get_license_info(
        &self,
        _: Request<wire::GetLicenseInfoRequest>,
    ) -> Answer<wire::GetLicenseInfoResponse> {
        not_here()
    }
}
