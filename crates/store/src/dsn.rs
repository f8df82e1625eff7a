//! Reading the address of a database. It opens nothing.

use crate::error::StoreError;
use percent_encoding::percent_decode_str;
use std::path::PathBuf;

const FORMS: &str =
    "use sqlite:///absolute/path.db, sqlite://relative/path.db, file:path.db or sqlite::memory:";

/// Where the database is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Dsn {
    /// A SQLite file, made when it is missing and `create` is set.
    SqliteFile { path: PathBuf, create: bool },
    /// A SQLite database that ends with the store.
    SqliteMemory,
}

impl Dsn {
    /// Reads an address. An error repeats only the scheme, since the rest may hold a password.
    pub(crate) fn parse(text: &str) -> Result<Self, StoreError> {
        let rest = after_scheme(text.trim())?;
        let rest = rest.strip_prefix("//").unwrap_or(rest);
        let (name, parameters) = rest.split_once('?').unwrap_or((rest, ""));
        let mode = mode(parameters)?;
        if name == ":memory:" || mode == Some(Mode::Memory) {
            return Ok(Self::SqliteMemory);
        }
        let name = percent_decode_str(name)
            .decode_utf8()
            .map_err(|_| StoreError::address("the path is not UTF-8 after its %-signs are read"))?;
        if name.is_empty() || name.chars().any(char::is_control) {
            return Err(StoreError::address(format!("it names no file: {FORMS}")));
        }
        Ok(Self::SqliteFile { path: PathBuf::from(&*name), create: mode != Some(Mode::Existing) })
    }
}

fn after_scheme(text: &str) -> Result<&str, StoreError> {
    let Some((scheme, rest)) = text.split_once(':') else {
        // "host=… dbname=…" is how PostgreSQL is addressed without a scheme.
        let problem = if text.split_whitespace().any(|word| word.starts_with("host=")) {
            format!("PostgreSQL is not supported yet: {FORMS}")
        } else {
            format!("it has no scheme: {FORMS}")
        };
        return Err(StoreError::address(problem));
    };
    match scheme.to_ascii_lowercase().as_str() {
        "sqlite" | "file" => Ok(rest),
        "postgres" | "postgresql" => {
            Err(StoreError::address(format!("PostgreSQL is not supported yet: {FORMS}")))
        }
        _ if scheme.bytes().all(|b| b.is_ascii_alphanumeric()) => {
            Err(StoreError::address(format!("scheme {scheme:?} is not supported: {FORMS}")))
        }
        _ => Err(StoreError::address(format!("it has no scheme: {FORMS}"))),
    }
}

#[derive(PartialEq)]
enum Mode {
    Create,
    Existing,
    Memory,
}

/// `cache` is read and has no effect: connections never share a cache here.
fn mode(parameters: &str) -> Result<Option<Mode>, StoreError> {
    let mut mode = None;
    for parameter in parameters.split('&').filter(|p| !p.is_empty()) {
        let (key, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        mode = match (key, value) {
            ("cache", "shared" | "private") => continue,
            ("mode", "rwc") => Some(Mode::Create),
            ("mode", "rw") => Some(Mode::Existing),
            ("mode", "memory") => Some(Mode::Memory),
            ("mode", "ro") => {
                return Err(StoreError::address("mode=ro: the store must be able to write"));
            }
            ("mode" | "cache", _) => {
                let problem = format!(
                    "{key} is not valid: known are mode=rwc|rw|memory, cache=shared|private"
                );
                return Err(StoreError::address(problem));
            }
            _ => {
                let problem = format!("parameter {key:?} is unknown: known are mode and cache");
                return Err(StoreError::address(problem));
            }
        };
    }
    Ok(mode)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn file(path: &str) -> Dsn {
        Dsn::SqliteFile { path: path.into(), create: true }
    }

    #[test]
    fn every_form_of_a_file_is_understood() {
        let rows = [
            ("sqlite:///var/lib/x.db", "/var/lib/x.db"),
            ("sqlite://data/x.db", "data/x.db"),
            ("sqlite:data/x.db", "data/x.db"),
            ("SQLite://x.db", "x.db"),
            ("file:./data/x.db?cache=shared&mode=rwc", "./data/x.db"),
            ("file:///var/x.db", "/var/x.db"),
            ("sqlite:///a%20b%3F.db?", "/a b?.db"),
        ];
        for (text, path) in rows {
            assert_eq!(Dsn::parse(text).unwrap(), file(path), "{text}");
        }
        let existing = Dsn::SqliteFile { path: "x.db".into(), create: false };
        assert_eq!(Dsn::parse("file:x.db?mode=rw").unwrap(), existing);
    }

    #[test]
    fn every_form_of_memory_is_understood() {
        for text in [
            "sqlite::memory:",
            "sqlite://:memory:",
            "file::memory:?cache=shared",
            "file:x?mode=memory",
        ] {
            assert_eq!(Dsn::parse(text).unwrap(), Dsn::SqliteMemory, "{text}");
        }
    }

    #[test]
    fn what_cannot_be_used_is_explained_without_repeating_a_password() {
        let rows = [
            ("postgres://me:hunter2@db/x", "PostgreSQL is not supported yet"),
            ("postgresql://me:hunter2@db/x", "PostgreSQL is not supported yet"),
            ("host=db user=me password=hunter2", "PostgreSQL is not supported yet"),
            ("mysql://me:hunter2@db/x", "\"mysql\" is not supported"),
            ("/var/lib/x.db", "no scheme"),
            ("me:hunter2@db", "\"me\" is not supported"),
            ("", "no scheme"),
            ("sqlite://", "names no file"),
            ("file:x.db?mode=ro", "must be able to write"),
            ("file:x.db?mode=hunter2", "mode is not valid"),
            ("file:x.db?_journal_mode=WAL", "\"_journal_mode\" is unknown"),
        ];
        for (text, expected) in rows {
            let error = Dsn::parse(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{text}: {error}");
            assert!(!error.contains("hunter2"), "{text}: {error}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in ".{0,60}") {
            let _ = Dsn::parse(&text);
            let _ = Dsn::parse(&format!("sqlite:{text}"));
        }
    }
}
