//! A plugin as a real process: its first line, its services, its logs, its end.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use sidegate_wire::config_provider::ConfigPingRequest;
use sidegate_wire::config_provider::GetManifestRequest;
use sidegate_wire::config_provider::config_provider_service_client::ConfigProviderServiceClient;
use sidegate_wire::handshake::{COOKIE_KEY, COOKIE_VALUE, ENV_CLIENT_CERT, ENV_UNIX_SOCKET_DIR};
use sidegate_wire::health::HealthCheckRequest;
use sidegate_wire::health::health_client::HealthClient;
use sidegate_wire::plugin::grpc_broker_client::GrpcBrokerClient;
use sidegate_wire::plugin::grpc_controller_client::GrpcControllerClient;
use sidegate_wire::plugin::grpc_stdio_client::GrpcStdioClient;
use sidegate_wire::plugin::plugin_service_client::PluginServiceClient;
use sidegate_wire::plugin::{
    ConnInfo, Empty, EndpointRequest, GetEndpointRegistrationsRequest, InitRequest,
    OpenSessionRequest,
};
use sidegate_wire::{Handshake, Network};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::{Child, ChildStderr, Command};
use tonic::transport::{Channel, Endpoint};

type TestResult = Result<(), Box<dyn std::error::Error>>;

/// How long a test waits for something that must happen.
const SOON: Duration = Duration::from_secs(20);

struct Plugin {
    child: Child,
    stderr: ChildStderr,
    socket: PathBuf,
    channel: Channel,
    _folder: tempfile::TempDir,
}

impl Plugin {
    async fn start() -> Result<Self, Box<dyn std::error::Error>> {
        let folder = tempfile::tempdir()?;
        let mut child = command()
            .env(COOKIE_KEY, COOKIE_VALUE)
            .env(ENV_UNIX_SOCKET_DIR, folder.path())
            .spawn()?;
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let line = tokio::time::timeout(SOON, lines.next_line()).await??.expect("a first line");
        let Network::Unix(socket) = Handshake::parse(&line)?.network else { panic!("{line}") };
        assert_eq!(socket.parent(), Some(folder.path()));
        let channel = Endpoint::try_from(format!("unix://{}", socket.display()))?.connect().await?;
        let stderr = child.stderr.take().expect("piped");
        Ok(Self { child, stderr, socket, channel, _folder: folder })
    }

    fn calls(&self) -> PluginServiceClient<Channel> {
        PluginServiceClient::new(self.channel.clone())
    }

    async fn initialize(&self) -> TestResult {
        let answer = self.calls().initialize(InitRequest::default()).await?.into_inner();
        assert!(answer.success, "{answer:?}");
        assert_eq!(
            answer.features,
            ["header_list", "raw_path", "large_messages", "storage", "sealing"]
        );
        Ok(())
    }

    async fn get(&self, path: &str) -> Result<String, tonic::Status> {
        let request = EndpointRequest {
            method: "GET".to_owned(),
            relative_path: path.to_owned(),
            ..EndpointRequest::default()
        };
        let answer = self.calls().handle_endpoint_request(request).await?.into_inner();
        Ok(String::from_utf8(answer.body.to_vec()).expect("text"))
    }

    async fn signal(&self, name: &str) -> TestResult {
        let pid = self.child.id().expect("running").to_string();
        assert!(Command::new("kill").args(["-s", name, &pid]).status().await?.success());
        Ok(())
    }

    /// Waits for the end; gives the exit code and what was logged.
    async fn end(mut self) -> Result<(Option<i32>, Vec<Value>), Box<dyn std::error::Error>> {
        let status = tokio::time::timeout(SOON, self.child.wait()).await??;
        assert!(!self.socket.exists(), "the socket stayed behind");
        let mut text = String::new();
        self.stderr.read_to_string(&mut text).await?;
        let lines = text.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
        Ok((status.code(), lines))
    }
}

/// The plugin of these tests, in an empty environment.
fn command() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sidegate-sdk-probe"));
    command.env_clear().stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.kill_on_drop(true);
    command
}

#[tokio::test]
async fn without_a_host_the_program_explains_itself_and_fails() -> TestResult {
    let output = command().output().await?;
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty());
    let text = String::from_utf8(output.stderr)?;
    assert_eq!(text.lines().count(), 3, "{text}");
    assert!(
        text.contains("is a Sidegate plugin") && text.contains("sidegate plugin add"),
        "{text}"
    );
    Ok(())
}

#[tokio::test]
async fn a_host_whose_certificate_is_of_no_use_is_told_before_the_first_line() -> TestResult {
    let told = if cfg!(feature = "mtls") {
        "read the host's certificate from PLUGIN_CLIENT_CERT: this is no certificate in PEM"
    } else {
        "without the feature \"mtls\""
    };
    let output = command().env(COOKIE_KEY, COOKIE_VALUE).env(ENV_CLIENT_CERT, "x").output().await?;
    assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0));
    let text = String::from_utf8(output.stderr)?;
    assert!(text.contains(told), "{text}");
    Ok(())
}

