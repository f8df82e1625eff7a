//! Reading the address of a database. It opens nothing.

use crate::error::StoreError;
use crate::postgres::address::{self, Address};
use percent_encoding::percent_decode_str;
use std::path::PathBuf;

const FORMS: &str = "use sqlite:///absolute/path.db, sqlite://relative/path.db, file:path.db, \
     sqlite::memory: or postgres://user:password@host/database";

/// Where the database is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Dsn {
    /// A SQLite file, made when it is missing and `create` is set.
    SqliteFile { path: PathBuf, create: bool },
    /// A SQLite database that ends with the store.
    SqliteMemory,
    /// A database of a PostgreSQL server.
    Postgres(Address),
}

impl Dsn {
    /// Reads an address. An error repeats only the scheme, since the rest may hold a password.
    pub(crate) fn parse(text: &str) -> Result<Self, StoreError> {
        let rest = match after_scheme(text.trim())? {
            (Scheme::Sqlite, rest) => rest.strip_prefix("//").unwrap_or(rest),
            (Scheme::Postgres, rest) => return Ok(Self::Postgres(Address::parse(rest)?)),
        };
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

enum Scheme {
    Sqlite,
    Postgres,
}

fn after_scheme(text: &str) -> Result<(Scheme, &str), StoreError> {
    // "host=… dbname=…" is how PostgreSQL is addressed without a scheme.
    let setting = text.split_once('=').map_or("", |(name, _)| name);
    if !setting.is_empty() && setting.bytes().all(|byte| byte.is_ascii_lowercase()) {
        let problem = format!("write it as {}", address::FORM);
        return Err(StoreError::address(problem));
    }
    let Some((scheme, rest)) = text.split_once(':') else {
        return Err(StoreError::address(format!("it has no scheme: {FORMS}")));
    };
    match scheme.to_ascii_lowercase().as_str() {
        "sqlite" | "file" => Ok((Scheme::Sqlite, rest)),
        "postgres" | "postgresql" => Ok((Scheme::Postgres, rest)),
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
    fn both_schemes_of_postgresql_are_understood() {
        for text in ["postgres://me:pw@db/x", "PostgreSQL://me:pw@db/x", " postgres://me:pw@db/x\n"]
        {
            let Dsn::Postgres(address) = Dsn::parse(text).unwrap() else { panic!("{text}") };
            assert_eq!(address.to_string(), "postgres://me@db:5432/x");
        }
    }

    #[test]
    fn what_cannot_be_used_is_explained_without_repeating_a_password() {
        let rows = [
            ("host=db user=me password=hunter2", "write it as postgres://user:password@host"),
            ("dbname=x password=hunter2", "write it as postgres://user:password@host"),
            ("postgresql://me:hunter2@db", "names no database"),
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
            let _ = Dsn::parse(&format!("postgres://{text}"));
        }
    }
}
