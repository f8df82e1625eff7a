//! Whether what needs no token may be served yet. Looks at nobody in particular: what waits for an
//! operator's approval is refused to everybody.

use crate::route::lookup::Match;
use sidegate_model::plugin::PluginSpec;
use sidegate_model::public_endpoints::{PublicMode, is_approved};

/// Whether what a request names needs no token, by the plugin's and by the operator's word, and nobody
/// has approved that yet.
pub(crate) fn awaits_approval(mode: PublicMode, matched: &Match, plugin: &PluginSpec) -> bool {
    mode == PublicMode::Approve
        && !matched.require_auth
        && !plugin.options.policy.demands_token()
        && !is_approved(plugin.public_endpoints.as_ref(), matched.method, &matched.endpoint.path)
}
