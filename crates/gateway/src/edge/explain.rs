//! What would happen to a request, and why. Nothing is executed and nothing is counted: it asks what
//! requests are decided by, and only looks at limits.

use super::context::{Edge, Rules};
use super::decide::{Decision, Observer, decide};
use super::error::EdgeError;
use super::forwarded::ForwardedInfo;
use super::operations;
use super::own_hosts;
use super::sanity;
use super::upload::BodyLimit;
use super::well_known::{self, Place};
use crate::identity::admit::{Counted, each_quota, passed};
use crate::identity::authenticate::{Caller, Proof, authenticate, presented};
use crate::route::lookup::{Found, Match, Miss, lookup};
use http::request::Parts;
use http::{HeaderValue, Request, StatusCode, header};
use sidegate_model::clock::now_millis;
use sidegate_model::endpoint::{Endpoint, Method, MethodSet};
use sidegate_model::explain::{
    Check, ExplainedRoute, Explanation, HashedRequest, ImaginedRequest, LimitState, Outcome, Rival,
};
use sidegate_model::path::PluginPath;
use sidegate_model::quota::{QuotaState, Verdict};
use sidegate_model::status::{PluginState, PluginStatus};
use sidegate_model::token::{Token, TokenHash};
use sidegate_plugins::{Generation, Mount};
use sidegate_wire::routing::fits;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

/// Says what would happen to a request now. Of its token the hash does, where its text is hidden.
pub(crate) fn explain(
    edge: &Edge,
    request: &ImaginedRequest,
    token: Option<TokenHash>,
) -> Explanation {
    let mut story = Story::default();
    let outcome = match outcome(edge, (request, token), &mut story) {
        Ok(outcome) => outcome,
        Err(error) => {
            story.refuse(&error);
            refused(&error)
        }
    };
    let Story { checks, limits, matched, .. } = story;
    let statuses = (edge.statuses)().unwrap_or_default();
    let route = matched.as_ref().map(|matched| route(matched, &statuses));
    let rivals = rivals(&edge.generations.load(), request, matched.as_ref());
    Explanation { outcome, route, rivals, checks, limits }
}

/// What was found so far.
#[derive(Default)]
struct Story {
    checks: Vec<Check>,
    limits: Vec<LimitState>,
    matched: Option<Matched>,
    /// What is being looked at.
    stage: Option<&'static str>,
}

/// What of a match is told.
struct Matched {
    mount: Arc<Mount>,
    endpoint: Arc<Endpoint>,
    method: &'static str,
    relative: String,
}

impl Story {
    fn pass(&mut self, name: &'static str, detail: impl Into<String>) {
        self.checks.push(Check { name, passed: true, detail: detail.into() });
    }

    /// The check that an error is about does not pass.
    fn refuse(&mut self, error: &EdgeError) {
        let name = match (error.code.as_str(), error.limit) {
            (_, Some(limit)) => limit.as_str(),
            ("unauthorized" | "identity_unavailable", _) => "token",
            // Only a list that cannot be read has something to tell the operator beside.
            ("forbidden", _) if !error.internal.is_empty() => "scopes",
            ("forbidden", _) => "apps",
            ("insufficient_scope", _) => "scopes",
            ("not_approved", _) => "approval",
            ("origin_not_allowed", _) => "origin",
            ("plugin_unavailable" | "plugin_starting", _) => "process",
            _ => self.stage.unwrap_or("request"),
        };
        let detail = match &*error.internal {
            "" => error.public.to_string(),
            internal => format!("{} ({internal})", error.public),
        };
        self.checks.push(Check { name, passed: false, detail });
    }
}

impl Observer for Story {
    fn found_plugin(&mut self, mount: &Arc<Mount>) {
        self.pass("plugin", format!("{} is mounted at /plugins/{}", mount.plugin.name, mount.slug));
    }

    fn found_route(&mut self, matched: &Match) {
        if matched.mount.plugin.options.policy.allowed_origins.is_some() {
            self.pass("origin", "it is of no page, or of one that may ask");
        }
        let method = matched.method.as_str();
        let via = if matched.via_get { ", by which HEAD is answered" } else { "" };
        self.pass("route", format!("it names {method} {}{via}", matched.endpoint.path));
        self.matched = Some(Matched {
            mount: matched.mount.clone(),
            endpoint: matched.endpoint.clone(),
            method,
            relative: matched.path.relative().to_owned(),
        });
        self.stage = Some("token");
    }

