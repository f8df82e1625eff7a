//! What waits for an operator: found out from what is known already, without a question to anybody. Pure; who gathers what
//! is known is `admin/needs`.

mod issuers;
mod names;
#[cfg(test)]
mod tests;

pub(crate) use issuers::KnownIssuers;

use issuers::of_issuers;
use names::Names;
use sidegate_api::edge::{EdgeAttributes, EdgeState};
use sidegate_api::need::{NeedAttributes, NeedKind, NeedThing, NeedThingKind};
use sidegate_api::plugin::PluginAttributes;
use sidegate_api::state::State;
use sidegate_model::UnixMillis;
use sidegate_model::admin_token::AdminToken;
use sidegate_model::name::callable;
use sidegate_model::status::reload_warning;
use sidegate_model::token::Token;

/// What ends within this time is told.
pub(crate) const SOON: UnixMillis = 7 * 24 * 3_600_000;
/// An edge has a certificate for a day and renews it when at most a third of that is left; one that ends within this
/// time was not renewed.
const UNRENEWED: UnixMillis = 4 * 3_600_000;
/// Most needs of one kind; the first ones are told.
const MOST_OF_A_KIND: usize = 100;
/// Most things that a text names.
const MOST_NAMED: usize = 5;

/// A certificate that a port of this process shows now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShownCertificate {
    /// The setting that names its file.
    pub setting: String,
    /// The file.
    pub path: String,
    /// When it ends, where it says so.
    pub expires_at: Option<UnixMillis>,
}

/// The certificates that ports of this process show.
pub trait ShownCertificates: Send + Sync + 'static {
    /// Those that are shown now.
    fn shown(&self) -> Vec<ShownCertificate>;
}

/// A process that shows none.
impl ShownCertificates for () {
    fn shown(&self) -> Vec<ShownCertificate> {
        Vec::new()
    }
}

/// A plugin, and what is known of it.
pub(crate) struct KnownPlugin {
    pub(crate) id: String,
    pub(crate) attributes: PluginAttributes,
    /// What of its schema its configuration breaks.
    pub(crate) config_problems: Vec<String>,
}

/// A token of an app, and the app's name.
pub(crate) struct KnownToken {
    pub(crate) token: Token,
    pub(crate) app: String,
}

/// All that needs are found in.
#[derive(Default)]
pub(crate) struct Known {
    pub(crate) now: UnixMillis,
    pub(crate) plugins: Vec<KnownPlugin>,
    pub(crate) tokens: Vec<KnownToken>,
    pub(crate) admin_tokens: Vec<AdminToken>,
    pub(crate) certificates: Vec<ShownCertificate>,
    pub(crate) issuers: KnownIssuers,
    /// Each with its number.
    pub(crate) edges: Vec<(String, EdgeAttributes)>,
}

/// What waits for an operator, most urgent first; of a kind what is soonest first.
pub(crate) fn needs(
    known: &Known,
    time_text: impl Fn(UnixMillis) -> String,
) -> Vec<NeedAttributes> {
    let plugins = Names::of(known.plugins.iter().map(|plugin| plugin.attributes.name.as_str()));
    let mut all: Vec<_> =
        known.plugins.iter().flat_map(|plugin| of_plugin(plugin, &plugins)).collect();
    all.extend(known.edges.iter().flat_map(|(id, edge)| of_edge(id, edge)));
    all.extend(of_issuers(&known.issuers, (&known.plugins, &plugins), &time_text));
    all.extend(
        expiries(known)
            .into_iter()
            .map(|(at, need)| NeedAttributes { since: Some(time_text(at)), ..need }),
    );
    all.extend(known.edges.iter().filter_map(|(id, edge)| unrenewed(known.now, id, edge)));
    // Stable: what is soonest stays first.
    all.sort_by_key(|need| need.kind);
    let mut told: Vec<NeedAttributes> = Vec::new();
    for kind in NeedKind::ALL {
        told.extend(all.iter().filter(|need| need.kind == kind).take(MOST_OF_A_KIND).cloned());
    }
    told
}

/// A need of which the rest is to be said.
pub(super) fn need(kind: NeedKind, thing: (NeedThingKind, &str, &str)) -> NeedAttributes {
    let (thing_kind, id, name) = thing;
    let thing = NeedThing { kind: thing_kind, id: id.to_owned(), name: name.to_owned() };
    let urgency = kind.urgency();
    let (since, text, action, command) = (None, String::new(), String::new(), None);
    NeedAttributes { kind, urgency, thing, since, text, action, command }
}

