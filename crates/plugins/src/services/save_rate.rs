//! How often plugins may save their configuration: each time starts processes, so none does it without end.

use sidegate_model::keyed_quotas::KeyedQuotas;
use sidegate_model::plugin::PluginId;
use sidegate_model::quota::Verdict;
use std::time::Duration;
use tokio::time::Instant;
use tonic::Status;

/// How often each plugin may each second, and how often at once.
const SAVES_A_SECOND: u64 = 2;
const AT_ONCE: u32 = 10;

/// The counts of all plugins, which outlive their processes.
pub(super) struct SaveRate {
    quotas: KeyedQuotas<PluginId>,
    began: Instant,
}

impl SaveRate {
    pub(super) fn new() -> Self {
        Self { quotas: KeyedQuotas::new(), began: Instant::now() }
    }

    /// Counts one of this plugin.
    ///
    /// # Errors
    /// Where it was too often.
    pub(super) fn take(&self, plugin: PluginId) -> Result<(), Status> {
        self.take_after(plugin, self.began.elapsed())
    }

    fn take_after(&self, plugin: PluginId, since_began: Duration) -> Result<(), Status> {
        let nanos = u64::try_from(since_began.as_nanos()).unwrap_or(u64::MAX);
        // The law lets the whole burst come back within a minute; here it does so sooner.
        let faster = 60 * SAVES_A_SECOND / u64::from(AT_ONCE);
        match self.quotas.take(&plugin, AT_ONCE, nanos.saturating_mul(faster)) {
            Verdict::Refuse { .. } => Err(Status::resource_exhausted(format!(
                "a plugin may save its configuration {SAVES_A_SECOND} times a second, and {AT_ONCE} times at once: \
                 nothing was saved; try again in a second"
            ))),
            Verdict::Unlimited | Verdict::Pass(_) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_burst_passes_and_then_two_a_second_of_each_plugin() {
        let rate = SaveRate::new();
        let passed = |plugin, millis| {
            let at = Duration::from_millis(millis);
            (0..100).filter(|_| rate.take_after(PluginId(plugin), at).is_ok()).count()
        };
        assert_eq!(passed(1, 0), 10);
        assert_eq!(passed(1, 499), 0);
        assert_eq!(passed(1, 500), 1);
        assert_eq!(passed(1, 1500), 2);
        assert_eq!(passed(2, 1500), 10, "one plugin does not count for another");
        assert_eq!(passed(1, 60_000), 10);
    }
}