    fn found_caller(&mut self, matched: &Match, caller: &Caller) {
        self.tell_caller(matched, caller);
        let policy = &matched.mount.plugin.options.policy;
        if let Caller::App(known) = caller {
            if policy.apps.is_some() {
                self.pass("apps", format!("app {} may call this plugin", known.identity.app.name));
            }
            let required = matched.scopes.as_deref().unwrap_or_default();
            let required: Vec<_> = policy.scopes_required.iter().chain(required).cloned().collect();
            if !required.is_empty() {
                self.pass("scopes", format!("the token carries {}", required.join(", ")));
            }
        }
    }
}

impl Story {
    /// Who calls.
    fn tell_caller(&mut self, matched: &Match, caller: &Caller) {
        match caller {
            Caller::Anonymous if matched.mount.plugin.options.optional_auth => {
                self.pass("token", "none is demanded here, and no valid one is presented");
            }
            Caller::Anonymous => self.pass("token", "none is demanded here"),
            Caller::App(known) => {
                let (app, token) = (&known.identity.app, &known.token);
                let told = match &known.proof {
                    Proof::Token => format!("token {} of app {} ({})", token.id, app.name, app.id),
                    Proof::Certificate(known) => format!(
                        "a client certificate, which is {:?} at issuer {} and speaks for app {} ({})",
                        known.client, known.issuer_name, app.name, app.id
                    ),
                    Proof::Jwt(jwt) => format!(
                        "a JWT of issuer {}, whose client {:?} speaks for app {} ({})",
                        jwt.issuer_name, jwt.client, app.name, app.id
                    ),
                };
                self.pass("token", told);
            }
        }
    }
}

/// Who would answer; what was found on the way stands in the story.
fn outcome(
    edge: &Edge,
    (request, token): (&ImaginedRequest, Option<TokenHash>),
    story: &mut Story,
) -> Result<Outcome, EdgeError> {
    story.stage = Some("request");
    let mut head = head(request)?;
    sanity::check(&head, &edge.limits.head())?;
    let body = announced(&head)?;
    story.pass("request", "it is well-formed");
    let served = edge.generations.load();
    let own = own_hosts::asked(&served, None, &head);
    if own.is_none()
        && let Some(status) = operations::own_status(edge, &head.method, head.uri.path())
    {
        story.pass("route", "it is one of the gateway's own addresses");
        return Ok(Outcome::Gateway { status: status.as_u16() });
    }
    story.stage = Some("route");
    if let Some(stale) = edge.freshness.knowledge().and_then(|known| known.stale_because.clone()) {
        story.pass("freshness", stale);
    }
    let generation = served.clone();
    let with_hidden = token.and_then(|hash| with_hidden_token(&generation, &head, hash));
    let generation = with_hidden.as_ref().unwrap_or(&generation);
    let place = match own {
        Some(mount) => {
            story.pass("host", format!("it is that of plugin {} alone", mount.plugin.name));
            Some(own_hosts::look(&served, mount, &head.uri).ok_or(Miss::NotFound)?)
        }
        None => well_known::look(generation, &head.uri),
    };
    match place {
        Some(Place::Resource(_)) => {
            story.pass("route", "it is the gateway's document about who gives tokens");
            return Ok(Outcome::Gateway { status: StatusCode::OK.as_u16() });
        }
        Some(Place::Plugin(uri)) => {
            story.pass("route", format!("it stands for {}", uri.path()));
            head.uri = uri;
        }
        None => {}
    }
    let own_host = own.and_then(|mount| mount.own_host());
    let rules = Rules { own_host, ..edge.rules(generation) };
    let decision = decide(&rules, &head, now_millis, story);
    let (matched, caller) = match decision {
        Ok(Decision::Call { matched, caller, .. }) => (matched, caller),
        Ok(Decision::Options(allow)) => {
            story.pass("route", format!("the gateway answers OPTIONS itself: {allow}"));
            return Ok(Outcome::Gateway { status: StatusCode::NO_CONTENT.as_u16() });
        }
        Ok(Decision::Wait(mount)) => {
            let told = format!(
                "{} is being started: the request waits for it for a while, then it is 503",
                mount.plugin.name
            );
            story.checks.push(Check { name: "process", passed: false, detail: told });
            return Ok(Outcome::Waits);
        }
        Err(error) => {
            story.tell_known_caller(&rules, &head, &error);
            return Err(error);
        }
    };
    story.pass("process", "a process of the plugin serves");
    let asked = Asked { client: client(edge, &head, request), body };
    limits(edge, &asked, (&matched, &caller), story)?;
    Ok(Outcome::Plugin)
}

/// A moment in which the text that stands for a hidden token opens what the token does.
fn with_hidden_token(generation: &Generation, head: &Parts, hash: TokenHash) -> Option<Generation> {
    let presented = presented(&head.headers, head.uri.query()).ok()?.text;
    let token = generation.tokens.get(&hash).filter(|_| HashedRequest::is_hidden(&presented))?;
    let stand_in = Token { hash: TokenHash::of(&presented), ..(**token).clone() };
    Some(generation.with_token(stand_in))
}

