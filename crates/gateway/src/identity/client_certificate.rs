//! Callers that prove themselves with a client certificate: which app it speaks for at a plugin. The handshake proved that the
//! client has its key; what has to be asked with each request is whether it still counts.

use super::client_authority::{ClientAuthorities, ClientAuthority};
use super::jwt::stand_in;
use super::unidentified::{EXPIRED, INVALID, MISSING, Unidentified};
use super::validity::not_after;
use arc_swap::{ArcSwap, ArcSwapOption};
use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;
use http::{HeaderMap, header};
use rustls::pki_types::CertificateDer;
use sidegate_model::UnixMillis;
use sidegate_model::app::AppId;
use sidegate_model::client_certificate::{DNS, FINGERPRINT, URI};
use sidegate_model::issuer::IssuerId;
use sidegate_model::policy::PolicyOptions;
use sidegate_model::token::{Token, TokenHash};
use sidegate_plugins::{Generation, KnownIssuer, Mount};
use sidegate_transport::codec::encode_facts;
use std::fmt::Write as _;
use std::sync::Arc;
use webpki::EndEntityCert;

/// Most names of one certificate that are looked at.
const MAX_NAMES: usize = 64;

/// What a client has shown in its handshake, and an authority has vouched for.
pub(crate) struct ClientCertificate {
    chain: Vec<CertificateDer<'static>>,
    /// From when on those of the chain are not valid: the second in which one ends is its last.
    ends: Vec<UnixMillis>,
    /// The SHA-256 of the first.
    hash: TokenHash,
    /// What an operator can call it, in the order in which that counts.
    names: Vec<String>,
    /// The host to which it was shown, where the client named one in the handshake.
    shown_to: Option<Box<str>>,
    /// The moment after which it is not valid.
    ends_at: UnixMillis,
    authorities: Arc<ClientAuthorities>,
    /// What was said last of whether it counts.
    vouched: ArcSwap<Vouched>,
    /// What it came to the last time.
    known: ArcSwapOption<KnownCertificate>,
}

/// What authorities said of a certificate.
struct Vouched {
    by: Option<Arc<ClientAuthority>>,
    is_good: bool,
    /// From this moment on they would say otherwise, maybe: a certificate between it and them ends.
    until: UnixMillis,
}

/// What a certificate comes to by the word of an operator.
pub(crate) struct KnownCertificate {
    /// What it allows, as if it were a token of the gateway's own; without a number.
    pub(crate) token: Arc<Token>,
    /// By whose word.
    issuer: IssuerId,
    /// The name of that one.
    pub(crate) issuer_name: String,
    issuer_updated_at: UnixMillis,
    /// What it is called there.
    pub(crate) client: String,
    /// What plugins are told of it.
    pub(crate) facts: Bytes,
}

const UNKNOWN: Unidentified = Unidentified {
    public: "the client certificate speaks for no app here, and no token was sent",
    internal: "none of its names is a client of an issuer that this plugin names",
    ..MISSING
};
const FOREIGN_PAGE: Unidentified = Unidentified {
    public: "a client certificate does not count for a page of another origin",
    internal: "a page of another origin made the browser ask: see the option allowed_origins",
    ..MISSING
};
const ENDED: Unidentified =
    Unidentified { public: "the client certificate has expired", challenge: None, ..EXPIRED };
const NOT_VOUCHED_FOR: Unidentified = Unidentified {
    public: "the client certificate is not trusted any more",
    challenge: None,
    internal: "the authorities that clients' certificates are trusted by have changed since it was shown",
    ..INVALID
};

