//! What the plugin's page asks: its files, and methods by name.

use sidegate_wire::plugin as wire;

use crate::about::About;
use crate::guard::{Failure, guarded};
use crate::program::Program;

const NO_FILES: &str = "plugin does not provide UI assets";
const NO_METHODS: &str = "plugin does not provide RPC methods";

pub(super) fn asset(about: &About, path: &str) -> wire::GetAssetResponse {
    let refused =
        |text: String| wire::GetAssetResponse { error_message: text, ..Default::default() };
    match about.asset(path) {
        Some(asset) => wire::GetAssetResponse {
            success: true,
            content: asset.content.clone(),
            mime_type: asset.mime_type.clone(),
            content_length: length(&asset.content),
            ..Default::default()
        },
        None if about.assets.is_empty() => refused(NO_FILES.to_owned()),
        None => refused(format!("asset not found: {path}")),
    }
}

pub(super) fn assets(about: &About, prefix: &str) -> wire::ListAssetsResponse {
    if about.assets.is_empty() {
        let error_message = NO_FILES.to_owned();
        return wire::ListAssetsResponse { error_message, ..Default::default() };
    }
    let prefix = prefix.trim_start_matches('/');
    let listed = about.assets.iter().filter(|(path, _)| path[1..].starts_with(prefix));
    let assets = listed.map(|(path, asset)| wire::AssetInfo {
        path: path.clone(),
        mime_type: asset.mime_type.clone(),
        size: length(&asset.content),
    });
    wire::ListAssetsResponse { success: true, assets: assets.collect(), ..Default::default() }
}

pub(super) async fn call(program: &Program, request: wire::CallRequest) -> wire::CallResponse {
    let wire::CallRequest { method, payload, .. } = request;
    match outcome(program, &method, &payload).await {
        Ok(data) => wire::CallResponse { success: true, data, ..Default::default() },
        Err(error_message) => wire::CallResponse { error_message, ..Default::default() },
    }
}

/// What the method answers, or why it does not, for whoever called.
async fn outcome(program: &Program, method: &str, payload: &str) -> Result<String, String> {
    let Some(ready) = program.ready() else {
        return Err("the plugin is not initialized yet".to_owned());
    };
    let Some(run) = ready.methods.get(method) else {
        let names: Vec<&str> = ready.methods.keys().map(String::as_str).collect();
        return Err(match names.is_empty() {
            true => NO_METHODS.to_owned(),
            false => format!("unknown RPC method: {method}; there are {}", names.join(", ")),
        });
    };
    guarded(|| run(payload)).await.map_err(|failure| {
        // In the message, for not everybody who shows lines shows their fields.
        match failure {
            Failure::Error(error) => {
                tracing::warn!("the method {method} failed: {error}");
                error.to_string()
            }
            Failure::Panic(text) => {
                tracing::error!("the method {method} panicked: {text}");
                format!("the method {method} failed by a fault of the plugin; its log has more")
            }
        }
    })
}

fn length(content: &[u8]) -> i64 {
    i64::try_from(content.len()).unwrap_or(i64::MAX)
}
