//! Names: those that a control plane answers to whatever its host is called, and how an edge is named in its
//! certificate.

use sidegate_sync::Namespace;
use sidegate_sync::server::PeerIdentity;

/// The server name of the door for edges that have a certificate which stands.
pub const SYNC_NAME: &str = "sync.control.sidegate";
/// The server name of the door for edges that want a certificate.
pub const ENROL_NAME: &str = "enrol.control.sidegate";
/// Both doors speak HTTP/2.
pub(crate) const ALPN: &[u8] = b"h2";

/// What every edge's name begins with in its certificate.
const PREFIX: &str = "spiffe://sidegate/ns/";
/// Between the two parts of it.
const EDGE: &str = "/edge/";
/// The global namespace in a certificate; no namespace has such a name.
const GLOBAL: &str = "_global";

/// A text that cannot be an edge's name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "edge name {0:?} is not valid: use 1 to 63 characters from a-z, 0-9, '-', '_' and '.', and begin with a letter or digit"
)]
pub struct InvalidEdgeName(String);

/// Whether a text can be an edge's name.
///
/// # Errors
/// [`InvalidEdgeName`] with the text.
///
/// ```
/// use sidegate_enrolment::check_edge_name;
/// assert!(check_edge_name("berlin-1.example").is_ok());
/// assert!(check_edge_name("../1").is_err());
/// ```
pub fn check_edge_name(text: &str) -> Result<(), InvalidEdgeName> {
    let plain = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let fits = text.len() <= 63
        && text.as_bytes().first().is_some_and(plain)
        && text.bytes().all(|byte| plain(&byte) || matches!(byte, b'-' | b'_' | b'.'));
    match fits {
        true => Ok(()),
        false => Err(InvalidEdgeName(sidegate_model::name::shortened(text))),
    }
}

/// The edge's name as a certificate has it.
pub(crate) fn to_uri(peer: &PeerIdentity) -> String {
    let namespace = if peer.namespace.is_global() { GLOBAL } else { peer.namespace.as_str() };
    format!("{PREFIX}{namespace}{EDGE}{}", peer.edge)
}

/// Who is named so; nobody where it is anything else.
pub(crate) fn from_uri(uri: &str) -> Option<PeerIdentity> {
    let (namespace, edge) = uri.strip_prefix(PREFIX)?.split_once(EDGE)?;
    check_edge_name(edge).ok()?;
    let namespace = match namespace {
        GLOBAL => Namespace::global(),
        "" => return None,
        name => Namespace::parse(name).ok()?,
    };
    Some(PeerIdentity { edge: edge.to_owned(), namespace })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_in_a_certificate_is_read_as_it_was_written() {
        for (namespace, edge) in [("", "one"), ("berlin", "one.two_3-"), ("edge", "edge")] {
            let namespace = Namespace::parse(namespace).unwrap();
            let peer = PeerIdentity { edge: edge.to_owned(), namespace };
            assert_eq!(from_uri(&to_uri(&peer)), Some(peer));
        }
    }

    #[test]
    fn no_other_text_names_an_edge() {
        for other in [
            "spiffe://sidegate/ns//edge/one",
            "spiffe://sidegate/ns/_Global/edge/one",
            "spiffe://sidegate/ns/a/b/edge/one",
            "spiffe://sidegate/ns/berlin/edge/one/edge/two",
            "spiffe://sidegate/ns/berlin/edge/",
            "spiffe://sidegate/ns/berlin/edge/a%2fb",
            "spiffe://other/ns/berlin/edge/one",
            "https://sidegate/ns/berlin/edge/one",
        ] {
            assert_eq!(from_uri(other), None, "{other}");
        }
    }
}
