//! The management service as a plugin's process beside the console has it: each method checks its scope and says who
//! answers. Knows nothing of connections.

use super::calling_plugin::{
    APPS_READ, APPS_WRITE, CallingPlugin, KV_READWRITE, PLUGINS_CONFIG, PLUGINS_READ, PLUGINS_WRITE,
};
use super::page_calls::PageCalls;
use super::save_rate::SaveRate;
use super::{storage, studio_facts};
use serde_json::{Map, Value};
use sidegate_model::app::AppId;
use sidegate_model::kv::Kv;
use sidegate_model::own_changes::{AppWish, ChangingPlugin, ConfigWish, NotChanged, OwnChanges};
use sidegate_wire::management as gateway;
use sidegate_wire::studio as wire;
use sidegate_wire::studio::ai_studio_management_service_server::AiStudioManagementService;
use std::sync::Arc;
use tonic::{Request, Response, Status};

type Answer<T> = Result<Response<T>, Status>;

/// What is offered of the service, which has many more methods elsewhere.
const OFFERED: [&str; 11] = [
    "ListPlugins",
    "GetPlugin",
    "UpdatePluginConfig",
    "ListApps",
    "GetApp",
    "UpdateApp",
    "PatchAppMetadata",
    "WritePluginKV",
    "ReadPluginKV",
    "DeletePluginKV",
    "GetLicenseInfo",
];

/// The one whose answer waits for another process.
pub(super) const UPDATE_CONFIG: &str =
    "/ai_studio_management.AIStudioManagementService/UpdatePluginConfig";

/// Longest name of a method that is repeated, in bytes.
const MAX_METHOD: usize = 64;

/// Says by name that a method is not offered.
pub(super) fn not_offered(method: &str) -> Option<Status> {
    if OFFERED.contains(&method) {
        return None;
    }
    let is_name = method.len() <= MAX_METHOD && method.bytes().all(|b| b.is_ascii_alphanumeric());
    let name = if is_name { method } else { "this method" };
    Some(Status::unimplemented(format!(
        "{name} is not offered here: pages of plugins may call {}",
        OFFERED.join(", ")
    )))
}

/// What one plugin may ask of the admin side.
pub(super) struct Studio {
    pub(super) calling_plugin: CallingPlugin,
    pub(super) kv: Arc<dyn Kv>,
    pub(super) changes: Arc<dyn OwnChanges>,
    /// What pages ask its process now.
    pub(super) page_calls: Arc<PageCalls>,
    pub(super) save_rate: Arc<SaveRate>,
}

impl Studio {
    fn changing(&self) -> ChangingPlugin {
        ChangingPlugin { id: self.calling_plugin.id, for_whom: self.page_calls.only_user() }
    }

    /// The app, where the plugin may see it.
    fn visible(
        &self,
        snapshot: &sidegate_model::snapshot::Snapshot,
        app: u32,
    ) -> Result<AppId, Status> {
        studio_facts::find_app(snapshot, self.calling_plugin.id, app).map(|app| app.id)
    }
}

fn refusal(why: &NotChanged) -> Status {
    let text = why.to_string();
    match why {
        NotChanged::Invalid(_) => Status::invalid_argument(text),
        NotChanged::Denied(_) => Status::permission_denied(text),
        NotChanged::NotFound(_) => Status::not_found(text),
        NotChanged::Conflict(_) => Status::failed_precondition(text),
        NotChanged::ChangedMeanwhile(_) => Status::aborted(text),
        NotChanged::Unavailable(_) => Status::unavailable(text),
    }
}

fn object(json: &str, what: &str) -> Result<Map<String, Value>, Status> {
    match serde_json::from_str(json) {
        Ok(Value::Object(members)) => Ok(members),
        Ok(_) => Err(Status::invalid_argument(format!("{what} must be a JSON object"))),
        Err(error) => Err(Status::invalid_argument(format!("{what} is no JSON: {error}"))),
    }
}

