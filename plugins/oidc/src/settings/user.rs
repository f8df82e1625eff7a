//! People who may sign in.

use argon2::password_hash::phc::PasswordHash;
use serde::Deserialize;
use sidegate_sdk::{Error, Result};

use crate::secret_text;

/// A user as it stands in the configuration.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Configured {
    name: String,
    #[serde(default)]
    password_hash: Option<String>,
    #[serde(default)]
    identities: Vec<Identity>,
    #[serde(default)]
    sub: Option<String>,
    #[serde(default)]
    display_name: Option<String>,
    #[serde(default)]
    email: Option<String>,
    #[serde(default)]
    email_verified: bool,
    #[serde(default)]
    groups: Vec<String>,
    #[serde(default)]
    disabled: bool,
    #[serde(default)]
    signed_out_at: Option<u64>,
}

/// Who somebody is at another provider.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Identity {
    pub(crate) issuer: String,
    pub(crate) sub: String,
}

/// Most groups of one user, and the longest name of one, in bytes.
const MOST_GROUPS: usize = 100;
const MOST_GROUP: usize = 128;

/// Somebody with a password.
#[derive(Clone)]
pub(crate) struct User {
    /// What is typed in.
    pub(crate) name: String,
    /// What applications know the user by, for ever.
    pub(crate) sub: String,
    /// None where they sign in elsewhere.
    pub(crate) password_hash: Option<String>,
    /// Who they are at other providers.
    pub(crate) identities: Vec<Identity>,
    pub(crate) display_name: Option<String>,
    pub(crate) email: Option<String>,
    pub(crate) email_verified: bool,
    /// What applications are told that ask for the scope `groups`.
    pub(crate) groups: Vec<String>,
    /// Nobody for now: may not sign in, and nothing of theirs counts.
    pub(super) is_disabled: bool,
    /// When everything of theirs was ended, in seconds since 1970.
    signed_out_at: Option<u64>,
}

impl User {
    pub(super) fn checked(read: Configured) -> Result<Self> {
        let name = read.name;
        if name.is_empty() || name.len() > 128 || name.trim() != name {
            return Err(Error::new(format!(
                "`users`: {name:?} is no name: 1 to 128 bytes, no blanks around"
            )));
        }
        let is_kept = |text: &String| {
            PasswordHash::new(text).is_ok_and(|hash| hash.algorithm.as_str() == "argon2id")
        };
        if read.password_hash.is_none() && read.identities.is_empty() {
            return Err(Error::new(format!(
                "`users`: {name:?} can sign in nowhere: give a `password_hash`, or `identities` at another provider"
            )));
        }
        if !read.password_hash.as_ref().is_none_or(is_kept) {
            return Err(Error::new(format!(
                "`users`: the `password_hash` of {name:?} is none; make it with `sidegate-plugin-oidc hash-password`"
            )));
        }
        let sub = read.sub.unwrap_or_else(|| name.clone());
        if sub.is_empty() || sub.len() > 255 || !sub.is_ascii() {
            return Err(Error::new(format!(
                "`users`: the sub of {name:?} must have 1 to 255 ASCII characters"
            )));
        }
        let is_group = |group: &String| (1..=MOST_GROUP).contains(&group.len());
        if read.groups.len() > MOST_GROUPS || !read.groups.iter().all(is_group) {
            return Err(Error::new(format!(
                "`users`: {name:?} may have {MOST_GROUPS} groups, each of 1 to {MOST_GROUP} bytes"
            )));
        }
        Ok(Self {
            name,
            sub,
            password_hash: read.password_hash,
            identities: read.identities,
            display_name: read.display_name,
            email: read.email,
            email_verified: read.email_verified,
            groups: read.groups,
            is_disabled: read.disabled,
            signed_out_at: read.signed_out_at,
        })
    }

    /// Whether they are this one at another provider.
    pub(crate) fn is_at(&self, issuer: &str, sub: &str) -> bool {
        self.identities.iter().any(|one| one.issuer == issuer && one.sub == sub)
    }

    /// Another one once the password is another, or all of theirs was ended: sessions and grants end with it.
    pub(crate) fn stamp(&self) -> String {
        let kept = self.password_hash.as_deref().unwrap_or_default();
        match self.signed_out_at {
            None => secret_text::digest_of(&["stamp", kept]),
            Some(at) => secret_text::digest_of(&["stamp", kept, &at.to_string()]),
        }
    }
}
