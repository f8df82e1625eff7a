//! From a method and path to an endpoint of a mounted plugin.

use sidegate_model::endpoint::{Endpoint, Method, MethodSet, Named, Resolution};
use sidegate_model::path::PluginPath;
use sidegate_plugins::{Generation, Mount, Target};
use std::sync::Arc;

/// Proof that a request names an endpoint.
pub struct Match {
    /// The plugin's mount.
    pub mount: Arc<Mount>,
    /// What the plugin registered for it.
    pub endpoint: Arc<Endpoint>,
    /// The path, in both readings.
    pub path: PluginPath,
    /// The method the plugin sees: GET for a HEAD that is served by GET.
    pub method: Method,
    /// HEAD through GET: the answer's body is dropped.
    pub via_get: bool,
    /// Nobody passes without a valid token: by the plugin's word, or by the operator's.
    pub require_auth: bool,
    /// What the plugin demands that the token carries; the operator's word comes on top.
    pub scopes: Option<Arc<[String]>>,
}

/// What a method and path come to.
pub enum Found {
    /// An endpoint.
    Match(Match),
    /// An OPTIONS that the gateway answers itself, with the mount that has the path.
    Options(MethodSet, Arc<Mount>),
}

/// Why nothing was found.
pub enum Miss {
    /// No such plugin or path.
    NotFound,
    /// The path is known, the method is not.
    MethodNotAllowed(MethodSet),
    /// The two readings of the path name different endpoints.
    Ambiguous,
    /// The plugin never told its endpoints, because it never ran.
    Unknown(Arc<Mount>),
}

/// Whether the two readings of a path must not both be true. An encoded slash must make no difference
/// at all; slashes at the ends must make none to who may pass.
fn differ(by_path: &Resolution, by_segments: &Resolution, hides_slash: bool) -> bool {
    match (by_path, by_segments) {
        _ if hides_slash => by_path != by_segments,
        (Resolution::Endpoint(a), Resolution::Endpoint(b)) => !a.demands_as_much_as(b),
        _ => false,
    }
}

/// Finds what `method` on `path` names.
///
/// # Errors
/// See [`Miss`].
pub fn lookup(generation: &Generation, method: &str, path: PluginPath) -> Result<Found, Miss> {
    let mount = generation.mount(path.slug()).ok_or(Miss::NotFound)?;
    // Methods are case-sensitive: `get` is not GET.
    let method = Method::parse(method).filter(|m| m.as_str() == method);
    let endpoints = &mount.endpoints;
    let resolution = endpoints.resolve(method, path.relative());
    if let Some(key) = path.segment_key() {
        let by_segments = endpoints.resolve(method, key);
        if differ(&resolution, &by_segments, path.hides_slash()) {
            return Err(Miss::Ambiguous);
        }
    }
    if path.hides_slash() {
        // An encoded slash at an end is one to whoever decodes first.
        let bare = endpoints.resolve(method, path.without_outer_slashes());
        if differ(&resolution, &bare, false) {
            return Err(Miss::Ambiguous);
        }
    }
    match (resolution, method) {
        (Resolution::Endpoint(named), Some(method)) => {
            let Named { endpoint, via_get, require_auth, scopes } = named;
            let method = if via_get { Method::Get } else { method };
            let require_auth = require_auth || mount.plugin.options.policy.demands_token();
            let mount = mount.clone();
            Ok(Found::Match(Match { mount, endpoint, path, method, via_get, require_auth, scopes }))
        }
        (Resolution::Options(allow), _) => Ok(Found::Options(allow, mount.clone())),
        (Resolution::MethodNotAllowed(allow), _) => Err(Miss::MethodNotAllowed(allow)),
        _ if !endpoints.endpoints().is_empty() || matches!(mount.target, Target::Ready(_)) => {
            Err(Miss::NotFound)
        }
        _ => Err(Miss::Unknown(mount.clone())),
    }
}
