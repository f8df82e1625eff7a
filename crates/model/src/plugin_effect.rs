//! What another wish for a plugin means for its processes: the one rule by which the host decides, and by which operators
//! are told beforehand.

use crate::plugin::PluginSpec;

/// What happens to the processes of a plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Effect {
    /// Nothing.
    None,
    /// Those that run go on, by what is new: nothing has changed but what the gateway itself heeds.
    Live,
    /// A new process takes over once it serves.
    Reload,
    /// A process is started.
    Start,
    /// Those that run finish their requests and end.
    Stop,
}

impl Effect {
    /// What follows where `before` was wished, `runs` is what serves or is being started, and `after` is wished from now
    /// on. `None` is a plugin that is not to run, and one that does not.
    ///
    /// ```
    /// use sidegate_model::plugin::{PluginId, PluginSpec};
    /// use sidegate_model::plugin_effect::Effect;
    /// let one = PluginSpec::new(PluginId(1), "p", "file:///one");
    /// let other = PluginSpec { command: "file:///other".to_owned(), ..one.clone() };
    /// assert_eq!(Effect::of(Some(&one), Some(&one), Some(&other)), Effect::Reload);
    /// assert_eq!(Effect::of(Some(&one), None, Some(&other)), Effect::Start);
    /// ```
    pub fn of(
        before: Option<&PluginSpec>,
        runs: Option<&PluginSpec>,
        after: Option<&PluginSpec>,
    ) -> Self {
        match (before, runs, after) {
            (None, None, None) => Self::None,
            (_, _, None) => Self::Stop,
            (Some(before), _, Some(after)) if before == after => Self::None,
            (Some(before), Some(runs), Some(after))
                if before.same_process(after) && runs.same_process(after) =>
            {
                Self::Live
            }
            (Some(_), Some(_), Some(_)) => Self::Reload,
            (_, _, Some(_)) => Self::Start,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugin::PluginId;
    use serde_json::json;

    #[test]
    fn what_happens_follows_from_what_was_wished_what_runs_and_what_is_wished() {
        let one = PluginSpec::new(PluginId(1), "p", "file:///p");
        let mut granted = one.clone();
        granted.service_scopes.insert("kv.read".to_owned());
        let mut configured = one.clone();
        configured.config.insert("a".to_owned(), json!(1));
        let (one, granted, configured) = (Some(&one), Some(&granted), Some(&configured));
        let rows = [
            (None, None, None, Effect::None),
            (None, None, one, Effect::Start),
            (one, one, one, Effect::None),
            (one, None, one, Effect::None),
            (one, one, granted, Effect::Live),
            (granted, one, one, Effect::Live),
            (one, one, configured, Effect::Reload),
            // A reload that failed left what runs behind what was wished.
            (configured, one, one, Effect::Reload),
            // Parked: whatever is changed is another try.
            (one, None, granted, Effect::Start),
            (one, None, configured, Effect::Start),
            (one, one, None, Effect::Stop),
            (one, None, None, Effect::Stop),
        ];
        for (number, (before, runs, after, effect)) in rows.into_iter().enumerate() {
            assert_eq!(Effect::of(before, runs, after), effect, "row {number}");
        }
    }
}
