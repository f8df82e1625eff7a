//! Where clients reach the gateway, as its operator says: what documents for them name.

use http::Uri;
use sidegate_model::cors::read_origin;
use sidegate_model::own_host::{OwnHost, name_and_port};
use sidegate_plugins::Generation;

/// The addresses of the gateway for clients; none where nobody says them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PublicUrls(Vec<PublicUrl>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct PublicUrl {
    /// Without a slash at its end.
    base: String,
    /// In lower case, with the port where one is named.
    host: String,
}

/// A text that is no address of a gateway.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no public address: use https://HOST or http://HOST, with a port where it has one, and nothing behind it"
)]
pub struct InvalidPublicUrl(String);

impl PublicUrls {
    /// Reads addresses, the preferred one first.
    ///
    /// # Errors
    /// Each that is none.
    ///
    /// ```
    /// use sidegate_gateway::PublicUrls;
    /// assert!(PublicUrls::parse(["https://gw.example.com"]).is_ok());
    /// assert_eq!(PublicUrls::parse(["gw.example.com", "https://a/b"]).unwrap_err().len(), 2);
    /// ```
    pub fn parse<'a>(
        texts: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, Vec<InvalidPublicUrl>> {
        let (mut urls, mut wrong) = (Vec::new(), Vec::new());
        for text in texts {
            match PublicUrl::parse(text) {
                Some(url) => urls.push(url),
                None => wrong.push(InvalidPublicUrl(text.chars().take(200).collect())),
            }
        }
        if wrong.is_empty() { Ok(Self(urls)) } else { Err(wrong) }
    }

    /// Whether nobody says them.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The address of a host by its name, whatever its port.
    pub(crate) fn named(&self, name: &str) -> Option<&str> {
        let named = |url: &&PublicUrl| name_and_port(&url.host).0 == name;
        self.0.iter().find(named).map(|url| url.base.as_str())
    }

    /// The first one whose name is meant.
    pub(crate) fn first(&self, is_meant: impl Fn(&str) -> bool) -> Option<&str> {
        let is_meant = |url: &&PublicUrl| is_meant(name_and_port(&url.host).0);
        self.0.iter().find(is_meant).map(|url| url.base.as_str())
    }

    /// All of them.
    pub(crate) fn bases(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|url| url.base.as_str())
    }

    /// Whether an origin, as browsers write it, is that of one of them.
    pub(crate) fn have_origin(&self, origin: &str) -> bool {
        self.0.iter().any(|url| read_origin(&url.base).as_deref() == Some(origin))
    }

    /// The address whose host a client names, or else the first one.
    pub(crate) fn of(&self, host: &[u8]) -> Option<&str> {
        let named = |url: &&PublicUrl| url.host.as_bytes().eq_ignore_ascii_case(host);
        self.0.iter().find(named).or(self.0.first()).map(|url| url.base.as_str())
    }
}

impl PublicUrl {
    fn parse(text: &str) -> Option<Self> {
        let uri: Uri = text.parse().ok()?;
        let scheme = uri.scheme_str().filter(|scheme| matches!(*scheme, "http" | "https"))?;
        let host = uri.authority()?.as_str().to_ascii_lowercase();
        let is_alone = matches!(uri.path(), "" | "/") && uri.query().is_none();
        let is_host = !host.contains('@') && !uri.host()?.is_empty() && !text.contains('#');
        (is_alone && is_host).then(|| Self { base: format!("{scheme}://{host}"), host })
    }
}

/// The first public address that is no plugin's own.
pub(crate) fn main_url<'a>(urls: &'a PublicUrls, generation: &Generation) -> Option<&'a str> {
    urls.first(|name| generation.mount_at(name).is_none())
}

/// The address of a plugin's own host, by the public addresses; `None` where there are none.
pub(crate) fn of_host(
    urls: &PublicUrls,
    generation: &Generation,
    host: &OwnHost,
) -> Option<String> {
    let named = urls.named(host.as_str()).map(str::to_owned);
    named.or_else(|| {
        let other = main_url(urls, generation).or_else(|| urls.first(|_| true));
        other.map(|base| host.in_place_of(base))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_told_the_address_whose_host_it_names_or_else_the_first() {
        let urls = PublicUrls::parse(["https://gw.example.com/", "http://10.0.0.7:8080"]).unwrap();
        assert_eq!(urls.of(b"10.0.0.7:8080"), Some("http://10.0.0.7:8080"));
        assert_eq!(urls.of(b"GW.example.com"), Some("https://gw.example.com"));
        for other in ["evil.example", "", "gw.example.com:8443", "10.0.0.7"] {
            assert_eq!(urls.of(other.as_bytes()), Some("https://gw.example.com"), "{other}");
        }
        assert_eq!(PublicUrls::default().of(b"gw.example.com"), None);
    }

    #[test]
    fn what_is_no_address_of_a_gateway_is_refused() {
        for text in ["gw", "ftp://gw", "https://", "https://a@gw", "https://gw/x", "https://gw/?a"]
        {
            assert!(PublicUrls::parse([text]).is_err(), "{text}");
        }
    }
}
