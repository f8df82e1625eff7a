//! What SIGHUP does: reads the settings again, all of them, and makes count what can change while
//! the gateway runs. Where anything is wrong nothing changes, and every problem is logged.
//!
//! It knows which settings are live; what they do is the business of those it tells.

use crate::config::layers::{Environment, Flags, Layers, Problem};
use crate::config::legacy;
use crate::config::raw::SETTINGS;
use crate::config::resolved::Config;
use crate::logging::Logging;
use std::sync::Arc;

/// Settings that take effect at once.
const LIVE: &[&str] = &["LOG_LEVEL"];

/// Reads the settings again and makes them count.
pub(crate) struct Reload {
    environment: Environment,
    flags: Flags,
    /// What the gateway was started with.
    begun: Layers,
    logging: Arc<Logging>,
}

impl Reload {
    /// For a gateway that was started with these layers.
    pub(crate) fn new(
        environment: Environment,
        flags: Flags,
        begun: Layers,
        logging: Arc<Logging>,
    ) -> Self {
        Self { environment, flags, begun, logging }
    }

    /// The logs it makes louder or quieter.
    pub(crate) fn logging(&self) -> Arc<Logging> {
        self.logging.clone()
    }

    /// Does it, and says what came of it.
    pub(crate) fn run(&self) {
        self.reopen();
        let (layers, problems) = Layers::collect(&self.environment, &self.flags);
        match checked(&self.environment, &layers, problems) {
            Ok(config) => self.apply(&layers, &config),
            Err(problems) => {
                for problem in &problems {
                    tracing::error!(place = %problem.place, "not reloaded: {}", problem.what);
                }
                tracing::error!(problems = problems.len(), "the settings stay as they were");
            }
        }
    }

    /// Not a change of settings: lines belong into the file of that name, whoever renamed the old.
    fn reopen(&self) {
        match self.logging.reopen() {
            Ok(None) => {}
            Ok(Some(path)) => tracing::info!(file = %path.display(), "the access log is reopened"),
            Err(failure) => tracing::error!("{}; its old file is still used", failure.message),
        }
    }

    fn apply(&self, layers: &Layers, config: &Config) {
        // Told before, since afterwards it may be too quiet for it.
        tracing::info!(log_level = %config.log.levels, "the settings are reloaded");
        self.logging.apply(config.log.levels.clone());
        let later: Vec<_> = SETTINGS
            .iter()
            .filter(|row| !LIVE.contains(&row.variable))
            .filter(|row| layers.get(row).0 != self.begun.get(row).0)
            .map(|row| row.variable)
            .collect();
        if !later.is_empty() {
            let settings = later.join(", ");
            tracing::warn!(settings, "these settings were changed and wait for the next start");
        }
    }
}

/// The settings of these layers.
///
/// # Errors
/// Every problem there is.
pub(crate) fn checked(
    environment: &Environment,
    layers: &Layers,
    mut problems: Vec<Problem>,
) -> Result<Config, Vec<Problem>> {
    problems.extend(legacy::other_role(environment, layers));
    match Config::resolve(layers) {
        Ok(config) if problems.is_empty() => Ok(config),
        outcome => {
            problems.extend(outcome.err().unwrap_or_default());
            Err(problems)
        }
    }
}