impl ClientCertificate {
    /// Of a chain that the handshake was decided by; `None` where it cannot be read.
    pub(crate) fn of(
        chain: &[CertificateDer<'_>],
        shown_to: Option<&str>,
        authorities: &Arc<ClientAuthorities>,
    ) -> Option<Self> {
        let own = chain.first()?;
        let read = EndEntityCert::try_from(own).ok()?;
        // Of one that does not say when it ends nothing is taken.
        let end = |it: &CertificateDer<'_>| not_after(it).map_or(0, |it| it.saturating_mul(1000));
        let hash = digest(&SHA256, own);
        let mut fingerprint = FINGERPRINT.to_owned();
        for byte in hash.as_ref() {
            // Writing to a text cannot fail.
            let _ = write!(fingerprint, "{byte:02x}");
        }
        let uris = read.valid_uri_names().map(|name| format!("{URI}{name}"));
        let names =
            read.valid_dns_names().map(|name| format!("{DNS}{}", name.to_ascii_lowercase()));
        let names = [fingerprint].into_iter().chain(uris).chain(names).take(MAX_NAMES);
        Some(Self {
            chain: chain.iter().map(|it| it.clone().into_owned()).collect(),
            hash: TokenHash(hash.as_ref().try_into().ok()?),
            names: names.collect(),
            shown_to: shown_to.map(Into::into),
            ends: chain.iter().map(|it| end(it).saturating_add(1000)).collect(),
            ends_at: end(own),
            authorities: authorities.clone(),
            // Those that the handshake was decided by may have been replaced meanwhile.
            vouched: ArcSwap::from_pointee(Vouched {
                by: None,
                is_good: false,
                until: UnixMillis::MIN,
            }),
            known: ArcSwapOption::empty(),
        })
    }

    /// The host to which it was shown, as the client wrote it.
    pub(crate) fn shown_to(&self) -> Option<&str> {
        self.shown_to.as_deref()
    }

    /// Whether the authorities of now vouch for it; they are asked once, and once more when one of the chain ends.
    fn is_vouched_for(&self, now: UnixMillis) -> bool {
        let last = self.vouched.load();
        if now < last.until && last.by.as_ref().is_some_and(|by| self.authorities.are(by)) {
            return last.is_good;
        }
        let by = self.authorities.now();
        let is_good = by.as_ref().is_some_and(|it| it.vouches_for(&self.chain, now));
        let ends = self.ends.iter().copied().filter(|end| *end > now);
        let until = ends.min().unwrap_or(UnixMillis::MAX);
        self.vouched.store(Arc::new(Vouched { by, is_good, until }));
        is_good
    }

    /// What it comes to at a plugin.
    fn known(
        &self,
        generation: &Generation,
        policy: &PolicyOptions,
    ) -> Option<Arc<KnownCertificate>> {
        let app = |issuer: &KnownIssuer| {
            let mut names = self.names.iter();
            names.find_map(|name| Some((name.clone(), issuer.app(name)?)))
        };
        let mut issuers = generation.issuers.of_certificates(&policy.issuers);
        let (issuer, (client, app)) = issuers.find_map(|it| Some((it, app(it)?)))?;
        let is_same = |known: &KnownCertificate| {
            known.issuer == issuer.issuer.id
                && known.issuer_updated_at == issuer.issuer.updated_at
                && known.client == client
                && known.token.app_id == app
        };
        if let Some(known) = self.known.load_full().filter(|known| is_same(known)) {
            return Some(known);
        }
        let known = Arc::new(self.speak(issuer, client, app));
        self.known.store(Some(known.clone()));
        Some(known)
    }

    fn speak(&self, issuer: &KnownIssuer, client: String, app: AppId) -> KnownCertificate {
        let issuer = &issuer.issuer;
        let fingerprint = self.names.first().map_or("", String::as_str);
        let facts = [
            ("tls_issuer", issuer.draft.url.as_str()),
            ("tls_client", client.as_str()),
            ("tls_fingerprint", fingerprint),
        ];
        let facts = encode_facts(facts);
        KnownCertificate {
            token: Arc::new(stand_in(self.hash, app, issuer.draft.scopes.clone(), self.ends_at)),
            issuer: issuer.id,
            issuer_name: issuer.draft.name.clone(),
            issuer_updated_at: issuer.updated_at,
            client,
            facts,
        }
    }
}

/// Finds out who shows a certificate at a plugin, where that takes any.
///
/// # Errors
/// [`Unidentified`] where none is shown, or it does not count.
pub(crate) fn identify(
    shown: Option<&Arc<ClientCertificate>>,
    (generation, mount): (&Generation, &Mount),
    headers: &HeaderMap,
    now: impl FnOnce() -> UnixMillis,
) -> Result<Arc<KnownCertificate>, Unidentified> {
    let policy = &mount.plugin.options.policy;
    let takes_any = || generation.issuers.of_certificates(&policy.issuers).next().is_some();
    let shown = shown.filter(|_| takes_any()).ok_or(MISSING)?;
    let known = shown.known(generation, policy).ok_or(UNKNOWN)?;
    // Browsers show certificates for whatever page makes them ask. Where the operator says which pages may, others were
    // refused before.
    if is_of_another_page(headers)
        && !(policy.allowed_origins.is_some() && headers.contains_key(header::ORIGIN))
    {
        return Err(FOREIGN_PAGE);
    }
    let now = now();
    if shown.ends_at <= now {
        return Err(ENDED);
    }
    if shown.is_vouched_for(now) { Ok(known) } else { Err(NOT_VOUCHED_FOR) }
}

/// Whether a page that is not of this origin makes a browser ask, as far as that tells. Of one that says only whose page it
/// is nothing better is known.
fn is_of_another_page(headers: &HeaderMap) -> bool {
    match headers.get("sec-fetch-site").map(http::HeaderValue::as_bytes) {
        Some(b"same-origin" | b"none") => false,
        Some(_) => true,
        None => headers.contains_key(header::ORIGIN),
    }
}

/// Whether a certificate with which a caller was let in at a plugin would still let it in, but for its end and its app. That an
/// authority is gone ends nothing that has begun.
pub(crate) fn stands(
    generation: &Generation,
    mount: Option<&Mount>,
    known: &KnownCertificate,
) -> bool {
    generation.issuers.get(known.issuer).is_some_and(|issuer| {
        let name = &issuer.issuer.draft.name;
        mount.is_none_or(|mount| mount.plugin.options.policy.issuers.contains(name))
            && issuer.issuer.draft.is_of_certificates()
            && issuer.app(&known.client) == Some(known.token.app_id)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn what_a_browser_says_of_the_page_decides_whether_a_certificate_counts() {
        for (site, origin, is_other) in [
            (None, None, false),
            (Some("none"), None, false),
            (Some("same-origin"), Some("https://gw.example"), false),
            (Some("same-site"), None, true),
            (Some("cross-site"), None, true),
            (Some("cross-site"), Some("https://evil.example"), true),
            (Some("SAME-ORIGIN"), None, true),
            (None, Some("https://evil.example"), true),
            (None, Some("null"), true),
        ] {
            let mut headers = HeaderMap::new();
            let mut add =
                |name: &'static str, value: Option<&'static str>| {
                    headers.extend(value.map(|it| {
                        (http::HeaderName::from_static(name), HeaderValue::from_static(it))
                    }));
                };
            add("sec-fetch-site", site);
            add("origin", origin);
            assert_eq!(is_of_another_page(&headers), is_other, "{site:?} {origin:?}");
        }
    }
}