/// The first few of them.
pub(super) fn some(texts: &[String]) -> String {
    let named = texts[..texts.len().min(MOST_NAMED)].join(", ");
    match texts.len().saturating_sub(MOST_NAMED) {
        0 => named,
        more => format!("{named} and {more} more"),
    }
}

fn of_plugin(plugin: &KnownPlugin, names: &Names<'_>) -> Vec<NeedAttributes> {
    let KnownPlugin { id, attributes, config_problems } = plugin;
    if !attributes.is_active {
        return Vec::new();
    }
    let called = names.call(id, &attributes.name);
    let of = |kind| need(kind, (NeedThingKind::Plugin, id, &attributes.name));
    let mut needs = Vec::new();
    needs.extend(failing(plugin).map(|(kind, text)| NeedAttributes {
        text,
        action: "see in its log why it ended, mend that, and reload it".to_owned(),
        command: Some(format!("sidegate plugin logs {called}")),
        ..of(kind)
    }));
    if !config_problems.is_empty() {
        needs.push(NeedAttributes {
            text: format!(
                "its configuration does not fit what it says of it: {}",
                some(config_problems)
            ),
            action: "change its configuration".to_owned(),
            command: Some(format!("sidegate plugin show {called}")),
            ..of(NeedKind::PluginInvalidConfig)
        });
    }
    if !attributes.missing_scopes.is_empty() {
        let wished = &attributes.missing_scopes;
        needs.push(NeedAttributes {
            text: format!("it wishes to ask for {}, which is not granted", some(wished)),
            action: "grant what it needs; without it some of what it does may fail".to_owned(),
            command: Some(format!("sidegate plugin grant {called} {}", wished.join(" "))),
            ..of(NeedKind::ScopesWished)
        });
    }
    let pending = &attributes.public_endpoints.pending;
    if !pending.is_empty() {
        needs.push(NeedAttributes {
            text: format!("it offers {} without a token, which nobody has approved", some(pending)),
            action: "approve what everybody may call; until then it answers 401".to_owned(),
            command: Some(format!("sidegate plugin approve-public {called}")),
            ..of(NeedKind::PublicEndpointWaits)
        });
    }
    needs
}

/// Whether a plugin that is to run does not, where it is worst off, and in which words.
fn failing(plugin: &KnownPlugin) -> Option<(NeedKind, String)> {
    let status = &plugin.attributes.status;
    let kind = match status.summary.state {
        State::Parked => NeedKind::PluginParked,
        State::Backoff => NeedKind::PluginFailing,
        State::Stopped => NeedKind::PluginStopped,
        State::Starting | State::Ready | State::Draining => {
            let reason = status.summary.reload_failure.as_deref()?;
            return Some((NeedKind::PluginFailing, reload_warning(reason)));
        }
    };
    let reason = status.summary.reason.clone();
    let reason = reason.unwrap_or_else(|| "it does not run, and nothing says why".to_owned());
    let is_so = |state: State| state == status.summary.state;
    let there = status.nodes.iter().filter(|node| is_so(node.summary.state));
    let there: Vec<_> = there.map(|node| node.node.clone()).collect();
    let place = match status.nodes.len() {
        0 | 1 => String::new(),
        all => format!(" (on {} of {all} nodes: {})", there.len(), some(&there)),
    };
    Some((kind, format!("{reason}{place}")))
}

