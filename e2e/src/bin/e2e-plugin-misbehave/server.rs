//! The life of the misbehaving plugin: its first line, its start as configured, and its calls.

use crate::call::Call;
use crate::cases;
use crate::crash;
use crate::deafness;
use crate::family;
use bytes::{Buf as _, Bytes, BytesMut};
use h2::RecvStream;
use prost::Message as _;
use serde_json::Value;
use sidegate_wire::handshake::{ENV_UNIX_SOCKET_DIR, Handshake, Network};
use sidegate_wire::plugin as wire;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use tokio::net::{UnixListener, UnixStream};

type Failure = Box<dyn std::error::Error>;

/// What the plugin was configured with.
type Config = Arc<OnceLock<HashMap<String, String>>>;

pub(crate) async fn run() -> Result<(), Failure> {
    #[expect(clippy::disallowed_methods, reason = "a host gives a plugin its orders there")]
    let folder = std::env::var_os(ENV_UNIX_SOCKET_DIR).ok_or("a gateway has to start this")?;
    let path = PathBuf::from(folder).join("misbehave");
    let listener = UnixListener::bind(&path)?;
    print!("{}", Handshake::new(Network::Unix(path)).line());
    std::io::Write::flush(&mut std::io::stdout())?;
    let config = Config::default();
    loop {
        let (socket, _) = listener.accept().await?;
        tokio::spawn(connection(socket, config.clone()));
    }
}

async fn connection(socket: UnixStream, config: Config) -> Result<(), h2::Error> {
    let mut builder = h2::server::Builder::new();
    builder.initial_window_size(16 << 20).initial_connection_window_size(64 << 20);
    let mut connection = builder.handshake::<_, Bytes>(socket).await?;
    while let Some(accepted) = connection.accept().await {
        let (request, respond) = accepted?;
        let config = config.clone();
        tokio::spawn(async move {
            let method = request.uri().path().rsplit('/').next().unwrap_or_default().to_owned();
            // Streams that the host never ends are not read, and not answered.
            if matches!(method.as_str(), "StartStream" | "StreamStdio") {
                return std::future::pending().await;
            }
            let message = read(request.into_body()).await.unwrap_or_default();
            if let Err(error) = dispatch(&method, message, Call::new(respond), &config).await {
                eprintln!("a call of {method} ended early: {error}");
            }
        });
    }
    Ok(())
}

/// The one message of a call.
async fn read(mut body: RecvStream) -> Result<Bytes, h2::Error> {
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
    config: &Config,
) -> Result<(), h2::Error> {
    match method {
        "Initialize" => initialize(&message, call, config).await,
        "Ping" => call.answer(&wire::PingResponse { timestamp: 0, healthy: true }),
        "GetEndpointRegistrations" => {
            let registrations = registrations(config.get());
            call.answer(&wire::GetEndpointRegistrationsResponse { registrations })
        }
        // Nobody who waits for this is ever answered.
        "CloseSession" | "Shutdown" if is_set(config, "stop", "ignore") => {
            std::future::pending().await
        }
        "CloseSession" => {
            let answer = wire::CloseSessionResponse { success: true, ..Default::default() };
            call.answer(&answer)
        }
        "HandleEndpointRequest" => cases::unary(request(&message), call).await,
        "HandleEndpointRequestStream" => cases::stream(request(&message), call).await,
        // It says that it will, and waits for a signal.
        "Shutdown" if message.is_empty() && is_set(config, "stop", "late") => {
            eprintln!("asked to end");
            call.answer(&wire::ShutdownResponse { success: true })
        }
        // PluginService and GRPCController both have one of this name.
        "Shutdown" if message.is_empty() => crash::with(0),
        "Shutdown" => call.answer(&wire::ShutdownResponse { success: true }),
        _ => call.end(12, "not implemented"),
    }
}

fn is_set(config: &Config, key: &str, value: &str) -> bool {
    config.get().and_then(|config| config.get(key)).is_some_and(|set| set == value)
}

fn request(message: &Bytes) -> wire::EndpointRequest {
    wire::EndpointRequest::decode(message.clone()).unwrap_or_default()
}

async fn initialize(message: &Bytes, mut call: Call, config: &Config) -> Result<(), h2::Error> {
    let request = wire::InitRequest::decode(message.clone()).unwrap_or_default();
    let given = config.get_or_init(|| request.config);
    if is_set(config, "family", "true") {
        family::found();
    }
    if is_set(config, "stop", "ignore") {
        deafness::begin();
    }
    match given.get("start").map_or("", String::as_str) {
        "hang" => std::future::pending().await,
        "crash" => crash::with(4),
        "refuse" => call.answer(&wire::InitResponse {
            success: false,
            error_message: "this configuration is refused on purpose".to_owned(),
            ..Default::default()
        }),
        _ => call.answer(&wire::InitResponse { success: true, ..Default::default() }),
    }
}

/// Both kinds of endpoint, and what the configuration adds as a JSON list.
fn registrations(config: Option<&HashMap<String, String>>) -> Vec<wire::EndpointRegistration> {
    let all = ["GET", "POST"].map(str::to_owned);
    let usual = |path: &str, stream_response| wire::EndpointRegistration {
        path: path.to_owned(),
        methods: all.to_vec(),
        stream_response,
        ..Default::default()
    };
    let more = config.and_then(|config| config.get("registrations"));
    let more: Vec<Value> =
        more.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
    let more = more.into_iter().map(|entry| wire::EndpointRegistration {
        path: entry["path"].as_str().unwrap_or_default().to_owned(),
        methods: texts(&entry["methods"]),
        description: entry["description"].as_str().unwrap_or_default().to_owned(),
        ..Default::default()
    });
    if config.and_then(|config| config.get("endpoints")).is_some_and(|said| said == "none") {
        return Vec::new();
    }
    [usual("/unary/*", false), usual("/stream/*", true)].into_iter().chain(more).collect()
}

fn texts(value: &Value) -> Vec<String> {
    let items = value.as_array().map_or(&[][..], Vec::as_slice);
    items.iter().filter_map(|item| item.as_str().map(str::to_owned)).collect()
}
