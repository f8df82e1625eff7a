//! Each kind of need, from what is known; and what is none.

use super::*;
use sidegate_api::edge::{EdgePositionAttributes, RejectedObjectAttributes};
use sidegate_api::need::Urgency;
use sidegate_api::plugin::{NodeStatus, StatusAttributes, StatusSummary};
use sidegate_model::admin_token::AdminTokenId;
use sidegate_model::app::AppId;
use sidegate_model::last_use::LastUse;
use sidegate_model::role::Role;
use sidegate_model::token::{TokenHash, TokenId};

const NOW: UnixMillis = 1_900_000_000_000;
const DAY: UnixMillis = 24 * 3_600_000;

fn plugin(state: State) -> KnownPlugin {
    let summary = StatusSummary { state, reason: Some("exited".into()), ..Default::default() };
    let on = |node: &str, state| NodeStatus {
        node: node.into(),
        summary: StatusSummary { state, ..Default::default() },
    };
    let nodes = vec![on("a", state), on("b", State::Ready)];
    let status = StatusAttributes { summary, nodes, ..Default::default() };
    let attributes =
        PluginAttributes { name: "echo".into(), is_active: true, status, ..Default::default() };
    KnownPlugin { id: "7".into(), attributes, config_problems: Vec::new() }
}

fn token(expires_in: UnixMillis) -> KnownToken {
    let token = Token {
        id: TokenId(3),
        app_id: AppId(1),
        name: "ci".into(),
        hash: TokenHash([0; 32]),
        hint: "sgt_a".into(),
        scopes: Vec::new(),
        expires_at: Some(NOW + expires_in),
        created_at: 0,
        updated_at: 0,
        replaced_by: None,
        last_used: LastUse::default(),
    };
    KnownToken { token, app: "billing".into() }
}

fn edge(state: EdgeState) -> (String, EdgeAttributes) {
    let readiness = Some("fresh".to_owned());
    let last_seen_at = Some("2030-01-01T00:00:00.000Z".to_owned());
    (
        "5".into(),
        EdgeAttributes {
            name: "berlin".into(),
            state,
            readiness,
            last_seen_at,
            ..Default::default()
        },
    )
}

fn found(known: Known) -> Vec<NeedAttributes> {
    needs(&Known { now: NOW, ..known }, |at| format!("t{}", at - NOW))
}

/// The one need there is.
fn only(known: Known) -> NeedAttributes {
    let mut all = found(known);
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
}

fn of_plugins(plugins: Vec<KnownPlugin>) -> Known {
    Known { plugins, ..Known::default() }
}

fn of_edges(edges: Vec<(String, EdgeAttributes)>) -> Known {
    Known { edges, ..Known::default() }
}

#[test]
fn a_plugin_that_is_to_run_and_does_not_is_a_need_that_says_why_and_where() {
    for (state, kind) in [
        (State::Parked, NeedKind::PluginParked),
        (State::Backoff, NeedKind::PluginFailing),
        (State::Stopped, NeedKind::PluginStopped),
    ] {
        let need = only(of_plugins(vec![plugin(state)]));
        assert_eq!((need.kind, need.urgency), (kind, Urgency::Now));
        assert_eq!(need.text, "exited (on 1 of 2 nodes: a)");
        assert_eq!(need.command.as_deref(), Some("sidegate plugin logs echo"));
        assert_eq!((need.thing.id.as_str(), need.thing.name.as_str()), ("7", "echo"));
        let mut disabled = plugin(state);
        disabled.attributes.is_active = false;
        assert_eq!(found(of_plugins(vec![disabled])), []);
    }
    for state in [State::Ready, State::Starting, State::Draining] {
        assert_eq!(found(of_plugins(vec![plugin(state)])), [], "{state:?}");
    }
    let old = |reload_failure: Option<&str>| {
        let mut old = plugin(State::Ready);
        let summary = &mut old.attributes.status.summary;
        summary.warnings = vec!["reload failed, says the plugin of itself".to_owned()];
        summary.reload_failure = reload_failure.map(str::to_owned);
        old
    };
    assert_eq!(found(of_plugins(vec![old(None)])), []);
    let warning = "reload failed, the instance before goes on serving: exit code 1";
    let need = only(of_plugins(vec![old(Some("exit code 1"))]));
    assert_eq!((need.kind, need.text.as_str()), (NeedKind::PluginFailing, warning));
}

#[test]
fn a_configuration_that_breaks_its_schema_is_a_need() {
    let config_problems = vec!["config.port: use at most 65535".to_owned()];
    let known = KnownPlugin { config_problems, ..plugin(State::Ready) };
    let need = only(of_plugins(vec![known]));
    assert_eq!(need.kind, NeedKind::PluginInvalidConfig);
    assert!(need.text.contains("use at most 65535"), "{}", need.text);
}

#[test]
fn wishes_that_are_not_granted_and_endpoints_that_wait_are_decisions() {
    let mut wishing = plugin(State::Ready);
    wishing.attributes.missing_scopes = vec!["kv.readwrite".to_owned()];
    let need = only(of_plugins(vec![wishing]));
    assert_eq!((need.kind, need.urgency), (NeedKind::ScopesWished, Urgency::Decision));
    assert_eq!(need.command.as_deref(), Some("sidegate plugin grant echo kv.readwrite"));
    let mut waiting = plugin(State::Ready);
    waiting.attributes.public_endpoints.pending = (0..7).map(|n| format!("GET /{n}")).collect();
    let need = only(of_plugins(vec![waiting]));
    assert_eq!(need.kind, NeedKind::PublicEndpointWaits);
    assert!(need.text.contains("GET /4 and 2 more"), "{}", need.text);
}

