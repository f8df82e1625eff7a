//! A host of a plugin's own: the option `host`. There the plugin is mounted at `/`, and nothing else is.

use crate::name::shortened;
use std::fmt;
use std::sync::Arc;

/// The option by which an operator names the host.
pub const HOST_OPTION: &str = "host";
/// Longest name of a host, in bytes.
const MAX_BYTES: usize = 253;

/// The name of a host that is a plugin's own: in small letters, without a port and without a dot at its end.
///
/// ```
/// use sidegate_model::own_host::OwnHost;
/// assert_eq!(OwnHost::parse("ID.example.com.").unwrap().as_str(), "id.example.com");
/// assert!(OwnHost::parse("id.example.com:8443").is_err());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct OwnHost(Arc<str>);

/// A text that is no name of a host.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no name of a host: write one such as id.example.com, without a scheme, port or path; an address of a machine and localhost are none"
)]
pub struct InvalidHost(String);

impl OwnHost {
    /// Reads a name.
    ///
    /// # Errors
    /// [`InvalidHost`]
    pub fn parse(text: &str) -> Result<Self, InvalidHost> {
        let wrong = || InvalidHost(shortened(text));
        let name = text.strip_suffix('.').unwrap_or(text).to_ascii_lowercase();
        let is_label = |label: &str| {
            let is_name = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
            (1..=63).contains(&label.len())
                && label.bytes().all(is_name)
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        // What ends in a number is an address, however it is written.
        let is_address = name
            .rsplit('.')
            .next()
            .is_some_and(|last| last.bytes().all(|b| b.is_ascii_digit()) || last.starts_with("0x"));
        let is_name = name.len() <= MAX_BYTES && name.split('.').all(is_label) && !is_address;
        match is_name && name != "localhost" {
            true => Ok(Self(name.into())),
            false => Err(wrong()),
        }
    }

    /// As it is compared.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The same text, without a copy.
    pub fn shared(&self) -> Arc<str> {
        self.0.clone()
    }

    /// An address of the gateway with this host in the place of its own; scheme and port stay.
    ///
    /// ```
    /// use sidegate_model::own_host::OwnHost;
    /// let host = OwnHost::parse("id.example.com").unwrap();
    /// assert_eq!(host.in_place_of("https://gw.example.com:8443"), "https://id.example.com:8443");
    /// assert_eq!(host.in_place_of("http://[::1]:8081"), "http://id.example.com:8081");
    /// ```
    pub fn in_place_of(&self, base: &str) -> String {
        let (scheme, authority) = base.split_once("://").unwrap_or(("https", base));
        let (_, port) = name_and_port(authority);
        format!("{scheme}://{self}{port}")
    }
}

/// The name of an authority, and its port with the colon before it; an empty text where it has none.
pub fn name_and_port(authority: &str) -> (&str, &str) {
    let from = authority.rfind(']').map_or(0, |at| at + 1);
    let at = authority[from..].find(':').map_or(authority.len(), |at| from + at);
    authority.split_at(at)
}

impl fmt::Display for OwnHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_a_name_and_nothing_else() {
        for name in [
            "id.example.com",
            "ID.Example.COM",
            "id.example.com.",
            "id",
            "a_b.example",
            "1.example",
        ] {
            assert!(OwnHost::parse(name).is_ok(), "{name}");
        }
        for other in [
            "",
            ".",
            "id..example",
            "id.example..",
            "https://id.example",
            "id.example:443",
            "id.example/",
            "*.example",
            "-id.example",
            "127.0.0.1",
            "127.1",
            "0x7f.0x1",
            "[::1]",
            "localhost",
            "LocalHost.",
            "id example",
            "ïd.example",
        ] {
            assert!(OwnHost::parse(other).is_err(), "{other}");
        }
    }
}
