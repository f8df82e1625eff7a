//! Pages of which other origins may ask a plugin from within a browser: the options `cors.*`.
//!
//! Knows names and values; what browsers are told is the gateway's business.

use crate::duration::{format_duration, parse_duration};
use std::collections::BTreeMap;
use std::time::Duration;

/// Longer answers no browser keeps.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);
/// Most bytes of one list: it goes out with every answer.
const MAX_LIST_BYTES: usize = 4096;

/// The names of the options, without what they begin with.
pub(crate) const PREFIX: &str = "cors.";

/// Pages of which other origins may ask a plugin.
///
/// ```
/// use sidegate_model::cors::CorsOptions;
/// let raw = [("cors.origins", "https://app.example"), ("cors.max_age", "10m")];
/// let raw = raw.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
/// let (cors, problems) = CorsOptions::read(&raw);
/// assert!(problems.is_empty() && cors.unwrap().allows(b"https://app.example"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CorsOptions {
    /// The origins of pages that may ask.
    pub origins: Origins,
    /// The headers they may send, as a list for a header field; `None` is whatever they ask for.
    pub headers: Option<String>,
    /// The headers of answers they may read beside the usual ones.
    pub expose: Option<String>,
    /// They may send cookies and see the answer.
    pub credentials: bool,
    /// How long a browser may remember what it was told.
    pub max_age: Option<Duration>,
}

/// Of which origins pages may ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origins {
    /// Every origin; excludes `credentials`, so that no page uses another's cookies.
    Any,
    /// These, as browsers write them.
    These(Vec<String>),
}

/// What is wrong with one of the options.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("option cors.{name}: {problem}")]
pub struct InvalidCors {
    name: &'static str,
    problem: String,
}

const NAMES: [&str; 5] = ["origins", "headers", "expose", "credentials", "max_age"];

impl CorsOptions {
    /// Reads what is valid and tells what is not. Without origins nobody may ask, whatever else is
    /// said.
    pub fn read(raw: &BTreeMap<String, String>) -> (Option<Self>, Vec<InvalidCors>) {
        let mut problems = Vec::new();
        let mut value = |name: &'static str| {
            let text = raw.get(&format!("{PREFIX}{name}"))?;
            Some((name, text.trim()))
        };
        let said = NAMES.map(&mut value);
        let [origins, headers, expose, credentials, max_age] = said;
        let mut note = |name, problem: String| problems.push(InvalidCors { name, problem });
        let origins = origins.and_then(|(name, text)| taken(Origins::read(text), name, &mut note));
        let headers = headers.and_then(|(name, text)| taken(names(text), name, &mut note));
        let expose = expose.and_then(|(name, text)| taken(names(text), name, &mut note));
        let credentials =
            credentials.and_then(|(name, text)| taken(boolean(text), name, &mut note));
        let max_age = max_age.and_then(|(name, text)| taken(age(text), name, &mut note));
        let mut cors = Self {
            origins: Origins::These(Vec::new()),
            headers: headers.filter(|list| list != "*"),
            expose,
            credentials: credentials == Some(true),
            max_age,
        };
        let Some(origins) = origins else {
            let others = said.iter().skip(1).flatten().next();
            if let (Some((name, _)), None) = (others, said[0]) {
                note(
                    name,
                    "it means nothing without cors.origins, which says whose pages may ask".into(),
                );
            }
            return (None, problems);
        };
        cors.origins = origins;
        if cors.credentials && cors.origins == Origins::Any {
            note("credentials", "cors.origins=* with it would let every page act for whoever looks at it: name the origins".into());
            cors.credentials = false;
        }
        if cors.credentials && cors.expose.as_deref() == Some("*") {
            note(
                "expose",
                "together with cors.credentials browsers take * by its letter: name the headers"
                    .into(),
            );
            cors.expose = None;
        }
        (Some(cors), problems)
    }

    /// Whether pages of this origin may ask.
    pub fn allows(&self, origin: &[u8]) -> bool {
        match &self.origins {
            Origins::Any => true,
            Origins::These(origins) => origins.iter().any(|known| known.as_bytes() == origin),
        }
    }
}

fn taken<T>(
    read: Result<T, String>,
    name: &'static str,
    note: &mut impl FnMut(&'static str, String),
) -> Option<T> {
    read.map_err(|problem| note(name, problem)).ok()
}

impl Origins {
    fn read(text: &str) -> Result<Self, String> {
        if text == "*" {
            return Ok(Self::Any);
        }
        let origins = items(text)?.into_iter().map(origin).collect::<Result<Vec<_>, _>>()?;
        Ok(Self::These(origins))
    }
}

/// An origin as browsers write it; `None` where a text is none.
pub fn read_origin(text: &str) -> Option<String> {
    origin(text).ok()
}

/// An origin as browsers write it: in small letters, without the port that goes without saying.
fn origin(text: &str) -> Result<String, String> {
    let wrong = || {
        let shown: String = text.chars().take(100).collect();
        format!(
            "{shown:?} is no origin: write https://app.example or http://localhost:3000, or * alone"
        )
    };
    let text = text.to_ascii_lowercase();
    let (scheme, host) = text.split_once("://").ok_or_else(wrong)?;
    let is_scheme = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || "+-.".contains(c));
    let is_host =
        !host.is_empty() && host.chars().all(|c| c.is_ascii_alphanumeric() || "-._:[]".contains(c));
    if !is_scheme || !is_host {
        return Err(wrong());
    }
    let usual = match scheme {
        "https" => ":443",
        "http" => ":80",
        _ => "",
    };
    let host = host.strip_suffix(usual).unwrap_or(host);
    Ok(format!("{scheme}://{host}"))
}