fn of_edge(id: &str, edge: &EdgeAttributes) -> Vec<NeedAttributes> {
    let called = callable(id, &edge.name);
    let of = |kind| NeedAttributes {
        command: Some(format!("sidegate edge show {called}")),
        ..need(kind, (NeedThingKind::Edge, id, &edge.name))
    };
    let mut needs = Vec::new();
    let rejected = edge.positions.iter().flat_map(|position| &position.rejected);
    let rejected: Vec<_> =
        rejected.map(|told| format!("{} ({})", told.object, told.reason)).collect();
    if !rejected.is_empty() && edge.state != EdgeState::Revoked {
        needs.push(NeedAttributes {
            text: format!("it does not serve by {}", some(&rejected)),
            action: "change what it does not take, or update the edge".to_owned(),
            ..of(NeedKind::EdgeRejected)
        });
    }
    match edge.state {
        EdgeState::Offline => needs.push(NeedAttributes {
            since: edge.last_seen_at.clone(),
            text: "it is not connected; it serves by what it heard last".to_owned(),
            action: "see whether its machine runs and reaches this control plane; revoke it if it is gone for good"
                .to_owned(),
            ..of(NeedKind::EdgeOffline)
        }),
        EdgeState::Connected if edge.readiness.as_deref().is_some_and(|is| is != "fresh") => {
            let reasons = match &edge.readiness_reasons[..] {
                [] => edge.readiness.clone().unwrap_or_default(),
                reasons => some(reasons),
            };
            needs.push(NeedAttributes {
                since: edge.connected_since.clone(),
                text: format!("it is connected, and not up to date: {reasons}"),
                action: "see what it says of itself".to_owned(),
                ..of(NeedKind::EdgeStale)
            });
        }
        EdgeState::Connected | EdgeState::Waiting | EdgeState::Revoked => {}
    }
    needs
}

/// What ends soon of that which this process keeps, soonest first.
fn expiries(known: &Known) -> Vec<(UnixMillis, NeedAttributes)> {
    let is_soon = |at: &UnixMillis| *at > known.now && *at <= known.now.saturating_add(SOON);
    let names = Names::of(known.tokens.iter().map(|known| known.token.name.as_str()));
    let tokens = known.tokens.iter().filter_map(|KnownToken { token, app }| {
        let at = token.expires_at.filter(is_soon)?;
        // One that has a successor ends because somebody wanted it.
        if token.replaced_by.is_some() {
            return None;
        }
        let id = token.id.to_string();
        let called = names.call(&id, &token.name);
        let of = need(NeedKind::TokenExpires, (NeedThingKind::Token, &id, &token.name));
        let text =
            format!("a token of app {app:?} ends; whoever calls with it is refused from then on");
        let action = "make one in its place, which goes on when it ends".to_owned();
        let command = Some(format!("sidegate token rotate {called}"));
        Some((at, NeedAttributes { text, action, command, ..of }))
    });
    let admin_tokens = known.admin_tokens.iter().filter_map(|token| {
        let at = token.expires_at.filter(is_soon)?;
        let id = token.id.to_string();
        let of = need(NeedKind::AdminTokenExpires, (NeedThingKind::AdminToken, &id, &token.name));
        let text = format!("an admin token with the role {} ends", token.role);
        let action = "make another one for whoever uses it".to_owned();
        let command = Some("sidegate admin-token list".to_owned());
        Some((at, NeedAttributes { text, action, command, ..of }))
    });
    let certificates = known.certificates.iter().filter_map(|certificate| {
        let at = certificate.expires_at?;
        if at > known.now.saturating_add(SOON) {
            return None;
        }
        let ShownCertificate { setting, path, .. } = certificate;
        let thing = (NeedThingKind::Certificate, setting.as_str(), path.as_str());
        let of = need(NeedKind::CertificateExpires, thing);
        let text = match at > known.now {
            true => format!("the certificate that {setting} names ends"),
            false => format!("the certificate that {setting} names has ended: clients refuse it"),
        };
        let action =
            "put a renewed one and its key in its place; it is read without a restart".to_owned();
        Some((at, NeedAttributes { text, action, ..of }))
    });
    let mut all: Vec<_> = tokens.chain(admin_tokens).chain(certificates).collect();
    all.sort_by_key(|(at, _)| *at);
    all
}

/// An edge whose certificate ends soon although edges renew theirs by themselves.
fn unrenewed(now: UnixMillis, id: &str, edge: &EdgeAttributes) -> Option<NeedAttributes> {
    let told = edge.certificate_expires_at.as_ref()?;
    let at = told.parse::<jiff::Timestamp>().ok()?.as_millisecond();
    if edge.state == EdgeState::Revoked || at > now.saturating_add(UNRENEWED) {
        return None;
    }
    let thing = (NeedThingKind::Edge, id, edge.name.as_str());
    Some(NeedAttributes {
        since: Some(told.clone()),
        text: "its certificate ends and was not renewed: it cannot come back later without joining anew".to_owned(),
        action: "bring it back to this control plane in time, or give it another join token".to_owned(),
        command: Some(format!("sidegate edge show {}", callable(id, &edge.name))),
        ..need(NeedKind::CertificateExpires, thing)
    })
}
