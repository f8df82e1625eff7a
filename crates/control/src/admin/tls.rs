//! TLS of the admin port: what it shows of itself, and the beginning of a connection. Knows nothing of
//! files.

use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::server::TlsStream;

/// How long a client may take for its part of the handshake.
const HANDSHAKE_DEADLINE: Duration = Duration::from_secs(10);

/// What the admin port shows to its clients. It is asked for each connection, so that a renewed
/// certificate counts from the next one on. It must offer HTTP/1.1 only.
#[derive(Clone)]
pub struct AdminTls(Arc<dyn Fn() -> Arc<ServerConfig> + Send + Sync>);

impl AdminTls {
    /// Asks `current` for each connection.
    pub fn new(current: impl Fn() -> Arc<ServerConfig> + Send + Sync + 'static) -> Self {
        Self(Arc::new(current))
    }

    /// Begins a connection; `None` when its client does not.
    pub(super) async fn accept(&self, stream: TcpStream) -> Option<Begun> {
        let accepting = async {
            if speaks_http(&stream).await? {
                return Ok(Begun::WithoutTls(stream));
            }
            let accepting = TlsAcceptor::from((self.0)()).accept(stream);
            accepting.await.map(|stream| Begun::Tls(Box::new(stream)))
        };
        match tokio::time::timeout(HANDSHAKE_DEADLINE, accepting).await {
            Ok(Ok(begun)) => Some(begun),
            Ok(Err(error)) => {
                tracing::debug!(%error, "an admin connection did not begin with TLS");
                None
            }
            Err(_) => None,
        }
    }
}

/// How a connection began.
pub(super) enum Begun {
    /// As it should.
    Tls(Box<TlsStream<TcpStream>>),
    /// With the method of a request, which shall be told.
    WithoutTls(TcpStream),
}

async fn speaks_http(stream: &TcpStream) -> std::io::Result<bool> {
    let mut first = [0];
    Ok(stream.peek(&mut first).await? > 0 && first[0].is_ascii_uppercase())
}

impl std::fmt::Debug for AdminTls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AdminTls(…)")
    }
}
