//! What the files of an owner named when they were applied: which fields of which things, and nothing of what they
//! said, so that no secret can lie there. A field that is named no more goes back to its default; who does that is
//! elsewhere.

use crate::UnixMillis;
use crate::managed_by;
use crate::namespace::Namespace;
use serde::{Deserialize, Serialize};

/// Most things of one owner.
pub const MAX_THINGS: usize = 10_000;
/// Longest path of a field, in bytes.
const MAX_PATH_BYTES: usize = 4096;
/// Longest name of a thing, in characters.
const MAX_NAME_CHARS: usize = 255;

/// What an owner's files named last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// Whose files.
    pub owner: String,
    /// What they named.
    pub things: Vec<AppliedThing>,
    /// When they were applied.
    pub updated_at: UnixMillis,
}

/// What files named of one thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppliedThing {
    /// What kind of thing it is.
    pub kind: AppliedKind,
    /// Its namespace; empty for the global one.
    pub namespace: String,
    /// What it is called.
    pub name: String,
    /// Paths of fields and of members of them, as JSON pointers.
    pub fields: Vec<String>,
}

/// A kind of thing that files can name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AppliedKind {
    /// An app.
    App,
    /// An issuer.
    Issuer,
    /// A plugin.
    Plugin,
}

/// Checks the name of an owner.
///
/// # Errors
/// What would be right.
pub fn check_owner(owner: &str) -> Result<(), String> {
    let fits = is_name(owner) && managed_by::check(owner).is_ok();
    match fits {
        true => Ok(()),
        false => Err(format!(
            "owner: give a name of 1 to {} printable characters without spaces at the ends",
            managed_by::MAX_CHARS
        )),
    }
}

/// Checks what files named.
///
/// # Errors
/// Everything that is wrong, each with its path.
///
/// ```
/// use sidegate_model::applied::{AppliedKind, AppliedThing, check};
/// let thing = |field: &str| AppliedThing {
///     kind: AppliedKind::App,
///     namespace: String::new(),
///     name: "billing".into(),
///     fields: vec![field.into()],
/// };
/// assert!(check(&[thing("/metadata/team")]).is_ok());
/// assert!(check(&[thing("metadata")]).unwrap_err()[0].starts_with("things[0].fields[0]: "));
/// ```
pub fn check(things: &[AppliedThing]) -> Result<(), Vec<String>> {
    if things.len() > MAX_THINGS {
        return Err(vec![format!("things: name at most {MAX_THINGS}")]);
    }
    let mut problems = Vec::new();
    for (index, thing) in things.iter().enumerate() {
        if !is_name(&thing.name) {
            problems.push(format!(
                "things[{index}].name: give a name of 1 to {MAX_NAME_CHARS} printable characters"
            ));
        }
        if let Err(problem) = Namespace::parse(&thing.namespace) {
            problems.push(format!("things[{index}].namespace: {problem}"));
        }
        let is_path = |path: &String| {
            path.starts_with('/') && path.len() <= MAX_PATH_BYTES && !path.contains('\0')
        };
        if let Some(wrong) = thing.fields.iter().position(|path| !is_path(path)) {
            let what = "write a path as a JSON pointer, as in /config/url";
            problems.push(format!("things[{index}].fields[{wrong}]: {what}"));
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(problems) }
}

fn is_name(text: &str) -> bool {
    !text.trim().is_empty()
        && text.chars().count() <= MAX_NAME_CHARS
        && !text.chars().any(char::is_control)
}
