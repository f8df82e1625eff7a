//! Admin tokens: named keys to the admin API, each with a role. As with tokens of apps, only the SHA-256 of the text is
//! kept; how a text is made is told in [`token`](crate::token).

use crate::UnixMillis;
use crate::name::{NUMBER_AS_NAME, reads_as_number};
use crate::role::Role;
use crate::token::TokenHash;

/// What the holder of the root token is called; no other token may be.
pub const ROOT: &str = "root";
/// What the program itself is called where nobody asked it.
pub const SYSTEM: &str = "system";

/// What stands before the name of a user in the audit log, so that no admin token reads like one.
pub const USER_PREFIX: &str = "user:";
/// What stands before the name of a plugin there.
pub const PLUGIN_PREFIX: &str = "plugin:";

/// Names that mean something else.
const RESERVED: [&str; 2] = [ROOT, SYSTEM];

/// Number of an admin token; never given again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AdminTokenId(pub u32);

impl std::fmt::Display for AdminTokenId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// A stored admin token, without its text. It never changes: another role is another token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdminToken {
    /// Number, given by the store.
    pub id: AdminTokenId,
    /// Unique name, by which the audit log calls its holder.
    pub name: String,
    /// SHA-256 of the text.
    pub hash: TokenHash,
    /// The first characters of the text.
    pub hint: String,
    /// What its holder may do.
    pub role: Role,
    /// When it stops to be valid; `None` is never.
    pub expires_at: Option<UnixMillis>,
    /// When it was last used, to within a minute.
    pub last_used_at: Option<UnixMillis>,
    /// Set once by the store.
    pub created_at: UnixMillis,
}

impl AdminToken {
    /// A text for its content: another token has another one.
    pub fn version(&self) -> String {
        format!("{:x}-{:x}", self.id.0, self.created_at)
    }

    /// Whether the token is past its end at `now`.
    pub fn is_expired(&self, now: UnixMillis) -> bool {
        self.expires_at.is_some_and(|end| now >= end)
    }
}

/// Checks the name of an admin token.
///
/// # Errors
/// What is wrong and what would be right.
///
/// ```
/// use sidegate_model::admin_token::check_name;
/// assert!(check_name("ci").is_ok());
/// assert!(check_name("root").unwrap_err().contains("means"));
/// ```
pub fn check_name(name: &str) -> Result<(), String> {
    if name.trim().is_empty() || name.chars().count() > 255 || name.chars().any(char::is_control) {
        return Err("give a name of 1 to 255 printable characters".to_owned());
    }
    if name.trim() != name {
        return Err("leave out the blanks around it".to_owned());
    }
    if reads_as_number(name) {
        return Err(format!("{name:?} reads as a number: {NUMBER_AS_NAME}"));
    }
    for (prefix, others) in [(USER_PREFIX, "users"), (PLUGIN_PREFIX, "plugins")] {
        if name.to_lowercase().starts_with(prefix) {
            return Err(format!(
                "{prefix:?} begins what the audit log calls {others}; choose another"
            ));
        }
    }
    if RESERVED.contains(&name.to_lowercase().as_str()) {
        return Err(format!("{name:?} means somebody else in the audit log; choose another"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_its_holder_from_everybody_else() {
        let long = "a".repeat(255);
        for good in ["ci", "Jane D.", "a1", "rooted", &long] {
            assert_eq!(check_name(good), Ok(()), "{good}");
        }
        let longer = "a".repeat(256);
        for bad in
            ["", " ", "a\n", " ci", "ci ", "12", "root", "ROOT", "System", "user:jane", &longer]
        {
            assert!(check_name(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_token_is_valid_until_its_end() {
        let token = |expires_at| AdminToken {
            id: AdminTokenId(1),
            name: "ci".to_owned(),
            hash: TokenHash::of("x"),
            hint: String::new(),
            role: Role::Viewer,
            expires_at,
            last_used_at: None,
            created_at: 0,
        };
        assert!(!token(None).is_expired(UnixMillis::MAX));
        assert!(!token(Some(5)).is_expired(4));
        assert!(token(Some(5)).is_expired(5));
    }
}
