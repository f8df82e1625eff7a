//! What is really demanded of the callers of an endpoint, as answers show it: by the plugin and by the
//! operator together. It shows what the gateway keeps and decides nothing.

use sidegate_api::route::{DemandedBy, RaisedAttributes};
use sidegate_model::endpoint::{Endpoint, MethodSet, Raised};
use sidegate_model::status::PluginStatus;
use std::collections::BTreeSet;
use std::sync::Arc;

/// What is demanded of the callers of one endpoint.
pub(super) struct Effective {
    pub(super) require_auth: bool,
    pub(super) scopes_required: Vec<String>,
    pub(super) demanded_by: Vec<DemandedBy>,
    /// Where GET demands more.
    pub(super) raised: Vec<RaisedAttributes>,
}

/// The names of methods.
pub(super) fn names(methods: MethodSet) -> Vec<String> {
    methods.iter().map(|method| method.as_str().to_owned()).collect()
}

impl Effective {
    /// Of an endpoint of this plugin; paths begin with `mount`.
    pub(super) fn of(status: &PluginStatus, endpoint: &Arc<Endpoint>, mount: &str) -> Self {
        let demand = &status.demand;
        let require_auth = endpoint.demands_token() || demand.token;
        let demanded_by =
            [(endpoint.demands_token(), DemandedBy::Plugin), (demand.token, DemandedBy::Policy)];
        let scopes = together(&endpoint.scopes_required, &demand.scopes);
        let adds = |raised: &&Raised| {
            !require_auth || raised.scopes.iter().any(|scope| !scopes.contains(scope))
        };
        let shape = |raised: &Raised| RaisedAttributes {
            path: format!("{mount}{}", raised.path),
            methods: names(raised.methods),
            scopes_required: together(&raised.scopes, &demand.scopes),
        };
        let of_endpoint = status.raised.iter().filter(|it| Arc::ptr_eq(&it.endpoint, endpoint));
        let raised = of_endpoint.filter(adds).map(shape).collect();
        Self {
            require_auth,
            demanded_by: demanded_by
                .into_iter()
                .filter_map(|(is_so, who)| is_so.then_some(who))
                .collect(),
            raised,
            scopes_required: scopes,
        }
    }
}

/// Both lists as one, in order. What stands for a list that cannot be read is no scope to be had; a
/// warning tells of it.
fn together(a: &[String], b: &[String]) -> Vec<String> {
    let named = a.iter().chain(b).filter(|scope| !scope.is_empty());
    named.cloned().collect::<BTreeSet<_>>().into_iter().collect()
}
