//! A plugin as a real process whose host asks for TLS.

#![cfg(feature = "mtls")]

use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use hyper_util::rt::TokioIo;
use sidegate_transport::pinned::{Connector, Identity, PeerCertificate};
use sidegate_wire::handshake::{COOKIE_KEY, COOKIE_VALUE, ENV_CLIENT_CERT, ENV_UNIX_SOCKET_DIR};
use sidegate_wire::plugin::grpc_controller_client::GrpcControllerClient;
use sidegate_wire::plugin::plugin_service_client::PluginServiceClient;
use sidegate_wire::plugin::{Empty, EndpointRequest, InitRequest, PingRequest};
use sidegate_wire::{Handshake, Network};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::net::UnixStream;
use tokio::process::{Child, Command};
use tonic::transport::{Channel, Endpoint};

type TestResult<T = ()> = Result<T, Box<dyn std::error::Error>>;

/// How long a test waits for something that must happen.
const SOON: Duration = Duration::from_secs(20);

struct Plugin {
    child: Child,
    socket: PathBuf,
    host: Identity,
    certificate: PeerCertificate,
    _folder: tempfile::TempDir,
}

impl Plugin {
    async fn start() -> TestResult<Self> {
        let (folder, host) = (tempfile::tempdir()?, Identity::generate()?);
        let mut child = Command::new(env!("CARGO_BIN_EXE_sidegate-sdk-probe"))
            .env_clear()
            .env(COOKIE_KEY, COOKIE_VALUE)
            .env(ENV_UNIX_SOCKET_DIR, folder.path())
            .env(ENV_CLIENT_CERT, host.certificate_pem())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let mut lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let line = tokio::time::timeout(SOON, lines.next_line()).await??.expect("a first line");
        let handshake = Handshake::parse(&line)?;
        let Network::Unix(socket) = handshake.network else { panic!("{line}") };
        let certificate = handshake.certificate.expect("a certificate in the first line");
        let certificate = PeerCertificate::from_der(&certificate)?;
        Ok(Self { child, socket, host, certificate, _folder: folder })
    }

    /// A connection of whoever has this identity.
    async fn dial(&self, who: &Identity) -> Result<Channel, tonic::transport::Error> {
        let tls = Connector::new(who, &self.certificate);
        let path = self.socket.clone();
        let connect = tower::service_fn(move |_| encrypted(path.clone(), tls.clone()));
        Endpoint::from_static("http://localhost").connect_with_connector(connect).await
    }

    /// What the plugin answers to whoever has this identity.
    async fn asked_by(&self, who: &Identity) -> TestResult<String> {
        let mut calls = PluginServiceClient::new(self.dial(who).await?);
        assert!(calls.initialize(InitRequest::default()).await?.get_ref().success);
        let request = EndpointRequest {
            method: "GET".to_owned(),
            relative_path: "/".to_owned(),
            ..EndpointRequest::default()
        };
        let answer = calls.handle_endpoint_request(request).await?.into_inner();
        Ok(String::from_utf8(answer.body.to_vec())?)
    }
}

async fn encrypted(
    path: PathBuf,
    tls: Connector,
) -> io::Result<TokioIo<sidegate_transport::pinned::Encrypted<UnixStream>>> {
    tls.connect(UnixStream::connect(path).await?).await.map(TokioIo::new)
}

async fn answers_plainly(socket: &Path) -> TestResult<bool> {
    let endpoint = Endpoint::try_from(format!("unix://{}", socket.display()))?;
    let Ok(channel) = endpoint.timeout(SOON).connect().await else { return Ok(false) };
    Ok(PluginServiceClient::new(channel).ping(PingRequest::default()).await.is_ok())
}

#[tokio::test]
async fn the_host_is_served_over_tls_and_nobody_else_is() -> TestResult {
    let mut plugin = Plugin::start().await?;
    assert!(plugin.asked_by(&Identity::generate()?).await.is_err());
    assert!(!answers_plainly(&plugin.socket).await?);
    assert_eq!(plugin.asked_by(&plugin.host).await?, "probe");
    let channel = plugin.dial(&plugin.host).await?;
    GrpcControllerClient::new(channel).shutdown(Empty {}).await?;
    assert!(tokio::time::timeout(SOON, plugin.child.wait()).await??.success());
    Ok(())
}

#[tokio::test]
async fn who_connects_and_says_nothing_delays_nobody() -> TestResult {
    let plugin = Plugin::start().await?;
    let silent = UnixStream::connect(&plugin.socket).await?;
    let asked = tokio::time::timeout(Duration::from_secs(4), plugin.asked_by(&plugin.host));
    assert_eq!(asked.await??, "probe");
    drop(silent);
    Ok(())
}
