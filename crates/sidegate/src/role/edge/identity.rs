//! Who an edge is: what its folder says, or else what it gets by its join token.

use crate::config::edge::EdgeSettings;
use crate::error::{Failure, Kind};
use sidegate_enrolment::edge::{ControlPlanes, EdgeIdentity, EnrolError, JoinError, Proxy};
use sidegate_enrolment::{Clock, ControlUrl, JoinToken};
use std::path::{Path, PathBuf};

/// How an edge gets an identity.
#[derive(Clone)]
pub(super) struct Joining {
    /// Where the identity is kept.
    pub(super) folder: PathBuf,
    /// Where it is got.
    pub(super) control: ControlPlanes,
    /// By what.
    pub(super) token: JoinToken,
}

/// Where identities are kept in the folder of an edge.
pub(super) fn folder(edge: &Path) -> PathBuf {
    edge.join("identity")
}

/// The identity that is there.
///
/// # Errors
/// When it cannot be read, or is damaged.
pub(super) fn load(edge: &Path) -> Result<Option<EdgeIdentity>, Failure> {
    EdgeIdentity::load(&folder(edge), Clock::system()).map_err(|error| {
        Failure::failed(format!("the identity of this edge cannot be used: {error}"))
    })
}

/// The control planes that the settings name.
///
/// # Errors
/// What is wrong with an address.
pub(super) fn control_planes(settings: &EdgeSettings) -> Result<Option<ControlPlanes>, Failure> {
    let Some(urls) = &settings.control_url else { return Ok(None) };
    let urls = urls.split(',').map(str::trim).filter(|url| !url.is_empty());
    let place = |variable| settings.places.of(variable);
    let wrong = |what: String| Failure::usage(format!("{}: {what}", place("SIDEGATE_CONTROL_URL")));
    let urls = urls.map(ControlUrl::parse).collect::<Result<Vec<_>, _>>();
    let urls = urls.map_err(|error| wrong(error.to_string()))?;
    let proxy = settings.control_proxy.as_ref().map(|proxy| Proxy::parse(proxy.reveal()));
    let proxy = proxy.transpose();
    let proxy = proxy
        .map_err(|error| Failure::usage(format!("{}: {error}", place("SIDEGATE_CONTROL_PROXY"))))?;
    ControlPlanes::new(urls, proxy).map(Some).map_err(|error| wrong(error.to_string()))
}

/// By what an edge without an identity gets one.
///
/// # Errors
/// When the token is none.
pub(super) fn joining(
    edge: &Path,
    settings: &EdgeSettings,
    control: Option<&ControlPlanes>,
) -> Result<Option<Joining>, Failure> {
    let (Some(token), Some(control)) = (&settings.join_token, control) else { return Ok(None) };
    let token = JoinToken::parse(token.reveal()).map_err(|error| {
        Failure::usage(format!("{}: {error}", settings.places.of("SIDEGATE_JOIN_TOKEN")))
    })?;
    Ok(Some(Joining { folder: folder(edge), control: control.clone(), token }))
}

/// Tells why an edge did not join, where that does not pass.
pub(super) fn not_joined(error: &JoinError) -> Failure {
    let told = error.to_string();
    match error {
        JoinError::Enrol(EnrolError::Stranger(_)) => Failure::usage(told).hint(
            "see whether SIDEGATE_CONTROL_URL names the control plane that made the join token; if it does, make a new \
             token there: `sidegate edge join-token`",
        ),
        // The control plane said what to do, but not where.
        JoinError::Enrol(_) => Failure::of(Kind::Refused, told).hint(
            "such commands are for the control plane: on its machine, or with SIDEGATE_URL and an admin token of it",
        ),
        JoinError::Identity(_) => Failure::failed(told)
            .hint("the folder `edge` in DATA_DIR must be one that this user may write"),
    }
}
