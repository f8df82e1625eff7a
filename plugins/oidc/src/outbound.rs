//! Asking others over HTTP, at addresses that strangers or operators name: where a name leads is looked at before, and kept
//! to; nobody is followed elsewhere; and no more is read than a document needs.

pub(crate) mod public_address;

use std::net::SocketAddr;
use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Client, Response};
use tokio::time::timeout;
use url::Url;

pub(crate) const TIMEOUT: Duration = Duration::from_secs(5);

/// Somebody to ask what is at this address, and nothing elsewhere. Near addresses only where that is allowed, and there on
/// this machine without TLS, too.
pub(crate) async fn client_for(url: &Url, allow_near: bool) -> Result<Client, String> {
    let host = url.host_str().unwrap_or_default();
    let addresses = addresses(url, host, allow_near).await?;
    let is_here = allow_near && addresses.iter().all(|address| address.ip().is_loopback());
    Client::builder()
        .https_only(!is_here)
        .no_proxy()
        .redirect(Policy::none())
        .resolve_to_addrs(host, &addresses)
        .timeout(TIMEOUT)
        .build()
        .map_err(|error| format!("it cannot be asked: {error}"))
}

/// Where the host is; nowhere, if one of these is not for everybody.
async fn addresses(url: &Url, host: &str, allow_near: bool) -> Result<Vec<SocketAddr>, String> {
    let port = url.port_or_known_default().unwrap_or(443);
    let bare = host.trim_matches(['[', ']']);
    let found = timeout(TIMEOUT, tokio::net::lookup_host((bare, port))).await;
    let found = found.map_err(|_| "its host is not found in time".to_owned())?;
    let found: Vec<SocketAddr> =
        found.map_err(|error| format!("its host is not found: {error}"))?.take(16).collect();
    let inner = found.iter().find(|address| !public_address::is_public(address.ip()));
    match inner {
        Some(address) if !allow_near => {
            Err(format!("its host is within a private network: {}", address.ip()))
        }
        _ => Ok(found),
    }
}

/// The body of an answer, up to so many bytes.
pub(crate) async fn body(mut response: Response, most: usize) -> Result<Vec<u8>, String> {
    let mut all = Vec::new();
    while let Some(part) =
        response.chunk().await.map_err(|error| format!("it ends early: {error}"))?
    {
        all.extend_from_slice(&part);
        if all.len() > most {
            return Err(format!("it has more than {most} bytes"));
        }
    }
    Ok(all)
}
