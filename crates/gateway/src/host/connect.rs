//! From a started process to a connection: its first line, then its socket.

use super::fault::{Fault, last_words};
use super::process::Process;
use super::watched::Watched;
use hyper_util::rt::TokioIo;
use sidegate_wire::{Handshake, Network};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::net::{TcpStream, UnixStream};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tonic::transport::{Channel, Endpoint};

/// How long connecting may take; the plugin listens before it prints.
const DIAL: Duration = Duration::from_secs(5);
/// How long the first line may take after the process has ended.
const LAST_LINE: Duration = Duration::from_millis(250);

/// Waits for the handshake and gives the path of the socket it names.
pub(super) async fn await_handshake(
    process: &mut Process,
    limit: Duration,
) -> Result<PathBuf, Fault> {
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
            return Err(Fault::Late { limit, words: last_words(process.last_words()) });
        }
        Ok(None) => return Err(ended_early(process).await),
        Ok(Some(line)) => line,
    };
    let handshake = Handshake::parse(&String::from_utf8_lossy(&line))?;
    match handshake.network {
        _ if handshake.certificate.is_some() => Err(Fault::Unsupported("a certificate")),
        Network::Tcp(_) => Err(Fault::Unsupported("a TCP address")),
        Network::Unix(path) => Ok(path),
    }
}

async fn ended_early(process: &mut Process) -> Fault {
    let exit = process.ended_just_now().await;
    let words = last_words(process.last_words());
    match exit {
        Some(exit) => Fault::EndedEarly { exit: exit.to_string(), words },
        None => Fault::Silent { words },
    }
}

/// Connects to a plugin's socket.
pub(super) async fn dial(socket: &Path) -> Result<Channel, Fault> {
    let path = socket.to_owned();
    let connector = tower::service_fn(move |_| {
        let path = path.clone();
        async move { UnixStream::connect(path).await.map(TokioIo::new) }
    });
    Endpoint::from_static("http://localhost")
        .connect_timeout(DIAL)
        .connect_with_connector(connector)
        .await
        .map_err(|error| Fault::Dial { path: socket.to_owned(), cause: first_cause(&error) })
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
