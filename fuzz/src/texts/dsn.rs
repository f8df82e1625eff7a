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
        Ok(address) => same("an address", address, &literal(&text).ok_or("nothing is there")?)?,
        Err(told) => {
            ensure(literal(&text).is_none(), || format!("a sound address is refused: {told}"))?;
            let named = names_in(&text).iter().any(|name| name.contains(SECRET));
            ensure(named || !told.contains(SECRET), || format!("a password is told: {told}"))?;
            ensure(!told.contains(char::is_control), || format!("it steers a terminal: {told:?}"))?;
        }
    }
    let shape = match &address {
        Ok(Address { path, create }) => format!("{} {create}", path.is_some()),
        Err(told) => told.chars().take(60).collect(),
    };
    Ok(Outcome::of(&shape))
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
        return Some(Address { path: None, create: false });
    }
    let path = percent_decode_str(name).decode_utf8().ok()?.into_owned();
    let sound = !path.is_empty() && !path.contains(char::is_control);
    sound.then(|| Address { path: Some(path.into()), create: mode != "rw" })
}
