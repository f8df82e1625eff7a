//! The life of the plugin with a page: its first line, its configuration, and its calls.

use crate::call::Call;
use crate::crash;
use crate::page;
use crate::plugin::Plugin;
use bytes::{Buf as _, Bytes, BytesMut};
use h2::RecvStream;
use prost::Message as _;
use sidegate_wire::handshake::{ENV_RUNTIME, ENV_UNIX_SOCKET_DIR, Handshake, Network};
use sidegate_wire::plugin as wire;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use tokio::net::{UnixListener, UnixStream};

type Failure = Box<dyn std::error::Error>;

pub(crate) async fn run() -> Result<(), Failure> {
    #[expect(clippy::disallowed_methods, reason = "a host gives a plugin its orders there")]
    let variable = |name| std::env::var_os(name).ok_or("a gateway has to start this");
    let path = PathBuf::from(variable(ENV_UNIX_SOCKET_DIR)?).join("page");
    let runtime = variable(ENV_RUNTIME)?.to_string_lossy().into_owned();
    let plugin = Arc::new(Plugin { runtime, ..Plugin::default() });
    let listener = UnixListener::bind(&path)?;
    print!("{}", Handshake::new(Network::Unix(path)).line());
    std::io::Write::flush(&mut std::io::stdout())?;
    loop {
        let (socket, _) = listener.accept().await?;
        tokio::spawn(connection(socket, plugin.clone()));
    }
}

async fn connection(socket: UnixStream, plugin: Arc<Plugin>) -> Result<(), h2::Error> {
    let mut builder = h2::server::Builder::new();
    builder.initial_window_size(16 << 20).initial_connection_window_size(64 << 20);
    let mut connection = builder.handshake::<_, Bytes>(socket).await?;
    while let Some(accepted) = connection.accept().await {
        let (request, respond) = accepted?;
        let plugin = plugin.clone();
        tokio::spawn(async move {
            let method = request.uri().path().rsplit('/').next().unwrap_or_default().to_owned();
            if method == "StartStream" {
                plugin.host.listen(request.into_body()).await;
                return std::future::pending().await;
            }
            if method == "StreamStdio" {
                return std::future::pending().await;
            }
            let message = read(request.into_body()).await.unwrap_or_default();
            if let Err(error) = dispatch(&method, message, Call::new(respond), &plugin).await {
                eprintln!("a call of {method} ended early: {error}");
            }
        });
    }
    Ok(())
}

/// The one message of a call.
pub(crate) async fn read(mut body: RecvStream) -> Result<Bytes, h2::Error> {
    let mut all = BytesMut::new();
    while let Some(data) = body.data().await {
        let data = data?;
        body.flow_control().release_capacity(data.len())?;
        all.extend_from_slice(&data);
    }
    all.advance(all.len().min(5));
    Ok(all.freeze())
}

async fn dispatch(
    method: &str,
    message: Bytes,
    mut call: Call,
    plugin: &Plugin,
) -> Result<(), h2::Error> {
    match method {
        "Initialize" => initialize(&message, call, plugin).await,
        "Ping" => call.answer(&wire::PingResponse { timestamp: 0, healthy: true }),
        "GetEndpointRegistrations" => {
            plugin.was_asked_for_endpoints.store(true, Ordering::Relaxed);
            let methods = vec!["GET".to_owned()];
            let all =
                wire::EndpointRegistration { path: "/*".into(), methods, ..Default::default() };
            call.answer(&wire::GetEndpointRegistrationsResponse { registrations: vec![all] })
        }
        "HandleEndpointRequest" => {
            let body = plugin.setting("content").to_owned().into();
            call.answer(&wire::EndpointResponse { status_code: 200, body, ..Default::default() })
        }
        "GetManifest" => {
            let manifest_json = page::MANIFEST.to_owned();
            let (success, error_message) = (true, String::new());
            call.answer(&wire::GetManifestResponse { success, manifest_json, error_message })
        }
        "GetConfigSchema" => {
            let schema_json = page::SCHEMA.to_owned();
            let (success, error_message) = (true, String::new());
            call.answer(&wire::GetConfigSchemaResponse { success, schema_json, error_message })
        }
        "GetAsset" => {
            let request = wire::GetAssetRequest::decode(message).unwrap_or_default();
            call.answer(&page::asset(&request.asset_path).await)
        }
        "Call" => {
            let request = wire::CallRequest::decode(message).unwrap_or_default();
            if request.method == "crash" {
                eprintln!("the last words of the page");
                crash::with(3);
            }
            let answer = match page::answer(plugin, &request.method, &request.payload).await {
                Ok(data) => wire::CallResponse { success: true, data, ..Default::default() },
                Err(error_message) => wire::CallResponse { error_message, ..Default::default() },
            };
            call.answer(&answer)
        }
        "CloseSession" => {
            call.answer(&wire::CloseSessionResponse { success: true, ..Default::default() })
        }
        // PluginService and GRPCController both have one of this name.
        "Shutdown" if message.is_empty() => crash::with(0),
        "Shutdown" => call.answer(&wire::ShutdownResponse { success: true }),
        _ => call.end(12, "not implemented"),
    }
}

async fn initialize(message: &Bytes, mut call: Call, plugin: &Plugin) -> Result<(), h2::Error> {
    let request = wire::InitRequest::decode(message.clone()).unwrap_or_default();
    plugin.config.get_or_init(|| request.config);
    if plugin.setting("beside") == "crash" && plugin.is_beside_console() {
        eprintln!("no page today");
        crash::with(5);
    }
    if plugin.setting("beside") == "hang" && plugin.is_beside_console() {
        std::future::pending::<()>().await;
    }
    let refused = match plugin.setting("content") {
        "bad" => !plugin.is_beside_console(),
        "worse" => true,
        _ => false,
    };
    let error_message = if refused { "content is bad on purpose" } else { "" };
    let answer = wire::InitResponse {
        success: !refused,
        error_message: error_message.to_owned(),
        ..Default::default()
    };
    call.answer(&answer)
}