#[tonic::async_trait]
impl AiStudioManagementService for Studio {
    async fn list_plugins(
        &self,
        request: Request<wire::ListPluginsRequest>,
    ) -> Answer<wire::ListPluginsResponse> {
        let snapshot = self.calling_plugin.granted(PLUGINS_READ)?;
        let listed =
            studio_facts::list_plugins(&snapshot, self.calling_plugin.id, request.get_ref());
        Ok(Response::new(listed))
    }

    async fn get_plugin(
        &self,
        request: Request<wire::GetPluginRequest>,
    ) -> Answer<wire::GetPluginResponse> {
        let snapshot = self.calling_plugin.granted(PLUGINS_READ)?;
        let id = request.get_ref().plugin_id;
        studio_facts::get_plugin(&snapshot, self.calling_plugin.id, id).map(Response::new)
    }

    async fn update_plugin_config(
        &self,
        request: Request<wire::UpdatePluginConfigRequest>,
    ) -> Answer<wire::UpdatePluginConfigResponse> {
        self.calling_plugin.granted_either(PLUGINS_WRITE, PLUGINS_CONFIG)?;
        let wire::UpdatePluginConfigRequest { plugin_id, config_json, expected_json, .. } =
            request.into_inner();
        if plugin_id == 0 {
            return Err(Status::invalid_argument("plugin_id is missing"));
        }
        if plugin_id != self.calling_plugin.id.0 {
            return Err(Status::permission_denied(format!(
                "a plugin changes its own configuration only: this is plugin {}, not {plugin_id}",
                self.calling_plugin.id
            )));
        }
        let members = object(&config_json, "config_json")?;
        let expected = match expected_json.is_empty() {
            true => Map::new(),
            false => object(&expected_json, "expected_json")?,
        };
        let wish = ConfigWish { members, expected };
        self.save_rate.take(self.calling_plugin.id)?;
        let saved =
            self.changes.update_config(self.changing(), wish).await.map_err(|why| refusal(&why))?;
        let (success, message) = (saved.serves, saved.message);
        Ok(Response::new(wire::UpdatePluginConfigResponse { success, message }))
    }

    async fn list_apps(
        &self,
        request: Request<wire::ListAppsRequest>,
    ) -> Answer<wire::ListAppsResponse> {
        let snapshot = self.calling_plugin.granted(APPS_READ)?;
        studio_facts::list_apps(&snapshot, self.calling_plugin.id, request.get_ref())
            .map(Response::new)
    }

    async fn get_app(&self, request: Request<wire::GetAppRequest>) -> Answer<wire::GetAppResponse> {
        let snapshot = self.calling_plugin.granted(APPS_READ)?;
        let app =
            studio_facts::find_app(&snapshot, self.calling_plugin.id, request.get_ref().app_id)?;
        Ok(Response::new(wire::GetAppResponse { app: Some(studio_facts::app(app)) }))
    }

    async fn update_app(
        &self,
        request: Request<wire::UpdateAppRequest>,
    ) -> Answer<wire::UpdateAppResponse> {
        let snapshot = self.calling_plugin.granted(APPS_WRITE)?;
        let request = request.into_inner();
        let app = self.visible(&snapshot, request.app_id)?;
        let metadata = (!request.metadata.is_empty())
            .then(|| object(&request.metadata, "metadata"))
            .transpose()?;
        let wish = AppWish::Fields {
            name: request.name,
            description: request.description,
            is_active: request.is_active,
            monthly_budget: request.monthly_budget,
            metadata,
        };
        let changed = self
            .changes
            .change_app(self.changing(), app, wish)
            .await
            .map_err(|why| refusal(&why))?;
        Ok(Response::new(wire::UpdateAppResponse { app: Some(studio_facts::app(&changed)) }))
    }