/// A list of header names, or all.
fn names(text: &str) -> Result<String, String> {
    let names = items(text)?;
    let is_name =
        |name: &&str| name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b));
    if text != "*" && !names.iter().all(is_name) {
        return Err("write names of headers, separated by commas, or * alone".into());
    }
    Ok(names.join(", "))
}

fn items(text: &str) -> Result<Vec<&str>, String> {
    let items: Vec<_> = text.split(',').map(str::trim).filter(|item| !item.is_empty()).collect();
    match items.len() {
        0 => Err("it is empty: leave the option out instead".into()),
        _ if text.len() > MAX_LIST_BYTES => Err(format!("it has more than {MAX_LIST_BYTES} bytes")),
        _ => Ok(items),
    }
}

fn boolean(text: &str) -> Result<bool, String> {
    text.parse().map_err(|_| "use true or false".into())
}

fn age(text: &str) -> Result<Duration, String> {
    let age = parse_duration(text).map_err(|problem| problem.to_string())?;
    if age <= LONGEST { Ok(age) } else { Err(format!("use 0s to {}", format_duration(LONGEST))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> (Option<CorsOptions>, Vec<String>) {
        let raw = pairs.iter().map(|(name, value)| (format!("cors.{name}"), (*value).to_owned()));
        let (cors, problems) = CorsOptions::read(&raw.collect());
        (cors, problems.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn origins_are_compared_as_browsers_write_them() {
        let origins = "https://App.example:443, http://localhost:3000,http://[::1]:80,app://x";
        let cors = read(&[("origins", origins)]).0.unwrap();
        for allowed in ["https://app.example", "http://localhost:3000", "http://[::1]", "app://x"] {
            assert!(cors.allows(allowed.as_bytes()), "{allowed}");
        }
        for other in ["null", "http://app.example", "https://app.example.evil", "https://evil", ""]
        {
            assert!(!cors.allows(other.as_bytes()), "{other}");
        }
        assert!(read(&[("origins", "*")]).0.unwrap().allows(b"null"));
    }

    #[test]
    fn what_is_no_origin_is_told_with_what_would_be_one() {
        for bad in [
            "",
            "app.example",
            "https://",
            "https://a/",
            "https://a b",
            "*.a",
            "null",
            "https://*.a",
            "*, https://a",
        ] {
            let (cors, problems) = read(&[("origins", bad)]);
            assert!(cors.is_none() && problems.len() == 1, "{bad}: {problems:?}");
        }
        assert!(read(&[("origins", "app.example")]).1[0].contains("https://app.example"));
    }

    #[test]
    fn every_page_together_with_credentials_is_refused_and_once_stored_has_none() {
        let (cors, problems) = read(&[("origins", "*"), ("credentials", "true")]);
        assert!(problems[0].starts_with("option cors.credentials: "), "{problems:?}");
        assert!(!cors.unwrap().credentials);
        let one = read(&[("origins", "https://a"), ("credentials", "true")]);
        assert!(one.1.is_empty() && one.0.unwrap().credentials);
        let (cors, problems) =
            read(&[("origins", "https://a"), ("credentials", "true"), ("expose", "*")]);
        assert!(cors.unwrap().expose.is_none() && problems.len() == 1);
    }

    #[test]
    fn options_that_mean_nothing_without_origins_are_refused() {
        assert_eq!(read(&[]), (None, vec![]));
        let (cors, problems) = read(&[("max_age", "5m")]);
        assert!(cors.is_none() && problems[0].contains("without cors.origins"), "{problems:?}");
    }

    #[test]
    fn lists_of_headers_are_written_as_browsers_read_them() {
        let all = [("origins", "*"), ("headers", " X-A,x-b "), ("expose", "*"), ("max_age", "10m")];
        let cors = read(&all).0.unwrap();
        assert_eq!(
            (cors.headers.as_deref(), cors.expose.as_deref()),
            (Some("X-A, x-b"), Some("*"))
        );
        assert_eq!(cors.max_age, Some(Duration::from_secs(600)));
        assert_eq!(read(&[("origins", "*"), ("headers", "*")]).0.unwrap().headers, None);
        for (name, bad) in
            [("headers", "a b"), ("expose", "a\r\nb"), ("max_age", "2d"), ("credentials", "1")]
        {
            assert_eq!(read(&[("origins", "*"), (name, bad)]).1.len(), 1, "{name}");
        }
    }
}
