//! From a started process to a connection: its first line, then its socket, encrypted where that is
//! agreed.

use super::fault::{Fault, quoted};
use super::process::Process;
use super::watched::Watched;
use hyper_util::rt::TokioIo;
use sidegate_transport::pinned::{Acceptor, Connector, Encrypted, Identity, PeerCertificate};
use sidegate_wire::{Handshake, Network};
use std::io;
use std::path::PathBuf;
use std::time::Duration;
use tokio::net::{TcpStream, UnixStream};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tonic::transport::{Channel, Endpoint};

/// How long connecting may take; the plugin listens before it prints.
const DIAL: Duration = Duration::from_secs(5);
/// How long the first line may take after the process has ended.
const LAST_LINE: Duration = Duration::from_millis(250);

/// Where a process listens.
pub(super) struct PluginSocket {
    pub(super) path: PathBuf,
    /// With the option mtls: how to talk to this process, and to nobody else.
    pub(super) tls: Option<PluginTls>,
}

/// TLS with one process, in both directions. A clone is cheap.
#[derive(Clone)]
pub(super) struct PluginTls {
    /// For connections to the plugin's socket.
    pub(super) connector: Connector,
    /// For connections of the plugin to a socket of ours.
    pub(super) acceptor: Acceptor,
}

impl PluginSocket {
    /// How it is to be connected to; plainly, where there is nothing.
    pub(super) fn connector(&self) -> Option<&Connector> {
        self.tls.as_ref().map(|tls| &tls.connector)
    }
}

impl PluginTls {
    fn agree(identity: &Identity, announced: &[u8]) -> Result<Self, Fault> {
        let peer = PeerCertificate::from_der(announced)?;
        let connector = Connector::new(identity, &peer);
        Ok(Self { connector, acceptor: Acceptor::new(identity, &peer) })
    }
}

/// Waits for the handshake and gives the socket it names.
pub(super) async fn await_handshake(
    process: &mut Process,
    limit: Duration,
) -> Result<PluginSocket, Fault> {
    let exited = process.exited();
    // What it printed just before its end still counts; a grandchild may keep its stdout open.
    let ended = async {
        exited.await;
        sleep(LAST_LINE).await;
        None
    };
    let first_line = async {
        tokio::select! {
            line = process.first_line() => line,
            nothing = ended => nothing,
        }
    };
    let line = match timeout(limit, first_line).await {
        Err(_) => {
            return Err(Fault::Late { limit, words: quoted(process.final_output()) });
        }
        Ok(None) => return Err(ended_early(process).await),
        Ok(Some(line)) => line,
    };
    let handshake = Handshake::parse(&String::from_utf8_lossy(&line))?;
    let Network::Unix(path) = handshake.network else { return Err(Fault::OnTcp) };
    let tls = match (process.identity(), &handshake.certificate) {
        (None, None) => None,
        (Some(identity), Some(announced)) => Some(PluginTls::agree(identity, announced)?),
        (None, Some(_)) => return Err(Fault::Certificate),
        (Some(_), None) => return Err(Fault::NoCertificate),
    };
    Ok(PluginSocket { path, tls })
}

async fn ended_early(process: &mut Process) -> Fault {
    let exit = process.ended_just_now().await;
    let words = quoted(process.final_output());
    match exit {
        Some(exit) => Fault::EndedEarly { exit: exit.to_string(), words },
        None => Fault::Silent { words },
    }
}

/// Connects to a plugin's socket.
pub(super) async fn dial(socket: &PluginSocket) -> Result<Channel, Fault> {
    let failed = |cause| Fault::Dial { path: socket.path.clone(), cause };
    let endpoint = Endpoint::from_static("http://localhost").connect_timeout(DIAL);
    let path = socket.path.clone();
    let connected = match socket.connector().cloned() {
        None => {
            let connect = move |_| plain(path.clone());
            endpoint.connect_with_connector(tower::service_fn(connect)).await
        }
        Some(tls) => {
            let connect = move |_| encrypted(path.clone(), tls.clone());
            endpoint.connect_with_connector(tower::service_fn(connect)).await
        }
    };
    connected.map_err(|error| failed(first_cause(&error)))
}

async fn plain(path: PathBuf) -> io::Result<TokioIo<UnixStream>> {
    UnixStream::connect(path).await.map(TokioIo::new)
}

async fn encrypted(path: PathBuf, tls: Connector) -> io::Result<TokioIo<Encrypted<UnixStream>>> {
    let stream = UnixStream::connect(path).await?;
    tls.connect(stream).await.map(TokioIo::new)
}

/// Connects once to a plugin that runs elsewhere; the token is cancelled when the connection ends.
///
/// It is never made anew behind our back: whoever answers then may be another process, which nobody
/// has initialised.
pub(super) async fn dial_remote(address: &str) -> Result<(Channel, CancellationToken), Fault> {
    let failed = |error: &(dyn std::error::Error + 'static)| Fault::DialRemote(first_cause(error));
    let connecting = timeout(DIAL, TcpStream::connect(address)).await;
    let stream = connecting.map_err(|late| failed(&late))?.map_err(|e| failed(&e))?;
    stream.set_nodelay(true).map_err(|e| failed(&e))?;
    let lost = CancellationToken::new();
    let mut stream = Some(Watched { stream, _end: lost.clone().drop_guard() });
    let connector = tower::service_fn(move |_| {
        let stream = stream.take().map(TokioIo::new);
        async { stream.ok_or(io::ErrorKind::NotConnected).map_err(io::Error::from) }
    });
    let endpoint = Endpoint::from_shared(format!("http://{address}")).map_err(|e| failed(&e))?;
    match timeout(DIAL, endpoint.connect_with_connector(connector)).await {
        Ok(connected) => Ok((connected.map_err(|e| failed(&e))?, lost)),
        Err(late) => Err(failed(&late)),
    }
}

/// What the system said, below the layers that say no more than that it failed.
fn first_cause(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.last().map(ToString::to_string).unwrap_or_default()
}
