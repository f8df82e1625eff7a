//! Users of the console: people who sign in with a name and a password, or by way of an OpenID Connect provider. What is kept of a password is one text that says how
//! it was made of it; nothing here makes or checks one.

use crate::UnixMillis;
use crate::name::{NUMBER_AS_NAME, reads_as_number};
use crate::role::Role;

/// Names that mean something else.
const RESERVED: [&str; 2] = [crate::admin_token::ROOT, crate::admin_token::SYSTEM];

/// Fewest and most characters of a password.
pub const PASSWORD_CHARS: std::ops::RangeInclusive<usize> = 12..=256;

/// Number of a user; never given again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UserId(pub u32);

impl std::fmt::Display for UserId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// What is kept of a password, in the form of `$argon2id$…`. Not shown by anything.
#[derive(Clone, PartialEq, Eq)]
pub struct PasswordHash(pub String);

impl std::fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("PasswordHash(…)")
    }
}

/// Who somebody is at an OpenID Connect provider. No name and no address of mail stands for it: those change hands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The `iss` of the provider.
    pub issuer: String,
    /// Their `sub` there.
    pub subject: String,
}

/// A user as they are stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Number, given by the store.
    pub id: UserId,
    /// Unique name, by which they sign in.
    pub name: String,
    /// What they may do.
    pub role: Role,
    /// Whether they may sign in.
    pub is_enabled: bool,
    /// What is kept of their password; none where they have none.
    pub password: Option<PasswordHash>,
    /// Who they are at a provider, where they sign in by way of one. They have no password then.
    pub identity: Option<Identity>,
    /// When they got the password.
    pub password_changed_at: Option<UnixMillis>,
    /// When they last signed in.
    pub last_signed_in_at: Option<UnixMillis>,
    /// Set once by the store.
    pub created_at: UnixMillis,
    /// When they were last changed.
    pub updated_at: UnixMillis,
}

impl User {
    /// A text for their content: no two contents have the same.
    pub fn version(&self) -> String {
        format!("{:x}", self.updated_at)
    }
}

/// Checks the name of a user.
///
/// # Errors
/// What is wrong and what would be right.
///
/// ```
/// use sidegate_model::user::check_name;
/// assert!(check_name("jane.doe").is_ok());
/// assert!(check_name("Jane").unwrap_err().contains("lower-case"));
/// ```
pub fn check_name(name: &str) -> Result<(), String> {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._@+-".contains(&b);
    if !(1..=64).contains(&name.len()) || !name.bytes().all(allowed) {
        return Err("give 1 to 64 lower-case letters, digits and `._@+-`".to_owned());
    }
    if reads_as_number(name) {
        return Err(format!("{name:?} reads as a number: {NUMBER_AS_NAME}"));
    }
    if RESERVED.contains(&name) {
        return Err(format!("{name:?} means somebody else in the audit log; choose another"));
    }
    Ok(())
}

/// Checks a new password: only its length, for every other rule makes passwords worse.
///
/// # Errors
/// What would be right; never a part of it.
pub fn check_password(password: &str) -> Result<(), String> {
    let (least, most) = (PASSWORD_CHARS.start(), PASSWORD_CHARS.end());
    match PASSWORD_CHARS.contains(&password.chars().count()) {
        true => Ok(()),
        false => Err(format!("give {least} to {most} characters; several words are easy to keep")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_can_be_typed_and_told_from_everybody_else() {
        let long = "a".repeat(64);
        for good in ["jane", "jane.doe@example.com", "a-1", &long] {
            assert_eq!(check_name(good), Ok(()), "{good}");
        }
        let longer = "a".repeat(65);
        for bad in ["", "Jane", "jane doe", "12", "root", "system", "a:b", "jäne", &longer] {
            assert!(check_name(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_password_is_judged_by_its_length_in_characters() {
        for good in ["twelve chars", "äöüäöüäöüäöü", &"x".repeat(256)] {
            assert_eq!(check_password(good), Ok(()), "{good}");
        }
        for bad in ["", "eleven char", "äöüäöü", &"x".repeat(257)] {
            assert!(check_password(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn what_is_kept_of_a_password_is_in_no_log() {
        assert_eq!(format!("{:?}", PasswordHash("$argon2id$v=19".to_owned())), "PasswordHash(…)");
    }
}
