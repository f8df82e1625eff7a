//! Where a plugin is in its life, as the admin API tells it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sidegate_model::status::PluginState;

/// Where a plugin is in its life.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Its process is being started and initialised.
    #[default]
    Starting,
    /// It serves.
    Ready,
    /// It ended or could not be started; another start follows after a pause.
    Backoff,
    /// It failed too often; only a reload or a change starts it again.
    Parked,
    /// It is being stopped and finishes its last requests.
    Draining,
    /// It does not run: it is disabled, or it cannot be run at all.
    Stopped,
}

impl From<PluginState> for State {
    fn from(state: PluginState) -> Self {
        match state {
            PluginState::Starting => Self::Starting,
            PluginState::Ready => Self::Ready,
            PluginState::Backoff => Self::Backoff,
            PluginState::Parked => Self::Parked,
            PluginState::Draining => Self::Draining,
            PluginState::Stopped => Self::Stopped,
        }
    }
}

impl State {
    /// The lower-case word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Ready => "ready",
            Self::Backoff => "backoff",
            Self::Parked => "parked",
            Self::Draining => "draining",
            Self::Stopped => "stopped",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_written_with_the_word_of_the_model() {
        for state in PluginState::ALL {
            let own = State::from(state);
            assert_eq!(serde_json::to_value(own).unwrap(), state.as_str());
            assert_eq!(own.as_str(), state.as_str());
        }
    }
}
