//! The settings of the console: how long its sessions last, what they may do, and where browsers find it.

use super::console_oidc;
use super::reader::Reader;
use sidegate_control::ConsoleSettings;

/// Gives the texts their meaning.
pub(super) fn read(read: &mut Reader<'_>) -> ConsoleSettings {
    let idle_timeout = read.duration("SIDEGATE_CONSOLE_IDLE_TIMEOUT");
    let session_lifetime = read.duration("SIDEGATE_CONSOLE_SESSION_LIFETIME");
    let read_only = read.switch("SIDEGATE_CONSOLE_READ_ONLY");
    let origin = read.text("SIDEGATE_CONSOLE_ORIGIN").trim().trim_end_matches('/').to_owned();
    let origin = Some(origin).filter(|origin| !origin.is_empty());
    if let Some(origin) = origin.as_deref().filter(|origin| !is_origin(origin)) {
        let what = format!(
            "{origin:?} is no origin: give https:// and a host, with a port where it is not 443"
        );
        read.wrong("SIDEGATE_CONSOLE_ORIGIN", what);
    }
    let password_sign_in = read.switch("SIDEGATE_CONSOLE_PASSWORD_SIGN_IN");
    let oidc = console_oidc::read(read, origin.is_some());
    ConsoleSettings { idle_timeout, session_lifetime, read_only, origin, oidc, password_sign_in }
}

/// As browsers write one.
fn is_origin(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b".-:[]".contains(&b);
    let place = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    place.is_some_and(|place| !place.is_empty() && place.bytes().all(allowed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_a_scheme_and_a_place() {
        for good in ["https://a.example", "https://a.example:8443", "http://[::1]:8080"] {
            assert!(is_origin(good), "{good}");
        }
        for bad in ["a.example", "https://", "https://a.example/console", "ftp://a", "https://a b"]
        {
            assert!(!is_origin(bad), "{bad}");
        }
    }
}
