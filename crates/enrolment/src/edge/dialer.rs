//! Connections of an edge to a control plane, by the newest certificate that it has.

use super::control_planes::ControlPlanes;
use super::identity::EdgeIdentity;
use super::server::{Believed, Stranger, client_config};
use crate::names::SYNC_NAME;
use rustls::{AlertDescription, ClientConfig, Error};
use rustls_pki_types::ServerName;
use sidegate_sync::edge::Dial;
use std::io;
use std::sync::Arc;
use tokio::io::AsyncBufReadExt as _;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

/// Dials one control plane after the other.
#[derive(Debug)]
pub struct Dialer {
    identity: EdgeIdentity,
    control: ControlPlanes,
}

impl Dialer {
    /// Those that the edge was told of, and those that its trust bundle names.
    pub fn new(identity: EdgeIdentity, control: ControlPlanes) -> Self {
        Self { identity, control }
    }
}

impl Dial for Dialer {
    type Io = TlsStream<TcpStream>;

    async fn dial(&self) -> io::Result<Self::Io> {
        let believed = Believed::Trusted(self.identity.trusted());
        let key = Some(self.identity.certified());
        let config = client_config(believed, key, self.identity.clock());
        let config = config.map_err(io::Error::other)?;
        let more = self.identity.trust().borrow().control_urls.clone();
        self.control.each(&more, |socket| encrypt(socket, &config, SYNC_NAME)).await
    }
}

/// A connection on which the server has begun to speak: only then it has looked at our certificate.
pub(super) async fn encrypt(
    socket: TcpStream,
    config: &Arc<ClientConfig>,
    name: &'static str,
) -> io::Result<TlsStream<TcpStream>> {
    let name = ServerName::try_from(name).expect("a constant DNS name");
    let connector = TlsConnector::from(config.clone());
    let mut stream = Box::pin(connector.connect(name, socket)).await.map_err(explained)?;
    let has_ended = stream.fill_buf().await.map_err(explained)?.is_empty();
    match has_ended {
        true => {
            Err(io::Error::other("the control plane closed the connection; it may be too busy"))
        }
        false => Ok(stream),
    }
}

/// Says what to do where the TLS library only says what happened.
fn explained(error: io::Error) -> io::Error {
    let cause = error.get_ref().and_then(|cause| cause.downcast_ref::<Error>());
    let told = match cause {
        Some(Error::AlertReceived(AlertDescription::CertificateRevoked)) => {
            "the control plane says that this edge was revoked; to let it in again, make a join token for it and remove its folder `identity`"
        }
        Some(Error::AlertReceived(AlertDescription::CertificateExpired)) => {
            "the control plane does not take this edge's certificate any more or not yet: it is renewed within 90 days of its end; after that the edge has to join again. If this machine's clock is wrong, set it"
        }
        Some(Error::AlertReceived(
            AlertDescription::UnknownCA | AlertDescription::DecryptError,
        )) => {
            "the control plane did not issue this edge's certificate: it is another control plane, or its authorities were replaced; join again with a new token"
        }
        Some(Error::AlertReceived(AlertDescription::AccessDenied)) => {
            "the control plane knows no edge of this name: it was deleted, or the database was restored; join again with a new token"
        }
        Some(Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer)) => {
            let told = "whoever answers is not the control plane that this edge knows: its certificate is of another authority (a mistyped join token looks the same)";
            return Stranger(told.to_owned()).into();
        }
        Some(Error::InvalidMessage(_)) => {
            let told = "whoever answers there speaks no TLS: it is not the port for edges (SIDEGATE_SYNC_PORT), but another one, such as the admin API's";
            return io::Error::new(error.kind(), told);
        }
        _ => return error,
    };
    io::Error::new(io::ErrorKind::PermissionDenied, told)
}
