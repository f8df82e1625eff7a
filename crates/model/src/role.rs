//! Roles: how much of the admin API somebody may use. Which operation needs which role is the API's
//! business; which fields of a plugin do is told in [`plugin_roles`](crate::plugin_roles).

use std::fmt;

/// How much of the admin API somebody may use. Each role may do all that the one before it may.
///
/// ```
/// use sidegate_model::role::Role;
/// assert!(Role::Admin.covers(Role::Operator) && Role::Viewer.covers(Role::Viewer));
/// assert!(!Role::Viewer.covers(Role::Operator));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Role {
    /// Reads, but never secrets.
    Viewer,
    /// Runs what is there: values of configurations, apps, tokens, policy, scopes, on and off, reload.
    Operator,
    /// Decides which code runs, and who rules.
    Admin,
}

impl Role {
    /// Every role, from the weakest to the strongest.
    pub const ALL: [Self; 3] = [Self::Viewer, Self::Operator, Self::Admin];

    /// The lower-case word.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Viewer => "viewer",
            Self::Operator => "operator",
            Self::Admin => "admin",
        }
    }

    /// Reads such a word.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == text)
    }

    /// Whether somebody with this role may do what needs the other one.
    pub fn covers(self, needed: Self) -> bool {
        self >= needed
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_role_is_read_as_it_is_written_and_covers_all_before_it() {
        for (index, role) in Role::ALL.into_iter().enumerate() {
            assert_eq!(Role::parse(role.as_str()), Some(role));
            for (other, needed) in Role::ALL.into_iter().enumerate() {
                assert_eq!(role.covers(needed), index >= other, "{role} for {needed}");
            }
        }
        for unknown in ["", "Admin", "root", "viewer "] {
            assert_eq!(Role::parse(unknown), None, "{unknown:?}");
        }
    }
}