/// The head that a client would send.
fn head(request: &ImaginedRequest) -> Result<Parts, EdgeError> {
    let mut builder = Request::builder().method(request.method.as_str()).uri(&request.target);
    for (name, value) in &request.headers {
        builder = builder.header(name, value);
    }
    // Each client names one.
    if !request.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
        builder = builder.header(header::HOST, HeaderValue::from_static("localhost"));
    }
    let built = builder.body(()).map_err(|e| EdgeError::unreadable(e.to_string()))?;
    Ok(built.into_parts().0)
}

/// How long the body would be, as far as its head says.
///
/// # Errors
/// 400 where no HTTP can be sent so.
fn announced(head: &Parts) -> Result<u64, EdgeError> {
    let wrong = |why: &str| EdgeError::unreadable(why.to_owned());
    let coding = head.headers.get(header::TRANSFER_ENCODING);
    if coding.is_some_and(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"chunked")) {
        return Err(wrong("a Transfer-Encoding is chunked"));
    }
    let Some(length) = head.headers.get(header::CONTENT_LENGTH) else { return Ok(0) };
    if coding.is_some() {
        return Err(wrong("a body has either a Content-Length or a Transfer-Encoding"));
    }
    let digits = length.to_str().ok().filter(|text| text.bytes().all(|b| b.is_ascii_digit()));
    let length = digits.and_then(|digits| digits.parse().ok());
    length.ok_or_else(|| wrong("a Content-Length is a number of bytes"))
}

/// Who asks: the peer, or the client for whom a trusted proxy asks.
fn client(edge: &Edge, head: &Parts, request: &ImaginedRequest) -> IpAddr {
    let peer = request.client.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST)).to_canonical();
    let told = edge.proxies.trust(peer);
    let told = told.then(|| ForwardedInfo::read(&head.headers, &edge.proxies).client).flatten();
    told.unwrap_or(peer)
}

/// What of a request is counted or measured.
struct Asked {
    client: IpAddr,
    /// Bytes of its body, as far as they are announced.
    body: u64,
}

/// Looks at every limit that would count the request, in the order in which they are.
fn limits(
    edge: &Edge,
    asked: &Asked,
    (matched, caller): (&Match, &Caller),
    story: &mut Story,
) -> Result<(), EdgeError> {
    let mount = &*matched.mount;
    let policy = &mount.plugin.options.policy;
    let (client, now) = (asked.client.to_string(), edge.nanos(tokio::time::Instant::now()));
    let counted = Counted { mount, client: &client, now_nanos: now };
    each_quota(caller, &counted, |of, quota| {
        let (name, verdict) = (of.name(), quota.peek(now));
        match verdict {
            Verdict::Unlimited => {}
            Verdict::Pass(state) => {
                story.limits.push(quota_state(name, state));
                let left = format!("{} of {} requests are left", state.remaining, state.limit);
                story.pass(name, left);
            }
            Verdict::Refuse { state, .. } => story.limits.push(quota_state(name, state)),
        }
        passed(of, verdict).map(drop)
    })?;
    let largest = BodyLimit::of(edge, policy);
    let bytes = largest.bytes() as u64;
    story.limits.push(LimitState {
        name: "max_body",
        limit: bytes,
        remaining: bytes,
        reset_seconds: None,
    });
    story.stage = Some("max_body");
    largest.check(asked.body)?;
    let Some(concurrency) = policy.concurrency else { return Ok(()) };
    let inside = mount.limits.concurrency.figures().inside;
    story.limits.push(LimitState {
        name: "max_concurrent",
        limit: concurrency.max.into(),
        remaining: concurrency.max.saturating_sub(inside).into(),
        reset_seconds: None,
    });
    let told = match mount.limits.concurrency.peek()? {
        None => format!("{inside} of {} calls are open", concurrency.max),
        Some(wait) if wait.is_zero() => format!(
            "all {} calls are open: it would wait for at most {} ms, and then be refused",
            concurrency.max,
            concurrency.queue_timeout().as_millis()
        ),
        Some(wait) => format!(
            "all {} calls are open: it would wait, by estimate for {} ms",
            concurrency.max,
            wait.as_millis()
        ),
    };
    story.pass("max_concurrent", told);
    Ok(())
}

fn quota_state(name: &'static str, state: QuotaState) -> LimitState {
    LimitState {
        name,
        limit: state.limit.into(),
        remaining: state.remaining.into(),
        reset_seconds: Some(state.reset_seconds),
    }
}