    async fn patch_app_metadata(
        &self,
        request: Request<wire::PatchAppMetadataRequest>,
    ) -> Answer<wire::PatchAppMetadataResponse> {
        let snapshot = self.calling_plugin.granted(APPS_WRITE)?;
        let wire::PatchAppMetadataRequest { app_id, key, value, delete, .. } = request.into_inner();
        let app = self.visible(&snapshot, app_id)?;
        if key.is_empty() {
            return Err(Status::invalid_argument("key is missing"));
        }
        let value = match delete {
            true => None,
            false => Some(serde_json::from_str(&value).map_err(|error| {
                Status::invalid_argument(format!("value is no JSON: {error}; a text needs quotes"))
            })?),
        };
        let wish = AppWish::MetadataKey(key, value);
        let changed = self
            .changes
            .change_app(self.changing(), app, wish)
            .await
            .map_err(|why| refusal(&why))?;
        Ok(Response::new(wire::PatchAppMetadataResponse {
            success: true,
            message: "saved".to_owned(),
            metadata: serde_json::to_string(&changed.metadata).unwrap_or_default(),
        }))
    }

    async fn write_plugin_kv(
        &self,
        request: Request<wire::WritePluginKvRequest>,
    ) -> Answer<wire::WritePluginKvResponse> {
        self.calling_plugin.granted(KV_READWRITE)?;
        let wire::WritePluginKvRequest { key, value, expire_at, .. } = request.into_inner();
        let request = gateway::WritePluginKvRequest { context: None, key, value, expire_at };
        let written = storage::write(&*self.kv, self.calling_plugin.id, request).await?;
        let (created, message) = (written.created, "written".to_owned());
        Ok(Response::new(wire::WritePluginKvResponse { created, message }))
    }

    async fn read_plugin_kv(
        &self,
        request: Request<wire::ReadPluginKvRequest>,
    ) -> Answer<wire::ReadPluginKvResponse> {
        self.calling_plugin.granted(KV_READWRITE)?;
        let request = gateway::ReadPluginKvRequest { context: None, key: request.into_inner().key };
        let read = storage::read(&*self.kv, self.calling_plugin.id, &request).await?;
        Ok(Response::new(wire::ReadPluginKvResponse { value: read.value, message: String::new() }))
    }

    async fn delete_plugin_kv(
        &self,
        request: Request<wire::DeletePluginKvRequest>,
    ) -> Answer<wire::DeletePluginKvResponse> {
        self.calling_plugin.granted(KV_READWRITE)?;
        let request =
            gateway::DeletePluginKvRequest { context: None, key: request.into_inner().key };
        let gone = storage::delete(&*self.kv, self.calling_plugin.id, &request).await?;
        let (deleted, message) = (gone.deleted, String::new());
        Ok(Response::new(wire::DeletePluginKvResponse { deleted, message }))
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

#[cfg(test)]
mod tests {
    use super::*;

    use crate::services::bus::ProcessKey;
    use crate::services::no_storage::NoStorage;
    use sidegate_model::app::App;
    use sidegate_model::own_changes::{ChangeFuture, SavedConfig};
    use sidegate_model::plugin::{PluginId, PluginSpec};
    use sidegate_model::scope::SERVICE_SCOPES;
    use sidegate_model::snapshot::Snapshot;
    use tokio::sync::watch;
    use tonic::Code;

    /// Takes every configuration.
    struct Taken;

    impl OwnChanges for Taken {
        fn update_config(
            &self,
            plugin: ChangingPlugin,
            _: ConfigWish,
        ) -> ChangeFuture<'_, SavedConfig> {
            let message = plugin.for_whom.unwrap_or_default();
            Box::pin(std::future::ready(Ok(SavedConfig { serves: true, message })))
        }

        fn change_app(&self, _: ChangingPlugin, _: AppId, _: AppWish) -> ChangeFuture<'_, App> {
            Box::pin(std::future::ready(Err(NotChanged::Conflict("no".to_owned()))))
        }
    }

    fn studio(scopes: &[&str]) -> Studio {
        let service_scopes = scopes.iter().map(ToString::to_string).collect();
        let spec = PluginSpec { service_scopes, ..PluginSpec::new(PluginId(7), "p", "file:///p") };
        let snapshot = Snapshot::default().with_plugin(PluginId(7), Some(spec));
        let key = ProcessKey { plugin: PluginId(7), process: 1 };
        let snapshots = watch::Sender::new(Arc::new(snapshot)).subscribe();
        let calling_plugin = CallingPlugin::new(key, snapshots, Arc::default());
        let (kv, changes) = (Arc::new(NoStorage), Arc::new(Taken));
        let save_rate = Arc::new(SaveRate::new());
        Studio { calling_plugin, kv, changes, page_calls: PageCalls::new(), save_rate }
    }

