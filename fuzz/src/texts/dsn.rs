//! Addresses of databases.

use crate::verdict::{Outcome, Verdict, ensure, same};
use percent_encoding::percent_decode_str;
use sidegate_store::fuzzing::{Address, read_address};

/// Words that belong into them.
pub const WORDS: &[&[u8]] = &[
    b"sqlite:",
    b"sqlite://",
    b"sqlite:///",
    b"file:",
    b":memory:",
    b"?mode=rwc",
    b"?mode=rw",
    b"&mode=memory",
    b"?mode=ro",
    b"?cache=shared",
    b"hunter2",
    b"postgres://me:hunter2@db/x",
    b"postgresql://",
    b"me:hunter2@",
    b"[::1]:5432",
    b"?sslmode=require",
    b"?host=/run",
    b"&options=-c%20x%3D",
    b"mysql://me:hunter2@h/x",
    b"host=db password=hunter2",
    b"%20",
    b"%3F",
    b"%00",
    b"%ff",
    b"&",
    b"=hunter2",
];

/// What must not be told again.
const SECRET: &str = "hunter2";

/// The reader that is tried.
pub type Reader = fn(&str) -> Result<Address, String>;

/// Tries the store's.
///
/// # Errors
/// What it reads otherwise.
pub fn check(input: &[u8]) -> Verdict {
    check_with(read_address, input)
}

/// Tries a reader.
///
/// # Errors
/// What it reads otherwise.
pub fn check_with(read: Reader, input: &[u8]) -> Verdict {
    let text = String::from_utf8_lossy(input);
    let address = read(&text);
    match &address {
        Ok(Address::Postgres { shown }) => check_shown(&text, shown)?,
        Ok(address) => same("an address", address, &literal(&text).ok_or("nothing is there")?)?,
        Err(told) => {
            let sound = literal(&text).is_some() || is_plain_postgres(&text);
            ensure(!sound, || format!("a sound address is refused: {told}"))?;
            let named = names_in(&text).iter().any(|name| name.contains(SECRET));
            ensure(named || !told.contains(SECRET), || format!("a password is told: {told}"))?;
            ensure(!told.contains(char::is_control), || format!("it steers a terminal: {told:?}"))?;
        }
    }
    let shape = match &address {
        Ok(Address::Sqlite { path, create }) => format!("{} {create}", path.is_some()),
        Ok(Address::Postgres { shown }) => format!("postgres {}", shown.contains('[')),
        Err(told) => told.chars().take(60).collect(),
    };
    Ok(Outcome::of(&shape))
}

/// What stands between the scheme and the parameters of an address on a server, where it is one.
fn on_a_server(text: &str) -> Option<&str> {
    let (scheme, rest) = text.trim().split_once("://")?;
    let known = ["postgres", "postgresql"].contains(&scheme.to_ascii_lowercase().as_str());
    known.then(|| rest.split('?').next().unwrap_or_default())
}

/// It names the user, the host and the database of what was written, and no password.
fn check_shown(text: &str, shown: &str) -> Result<(), String> {
    let written = on_a_server(text).ok_or("nothing is there")?;
    let (authority, _) = written.split_once('/').ok_or("it names no database")?;
    let (who, _) = authority.rsplit_once('@').ok_or("it names no user")?;
    let (_, password) = who.split_once(':').unwrap_or((who, ""));
    let besides = text.replacen(password, "", 1);
    let besides = percent_decode_str(&besides).decode_utf8_lossy().contains(SECRET);
    let told = password.contains(SECRET) && shown.contains(SECRET) && !besides;
    ensure(!told, || format!("a password is shown: {shown}"))?;
    ensure(!shown.contains(char::is_control), || format!("it steers a terminal: {shown:?}"))?;
    let again = on_a_server(shown).and_then(|shown| shown.split_once('@'));
    ensure(again.is_some(), || format!("it is shown without a user: {shown}"))
}

/// Letters and digits only, where each part has to be.
fn is_plain_postgres(text: &str) -> bool {
    let plain = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric());
    let parts = text.strip_prefix("postgres://").and_then(|rest| {
        let (who, place) = rest.split_once('@')?;
        let (user, password) = who.split_once(':')?;
        let (host, database) = place.split_once('/')?;
        Some([user, password, host, database])
    });
    parts.is_some_and(|parts| parts.into_iter().all(plain))
}

/// What an error may repeat: the scheme, and the names of parameters.
fn names_in(text: &str) -> Vec<String> {
    let (scheme, rest) = text.split_once(':').unwrap_or_default();
    let parameters = rest.split_once('?').map_or("", |(_, parameters)| parameters);
    let names = parameters.split('&').map(|p| p.split('=').next().unwrap_or_default());
    names.chain([scheme]).map(str::to_owned).collect()
}

fn literal(text: &str) -> Option<Address> {
    let (scheme, rest) = text.trim().split_once(':')?;
    if !["sqlite", "file"].contains(&scheme.to_ascii_lowercase().as_str()) {
        return None;
    }
    let rest = rest.strip_prefix("//").unwrap_or(rest);
    let (name, parameters) = rest.split_once('?').unwrap_or((rest, ""));
    let mut mode = "rwc";
    for parameter in parameters.split('&').filter(|parameter| !parameter.is_empty()) {
        match parameter {
            "cache=shared" | "cache=private" => {}
            "mode=rwc" | "mode=rw" | "mode=memory" => mode = &parameter[5..],
            _ => return None,
        }
    }
    if name == ":memory:" || mode == "memory" {
        return Some(Address::Sqlite { path: None, create: false });
    }
    let path = percent_decode_str(name).decode_utf8().ok()?.into_owned();
    let sound = !path.is_empty() && !path.contains(char::is_control);
    sound.then(|| Address::Sqlite { path: Some(path.into()), create: mode != "rw" })
}