impl Story {
    /// Where a caller that is known is refused, who it is.
    fn tell_known_caller(&mut self, rules: &Rules<'_>, head: &Parts, error: &EdgeError) {
        if !matches!(error.code.as_str(), "forbidden" | "insufficient_scope") {
            return;
        }
        let Ok(path) = PluginPath::parse(head.uri.path()) else { return };
        let Ok(Found::Match(matched)) = lookup(rules.generation, head.method.as_str(), path) else {
            return;
        };
        let query = head.uri.query();
        if let Ok(caller) = authenticate(&rules.known(), &matched, &head.headers, query, now_millis)
        {
            self.tell_caller(&matched, &caller);
        }
    }
}

fn refused(error: &EdgeError) -> Outcome {
    Outcome::Refused {
        status: error.status().as_u16(),
        code: error.code.as_str(),
        message: error.public.to_string(),
    }
}

fn route(matched: &Matched, statuses: &[PluginStatus]) -> ExplainedRoute {
    let plugin = &matched.mount.plugin;
    let status = statuses.iter().find(|status| status.id == plugin.id);
    ExplainedRoute {
        plugin_id: plugin.id,
        plugin: plugin.name.clone(),
        path: mounted(&matched.mount, &matched.endpoint),
        method: matched.method.to_owned(),
        relative_path: matched.relative.clone(),
        stream_response: matched.endpoint.stream_response,
        state: status.map_or(PluginState::Stopped, |status| status.state),
        pid: status.and_then(|status| status.pid),
    }
}

fn mounted(mount: &Mount, endpoint: &Endpoint) -> String {
    format!("/plugins/{}{}", mount.slug, endpoint.path)
}

/// Other endpoints that have the path, and why they are not asked.
fn rivals(
    generation: &Generation,
    request: &ImaginedRequest,
    matched: Option<&Matched>,
) -> Vec<Rival> {
    let raw = request.target.split('?').next().unwrap_or_default();
    let Ok(path) = PluginPath::parse(raw) else { return Vec::new() };
    let Some(mount) = generation.mount(path.slug()) else { return Vec::new() };
    let lost = |endpoint: &&Arc<Endpoint>| {
        fits(&endpoint.path, path.relative())
            && matched.is_none_or(|matched| !Arc::ptr_eq(&matched.endpoint, endpoint))
    };
    let rival = |endpoint: &Arc<Endpoint>| Rival {
        path: mounted(mount, endpoint),
        methods: endpoint.methods.iter().map(|method| method.as_str().to_owned()).collect(),
        reason: reason(endpoint.methods, &request.method, matched),
    };
    mount.endpoints.endpoints().iter().filter(lost).map(rival).collect()
}

fn reason(methods: MethodSet, asked: &str, matched: Option<&Matched>) -> String {
    let answers = Method::parse(asked).is_some_and(|method| methods.contains(method));
    match matched {
        Some(matched) if answers => {
            format!("{} {} is more specific", matched.method, matched.endpoint.path)
        }
        _ if answers => "the request is refused before".to_owned(),
        _ => format!("it does not answer {asked}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sidegate_model::app::AppId;
    use sidegate_model::last_use::LastUse;
    use sidegate_model::snapshot::Snapshot;
    use sidegate_model::token::TokenId;

    fn asked(target: &str) -> HashedRequest {
        HashedRequest::new(ImaginedRequest {
            method: "GET".to_owned(),
            target: target.to_owned(),
            headers: Vec::new(),
            client: None,
        })
    }

    #[test]
    fn what_stands_for_a_hidden_token_opens_what_the_token_does_and_nothing_else() {
        let token = Token {
            id: TokenId(7),
            app_id: AppId(1),
            name: String::new(),
            hash: TokenHash::of("hunter2"),
            hint: String::new(),
            scopes: vec![],
            expires_at: None,
            created_at: 0,
            updated_at: 0,
            replaced_by: None,
            last_used: LastUse::default(),
        };
        let snapshot = Snapshot { tokens: [token].into_iter().collect(), ..Snapshot::default() };
        let generation = Generation::new(&snapshot, vec![]);
        let opens = |asked: &HashedRequest| {
            let head = head(&asked.request).unwrap();
            let presented = presented(&head.headers, head.uri.query()).unwrap().text.into_owned();
            let moment = with_hidden_token(&generation, &head, asked.token.unwrap());
            assert!(!presented.contains("hunter"), "{presented}");
            moment?.tokens.get(&TokenHash::of(&presented)).map(|token| token.id)
        };
        assert_eq!(opens(&asked("/x?token=hunter2")), Some(TokenId(7)));
        assert_eq!(opens(&asked("/x?token=hunter3")), None);
        assert!(generation.tokens.get(&TokenHash::of("*******")).is_none());
    }
}
