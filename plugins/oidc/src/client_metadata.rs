//! What an application says of itself, whether it registers or publishes it, checked.

use serde::Deserialize;

use crate::oauth_error::OAuthError;
use crate::redirect_uri;
use crate::settings::client::{AuthMethod, GrantType, Registered, SigningAlgorithm};

const MOST_ADDRESSES: usize = 20;
const MOST_NAME: usize = 100;

/// What an application says of itself; what is not named here is not taken.
#[derive(Deserialize)]
pub(crate) struct Metadata {
    /// The address of the document; whoever registers has none yet.
    #[serde(default)]
    pub(crate) client_id: Option<String>,
    pub(crate) redirect_uris: Vec<String>,
    #[serde(default)]
    pub(crate) post_logout_redirect_uris: Vec<String>,
    #[serde(default)]
    pub(crate) client_name: Option<String>,
    #[serde(default)]
    pub(crate) token_endpoint_auth_method: Option<AuthMethod>,
    #[serde(default)]
    pub(crate) grant_types: Option<Vec<GrantType>>,
    #[serde(default)]
    pub(crate) response_types: Option<Vec<String>>,
    #[serde(default)]
    pub(crate) id_token_signed_response_alg: SigningAlgorithm,
}

impl Metadata {
    pub(crate) fn read(json: &[u8]) -> Result<Self, OAuthError> {
        let metadata: Self = serde_json::from_slice(json).map_err(|error| {
            let text = format!("the metadata is not what is expected: {error}");
            OAuthError::new("invalid_client_metadata", text)
        })?;
        check(&metadata)?;
        Ok(metadata)
    }

    /// The client of it.
    pub(crate) fn into_client(
        self,
        auth_method: AuthMethod,
        secret_digest: Option<String>,
    ) -> Registered {
        Registered {
            name: self.client_name,
            secret_digest,
            auth_method,
            redirect_uris: self.redirect_uris,
            post_logout_redirect_uris: self.post_logout_redirect_uris,
            grants: self.grant_types.unwrap_or_else(|| vec![GrantType::AuthorizationCode]),
            id_token_alg: self.id_token_signed_response_alg,
        }
    }
}

/// Whether it is seen by what it does to other characters, if at all: of controls, formats (Unicode's Cc and Cf, the
/// marks of direction among them) and separators of lines. With them a name could look like another, or move words.
fn is_unseen(character: char) -> bool {
    character.is_control()
        || matches!(u32::from(character),
            0xad | 0x600..=0x605 | 0x61c | 0x6dd | 0x70f | 0x890..=0x891 | 0x8e2 | 0x180e
            | 0x200b..=0x200f | 0x2028..=0x202e | 0x2060..=0x206f | 0xfeff | 0xfff9..=0xfffb
            | 0x1_10bd | 0x1_10cd | 0x1_3430..=0x1_343f | 0x1_bca0..=0x1_bca3
            | 0x1_d173..=0x1_d17a | 0xe_0000..=0xe_007f)
}

fn check(metadata: &Metadata) -> Result<(), OAuthError> {
    let invalid = |text: &str| Err(OAuthError::new("invalid_client_metadata", text));
    let addresses = metadata.redirect_uris.iter().chain(&metadata.post_logout_redirect_uris);
    for uri in addresses.clone() {
        redirect_uri::check(uri)
            .map_err(|what| OAuthError::new("invalid_redirect_uri", format!("{uri:?} {what}")))?;
    }
    if metadata.redirect_uris.is_empty() || addresses.count() > MOST_ADDRESSES {
        return Err(OAuthError::new("invalid_redirect_uri", "there must be 1 to 20 addresses"));
    }
    if metadata.client_name.as_ref().is_some_and(|name| name.chars().count() > MOST_NAME) {
        return invalid("`client_name` is too long");
    }
    if metadata.client_name.as_ref().is_some_and(|name| name.chars().any(is_unseen)) {
        return invalid("`client_name` has control or format characters");
    }
    let grants = metadata.grant_types.iter().flatten();
    if grants.clone().any(|grant| *grant == GrantType::ClientCredentials) {
        return invalid("nobody registers for client_credentials");
    }
    if metadata.response_types.iter().flatten().any(|kind| kind != "code") {
        return invalid("the one `response_types` here is code");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_made_of_what_people_see() {
        let code = |name: &str| {
            let json = serde_json::json!({
                "client_name": name, "redirect_uris": ["https://a.example/cb"],
            });
            Metadata::read(json.to_string().as_bytes()).err().map(|error| error.code)
        };
        for name in ["The shop", "Käse & Söhne (2)", "店", "مقهى", "☕"] {
            assert_eq!(code(name), None, "{name}");
        }
        for unseen in [
            '\0',
            '\n',
            '\u{7f}',
            '\u{85}',
            '\u{ad}',
            '\u{61c}',
            '\u{200b}',
            '\u{200e}',
            '\u{2028}',
            '\u{202e}',
            '\u{2066}',
            '\u{2069}',
            '\u{feff}',
            '\u{e0041}',
        ] {
            let name = format!("A shop{unseen}!");
            assert_eq!(code(&name), Some("invalid_client_metadata"), "{unseen:?}");
        }
    }
}
