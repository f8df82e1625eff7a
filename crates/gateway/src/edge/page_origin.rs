//! Whether the page that makes a browser ask may ask this plugin at all, where its option `allowed_origins` says who may.
//! A page can reach the gateway by a name of its own that leads to it (DNS rebinding), so what counts as the gateway's
//! own origin is never a name that only the client says.

use super::context::Rules;
use super::error::EdgeError;
use super::sanity;
use http::header;
use http::request::Parts;
use sidegate_model::cors::read_origin;
use sidegate_model::own_host::name_and_port;
use sidegate_plugins::Mount;
use std::net::IpAddr;

/// Refuses a request that a page of an origin makes which may not ask.
///
/// # Errors
/// 403 for any other page, and for one that cannot be told.
pub(crate) fn check(rules: &Rules<'_>, mount: &Mount, head: &Parts) -> Result<(), EdgeError> {
    let Some(allowed) = &mount.plugin.options.policy.allowed_origins else { return Ok(()) };
    let mut lines = head.headers.get_all(header::ORIGIN).iter();
    let Some(line) = lines.next() else { return Ok(()) };
    // Of several lines each reader may take another one.
    let only = lines.next().is_none().then(|| line.to_str().ok()).flatten();
    let is_allowed = only.and_then(read_origin).is_some_and(|origin| {
        allowed.names(&origin) || allowed.same && is_own(rules, head, &origin)
    });
    if is_allowed { Ok(()) } else { Err(EdgeError::origin_not_allowed()) }
}

/// Whether an origin is the gateway's own: one of its public addresses, or, where nobody says them, the address that the
/// client names, if that is one of a machine. A name could lead here by anybody's word, but for a plugin's own.
fn is_own(rules: &Rules<'_>, head: &Parts, origin: &str) -> bool {
    if let Some(own) = rules.own_host {
        let (_, authority) = origin.split_once("://").unwrap_or_default();
        return name_and_port(authority).0 == own.as_str();
    }
    if !rules.public_urls.is_empty() {
        return rules.public_urls.have_origin(origin);
    }
    let host = rules.told_host.unwrap_or_else(|| sanity::host(head));
    let Ok(host) = std::str::from_utf8(host) else { return false };
    let Some((scheme, _)) = origin.split_once("://") else { return false };
    is_of_a_machine(host) && read_origin(&format!("{scheme}://{host}")).as_deref() == Some(origin)
}

/// Whether a host, with a port or without one, is an address and no name; `localhost` leads nowhere else.
fn is_of_a_machine(host: &str) -> bool {
    let bare = match host.strip_prefix('[') {
        Some(rest) => rest.split_once(']').map_or("", |(address, _)| address),
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    };
    bare.eq_ignore_ascii_case("localhost") || bare.parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_nobodys_own_and_an_address_is() {
        for own in ["127.0.0.1:8081", "127.0.0.1", "[::1]:8081", "[::1]", "LocalHost:1", "10.0.0.7"]
        {
            assert!(is_of_a_machine(own), "{own}");
        }
        for name in
            ["evil.example:8081", "evil.example", "localhost.evil.example", "[::1", "", ":1"]
        {
            assert!(!is_of_a_machine(name), "{name}");
        }
    }
}
