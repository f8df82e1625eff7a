//! Under which addresses clients reach the gateway and its plugins: as the operator says, or else as the client and the
//! proxies before it do. A plugin with a host of its own is there, all others are below the gateway's address.

use super::context::RequestContext;
use super::public_urls::{PublicUrls, main_url, of_host};
use super::sanity;
use http::request::Parts;
use sidegate_model::authorization::AuthorizationServer;
use sidegate_model::own_host::OwnHost;
use sidegate_plugins::Generation;
use std::sync::Once;

/// Told once, since it is so for every document.
static IS_DERIVED: Once = Once::new();

/// Addresses as one client is told them.
pub(crate) struct Addresses<'a> {
    generation: &'a Generation,
    urls: &'a PublicUrls,
    /// The address that was asked, where nobody says one.
    derived: Option<String>,
    /// The host of its own at which the client asks.
    own: Option<&'a OwnHost>,
    /// The host that the client names.
    host: &'a [u8],
}

impl<'a> Addresses<'a> {
    /// For whoever asks so.
    pub(crate) fn of(context: &'a RequestContext, head: &'a Parts) -> Self {
        let host = context.origin.host.as_deref().unwrap_or_else(|| sanity::host(head));
        let urls = &context.edge.public_urls;
        let derived = || {
            IS_DERIVED.call_once(|| {
                tracing::warn!(
                    "documents for OAuth clients name the host that each client asks for: set SIDEGATE_PUBLIC_URL to what it is"
                );
            });
            let host = std::str::from_utf8(host).ok().filter(|host| !host.is_empty())?;
            Some(format!("{}://{host}", context.origin.scheme.as_str()))
        };
        let derived = if urls.is_empty() { derived() } else { None };
        Self {
            generation: &context.generation,
            urls,
            derived,
            own: context.own_host.as_ref(),
            host,
        }
    }

    /// The address of what is asked, without a path; `None` where none is known.
    pub(crate) fn base(&self) -> Option<String> {
        match self.own {
            Some(own) => self.of_host(own),
            None => self.urls.of(self.host).map(str::to_owned).or_else(|| self.derived.clone()),
        }
    }

    /// The name of an issuer; `None` where none is known.
    pub(crate) fn issuer(&self, server: &AuthorizationServer) -> Option<String> {
        let slug = match server {
            AuthorizationServer::Url(url) => return Some(url.to_string()),
            AuthorizationServer::Plugin(slug) => slug,
        };
        let mount = self.generation.mount(slug.as_str());
        if let Some(host) = mount.and_then(|mount| mount.own_host()) {
            return self.of_host(host);
        }
        // At a host that is a plugin's own nobody says where the gateway is.
        let main = match self.own {
            Some(_) => main_url(self.urls, self.generation).map(str::to_owned),
            None => self.base(),
        };
        Some(format!("{}/plugins/{slug}", main?))
    }

    fn of_host(&self, host: &OwnHost) -> Option<String> {
        of_host(self.urls, self.generation, host).or_else(|| {
            let base = self.derived.as_deref()?;
            Some(host.in_place_of(base))
        })
    }
}
