//! The address of a PostgreSQL database, as `postgres://user:password@host:port/database?…`.
//!
//! Everything but the password has to be said in it. Where that is left out the driver looks for `PGPASSWORD` and
//! the file of passwords (`PGPASSFILE` or `~/.pgpass`), as every program for PostgreSQL does.

use crate::error::StoreError;
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use sqlx::postgres::PgConnectOptions;
use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr as _;

/// How one is written, for errors.
pub(crate) const FORM: &str = "postgres://user:password@host:5432/database?sslmode=verify-full";

const PARAMETERS: &str =
    "sslmode, sslrootcert, sslcert, sslkey, options and host (the folder of a socket)";
const SSL_MODES: [&str; 5] = ["disable", "prefer", "require", "verify-ca", "verify-full"];
const DEFAULT_PORT: u16 = 5432;

/// Where a database is and who we are there. What it shows of itself has no password in it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Address {
    shown: String,
    /// For the driver.
    url: String,
}

impl Address {
    /// Reads what comes after `postgres:`. An error repeats nothing but names of parameters.
    pub(crate) fn parse(rest: &str) -> Result<Self, StoreError> {
        let Some(rest) = rest.strip_prefix("//") else {
            return Err(wrong(format!("it needs // after its scheme: {FORM}")));
        };
        let (place, parameters) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, database) = place.split_once('/').unwrap_or((place, ""));
        let Some((who, host)) = authority.rsplit_once('@') else {
            let problem = "it names no user; write /, ? and @ in a password as %2F, %3F and %40";
            return Err(wrong(format!("{problem}: {FORM}")));
        };
        let (user, password) = match who.split_once(':') {
            Some((user, password)) => (user, Some(text("password", password)?)),
            None => (who, None),
        };
        let user = named("user", user)?;
        let database = named("database", database)?;
        let parameters = Parameters::parse(parameters)?;
        let (host, port) = host_and_port(host, parameters.socket.as_deref())?;
        let place = format!("{host}:{port}/{}", encoded(&database));
        let user = encoded(&user);
        let password = password.map(|password| format!(":{}", encoded(&password)));
        Ok(Self {
            shown: format!("postgres://{user}@{place}"),
            url: format!(
                "postgres://{user}{}@{place}?{}",
                password.unwrap_or_default(),
                parameters.query
            ),
        })
    }

    /// What the driver needs to know.
    pub(super) fn options(&self) -> Result<PgConnectOptions, StoreError> {
        let options = PgConnectOptions::from_str(&self.url);
        let options = options.map_err(|_| wrong(format!("it cannot be read: {FORM}")))?;
        // The driver would look up the name "[::1]".
        let host = options.get_host().trim_matches(['[', ']']).to_owned();
        Ok(options
            .host(&host)
            .application_name("sidegate")
            // Poolers refuse it, and numbers are not sent as text.
            .extra_float_digits(None)
            .statement_cache_capacity(0))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

/// What stands behind the question mark.
struct Parameters {
    /// The folder of a socket.
    socket: Option<String>,
    /// All others, checked and written again.
    query: String,
}

impl Parameters {
    fn parse(parameters: &str) -> Result<Self, StoreError> {
        let mut socket = None;
        let mut given: Vec<(&str, String)> = Vec::new();
        for parameter in parameters.split('&').filter(|parameter| !parameter.is_empty()) {
            let (key, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            let value = text("parameter", value)?;
            match key {
                "host" if value.starts_with('/') => socket = Some(value),
                "host" => {
                    return Err(wrong("parameter host: only the folder of a socket stands there"));
                }
                "sslmode" if SSL_MODES.contains(&value.as_str()) => given.push((key, value)),
                "sslmode" => {
                    let known = SSL_MODES.join(", ");
                    return Err(wrong(format!("sslmode is not valid: known are {known}")));
                }
                "sslrootcert" | "sslcert" | "sslkey" | "options" => given.push((key, value)),
                "search_path" | "schema" | "currentSchema" => {
                    let problem = "name a schema as options=-c%20search_path%3DNAME";
                    return Err(wrong(format!("parameter {key:?} is unknown: {problem}")));
                }
                _ => {
                    let problem = format!("parameter {key:?} is unknown: known are {PARAMETERS}");
                    return Err(wrong(problem));
                }
            }
        }
        agree(&given)?;
        if !given.iter().any(|(key, _)| *key == "sslmode") {
            given.push(("sslmode", "prefer".to_owned()));
        }
        let query = given.iter().map(|(key, value)| format!("{key}={}", encoded(value)));
        Ok(Self { socket, query: query.collect::<Vec<_>>().join("&") })
    }
}

/// Refuses what would have no effect.
fn agree(given: &[(&str, String)]) -> Result<(), StoreError> {
    let of = |wanted: &str| given.iter().find(|(key, _)| *key == wanted).map(|(_, value)| value);
    let verifies = of("sslmode").is_some_and(|mode| mode.starts_with("verify-"));
    if of("sslrootcert").is_some() && !verifies {
        return Err(wrong("sslrootcert needs sslmode=verify-full or verify-ca"));
    }
    if of("sslcert").is_some() != of("sslkey").is_some() {
        return Err(wrong("sslcert and sslkey need each other"));
    }
    Ok(())
}

/// The host as it stands in an address, and the port.
fn host_and_port(text: &str, socket: Option<&str>) -> Result<(String, u16), StoreError> {
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (host, port),
        _ => (text, ""),
    };
    let port = match port {
        "" => DEFAULT_PORT,
        port => port.parse().map_err(|_| wrong("its port is not a number from 1 to 65535"))?,
    };
    let host = match (host, socket) {
        ("", Some(socket)) => encoded(socket),
        ("", None) => return Err(wrong(format!("it names no host: {FORM}"))),
        (_, Some(_)) => return Err(wrong("it names both a host and the folder of a socket")),
        (host, None) => checked_host(host)?,
    };
    Ok((host, port))
}

fn checked_host(host: &str) -> Result<String, StoreError> {
    if let Some(inner) = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) {
        let address: Ipv6Addr = inner.parse().map_err(|_| wrong("its host is no IPv6 address"))?;
        return Ok(format!("[{address}]"));
    }
    if host.contains(',') {
        return Err(wrong("it names several hosts: name the primary server, or what leads to it"));
    }
    let name = text("host", host)?;
    if name.starts_with('/') {
        return Ok(encoded(&name));
    }
    let of_a_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    match name.bytes().all(of_a_name) {
        true => Ok(name),
        false => Err(wrong("its host is neither a name, an address nor the folder of a socket")),
    }
}