#[tokio::test]
async fn a_plugin_serves_everything_a_host_expects_and_stops_when_told() -> TestResult {
    let plugin = Plugin::start().await?;
    let mut health = HealthClient::new(plugin.channel.clone());
    for (service, known) in [("plugin", true), ("", true), ("other", false)] {
        let request = HealthCheckRequest { service: service.to_owned() };
        assert_eq!(health.check(request).await.is_ok(), known, "{service}");
    }
    let mut provider = ConfigProviderServiceClient::new(plugin.channel.clone());
    assert!(provider.ping(ConfigPingRequest { timestamp: 1 }).await?.get_ref().healthy);
    let manifest = provider.get_manifest(GetManifestRequest {}).await?.into_inner().manifest_json;
    assert!(manifest.contains("custom_endpoint"), "{manifest}");

    let mut calls = plugin.calls();
    let early = calls.get_endpoint_registrations(GetEndpointRegistrationsRequest {}).await?;
    assert!(!early.get_ref().registrations.is_empty());
    assert_eq!(plugin.get("/").await.unwrap_err().code(), tonic::Code::FailedPrecondition);
    plugin.initialize().await?;
    assert_eq!(plugin.get("/").await?, "probe");

    // The calls that a host leaves open for the life of the plugin.
    let (_hold, outgoing) = tokio::sync::mpsc::channel::<ConnInfo>(1);
    let outgoing = tokio_stream::wrappers::ReceiverStream::new(outgoing);
    let broker = GrpcBrokerClient::new(plugin.channel.clone()).start_stream(outgoing).await?;
    let stdio = GrpcStdioClient::new(plugin.channel.clone()).stream_stdio(()).await?;
    let mut session_calls = plugin.calls();
    let session = tokio::spawn(async move {
        let request = OpenSessionRequest { plugin_id: 1, timeout_ms: 60_000, ..Default::default() };
        session_calls.open_session(request).await
    });

    GrpcControllerClient::new(plugin.channel.clone()).shutdown(Empty {}).await?;
    // Every end is right; that they end is the point.
    let _ = tokio::time::timeout(SOON, broker.into_inner().message()).await?;
    let _ = tokio::time::timeout(SOON, stdio.into_inner().message()).await?;
    let _ = tokio::time::timeout(SOON, session).await??;
    let (code, logged) = plugin.end().await?;
    assert_eq!(code, Some(0));
    assert!(logged.iter().any(|line| line["@message"] == "last words"), "{logged:?}");
    Ok(())
}

#[tokio::test]
async fn a_call_that_hangs_does_not_keep_the_process() -> TestResult {
    let plugin = Plugin::start().await?;
    plugin.initialize().await?;
    let mut calls = plugin.calls();
    let hanging = tokio::spawn(async move {
        let request = EndpointRequest {
            method: "GET".to_owned(),
            relative_path: "/hang".to_owned(),
            ..EndpointRequest::default()
        };
        calls.handle_endpoint_request_stream(request).await?.into_inner().message().await
    });
    assert_eq!(hanging_started(&plugin).await?, "1");
    GrpcControllerClient::new(plugin.channel.clone()).shutdown(Empty {}).await?;
    assert_eq!(plugin.end().await?.0, Some(0));
    assert!(tokio::time::timeout(SOON, hanging).await??.is_err());
    Ok(())
}

/// Asks until the plugin counts one handler that hangs.
async fn hanging_started(plugin: &Plugin) -> Result<String, Box<dyn std::error::Error>> {
    let deadline = tokio::time::Instant::now() + SOON;
    loop {
        let count = plugin.get("/hanging").await?;
        if count != "0" || tokio::time::Instant::now() > deadline {
            return Ok(count);
        }
    }
}

#[tokio::test]
async fn signals_that_end_a_service_are_left_to_the_host() -> TestResult {
    let plugin = Plugin::start().await?;
    plugin.initialize().await?;
    for signal in ["INT", "TERM", "TERM"] {
        plugin.signal(signal).await?;
        assert_eq!(plugin.get("/").await?, "probe");
    }
    GrpcControllerClient::new(plugin.channel.clone()).shutdown(Empty {}).await?;
    let (code, logged) = plugin.end().await?;
    assert_eq!(code, Some(0));
    assert!(logged.iter().any(|line| line["@message"] == "last words"), "{logged:?}");
    Ok(())
}

#[tokio::test]
async fn what_a_handler_logs_names_its_request_and_panics_are_logged() -> TestResult {
    let plugin = Plugin::start().await?;
    plugin.initialize().await?;
    let request = EndpointRequest {
        method: "GET".to_owned(),
        relative_path: "/panic".to_owned(),
        context: Some(sidegate_wire::plugin::PluginContext {
            request_id: "req_7".to_owned(),
            ..Default::default()
        }),
        ..EndpointRequest::default()
    };
    let failed = plugin.calls().handle_endpoint_request(request).await.unwrap_err();
    assert_eq!(failed.code(), tonic::Code::Internal);
    assert_eq!(plugin.get("/").await?, "probe");
    GrpcControllerClient::new(plugin.channel.clone()).shutdown(Empty {}).await?;
    let (_, logged) = plugin.end().await?;
    let find = |text: &str| {
        let line = logged.iter().find(|line| line["@message"].as_str().unwrap().starts_with(text));
        line.unwrap_or_else(|| panic!("no line \"{text}\" in {logged:#?}"))
    };
    let said = find("about to panic");
    assert_eq!((&said["@level"], &said["step"]), (&"info".into(), &1.into()));
    assert_eq!(
        (&said["@module"], &said["request_id"]),
        (&"sidegate_sdk_probe".into(), &"req_7".into())
    );
    let panic = find("panic: on purpose");
    assert!(panic["place"].as_str().unwrap().contains("plugin.rs:"), "{panic}");
    assert_eq!(panic["request_id"], "req_7");
    let errors = logged.iter().filter(|line| line["@level"] == "error");
    assert_eq!(errors.count(), 1, "one panic, one error: {logged:#?}");
    Ok(())
}
