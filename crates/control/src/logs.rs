//! What the control plane may ask of the logs of its process: how much is logged. Knows neither
//! lines nor where they go.

use std::fmt;

/// The logs of this process as the control plane sees them.
pub trait LogLevels: Send + Sync + 'static {
    /// How much is logged now, as it is written in settings.
    fn levels(&self) -> String;

    /// Logs more or less from now on; until the next start, or until the settings are read again.
    ///
    /// # Errors
    /// What is wrong with the text, and what would be right.
    fn set_levels(&self, text: &str) -> Result<(), String>;
}

impl fmt::Debug for dyn LogLevels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("LogLevels").field(&self.levels()).finish()
    }
}
