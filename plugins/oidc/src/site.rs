//! Under which address the provider is known, and the cookie that belongs to it.

use sha2::{Digest as _, Sha256};
use sidegate_sdk::Request;
use url::Url;

use crate::oauth_error::OAuthError;
use crate::secret_text;
use crate::settings::Settings;

/// What a session is kept in.
const COOKIE: &str = "sidegate_oidc";

/// The provider as whoever asks knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Site {
    pub(crate) issuer: String,
    path: String,
    is_secure: bool,
}

impl Site {
    /// By the configured issuer, else by what the gateway says of the request.
    pub(crate) fn of(settings: &Settings, req: &Request) -> Result<Self, OAuthError> {
        let url = match &settings.issuer {
            Some(issuer) => at_own_host(settings, req, issuer).unwrap_or_else(|| issuer.clone()),
            None => told(settings, req)
                .ok_or_else(|| OAuthError::invalid_request("the request names no host"))?,
        };
        Ok(Self {
            issuer: url.as_str().trim_end_matches('/').to_owned(),
            path: url.path().to_owned(),
            is_secure: url.scheme() == "https",
        })
    }

    pub(crate) fn endpoint(&self, name: &str) -> String {
        format!("{}/{name}", self.issuer)
    }

    /// Browsers set a cookie of this prefix over TLS only. The other prefix would give it to every plugin.
    pub(crate) fn cookie_name(&self) -> String {
        format!("{}{COOKIE}", if self.is_secure { "__Secure-" } else { "" })
    }

    /// Lasts as long as the browser does.
    pub(crate) fn set_cookie(&self, value: &str) -> String {
        let secure = if self.is_secure { "; Secure" } else { "" };
        format!(
            "{}={value}; Path={}; HttpOnly; SameSite=Lax{secure}",
            self.cookie_name(),
            self.path
        )
    }

    /// What is kept of a sign-in at another provider, for so many seconds. Each has a cookie of its own, by its state, so
    /// that none ends another.
    pub(crate) fn upstream_cookie(&self, state: &str, value: &str, seconds: u64) -> String {
        let secure = if self.is_secure { "; Secure" } else { "" };
        let (name, path) = (self.upstream_name(state), self.path.trim_end_matches('/'));
        format!(
            "{name}={value}; Path={path}/upstream; Max-Age={seconds}; HttpOnly; SameSite=Lax{secure}"
        )
    }

    pub(crate) fn read_upstream_cookie<'a>(
        &self,
        req: &'a Request,
        state: &str,
    ) -> Option<&'a str> {
        one_cookie(req, &self.upstream_name(state), 4096)
    }

    /// How many sign-ins at other providers a browser has under way.
    pub(crate) fn upstream_cookies(&self, req: &Request) -> usize {
        let prefix = self.upstream_prefix();
        cookies(req).filter(|(name, _)| name.starts_with(&prefix)).count()
    }

    fn upstream_prefix(&self) -> String {
        format!("{}_upstream_", self.cookie_name())
    }

    fn upstream_name(&self, state: &str) -> String {
        let named = secret_text::base64url(&Sha256::digest(state.as_bytes())[..12]);
        format!("{}{named}", self.upstream_prefix())
    }

    pub(crate) fn clear_cookie(&self) -> String {
        format!("{}; Max-Age=0", self.set_cookie(""))
    }

    /// The value of the cookie; none where there are several, for others set them.
    pub(crate) fn cookie<'a>(&self, req: &'a Request) -> Option<&'a str> {
        one_cookie(req, &self.cookie_name(), 128)
    }
}

/// Names and values.
fn cookies(req: &Request) -> impl Iterator<Item = (&str, &str)> {
    let fields = req.headers().get_all("Cookie");
    let fields = fields.filter_map(|field| std::str::from_utf8(field).ok());
    fields.flat_map(|field| field.split(';')).filter_map(|pair| pair.trim().split_once('='))
}

/// The value of a cookie, up to so long; none where there are several, for others set them.
fn one_cookie<'a>(req: &'a Request, name: &str, most: usize) -> Option<&'a str> {
    let mut values = cookies(req).filter(|(known, _)| *known == name).map(|(_, value)| value);
    match (values.next(), values.next()) {
        (Some(value), None) if !value.is_empty() && value.len() <= most => Some(value),
        _ => None,
    }
}

/// The same issuer without the path of the plugin, where the gateway has mounted it at a host of its own and that is it.
fn at_own_host(settings: &Settings, req: &Request, issuer: &Url) -> Option<Url> {
    let own = req.metadata("own_host").filter(|own| !own.is_empty());
    let is_ours = issuer.path().strip_prefix("/plugins/") == Some(settings.slug.as_str());
    let mut root = issuer.clone();
    root.set_path("/");
    (own.is_some() && issuer.host_str() == own && is_ours).then_some(root)
}

fn told(settings: &Settings, req: &Request) -> Option<Url> {
    let host = req.header("X-Forwarded-Host").unwrap_or_else(|| req.host());
    let scheme = if req.scheme() == "https" { "https" } else { "http" };
    let is_host = |byte: u8| byte.is_ascii_alphanumeric() || b".-_:[]".contains(&byte);
    if host.is_empty() || !host.bytes().all(is_host) {
        return None;
    }
    let path = match req.metadata("own_host") {
        Some(own) if !own.is_empty() => String::new(),
        _ => format!("/plugins/{}", settings.slug),
    };
    Url::parse(&format!("{scheme}://{host}{path}")).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sign_in_elsewhere_has_a_cookie_of_its_own_also_where_the_issuer_has_no_path() {
        for (path, expected) in
            [("/", "; Path=/upstream;"), ("/plugins/o", "; Path=/plugins/o/upstream;")]
        {
            let site = Site { issuer: String::new(), path: path.to_owned(), is_secure: true };
            let cookies = ["a", "b"].map(|state| site.upstream_cookie(state, "v", 1));
            assert!(cookies.iter().all(|cookie| cookie.contains(expected)), "{cookies:?}");
            assert_ne!(cookies[0], cookies[1]);
        }
    }
}