/// A part that must not be empty.
fn named(what: &str, part: &str) -> Result<String, StoreError> {
    match text(what, part)? {
        name if name.is_empty() => Err(wrong(format!("it names no {what}: {FORM}"))),
        name => Ok(name),
    }
}

/// A part as it was meant.
fn text(what: &str, part: &str) -> Result<String, StoreError> {
    let meant = percent_decode_str(part).decode_utf8();
    let meant =
        meant.map_err(|_| wrong(format!("its {what} is not UTF-8 after its %-signs are read")))?;
    match meant.chars().any(char::is_control) {
        true => Err(wrong(format!("its {what} has control characters"))),
        false => Ok(meant.into_owned()),
    }
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, NON_ALPHANUMERIC).to_string()
}

fn wrong(problem: impl Into<String>) -> StoreError {
    StoreError::address(problem)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parsed(text: &str) -> Result<Address, String> {
        let rest = text.split_once(':').unwrap().1;
        Address::parse(rest).map_err(|error| error.to_string())
    }

    #[test]
    fn what_is_said_reaches_the_driver() {
        let options = |text: &str| parsed(text).unwrap().options().unwrap();
        let full = options("postgres://me%40x:p%2Fw@db.example:6432/a%20b?sslmode=require");
        assert_eq!((full.get_host(), full.get_port()), ("db.example", 6432));
        assert_eq!((full.get_username(), full.get_database()), ("me@x", Some("a b")));
        assert!(matches!(full.get_ssl_mode(), sqlx::postgres::PgSslMode::Require));
        assert_eq!(full.get_application_name(), Some("sidegate"));
        let short = options("postgres://me@[::1]/x");
        assert_eq!((short.get_host(), short.get_port()), ("::1", 5432));
        assert!(matches!(short.get_ssl_mode(), sqlx::postgres::PgSslMode::Prefer));
        for text in ["postgres://me@/x?host=/run/pg", "postgres://me@%2Frun%2Fpg/x"] {
            let socket = options(text);
            assert_eq!(socket.get_socket().unwrap().to_str(), Some("/run/pg"), "{text}");
        }
        let schema = options("postgres://me@db/x?options=-c%20search_path%3Dours");
        assert_eq!(schema.get_options(), Some("-c search_path=ours"));
    }

    #[test]
    fn an_address_is_shown_without_its_password() {
        let address = parsed("postgres://me:hunter2@db/x?sslmode=require").unwrap();
        assert_eq!(address.to_string(), "postgres://me@db:5432/x");
        assert_eq!(format!("{address:?}"), "postgres://me@db:5432/x");
    }

    #[test]
    fn what_is_wrong_is_named_without_the_password() {
        let rows = [
            ("postgres:me:hunter2@db/x", "needs // after its scheme"),
            ("postgres://db/x", "names no user"),
            ("postgres://me:hun/ter2@db/x", "%2F"),
            ("postgres://me:hunter2?@db/x", "%3F"),
            ("postgres://:hunter2@db/x", "names no user"),
            ("postgres://me:hunter2@/x", "names no host"),
            ("postgres://me:hunter2@db", "names no database"),
            ("postgres://me:hunter2@db:0x1/x", "port is not a number"),
            ("postgres://me:hunter2@a,b/x", "several hosts"),
            ("postgres://me:hunter2@a b/x", "its host is neither"),
            ("postgres://me:hunter2@[::x]/x", "no IPv6 address"),
            ("postgres://me:%ff@db/x", "its password is not UTF-8"),
            ("postgres://me:hunter2@db/x%00", "its database has control characters"),
            ("postgres://me@db/x?sslmode=hunter2", "sslmode is not valid: known are disable,"),
            ("postgres://me@db/x?sslmode=allow", "sslmode is not valid"),
            ("postgres://me@db/x?sslrootcert=/ca.pem", "needs sslmode=verify-full"),
            ("postgres://me@db/x?sslcert=/c.pem", "need each other"),
            ("postgres://me@db/x?host=hunter2", "only the folder of a socket"),
            ("postgres://me@db/x?host=/run", "both a host and the folder"),
            ("postgres://me@db/x?password=hunter2", "\"password\" is unknown: known are sslmode,"),
            ("postgres://me@db/x?schema=ours", "options=-c%20search_path%3DNAME"),
        ];
        for (text, expected) in rows {
            let error = parsed(text).unwrap_err();
            assert!(error.contains(expected), "{text}: {error}");
            assert!(!error.contains("hunter2"), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics_and_none_tells_the_password(text in ".{0,40}", tail in "(//)?[a-z@:/?=&%,.]{0,30}") {
            let _ = Address::parse(&text);
            if let Ok(address) = Address::parse(&tail) {
                address.options().unwrap();
            }
            let secret = format!("//me:{}hunter2@db/x", encoded(&text));
            if let Ok(address) = Address::parse(&secret) {
                prop_assert!(!address.to_string().contains("hunter2"));
                address.options().unwrap();
            }
        }
    }
}
