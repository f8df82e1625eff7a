//! Bodies of requests to the admin API: the reader that collects everything that is wrong, beside the
//! one that the types derive, which ends at the first.

use crate::verdict::{Outcome, Verdict, ensure, same};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use sidegate_api::app::AppFields;
use sidegate_api::error::Problem;
use sidegate_api::plugin::PluginFields;
use sidegate_api::read::{Readable, members_of, read_members};
use sidegate_api::token::TokenFields;
use std::fmt::Debug;

/// Words that belong into them.
pub const WORDS: &[&[u8]] = &[
    b"\"data\":",
    b"\"attributes\":",
    b"\"type\":\"plugin\"",
    b"\"name\":",
    b"\"is_active\":",
    b"\"config\":{}",
    b"\"options\":{\"a\":",
    b"{\"$secret\":\"set\"}",
    b"\"hook_types\":[",
    b"\"rate_limit\":",
    b"\"monthly_budget\":",
    b"\"metadata\":",
    b"\"app_id\":",
    b"\"scopes\":[",
    b"\"expires_in\":",
    b"true",
    b"\"true\"",
    b"null",
    b"-1",
    b"1.5",
    b"4294967296",
    b"18446744073709551615",
    b"1e400",
];

/// The readers that are tried: one for each kind of fields.
#[derive(Clone, Copy)]
pub struct Readers {
    /// Of apps.
    pub app: fn(Map<String, Value>) -> Result<AppFields, Vec<Problem>>,
    /// Of plugins.
    pub plugin: fn(Map<String, Value>) -> Result<PluginFields, Vec<Problem>>,
    /// Of tokens.
    pub token: fn(Map<String, Value>) -> Result<TokenFields, Vec<Problem>>,
}

/// The API's.
pub const OURS: Readers = Readers { app: ours, plugin: ours, token: ours };

/// The API's reader of some fields.
///
/// # Errors
/// Everything that is wrong.
pub fn ours<T: Readable>(members: Map<String, Value>) -> Result<T, Vec<Problem>> {
    read_members::<T>(members, "").settle(Ok)
}

/// Tries the API's.
///
/// # Errors
/// What it reads otherwise.
pub fn check(input: &[u8]) -> Verdict {
    check_with(OURS, input)
}

/// Tries readers.
///
/// # Errors
/// What they read otherwise.
pub fn check_with(readers: Readers, input: &[u8]) -> Verdict {
    let members = match members_of(input, "plugin") {
        Ok(found) => found.members,
        Err(problems) => {
            ensure(!problems.is_empty(), || "refused without a reason".into())?;
            return Ok(Outcome::of(&"no members"));
        }
    };
    let app = compare((readers.app)(members.clone()), &members, |_| false)?;
    let token = compare((readers.token)(members.clone()), &members, |_| false)?;
    // The type takes any value of an option; what may stand there besides texts is said in its schema.
    let of_option = |problem: &Problem| problem.member() == Some("options");
    let plugin = compare((readers.plugin)(members.clone()), &members, of_option)?;
    Ok(Outcome::of(&(app, token, plugin)))
}

/// Both readers take the same, but for what is `stricter`; gives how many problems there are.
fn compare<T: DeserializeOwned + PartialEq + Debug>(
    read: Result<T, Vec<Problem>>,
    members: &Map<String, Value>,
    stricter: impl Fn(&Problem) -> bool,
) -> Result<usize, String> {
    let derived = T::deserialize(Value::Object(members.clone()));
    match (read, derived) {
        (Ok(ours), Ok(theirs)) => same("fields", &ours, &theirs).map(|()| 0),
        (Ok(ours), Err(error)) => Err(format!("{ours:?} is taken, and it should not: {error}")),
        (Err(problems), derived) => {
            ensure(!problems.is_empty(), || "refused without a reason".into())?;
            let is_agreed = derived.is_err() || problems.iter().all(stricter);
            ensure(is_agreed, || format!("refused, and should not be: {problems:?}"))?;
            Ok(problems.len())
        }
    }
}
