//! Clients whose id is the address of a document that says what they are (client id metadata documents).
//!
//! Strangers choose these addresses. So they are asked over TLS only, at addresses of the public network that were
//! looked at before and are kept to, without following redirects, for so long and so much.

mod known;
mod places;

use std::sync::Arc;

use reqwest::Response;
use sidegate_sdk::tracing;
use url::{Host, Url};

use crate::client_metadata::Metadata;
use crate::clock;
use crate::oauth_error::OAuthError;
use crate::outbound;
use crate::settings::client::{AuthMethod, Client};
use crate::settings::{Documents, Settings};
use known::Known;
use places::Places;

const MOST_BYTES: usize = 5 * 1024;
const MOST_ADDRESS: usize = 512;
/// At most so long is believed what was read; and so long that there was nothing to read.
const LONGEST_SECONDS: u64 = 60 * 60;
const SHORTEST_SECONDS: u64 = 60;
const FAILED_SECONDS: u64 = 30;

/// The documents that were read, and who has them read.
#[derive(Default)]
pub(crate) struct ClientDocuments {
    known: Known,
    places: Places,
}

impl ClientDocuments {
    /// The client whose document is at this address, for whoever asks from another one.
    pub(crate) async fn get(
        &self,
        id: &str,
        caller: &str,
        settings: &Settings,
    ) -> Result<Option<Arc<Client>>, OAuthError> {
        let Some(rules) = &settings.documents else { return Ok(None) };
        let Some(url) = address(id, rules) else { return Ok(None) };
        let now = clock::now();
        if let Some(client) = self.known.get(id, now) {
            return Ok(client);
        }
        let host = url.host_str().unwrap_or_default();
        let _place = self.places.take(host, caller, now).map_err(|full| {
            OAuthError::temporarily_unavailable(&format!("documents of clients: {full}"))
        })?;
        let (seconds, client) = match read(&url, rules).await {
            Ok((seconds, metadata)) => (seconds, Some(Arc::new(of(id, &url, metadata, settings)))),
            Err(why) => {
                // Not for whoever asked: it would tell of networks that only this machine sees.
                tracing::warn!(client = id, why, "the document of a client is not taken");
                (FAILED_SECONDS, None)
            }
        };
        self.known.keep(id, host, (now + seconds, client.clone()), now);
        Ok(client)
    }
}

/// The address, where it is one of a document that may be asked for.
fn address(id: &str, rules: &Documents) -> Option<Url> {
    let url = Url::parse(id).ok().filter(|_| id.len() <= MOST_ADDRESS)?;
    // Written as everybody would read it: no dots, no other letters, no usual port.
    let is_plain = url.as_str() == id && url.fragment().is_none() && url.username().is_empty();
    let is_document = url.scheme() == "https" && url.path() != "/" && url.password().is_none();
    let Some(Host::Domain(host)) = url.host() else { return None };
    let is_allowed = rules.hosts.is_empty()
        || rules.hosts.iter().any(|known| match known.strip_prefix("*.") {
            Some(above) => host.strip_suffix(above).is_some_and(|below| below.ends_with('.')),
            None => known == host,
        });
    (is_plain && is_document && is_allowed).then_some(url)
}

/// A document, and for how long it is believed; or why not.
async fn read(url: &Url, rules: &Documents) -> Result<(u64, Metadata), String> {
    let client = outbound::client_for(url, rules.private_addresses).await?;
    let failed = |error: reqwest::Error| format!("it cannot be asked: {error}");
    let asked = client.get(url.clone()).header("Accept", "application/json").send();
    let response = asked.await.map_err(failed)?;
    if response.status() != reqwest::StatusCode::OK {
        return Err(format!("it answers with status {}", response.status()));
    }
    let seconds = believed(&response);
    let metadata =
        Metadata::read(&outbound::body(response, MOST_BYTES).await?).map_err(|error| error.text)?;
    let names = metadata.client_id.as_deref();
    if names != Some(url.as_str()) {
        return Err("its client_id is another address".to_owned());
    }
    if metadata.token_endpoint_auth_method.is_some_and(|method| method != AuthMethod::None) {
        return Err("its token_endpoint_auth_method is not none".to_owned());
    }
    Ok((seconds, metadata))
}

/// As long as it says itself, within bounds.
fn believed(response: &Response) -> u64 {
    let field = response.headers().get("cache-control").and_then(|value| value.to_str().ok());
    let words = field.unwrap_or_default().split(',').map(str::trim);
    let seconds =
        words.filter_map(|word| word.strip_prefix("max-age=")).find_map(|age| age.parse().ok());
    seconds.unwrap_or(LONGEST_SECONDS).clamp(SHORTEST_SECONDS, LONGEST_SECONDS)
}

/// People read its name with its host: the name alone is anybody's.
fn of(id: &str, url: &Url, mut metadata: Metadata, settings: &Settings) -> Client {
    let host = url.host_str().unwrap_or_default();
    metadata.client_name = Some(match metadata.client_name {
        Some(name) => format!("{name} ({host})"),
        None => host.to_owned(),
    });
    let scopes = settings.scopes.keys().cloned().collect();
    Client::registered(id, metadata.into_client(AuthMethod::None, None), scopes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_plain_address_of_a_document_is_asked() {
        let rules = |hosts: &[&str]| Documents {
            hosts: hosts.iter().map(|&host| host.to_owned()).collect(),
            private_addresses: false,
        };
        for id in ["https://a.example/client.json", "https://a.example:8443/c?x=1"] {
            assert!(address(id, &rules(&[])).is_some(), "{id}");
        }
        for id in [
            "http://a.example/c",
            "https://a.example",
            "https://a.example/",
            "https://a.example/c#x",
            "https://u@a.example/c",
            "https://a.example/x/../c",
            "https://A.example/c",
            "https://a.example:443/c",
            "https://127.0.0.1/c",
            "https://[::1]/c",
            "https://2130706433/c",
            "web",
        ] {
            assert!(address(id, &rules(&[])).is_none(), "{id}");
        }
        let some = rules(&["a.example", "*.b.example"]);
        let allowed = |host: &str| address(&format!("https://{host}/c"), &some).is_some();
        assert!(allowed("a.example") && allowed("x.b.example") && allowed("y.x.b.example"));
        assert!(!allowed("x.a.example") && !allowed("b.example") && !allowed("xb.example"));
    }
}