#[test]
fn what_ends_within_a_week_is_a_need_and_what_has_a_successor_is_none() {
    let mut replaced = token(DAY);
    replaced.token.replaced_by = Some(TokenId(4));
    let tokens = vec![token(2 * DAY), replaced, token(8 * DAY), token(-DAY), token(DAY)];
    let all = found(Known { tokens, ..Known::default() });
    let since: Vec<_> = all.iter().filter_map(|need| need.since.clone()).collect();
    assert_eq!(since, [format!("t{DAY}"), format!("t{}", 2 * DAY)], "soonest first");
    assert!(all.iter().all(|need| need.kind == NeedKind::TokenExpires));
    let admin = |expires_at| AdminToken {
        id: AdminTokenId(2),
        name: "jane".into(),
        hash: TokenHash([0; 32]),
        hint: "sga_a".into(),
        role: Role::Operator,
        expires_at,
        last_used_at: None,
        created_at: 0,
    };
    let admin_tokens = vec![admin(Some(NOW + DAY)), admin(None), admin(Some(NOW + 8 * DAY))];
    let need = only(Known { admin_tokens, ..Known::default() });
    assert_eq!((need.kind, need.thing.name.as_str()), (NeedKind::AdminTokenExpires, "jane"));
}

#[test]
fn a_certificate_that_ends_soon_or_has_ended_is_a_need() {
    let shown = |expires_in: Option<UnixMillis>| ShownCertificate {
        setting: "TLS_CERT_PATH".into(),
        path: "/etc/tls.pem".into(),
        expires_at: expires_in.map(|time| NOW + time),
    };
    let of = |expires_in| Known { certificates: vec![shown(expires_in)], ..Known::default() };
    for (expires_in, word) in [(DAY, "names ends"), (-DAY, "has ended")] {
        let need = only(of(Some(expires_in)));
        assert_eq!((need.kind, need.urgency), (NeedKind::CertificateExpires, Urgency::Soon));
        assert!(need.text.contains(word), "{}", need.text);
    }
    assert_eq!(found(of(Some(8 * DAY))), []);
    assert_eq!(found(of(None)), []);
}

#[test]
fn edges_that_are_away_or_behind_or_do_not_take_something_are_needs() {
    for state in [EdgeState::Connected, EdgeState::Waiting, EdgeState::Revoked] {
        assert_eq!(found(of_edges(vec![edge(state)])), [], "{state:?}");
    }
    let need = only(of_edges(vec![edge(EdgeState::Offline)]));
    assert_eq!(
        (need.kind, need.since.as_deref()),
        (NeedKind::EdgeOffline, Some("2030-01-01T00:00:00.000Z"))
    );
    let mut stale = edge(EdgeState::Connected);
    stale.1.readiness = Some("stale".into());
    stale.1.readiness_reasons = vec!["nothing heard for 2h".into()];
    let need = only(of_edges(vec![stale]));
    assert_eq!(need.kind, NeedKind::EdgeStale);
    assert!(need.text.contains("nothing heard for 2h"), "{}", need.text);
    let mut rejecting = edge(EdgeState::Connected);
    let rejected = RejectedObjectAttributes {
        object: "plugin/7".into(),
        reason: "too new".into(),
        ..Default::default()
    };
    rejecting.1.positions =
        vec![EdgePositionAttributes { rejected: vec![rejected], ..Default::default() }];
    let need = only(of_edges(vec![rejecting]));
    assert_eq!(need.kind, NeedKind::EdgeRejected);
    assert!(need.text.contains("plugin/7 (too new)"), "{}", need.text);
}

#[test]
fn an_edge_whose_certificate_was_not_renewed_is_a_need() {
    let with = |expires_in: UnixMillis| {
        let mut known = edge(EdgeState::Connected);
        let at = jiff::Timestamp::from_millisecond(NOW + expires_in).unwrap();
        known.1.certificate_expires_at = Some(at.to_string());
        of_edges(vec![known])
    };
    let need = only(with(DAY / 8));
    assert_eq!((need.kind, need.thing.kind), (NeedKind::CertificateExpires, NeedThingKind::Edge));
    // One that was just issued lasts a day, and is renewed with a quarter of that left at the latest.
    for fresh in [DAY, DAY / 4] {
        assert_eq!(found(with(fresh)), []);
    }
}

#[test]
fn the_most_urgent_comes_first_and_nothing_grows_without_end() {
    let mut wishing = plugin(State::Ready);
    wishing.attributes.missing_scopes = vec!["kv.readwrite".to_owned()];
    let plugins = [wishing].into_iter().chain((0..500).map(|_| plugin(State::Parked))).collect();
    let all = found(Known { plugins, tokens: vec![token(DAY)], ..Known::default() });
    assert_eq!(all.len(), MOST_OF_A_KIND + 2);
    let urgencies: Vec<_> = all.iter().map(|need| need.urgency).collect();
    assert!(urgencies.is_sorted(), "{urgencies:?}");
}