    fn change(plugin_id: u32, json: &str) -> Request<wire::UpdatePluginConfigRequest> {
        let config_json = json.to_owned();
        Request::new(wire::UpdatePluginConfigRequest {
            plugin_id,
            config_json,
            ..Default::default()
        })
    }

    #[tokio::test]
    async fn each_method_needs_its_scope_and_no_other_opens_it() {
        for granted in SERVICE_SCOPES {
            let studio = studio(&[granted]);
            let mut denied = Vec::new();
            macro_rules! ask {
                ($($method:ident $request:ident $scopes:expr;)+) => {$(
                    let asked = studio.$method(Request::new(wire::$request::default())).await;
                    let is_denied = asked.is_err_and(|status| status.code() == Code::PermissionDenied);
                    let scopes: &[&str] = &$scopes;
                    denied.push((stringify!($method), is_denied, !scopes.contains(&granted)));
                )+};
            }
            ask! {
                list_plugins ListPluginsRequest ["plugins.read"];
                get_plugin GetPluginRequest ["plugins.read"];
                update_plugin_config UpdatePluginConfigRequest ["plugins.write", "plugins.config"];
                list_apps ListAppsRequest ["apps.read"];
                get_app GetAppRequest ["apps.read"];
                update_app UpdateAppRequest ["apps.write"];
                patch_app_metadata PatchAppMetadataRequest ["apps.write"];
                write_plugin_kv WritePluginKvRequest ["kv.readwrite"];
                read_plugin_kv ReadPluginKvRequest ["kv.readwrite"];
                delete_plugin_kv DeletePluginKvRequest ["kv.readwrite"];
                get_license_info GetLicenseInfoRequest SERVICE_SCOPES;
            }
            assert_eq!(denied.len(), OFFERED.len());
            for (method, is_denied, expected) in denied {
                assert_eq!(is_denied, expected, "{method} with {granted}");
            }
        }
    }

    #[tokio::test]
    async fn a_plugin_changes_itself_only_and_for_whom_is_said_where_that_is_certain() {
        let studio = studio(&["plugins.write"]);
        for (id, json, code) in [
            (0, "{}", Code::InvalidArgument),
            (8, "{}", Code::PermissionDenied),
            (7, "", Code::InvalidArgument),
            (7, "[1]", Code::InvalidArgument),
        ] {
            let refused = studio.update_plugin_config(change(id, json)).await.unwrap_err();
            assert_eq!(refused.code(), code, "{id} {json}");
        }
        let saved = async || {
            let saved = studio.update_plugin_config(change(7, "{}")).await.unwrap();
            saved.into_inner().message
        };
        let _jane = studio.page_calls.open(Some("user:jane".to_owned()));
        assert_eq!(saved().await, "user:jane");
        let _joe = studio.page_calls.open(Some("user:joe".to_owned()));
        assert_eq!(saved().await, "");
        let again = async || studio.update_plugin_config(change(7, "{}")).await;
        for _ in 0..8 {
            again().await.unwrap();
        }
        let refused = again().await.unwrap_err();
        assert_eq!(refused.code(), Code::ResourceExhausted);
        assert!(refused.message().contains("2 times a second"), "{}", refused.message());
    }

    #[test]
    fn what_is_not_offered_is_said_by_its_name() {
        assert!(OFFERED.iter().all(|method| not_offered(method).is_none()));
        let status = not_offered("CallLLM").unwrap();
        assert_eq!(status.code(), tonic::Code::Unimplemented);
        assert!(status.message().starts_with("CallLLM is not offered"), "{}", status.message());
        assert!(not_offered("a\nb").unwrap().message().starts_with("this method"));
        assert!(UPDATE_CONFIG.ends_with(OFFERED[2]));
    }
}
