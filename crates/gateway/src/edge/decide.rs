//! What a request comes to under one generation: which endpoint it names, who calls, and whether that
//! caller may. Pure, so that what is explained to operators is what happens to clients.

use super::context::Rules;
use super::error::EdgeError;
use super::{cors, page_origin};
use crate::identity::access::may_call;
use crate::identity::approval::awaits_approval;
use crate::identity::authenticate::Caller;
use crate::route::lookup::{Found, Match, Miss, lookup};
use http::request::Parts;
use sidegate_model::UnixMillis;
use sidegate_model::endpoint::MethodSet;
use sidegate_model::path::PluginPath;
use sidegate_plugins::{Instance, Mount, Target};
use std::sync::Arc;

/// Is told what is found on the way to a decision, as soon as it is.
pub(crate) trait Observer {
    /// The plugin that has the path.
    fn found_plugin(&mut self, mount: &Arc<Mount>);
    /// The endpoint that is named.
    fn found_route(&mut self, matched: &Match);
    /// Who calls, and may.
    fn found_caller(&mut self, matched: &Match, caller: &Caller);
}

/// What a request comes to.
pub(crate) enum Decision {
    /// A call to a running process.
    Call {
        /// Where it goes.
        matched: Match,
        /// Who calls.
        caller: Caller,
        /// Who answers.
        instance: Arc<Instance>,
    },
    /// An OPTIONS that the gateway answers itself.
    Options(MethodSet),
    /// No process runs, but one may soon; everything is decided anew then.
    Wait(Arc<Mount>),
}

/// Decides on a request by its head alone.
///
/// # Errors
/// [`EdgeError`] for what has no endpoint, no good caller or no process.
pub(crate) fn decide(
    rules: &Rules<'_>,
    head: &Parts,
    now: impl FnOnce() -> UnixMillis,
    observer: &mut impl Observer,
) -> Result<Decision, EdgeError> {
    let path = PluginPath::parse(head.uri.path())?;
    let matched = match lookup(rules.generation, head.method.as_str(), path) {
        Ok(Found::Match(matched)) => matched,
        Ok(Found::Options(allow, mount)) => {
            observer.found_plugin(&mount);
            page_origin::check(rules, &mount, head)?;
            return Ok(Decision::Options(allow));
        }
        Err(Miss::Unknown(mount)) => return waits(mount),
        Err(Miss::NotFound) if !rules.freshness.is_complete() => {
            return Err(EdgeError::nothing_known());
        }
        Err(miss) => return Err(miss.into()),
    };
    observer.found_plugin(&matched.mount);
    let mount = &matched.mount;
    page_origin::check(rules, mount, head)?;
    let awaits_approval = awaits_approval(rules.public_endpoints, &matched, &mount.plugin);
    // It never has credentials. Where the operator says who may ask, nobody else is needed.
    let is_ours = matched.require_auth || awaits_approval || mount.plugin.options.cors.is_some();
    if cors::is_preflight(head) && is_ours {
        return Ok(Decision::Options(mount.endpoints.allow(matched.path.relative())));
    }
    observer.found_route(&matched);
    if awaits_approval {
        return Err(EdgeError::not_approved());
    }
    let caller = may_call(&rules.known(), &matched, &head.headers, head.uri.query(), now)?;
    observer.found_caller(&matched, &caller);
    match &matched.mount.target {
        Target::Ready(instance) => {
            let instance = instance.clone();
            Ok(Decision::Call { matched, caller, instance })
        }
        _ => waits(matched.mount),
    }
}

/// Whether waiting makes sense.
fn waits(mount: Arc<Mount>) -> Result<Decision, EdgeError> {
    match mount.target {
        Target::Unavailable => Err(EdgeError::plugin_unavailable()),
        Target::Starting | Target::Ready(_) => Ok(Decision::Wait(mount)),
    }
}
