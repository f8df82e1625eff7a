//! What a client certificate says of its client, in the words by which an operator binds it to an app. Knows texts; certificates
//! are read elsewhere.

use crate::name::shortened;
use crate::slug::Slug;

/// Before the name of an issuer whose callers prove themselves with client certificates.
const SCHEME: &str = "tls:";
/// Before the SHA-256 of a whole certificate.
pub const FINGERPRINT: &str = "sha256:";
/// Before a URI that a certificate is for.
pub const URI: &str = "uri:";
/// Before a name of DNS that a certificate is for.
pub const DNS: &str = "dns:";

/// Whether the address of an issuer says that its callers prove themselves with client certificates.
pub fn is_of_certificates(url: &str) -> bool {
    url.starts_with(SCHEME)
}

/// Checks such an address, if it is one.
///
/// ```
/// use sidegate_model::client_certificate::check_issuer;
/// assert_eq!(check_issuer("https://id.example.com"), None);
/// assert_eq!(check_issuer("tls:machines"), Some(Ok(())));
/// assert!(check_issuer("tls:").is_some_and(|checked| checked.is_err()));
/// ```
pub fn check_issuer(url: &str) -> Option<Result<(), String>> {
    let name = url.strip_prefix(SCHEME)?;
    Some(
        Slug::parse(name)
            .map(drop)
            .map_err(|error| format!("after {SCHEME} stands a name: {error}")),
    )
}

/// Checks what a client is called by a certificate.
///
/// # Errors
/// What would be right.
pub fn check_client(client: &str) -> Result<(), String> {
    let shown = shortened(client);
    if let Some(hash) = client.strip_prefix(FINGERPRINT) {
        let is_hash =
            hash.len() == 64 && hash.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        return match is_hash {
            true => Ok(()),
            false => Err(format!(
                "{shown:?}: after {FINGERPRINT} stand 64 digits of 0-9 and a-f, as `openssl x509 -outform der | sha256sum` tells them"
            )),
        };
    }
    let rest = client.strip_prefix(URI).or_else(|| client.strip_prefix(DNS));
    match rest {
        Some("") | None => Err(format!(
            "{shown:?}: write {FINGERPRINT}…, {URI}… or {DNS}… and what the certificate says"
        )),
        Some(name) if client.starts_with(DNS) && name != name.to_ascii_lowercase() => {
            Err(format!("{shown:?}: write the name in small letters"))
        }
        Some(name) if client.starts_with(DNS) && name.contains('*') => {
            Err(format!("{shown:?}: no name stands for others here; name each"))
        }
        Some(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_named_by_what_its_certificate_says_in_one_spelling() {
        let hash = "0a".repeat(32);
        for good in [
            format!("sha256:{hash}"),
            "uri:spiffe://corp/billing".to_owned(),
            "dns:billing.corp.example".to_owned(),
        ] {
            assert_eq!(check_client(&good), Ok(()), "{good}");
        }
        for wrong in [
            format!("sha256:{}", hash.to_uppercase()),
            format!("sha256:{}", &hash[2..]),
            "sha256:".to_owned(),
            "uri:".to_owned(),
            "dns:".to_owned(),
            "dns:Billing.example".to_owned(),
            "dns:*.example".to_owned(),
            "billing".to_owned(),
            "cn:billing".to_owned(),
        ] {
            assert!(check_client(&wrong).is_err(), "{wrong}");
        }
    }
}
