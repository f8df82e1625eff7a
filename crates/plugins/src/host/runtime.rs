//! Which kind of host a process is told that it has: that decides which of its host's services it asks. One process cannot
//! have both.

use super::broker::BROKER_ID;
use sidegate_model::plugin::PluginId;
use sidegate_wire::handshake as names;

/// A kind of host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Runtime {
    /// One that has requests for it.
    Gateway,
    /// One that has a page of it.
    Studio,
}

impl Runtime {
    /// The word for the environment.
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Gateway => names::RUNTIME_GATEWAY,
            Self::Studio => names::RUNTIME_STUDIO,
        }
    }

    /// What the configuration says of the host beside the plugin's number; beside a console in both spellings that there
    /// are, because programs read the one or the other.
    pub(super) fn reserved(
        self,
        plugin: PluginId,
        has_broker: bool,
    ) -> impl Iterator<Item = (String, String)> {
        let broker = has_broker.then(|| BROKER_ID.to_string());
        let of_both = broker.iter().map(|id| (names::CONFIG_SERVICE_BROKER_ID, id.clone()));
        let of_studio = [
            (names::CONFIG_STUDIO_PLUGIN_ID, Some(plugin.to_string())),
            (names::CONFIG_STUDIO_SERVICE_BROKER_ID, broker.clone()),
            (names::CONFIG_HAS_SERVICE_API, broker.as_ref().map(|_| "true".to_owned())),
        ];
        let of_studio = of_studio.into_iter().filter(move |_| self == Self::Studio);
        let of_studio = of_studio.filter_map(|(name, value)| Some((name, value?)));
        let all: Vec<_> = of_both.chain(of_studio).collect();
        all.into_iter().map(|(name, value)| (name.to_owned(), value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gateway_says_what_it_always_said_and_a_console_says_it_in_both_spellings() {
        let told = |runtime: Runtime, has_broker| -> Vec<String> {
            let told = runtime.reserved(PluginId(7), has_broker);
            told.map(|(name, value)| format!("{name}={value}")).collect()
        };
        assert_eq!(told(Runtime::Gateway, true), ["_service_broker_id=1"]);
        assert_eq!(told(Runtime::Gateway, false), [""; 0]);
        let all =
            ["_service_broker_id=1", "plugin_id=7", "service_broker_id=1", "has_service_api=true"];
        assert_eq!(told(Runtime::Studio, true), all);
        assert_eq!(told(Runtime::Studio, false), ["plugin_id=7"]);
    }
}
