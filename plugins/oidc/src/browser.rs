//! The browser in front: its cookie, the session behind that, and forms that only it can send.

use sidegate_sdk::{Request, Response, Result};

use crate::keys::Ring;
use crate::oauth_error::OAuthError;
use crate::params::Params;
use crate::provider::Provider;
use crate::secret_text;
use crate::sessions::Session;
use crate::site::Site;

/// Refuses what is no navigation of a whole window, as browsers say it: with `fetch` or a frame another page of this
/// host could read a form of ours and send it. Whoever says nothing of it is let through, and brings no cookie of
/// somebody else.
pub(crate) fn must_navigate(req: &Request) -> Result<(), OAuthError> {
    let is_script = req.header("Sec-Fetch-Mode").is_some_and(|mode| mode != "navigate");
    let into = req.header("Sec-Fetch-Dest").unwrap_or_default();
    let is_framed = matches!(into, "iframe" | "frame" | "fencedframe" | "embed" | "object");
    if is_script || is_framed {
        let text = "another page asked for this; open it in a window of its own";
        return Err(OAuthError { status: 403, ..OAuthError::invalid_request(text) });
    }
    Ok(())
}

/// Whether a page of another origin led here, as browsers say it. Those that say nothing of it are believed to have been led
/// by ours.
pub(crate) fn comes_from_elsewhere(req: &Request) -> bool {
    matches!(req.header("Sec-Fetch-Site"), Some("cross-site" | "same-site"))
}

/// A browser, signed in or not. Each has a cookie: without one it gets a new one with the answer.
pub(crate) struct Browser<'a> {
    pub(crate) session: Option<Session<'a>>,
    cookie: String,
    is_new: bool,
}

impl<'a> Browser<'a> {
    pub(crate) async fn of(
        provider: &'a Provider,
        site: &Site,
        req: &Request,
    ) -> Result<Self, OAuthError> {
        let Some(cookie) = site.cookie(req) else {
            let cookie = secret_text::secret()?;
            return Ok(Self { session: None, cookie, is_new: true });
        };
        let session = provider.sessions.of_cookie(cookie, &provider.settings).await?;
        Ok(Self { session, cookie: cookie.to_owned(), is_new: false })
    }

    /// What a form of this browser brings back, and no other's.
    pub(crate) fn csrf(&self, ring: &Ring) -> String {
        ring.mark(&["form", &self.cookie])
    }

    /// Whether this browser got the form.
    pub(crate) fn sent(&self, form: &Params, ring: &Ring) -> bool {
        let given = form.one("csrf").ok().flatten().unwrap_or_default();
        !self.is_new && secret_text::same(&self.csrf(ring), given)
    }

    /// Gives it the cookie, where it has none.
    pub(crate) fn with_cookie(&self, site: &Site, response: Response) -> Response {
        match self.is_new {
            true => response.header("Set-Cookie", site.set_cookie(&self.cookie)),
            false => response,
        }
    }

    pub(crate) fn cookie(&self) -> &str {
        &self.cookie
    }
}
