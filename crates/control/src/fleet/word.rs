//! What the word of nodes decides. The node beside this control plane is as good as its word; an edge is another machine
//! whose report may say anything. So of edges only those count where a plugin serves, and one of them can neither give a
//! plugin what others do not ask for, nor take from what others call a secret.

use super::Overview;
use sidegate_model::config_schema::ConfigSchema;
use sidegate_model::plugin::{PluginId, PluginOptions};
use sidegate_model::public_endpoints::PublicEndpoints;
use sidegate_model::secret::SettingPath;
use sidegate_model::status::{PluginState, PluginStatus};
use std::collections::BTreeSet;
use std::sync::Arc;

/// What a plugin offers without a token.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Offers {
    /// On any node: what an operator can name.
    pub(crate) any: PublicEndpoints,
    /// On each node: what can be meant without being named.
    pub(crate) each: PublicEndpoints,
}

impl Overview {
    /// What was said of a plugin's configuration, if all say the same.
    pub(crate) fn config_schema(&self, plugin: PluginId) -> Option<Arc<ConfigSchema>> {
        let said = self.witnesses(plugin, |_| true);
        let mut schemas = said.iter().map(|status| status.config_schema.as_ref());
        let first = schemas.next()?.filter(|schema| !schema.is_unread() && !schema.is_none())?;
        let is_same = |other: Option<&Arc<ConfigSchema>>| {
            other.is_some_and(|other| other.as_json() == first.as_json())
        };
        schemas.all(is_same).then(|| first.clone())
    }

    /// The settings that anybody calls secrets.
    pub(crate) fn called_secret(&self, plugin: PluginId) -> BTreeSet<SettingPath> {
        let said = self.witnesses(plugin, |_| true);
        let schemas = said.iter().filter_map(|status| status.config_schema.as_ref());
        schemas.flat_map(|schema| schema.secrets()).collect()
    }

    /// The settings that anybody leaves to admins; `None` where nobody tells a schema that can be read, nor that there is none.
    pub(crate) fn left_to_admins(&self, plugin: PluginId) -> Option<BTreeSet<SettingPath>> {
        let said = self.witnesses(plugin, |status| status.config_schema.is_some());
        let schemas = said.iter().filter_map(|status| status.config_schema.as_ref());
        let read = schemas.filter(|schema| !schema.is_unread());
        read.map(|schema| schema.admin_settings()).reduce(|a, b| &a | &b)
    }

    /// Whether the plugin runs somewhere and its schema could not be read there.
    pub(crate) fn is_schema_unread(&self, plugin: PluginId) -> bool {
        let said = self.witnesses(plugin, |status| status.config_schema.is_some());
        let mut schemas = said.iter().filter_map(|status| status.config_schema.as_ref());
        schemas.any(|schema| schema.is_unread())
    }

    /// The scopes that the plugin wishes everywhere; `None` where nobody can tell.
    pub(crate) fn wished_scopes(&self, plugin: PluginId) -> Option<BTreeSet<String>> {
        let said = self.witnesses(plugin, |status| !status.requested_scopes.is_empty());
        let wishes = said.iter().map(|status| status.requested_scopes.iter().cloned());
        wishes.map(BTreeSet::from_iter).reduce(|a, b| &a & &b)
    }

    /// What the plugin offers without a token under these options; `None` where nobody can tell.
    pub(crate) fn offers(&self, plugin: PluginId, options: &PluginOptions) -> Option<Offers> {
        let said = self.witnesses(plugin, |status| !status.endpoints.is_empty());
        let offered =
            said.iter().map(|status| PublicEndpoints::offered(&status.endpoints, options));
        let offers = offered.map(|offered| Offers { any: offered.clone(), each: offered });
        offers.reduce(|a, b| Offers {
            any: a.any.union(&b.any),
            each: a.each.filtered(|method, path| b.each.contains(method, path)),
        })
    }

