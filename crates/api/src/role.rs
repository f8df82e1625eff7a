//! Roles as the admin API tells them. What each may do is said with the operations.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sidegate_model::role::Role as ModelRole;

/// How much of the API somebody may use; each role may do all that the one before it may.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Reads, but never secrets.
    #[default]
    Viewer,
    /// Runs what is there: configurations, apps, tokens, policy, scopes, on and off, reload.
    Operator,
    /// Decides which code runs, and who rules.
    Admin,
}

impl From<ModelRole> for Role {
    fn from(role: ModelRole) -> Self {
        match role {
            ModelRole::Viewer => Self::Viewer,
            ModelRole::Operator => Self::Operator,
            ModelRole::Admin => Self::Admin,
        }
    }
}

impl From<Role> for ModelRole {
    fn from(role: Role) -> Self {
        match role {
            Role::Viewer => Self::Viewer,
            Role::Operator => Self::Operator,
            Role::Admin => Self::Admin,
        }
    }
}

impl std::fmt::Display for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(ModelRole::from(*self).as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_is_written_with_the_word_of_the_model() {
        for role in ModelRole::ALL {
            let own = Role::from(role);
            assert_eq!(serde_json::to_value(own).unwrap(), role.as_str());
            assert_eq!((ModelRole::from(own), own.to_string()), (role, role.to_string()));
        }
    }
}
