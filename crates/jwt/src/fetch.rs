//! Asking an issuer something over HTTP: over TLS, at an address that was looked at, without redirects, and reading no more
//! than a document needs. Deadlines are the caller's.

use crate::addresses::{is_one_host, is_public};
use bytes::Bytes;
use http::{HeaderValue, Method, Request, StatusCode, Uri, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use rustls_platform_verifier::Verifier;
use sidegate_model::issuer::check_address;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_util::task::AbortOnDropHandle;

/// Largest document that is read, in bytes.
pub const MAX_DOCUMENT_BYTES: usize = 64 * 1024;

/// Why a document cannot be fetched, in words for an operator.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// It took too long.
    #[error("it does not answer within 5 seconds")]
    TooSlow,
    /// An address that is none to fetch from.
    #[error("{0} is not fetched: {1}")]
    Address(String, String),
    /// The connection.
    #[error("{0}: {1}")]
    Connection(String, io::Error),
    /// What is said on it.
    #[error("{0}: {1}")]
    Http(String, hyper::Error),
    /// An answer other than 200. Nobody is followed elsewhere.
    #[error("{0} answers {1}")]
    Status(String, StatusCode),
    /// A plugin that is asked inside.
    #[error("{0}: {1}")]
    Plugin(String, String),
    /// A document that is not one.
    #[error("{0}: {1}")]
    Document(String, String),
}

/// What an issuer is asked.
#[derive(Debug, Clone)]
pub struct Question<'a> {
    /// Where.
    pub address: &'a str,
    /// Whether that may be near.
    pub allow_private: bool,
    /// A form that is sent; `None` only reads.
    pub form: Option<String>,
    /// By what whoever asks proves who they are.
    pub authorization: Option<HeaderValue>,
}

/// The document at an address.
///
/// # Errors
/// [`FetchError`].
pub async fn get(address: &str, allow_private: bool) -> Result<Bytes, FetchError> {
    let question = Question { address, allow_private, form: None, authorization: None };
    match ask(&question).await? {
        (StatusCode::OK, document) => Ok(document),
        (status, _) => Err(FetchError::Status(address.to_owned(), status)),
    }
}

/// What comes of a question, whatever the status is.
///
/// # Errors
/// [`FetchError`].
pub async fn ask(question: &Question<'_>) -> Result<(StatusCode, Bytes), FetchError> {
    let Question { address, allow_private, .. } = *question;
    let refused = |why: String| FetchError::Address(address.to_owned(), why);
    check_address(address, allow_private).map_err(refused)?;
    let uri: Uri = address.parse().map_err(|_| refused("it is no address".to_owned()))?;
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']).to_owned();
    let is_tls = uri.scheme_str() == Some("https");
    let port = uri.port_u16().unwrap_or(if is_tls { 443 } else { 80 });
    let failed = |error| FetchError::Connection(address.to_owned(), error);
    let found = tokio::net::lookup_host((host.as_str(), port)).await.map_err(failed)?;
    let fits = |found: &SocketAddr| {
        let ip = found.ip();
        is_one_host(ip) && (allow_private || is_public(ip)) && (is_tls || ip.is_loopback())
    };
    let found: Vec<_> = found.filter(fits).collect();
    if found.is_empty() {
        let why = "its name leads to no address of the public network; see allow_private";
        return Err(refused(why.to_owned()));
    }
    // To what was looked at, and nowhere else.
    let tcp = TcpStream::connect(&*found).await.map_err(failed)?;
    if !is_tls {
        return ask_on(tcp, &uri, question).await;
    }
    let name = ServerName::try_from(host).map_err(|error| refused(error.to_string()))?;
    let connector = connector().await.map_err(failed)?;
    ask_on(connector.connect(name, tcp).await.map_err(failed)?, &uri, question).await
}

/// TLS that trusts whom the machine trusts. The files of that are read each time, which is seldom: they change.
async fn connector() -> io::Result<TlsConnector> {
    let made = tokio::task::spawn_blocking(|| {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let verifier = Verifier::new(provider.clone()).map_err(io::Error::other)?;
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_no_client_auth();
        Ok(TlsConnector::from(Arc::new(config)))
    });
    made.await.map_err(io::Error::other)?
}

async fn ask_on(
    socket: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    uri: &Uri,
    question: &Question<'_>,
) -> Result<(StatusCode, Bytes), FetchError> {
    let address = question.address;
    let failed = |error| FetchError::Http(address.to_owned(), error);
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(socket)).await.map_err(failed)?;
    // It ends with this question.
    let _connection = AbortOnDropHandle::new(tokio::spawn(connection));
    let request = request(uri, question)
        .map_err(|error| FetchError::Address(address.to_owned(), error.to_string()))?;
    let response = sender.send_request(request).await.map_err(failed)?;
    let status = response.status();
    let body = Limited::new(response.into_body(), MAX_DOCUMENT_BYTES).collect().await;
    let too_large = |error: Box<dyn std::error::Error + Send + Sync>| {
        FetchError::Document(address.to_owned(), format!("{error}; 64 KiB are the most"))
    };
    Ok((status, body.map_err(too_large)?.to_bytes()))
}

fn request(uri: &Uri, question: &Question<'_>) -> http::Result<Request<Full<Bytes>>> {
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    let host = uri.authority().map(http::uri::Authority::as_str).unwrap_or_default();
    let method = if question.form.is_some() { Method::POST } else { Method::GET };
    let mut request = Request::builder()
        .method(method)
        .uri(path)
        .header(header::HOST, host)
        .header(header::ACCEPT, "application/json")
        .header(header::USER_AGENT, concat!("sidegate/", env!("CARGO_PKG_VERSION")));
    if let Some(authorization) = &question.authorization {
        request = request.header(header::AUTHORIZATION, authorization);
    }
    if question.form.is_some() {
        request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    }
    request.body(Full::from(question.form.clone().unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_near_is_not_fetched_from_unless_that_is_allowed() {
        for address in [
            "https://127.0.0.1/k",
            "https://[::1]/k",
            "https://localhost/k",
            "https://169.254.169.254/k",
            "https://[::ffff:10.0.0.1]/k",
            "https://2130706433/k",
            "https://127.1/k",
            "http://127.0.0.1/k",
            "http://1.1.1.1/k",
        ] {
            let refused = get(address, false).await.unwrap_err();
            assert!(
                matches!(refused, FetchError::Address(..) | FetchError::Connection(..)),
                "{address}: {refused}"
            );
        }
        let refused = get("http://1.1.1.1/k", true).await.unwrap_err();
        assert!(matches!(refused, FetchError::Address(..)), "{refused}");
    }
}
