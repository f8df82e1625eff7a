//! Addresses of control planes.

use http::Uri;
use std::fmt;

/// Where a control plane listens for edges: `https://HOST[:PORT]`. The name of the host matters for the way only: that
/// it is the right one says its certificate.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct ControlUrl {
    host: String,
    port: u16,
}

/// A text that is no such address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no address of a control plane: {problem}; write https://HOST:PORT")]
pub struct InvalidControlUrl {
    text: String,
    problem: &'static str,
}

const DEFAULT_PORT: u16 = 443;

impl ControlUrl {
    /// Reads an address; without a port it is 443.
    ///
    /// # Errors
    /// [`InvalidControlUrl`].
    ///
    /// ```
    /// use sidegate_enrolment::ControlUrl;
    /// let url = ControlUrl::parse("https://[::1]:8443/").unwrap();
    /// assert_eq!(url.to_string(), "https://[::1]:8443");
    /// assert!(ControlUrl::parse("http://control.example").is_err());
    /// ```
    pub fn parse(text: &str) -> Result<Self, InvalidControlUrl> {
        let wrong = |problem| {
            // Whoever has put a password into it does not want to read it in a log.
            let shown = if text.contains('@') { "…" } else { text };
            InvalidControlUrl { text: sidegate_model::name::shortened(shown), problem }
        };
        let uri: Uri = text.trim().parse().map_err(|_| wrong("it is no URL"))?;
        if uri.scheme_str() != Some("https") {
            return Err(wrong("it must begin with https://"));
        }
        let authority = uri.authority().ok_or_else(|| wrong("it names no host"))?;
        if authority.as_str().contains('@') {
            return Err(wrong("user and password have no place in it"));
        }
        if uri.query().is_some() || !matches!(uri.path(), "" | "/") {
            return Err(wrong("it must not have a path"));
        }
        let host = authority.host();
        let rest = authority.as_str().strip_prefix(host).unwrap_or_default();
        let port = match rest.strip_prefix(':') {
            None if rest.is_empty() => Some(DEFAULT_PORT),
            Some(port) => port.parse().ok().filter(|port| *port != 0),
            None => None,
        };
        let port = port.ok_or_else(|| wrong("its port is none"))?;
        if host.is_empty() {
            return Err(wrong("it names no host"));
        }
        Ok(Self { host: host.to_ascii_lowercase(), port })
    }

    /// The host; an IPv6 address has its brackets.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }
}

impl fmt::Display for ControlUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "https://{}:{}", self.host, self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_read_as_it_is_written() {
        for (text, is) in [
            ("https://control.example:8443", "https://control.example:8443"),
            (" https://Control.example/ ", "https://control.example:443"),
            ("https://10.0.0.7:1", "https://10.0.0.7:1"),
        ] {
            let url = ControlUrl::parse(text).unwrap();
            assert_eq!(url.to_string(), is);
            assert_eq!(ControlUrl::parse(is), Ok(url));
        }
    }

    #[test]
    fn anything_else_is_refused_and_a_password_is_not_told() {
        for text in [
            "",
            "control",
            "http://a:1",
            "https://",
            "https://a:0",
            "https://a:99999",
            "https://a:",
            "https://a/b",
            "https://a?b",
            "https://me:hunter2@a",
        ] {
            let told = ControlUrl::parse(text).unwrap_err().to_string();
            assert!(!told.contains("hunter2") && told.contains("https://HOST:PORT"), "{told}");
        }
    }
}