    /// Those whose word counts: the node of this control plane, also where the plugin does not serve now but `told`
    /// before, or edges where it serves.
    fn witnesses(
        &self,
        plugin: PluginId,
        told: impl Fn(&PluginStatus) -> bool,
    ) -> Vec<&PluginStatus> {
        let counts = |status: &&PluginStatus| {
            status.state == PluginState::Ready || (self.is_own && told(status))
        };
        self.said_of(plugin).filter(counts).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::overview::tests::{node, of_edges, of_own, status};
    use super::*;
    use sidegate_model::endpoint::{Endpoint, Method};
    use sidegate_model::node::NodeReport;

    const PLUGIN: PluginId = PluginId(1);

    /// A plugin that says of itself what its program says.
    fn honest() -> PluginStatus {
        let mut honest = status(1, PluginState::Ready, 1);
        let schema = r#"{"properties": {"key": {"type": "string", "writeOnly": true}}}"#;
        honest.config_schema = ConfigSchema::parse(schema).unwrap().map(Arc::new);
        honest.requested_scopes = vec!["kv.readwrite".to_owned()];
        honest.endpoints = vec![endpoint("/hello")];
        honest
    }

    /// The same as an edge tells it that is nobody's friend.
    fn lying() -> PluginStatus {
        let schema = r#"{"properties": {"region": {"writeOnly": true}}}"#;
        PluginStatus {
            config_schema: ConfigSchema::parse(schema).unwrap().map(Arc::new),
            requested_scopes: vec!["kv.readwrite".to_owned(), "events.publish".to_owned()],
            endpoints: vec![endpoint("/hello"), endpoint("/admin")],
            ..honest()
        }
    }

    fn endpoint(path: &str) -> Arc<Endpoint> {
        Arc::new(Endpoint {
            path: path.to_owned(),
            methods: [Method::Get].into_iter().collect(),
            description: String::new(),
            require_auth: false,
            scopes_required: Vec::new(),
            stream_response: false,
            metadata: <_>::default(),
        })
    }

    fn nodes(statuses: Vec<PluginStatus>) -> Vec<NodeReport> {
        let named = statuses.into_iter().enumerate();
        named.map(|(number, status)| node(&format!("edge-{number}"), vec![status])).collect()
    }

    fn secrets(overview: &Overview) -> Vec<String> {
        overview.called_secret(PLUGIN).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn one_edge_gives_a_plugin_nothing_that_others_do_not_ask_for() {
        let overview = of_edges(nodes(vec![lying(), honest(), honest()]));
        let wished = overview.wished_scopes(PLUGIN).unwrap();
        assert_eq!(wished, BTreeSet::from(["kv.readwrite".to_owned()]));
        let offers = overview.offers(PLUGIN, &PluginOptions::default()).unwrap();
        assert!(offers.each.contains(Method::Get, "/hello"));
        assert!(!offers.each.contains(Method::Get, "/admin"), "{offers:?}");
        assert!(offers.any.contains(Method::Get, "/admin"), "an operator sees and can name it");
    }

    #[test]
    fn one_edge_takes_nothing_from_what_others_call_a_secret() {
        for state in [PluginState::Ready, PluginState::Parked] {
            let silent = PluginStatus { config_schema: None, state, ..honest() };
            let overview = of_edges(nodes(vec![silent, honest()]));
            assert_eq!(secrets(&overview), ["/key"], "{state:?}");
        }
        let overview = of_edges(nodes(vec![lying(), honest()]));
        assert_eq!(secrets(&overview), ["/key", "/region"]);
        assert!(overview.config_schema(PLUGIN).is_none(), "one cannot have saves refused");
        assert!(of_edges(nodes(vec![honest(), honest()])).config_schema(PLUGIN).is_some());
    }

    #[test]
    fn an_edge_where_a_plugin_does_not_serve_has_no_say() {
        let parked = |status| PluginStatus { state: PluginState::Parked, ..status };
        let overview = of_edges(nodes(vec![parked(lying())]));
        assert_eq!(secrets(&overview), [""; 0]);
        assert_eq!(overview.wished_scopes(PLUGIN), None);
        assert_eq!(overview.offers(PLUGIN, &PluginOptions::default()), None);
        // The node beside the control plane told the truth when it served.
        let overview = of_own(nodes(vec![parked(honest())]));
        assert_eq!(secrets(&overview), ["/key"]);
        assert!(overview.wished_scopes(PLUGIN).is_some());
        assert!(overview.offers(PLUGIN, &PluginOptions::default()).is_some());
    }
}
