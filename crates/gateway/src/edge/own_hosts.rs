//! Hosts that are a plugin's own (option `host`): what is asked there is asked of that plugin, as if below its path.
//! Neither what the gateway answers itself nor any other plugin is there.

use super::context::RequestContext;
use super::sanity;
use super::well_known::{self, Place};
use http::request::Parts;
use http::{HeaderMap, HeaderValue, Uri, header};
use sidegate_model::own_host::name_and_port;
use sidegate_plugins::{Generation, Mount};
use std::sync::Arc;

/// The plugin at whose own host a request asks, if there is one.
pub(crate) fn asked<'a>(
    generation: &'a Generation,
    told_host: Option<&[u8]>,
    head: &Parts,
) -> Option<&'a Arc<Mount>> {
    // Nearly no gateway has any.
    if !generation.has_own_hosts() {
        return None;
    }
    let host = std::str::from_utf8(told_host.unwrap_or_else(|| sanity::host(head))).ok()?;
    called(generation, host)
}

/// The plugin whose own host is called so, by whatever port.
fn called<'a>(generation: &'a Generation, host: &str) -> Option<&'a Arc<Mount>> {
    let (name, _) = name_and_port(host);
    let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    generation.mount_at(&name)
}

/// Whether a request comes on a connection whose client certificate was shown to another host (RFC 9110, 7.4): clients reuse
/// connections for all hosts of a certificate, and people choose theirs for one host. What a proxy tells of hosts it vouches for.
pub(crate) fn is_misdirected(context: &RequestContext, asked: Option<&Arc<Mount>>) -> bool {
    let shown = context.connection.certificate().and_then(|it| it.shown_to());
    let Some(shown_to) = shown.filter(|_| context.generation.has_own_hosts()) else {
        return false;
    };
    let plugin = |mount: Option<&Arc<Mount>>| mount.map(|mount| mount.plugin.id);
    context.origin.host.is_none() && plugin(called(&context.generation, shown_to)) != plugin(asked)
}

/// What a request comes to at the own host of the plugin that is mounted so: the gateway's document, or what stands for it
/// below the plugin's path.
pub(crate) fn look(generation: &Generation, mount: &Mount, uri: &Uri) -> Option<Place> {
    well_known::look_at_own_host(generation, mount, uri)
        .or_else(|| well_known::below_mount(mount, uri.path(), uri).map(Place::Plugin))
}

/// From here on the request is one to the plugin at its own host.
pub(crate) fn enter(context: &mut RequestContext, mount: &Mount) {
    context.own_host = mount.own_host().cloned();
}

/// Where a plugin has a host of its own cookies are of one host each: without this one of a plugin could be sent to the
/// hosts of others, by its attribute `Domain`.
pub(crate) fn keep_cookies_apart(generation: &Generation, answer: &mut HeaderMap) {
    if !generation.has_own_hosts() || !answer.contains_key(header::SET_COOKIE) {
        return;
    }
    for value in answer.iter_mut().filter(|(name, _)| *name == header::SET_COOKIE).map(|(_, it)| it)
    {
        let kept = without_domain(value.as_bytes());
        if let Some(kept) = kept.and_then(|kept| HeaderValue::from_bytes(&kept).ok()) {
            *value = kept;
        }
    }
}

/// A cookie without its attribute `Domain`; `None` where it has none.
fn without_domain(cookie: &[u8]) -> Option<Vec<u8>> {
    let is_domain = |part: &&[u8]| {
        let name = part.split(|byte| *byte == b'=').next().unwrap_or_default();
        name.trim_ascii().eq_ignore_ascii_case(b"domain")
    };
    let mut parts = cookie.split(|byte| *byte == b';');
    let pair = parts.next().unwrap_or_default();
    let attributes: Vec<_> = parts.collect();
    attributes.iter().any(is_domain).then(|| {
        let kept = attributes.iter().copied().filter(|part| !is_domain(part));
        std::iter::once(pair).chain(kept).collect::<Vec<_>>().join(&b';')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cookie_stays_at_the_host_that_set_it() {
        let left = |cookie: &str| {
            without_domain(cookie.as_bytes()).map(|left| String::from_utf8(left).unwrap())
        };
        for (cookie, expected) in [
            ("a=1; Domain=example.com; Path=/", Some("a=1; Path=/")),
            ("a=1;DOMAIN=.example.com", Some("a=1")),
            ("a=1; domain ; Domain=b; Secure", Some("a=1; Secure")),
            ("domain=1; Path=/", None),
            ("a=1; Path=/domain=x", None),
        ] {
            assert_eq!(left(cookie).as_deref(), expected, "{cookie}");
        }
    }
}
