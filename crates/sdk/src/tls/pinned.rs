//! TLS with the one host whose certificate the environment holds.

use std::io;
use std::time::Duration;

use futures_util::{Stream, StreamExt as _};
use sidegate_transport::pinned::{Acceptor, Connector, Encrypted, Identity, PeerCertificate};
use sidegate_wire::handshake::ENV_CLIENT_CERT;
use tokio::net::{UnixListener, UnixStream};
use tokio::time::timeout;
use tokio_stream::wrappers::UnixListenerStream;

use crate::error::{Error, Result};

/// How long whoever connects may take to show who it is.
const HANDSHAKE: Duration = Duration::from_secs(5);
/// How many may be at it at once; others wait for one of them.
const HANDSHAKES: usize = 64;

/// TLS with the host, in both directions. A clone is cheap.
#[derive(Clone)]
pub(crate) struct HostTls {
    identity: Identity,
    acceptor: Acceptor,
    connector: Connector,
}

impl HostTls {
    /// Takes the host's certificate as PEM text and makes our own.
    ///
    /// # Errors
    /// When the text holds no certificate.
    pub(crate) fn agree(host: &str) -> Result<Self> {
        let unreadable = |error| {
            let doing = format!("read the host's certificate from {ENV_CLIENT_CERT}");
            Error::from(error).context(doing)
        };
        let host = PeerCertificate::from_pem(host).map_err(unreadable)?;
        let identity = Identity::generate()?;
        let acceptor = Acceptor::new(&identity, &host);
        let connector = Connector::new(&identity, &host);
        Ok(Self { identity, acceptor, connector })
    }

    /// Our certificate in DER, for the first line.
    pub(crate) fn certificate(&self) -> &[u8] {
        self.identity.certificate_der()
    }

    /// The host's connections to our socket. Whoever else comes is turned away.
    pub(crate) fn incoming(
        &self,
        listener: UnixListener,
    ) -> impl Stream<Item = io::Result<Encrypted<UnixStream>>> + use<> {
        let acceptor = self.acceptor.clone();
        let accept = move |stream: io::Result<UnixStream>| {
            let acceptor = acceptor.clone();
            async move {
                match stream {
                    Ok(stream) => admit(&acceptor, stream).await.map(Ok),
                    Err(error) => Some(Err(error)),
                }
            }
        };
        let admitted = UnixListenerStream::new(listener).map(accept).buffer_unordered(HANDSHAKES);
        admitted.filter_map(std::future::ready)
    }

    /// Encrypts a connection of ours to the host.
    ///
    /// # Errors
    /// When whoever listens there is not the host.
    pub(crate) async fn connect(&self, stream: UnixStream) -> io::Result<Encrypted<UnixStream>> {
        match timeout(HANDSHAKE, self.connector.connect(stream)).await {
            Ok(connected) => connected,
            Err(late) => Err(late.into()),
        }
    }
}

/// One that fails ends alone: the server would take an error for its own.
async fn admit(acceptor: &Acceptor, stream: UnixStream) -> Option<Encrypted<UnixStream>> {
    let refused = match timeout(HANDSHAKE, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => return Some(stream),
        Ok(Err(error)) => error.to_string(),
        Err(_) => format!("no TLS handshake within {HANDSHAKE:?}"),
    };
    tracing::warn!(error = refused, "a connection to the plugin's socket was refused");
    None
}
