//! A plugin that runs by itself: its address, several hosts, its end.

use std::process::Stdio;
use std::time::Duration;

use sidegate_wire::plugin::grpc_controller_client::GrpcControllerClient;
use sidegate_wire::plugin::plugin_service_client::PluginServiceClient;
use sidegate_wire::plugin::{
    Empty, EndpointRequest, InitRequest, InitResponse, PingRequest, ShutdownRequest,
};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader};
use tokio::process::{Child, ChildStderr, Command};
use tonic::transport::{Channel, Endpoint};

type TestResult = Result<(), Box<dyn std::error::Error>>;

/// How long a test waits for something that must happen.
const SOON: Duration = Duration::from_secs(20);

struct Plugin {
    child: Child,
    stderr: BufReader<ChildStderr>,
    address: String,
}

impl Plugin {
    async fn start() -> Result<Self, Box<dyn std::error::Error>> {
        let mut child = command("127.0.0.1:0").spawn()?;
        let mut stderr = BufReader::new(child.stderr.take().expect("piped"));
        let mut line = String::new();
        tokio::time::timeout(SOON, stderr.read_line(&mut line)).await??;
        let address = line.rsplit_once("--command grpc://").expect("where it listens").1;
        let address = address.trim_end().to_owned();
        assert!(line.contains(&format!("serves at {address}, without TLS")), "{line}");
        Ok(Self { child, stderr, address })
    }

    async fn channel(&self) -> Result<Channel, tonic::transport::Error> {
        Endpoint::try_from(format!("http://{}", self.address))?.connect().await
    }

    async fn calls(&self) -> Result<PluginServiceClient<Channel>, tonic::transport::Error> {
        Ok(PluginServiceClient::new(self.channel().await?))
    }

    async fn initialize(
        &self,
        config: &[(&str, &str)],
    ) -> Result<InitResponse, Box<dyn std::error::Error>> {
        let config = config.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        let request = InitRequest { config: config.collect(), features: Vec::new() };
        Ok(self.calls().await?.initialize(request).await?.into_inner())
    }

    async fn get(&self, path: &str) -> Result<String, Box<dyn std::error::Error>> {
        let request = EndpointRequest {
            method: "GET".to_owned(),
            relative_path: path.to_owned(),
            ..EndpointRequest::default()
        };
        let answer = self.calls().await?.handle_endpoint_request(request).await?.into_inner();
        Ok(String::from_utf8(answer.body.to_vec())?)
    }

    /// Sends a signal and waits for the end; gives the exit code and what was printed.
    async fn end(mut self, signal: &str) -> Result<(Option<i32>, String), std::io::Error> {
        let pid = self.child.id().expect("running").to_string();
        assert!(Command::new("kill").args(["-s", signal, &pid]).status().await?.success());
        let status = tokio::time::timeout(SOON, self.child.wait()).await??;
        let mut text = String::new();
        self.stderr.read_to_string(&mut text).await?;
        Ok((status.code(), text))
    }
}

/// The plugin of these tests, in an environment that holds nothing but the address.
fn command(address: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sidegate-sdk-probe"));
    command.env_clear().env("PLUGIN_LISTEN", address);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.kill_on_drop(true);
    command
}

#[tokio::test]
async fn several_hosts_with_one_configuration_are_served() -> TestResult {
    let plugin = Plugin::start().await?;
    let both = tokio::join!(
        plugin.initialize(&[("_plugin_id", "1"), ("slug", "s")]),
        plugin.initialize(&[("_plugin_id", "2"), ("_service_broker_id", "4"), ("slug", "s")]),
    );
    for answer in [both.0?, both.1?] {
        assert!(answer.success, "{answer:?}");
        assert_eq!(
            answer.features,
            ["header_list", "raw_path", "large_messages", "storage", "sealing"]
        );
    }
    assert_eq!(plugin.get("/").await?, "probe");
    let other = plugin.initialize(&[("slug", "t")]).await?;
    assert!(!other.success && other.error_message.contains("restart it"), "{other:?}");
    assert_eq!(plugin.get("/").await?, "probe");
    Ok(())
}

#[tokio::test]
async fn a_refused_configuration_is_refused_again_with_the_same_words() -> TestResult {
    let plugin = Plugin::start().await?;
    for _ in 0..2 {
        let refused = plugin.initialize(&[("refuse", "because")]).await?;
        assert!(!refused.success);
        assert_eq!(refused.error_message, "because");
    }
    let late = plugin.initialize(&[]).await?;
    assert!(!late.success && late.error_message.contains("restart it"), "{late:?}");
    Ok(())
}

#[tokio::test]
async fn no_host_ends_it() -> TestResult {
    let plugin = Plugin::start().await?;
    assert!(plugin.initialize(&[]).await?.success);
    let mut calls = plugin.calls().await?;
    calls.shutdown(ShutdownRequest::default()).await?;
    GrpcControllerClient::new(plugin.channel().await?).shutdown(Empty {}).await?;
    assert!(calls.ping(PingRequest::default()).await?.get_ref().healthy);
    assert_eq!(plugin.get("/").await?, "probe");
    let (code, printed) = plugin.end("TERM").await?;
    assert_eq!(code, Some(0));
    assert_eq!(printed.matches("last words").count(), 1, "{printed}");
    Ok(())
}

#[tokio::test]
async fn an_interrupt_ends_it_in_order() -> TestResult {
    let plugin = Plugin::start().await?;
    assert!(plugin.initialize(&[]).await?.success);
    let (code, printed) = plugin.end("INT").await?;
    assert_eq!(code, Some(0));
    assert!(printed.contains("last words"), "{printed}");
    Ok(())
}

#[tokio::test]
async fn an_address_that_cannot_be_used_is_named_with_its_variable() -> TestResult {
    let plugin = Plugin::start().await?;
    for address in ["nonsense", &plugin.address] {
        let output = command(address).output().await?;
        assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0));
        let text = String::from_utf8(output.stderr)?;
        assert!(text.contains("PLUGIN_LISTEN") && text.contains(address), "{text}");
    }
    Ok(())
}
