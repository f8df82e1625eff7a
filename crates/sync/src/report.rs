//! How an edge and its plugins are doing, as messages: both ways, within bounds.

mod bounds;
mod condition;

pub use bounds::ReportError;
pub use condition::{EdgeCondition, Readiness};

use crate::limits::beginning;
use crate::message;
use prost::Message as _;
use sidegate_model::config_schema::ConfigSchema;
use sidegate_model::endpoint::{Endpoint, Method, MethodSet, Raised};
use sidegate_model::node::{ClientAddress, NodeId, NodeReport};
use sidegate_model::plugin::{PluginId, Slug};
use sidegate_model::policy::CallerDemand;
use sidegate_model::public_endpoints::PublicMode;
use sidegate_model::status::{PluginState, PluginStatus};
use std::sync::Arc;
use std::time::Duration;

/// Most plugins of one report, and most of anything that one plugin has of its own.
const MAX_PLUGINS: usize = 10_000;
const MAX_ITEMS: usize = 10_000;
/// Longest text, in bytes, and longest of those that only people read.
const MAX_TEXT_BYTES: usize = 16 * 1024;
const MAX_REMARK_BYTES: usize = 4 * 1024;
/// Most warnings of one plugin.
const MAX_WARNINGS: usize = 100;

/// What an edge says of itself and of its plugins.
#[derive(Debug, Clone)]
pub struct EdgeReport {
    /// What every node says.
    pub node: NodeReport,
    /// What only edges have to say.
    pub edge: EdgeCondition,
}

/// As a message.
pub fn to_message(report: &EdgeReport) -> message::NodeReport {
    let EdgeReport { node, edge } = report;
    let plugins = node.plugins.iter().take(MAX_PLUGINS).map(status_message);
    let mut message = message::NodeReport {
        node_id: text(node.id.as_str()),
        revision: node.revision,
        approves_public: node.public_mode == PublicMode::Approve,
        client_url: node.clients.as_ref().map(ToString::to_string),
        plugins: plugins.collect(),
        ..message::NodeReport::default()
    };
    edge.write(&mut message);
    shorten(&mut message);
    message
}

/// From a message. What is no report of a plugin is left out, and what is too long is cut.
pub fn from_message(message: message::NodeReport) -> EdgeReport {
    let edge = EdgeCondition::read(&message);
    EdgeReport { node: node(message), edge }
}

/// What an edge says of itself, written anew: no more of it is kept than is understood.
///
/// # Errors
/// [`ReportError`], before anything of it is made.
pub fn bounded(bytes: &[u8]) -> Result<message::NodeReport, ReportError> {
    bounds::check(bytes)?;
    let message = message::NodeReport::decode(bytes).map_err(|_| ReportError::Malformed)?;
    Ok(to_message(&from_message(message)))
}

fn node(message: message::NodeReport) -> NodeReport {
    let plugins = message.plugins.into_iter().take(MAX_PLUGINS);
    NodeReport {
        id: NodeId::new(message.node_id),
        revision: message.revision,
        clients: message.client_url.as_deref().and_then(ClientAddress::parse),
        public_mode: match message.approves_public {
            true => PublicMode::Approve,
            false => PublicMode::Allow,
        },
        plugins: plugins.filter_map(read_status).collect(),
    }
}

/// What is too long loses the schemas of configurations first, then endpoints: what plugins are doing is told of as many
/// as fit.
fn shorten(report: &mut message::NodeReport) {
    let is_short = |report: &message::NodeReport| bounds::check(&report.encode_to_vec()).is_ok();
    if is_short(report) {
        return;
    }
    report.plugins.iter_mut().for_each(|plugin| plugin.config_schema = None);
    if is_short(report) {
        return;
    }
    for plugin in &mut report.plugins {
        plugin.endpoints.clear();
        plugin.raised.clear();
        plugin.warnings.clear();
    }
    while !is_short(report) && !report.plugins.is_empty() {
        report.plugins.truncate(report.plugins.len() / 2);
    }
}

fn text(text: &str) -> String {
    beginning(text, MAX_TEXT_BYTES).to_owned()
}

fn remark(text: &str) -> String {
    beginning(text, MAX_REMARK_BYTES).to_owned()
}

fn texts(all: &[String]) -> Vec<String> {
    all.iter().take(MAX_ITEMS).map(|each| text(each)).collect()
}

fn status_message(status: &PluginStatus) -> message::PluginStatus {
    let PluginStatus {
        id,
        name,
        slug,
        state,
        reason,
        warnings,
        reload_failure,
        pid,
        restarts,
        next_start_at,
        ready_since,
        is_outdated,
        hooks,
        requested_scopes,
        config_schema,
        endpoints,
        raised,
        demand,
        required,
        start_duration,
        in_flight,
    } = status;
    let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    message::PluginStatus {
        id: id.0,
        name: text(name),
        slug: slug.as_ref().map(ToString::to_string),
        state: state.as_str().to_owned(),
        reason: reason.as_deref().map(remark),
        warnings: warnings.iter().take(MAX_WARNINGS).map(|each| remark(each)).collect(),
        reload_failure: reload_failure.as_deref().map(remark),
        pid: *pid,
        restarts: *restarts,
        next_start_at: *next_start_at,
        ready_since: *ready_since,
        is_outdated: *is_outdated,
        hooks: texts(hooks),
        requested_scopes: texts(requested_scopes),
        config_schema: config_schema.as_ref().map(|schema| schema.as_json().to_string()),
        endpoints: endpoints.iter().take(MAX_ITEMS).map(|each| endpoint_message(each)).collect(),
        raised: raised
            .iter()
            .take(MAX_ITEMS)
            .filter_map(|raised| raised_message(raised, endpoints))
            .collect(),
        demands_token: demand.token,
        demanded_scopes: texts(&demand.scopes),
        required: *required,
        start_duration_ms: start_duration.map(millis),
        in_flight: u64::try_from(*in_flight).unwrap_or(u64::MAX),
    }
}

fn read_status(status: message::PluginStatus) -> Option<PluginStatus> {
    let endpoints: Vec<_> = status.endpoints.into_iter().map(read_endpoint).map(Arc::new).collect();
    let schema = status.config_schema.and_then(|json| ConfigSchema::parse(&json).ok().flatten());
    Some(PluginStatus {
        id: PluginId(status.id),
        name: status.name,
        slug: status.slug.and_then(|slug| Slug::parse(&slug).ok()),
        state: PluginState::ALL.into_iter().find(|state| state.as_str() == status.state)?,
        reason: status.reason,
        warnings: status.warnings,
        reload_failure: status.reload_failure,
        pid: status.pid,
        restarts: status.restarts,
        next_start_at: status.next_start_at,
        ready_since: status.ready_since,
        is_outdated: status.is_outdated,
        hooks: status.hooks,
        requested_scopes: status.requested_scopes,
        config_schema: schema.map(Arc::new),
        raised: status.raised.into_iter().filter_map(|r| read_raised(r, &endpoints)).collect(),
        endpoints,
        demand: CallerDemand { token: status.demands_token, scopes: status.demanded_scopes },
        required: status.required,
        start_duration: status.start_duration_ms.map(Duration::from_millis),
        in_flight: usize::try_from(status.in_flight).unwrap_or(usize::MAX),
    })
}

fn endpoint_message(endpoint: &Endpoint) -> message::EndpointStatus {
    let field = |(name, value): (&String, &String)| message::MetadataField {
        name: text(name),
        value: text(value),
    };
    message::EndpointStatus {
        path: text(&endpoint.path),
        methods: method_names(endpoint.methods),
        description: text(&endpoint.description),
        require_auth: endpoint.require_auth,
        scopes_required: texts(&endpoint.scopes_required),
        stream_response: endpoint.stream_response,
        metadata: endpoint.metadata.iter().take(MAX_ITEMS).map(field).collect(),
    }
}

fn read_endpoint(endpoint: message::EndpointStatus) -> Endpoint {
    Endpoint {
        path: endpoint.path,
        methods: methods(&endpoint.methods),
        description: endpoint.description,
        require_auth: endpoint.require_auth,
        scopes_required: endpoint.scopes_required,
        stream_response: endpoint.stream_response,
        metadata: endpoint.metadata.into_iter().map(|field| (field.name, field.value)).collect(),
    }
}

fn raised_message(raised: &Raised, endpoints: &[Arc<Endpoint>]) -> Option<message::RaisedEndpoint> {
    let at = endpoints.iter().position(|endpoint| Arc::ptr_eq(endpoint, &raised.endpoint));
    let at = at.or_else(|| endpoints.iter().position(|endpoint| *endpoint == raised.endpoint))?;
    Some(message::RaisedEndpoint {
        endpoint: u32::try_from(at).ok()?,
        path: text(&raised.path),
        methods: method_names(raised.methods),
        scopes: texts(&raised.scopes),
    })
}

fn read_raised(raised: message::RaisedEndpoint, endpoints: &[Arc<Endpoint>]) -> Option<Raised> {
    let at = usize::try_from(raised.endpoint).ok()?;
    Some(Raised {
        endpoint: endpoints.get(at)?.clone(),
        path: raised.path,
        methods: methods(&raised.methods),
        scopes: raised.scopes,
    })
}

fn method_names(methods: MethodSet) -> Vec<String> {
    methods.iter().map(|method| method.as_str().to_owned()).collect()
}

fn methods(names: &[String]) -> MethodSet {
    names.iter().filter_map(|name| Method::parse(name)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::MAX_REPORT_BYTES;
    use crate::manifest::Position;
    use sidegate_model::namespace::Namespace;

    fn report() -> EdgeReport {
        let endpoint = Arc::new(Endpoint {
            path: "/files/*".to_owned(),
            methods: [Method::Get, Method::Post].into_iter().collect(),
            description: "files".to_owned(),
            require_auth: true,
            scopes_required: vec!["files.read".to_owned()],
            stream_response: true,
            metadata: [("k".to_owned(), "v".to_owned())].into(),
        });
        let schema = ConfigSchema::parse(r#"{"required":["port"]}"#).unwrap().unwrap();
        let status = PluginStatus {
            id: PluginId(7),
            name: "files".to_owned(),
            slug: Some(Slug::parse("files").unwrap()),
            state: PluginState::Backoff,
            reason: Some("it ended".to_owned()),
            warnings: vec!["w".to_owned()],
            reload_failure: Some("r".to_owned()),
            pid: Some(42),
            restarts: 3,
            next_start_at: Some(1_700_000_000_000),
            ready_since: None,
            is_outdated: true,
            hooks: vec!["custom_endpoint".to_owned()],
            requested_scopes: vec!["apps.read".to_owned()],
            config_schema: Some(Arc::new(schema)),
            endpoints: vec![endpoint.clone()],
            raised: vec![Raised {
                endpoint,
                path: "/files/secret".to_owned(),
                methods: [Method::Post].into_iter().collect(),
                scopes: vec!["files.write".to_owned()],
            }],
            demand: CallerDemand { token: true, scopes: vec!["a".to_owned()] },
            required: true,
            start_duration: Some(Duration::from_millis(1234)),
            in_flight: 5,
        };
        let (id, plugins) = (NodeId::new("edge-1"), vec![status]);
        let clients = ClientAddress::parse("https://[::]:8443");
        let public_mode = PublicMode::Approve;
        let node = NodeReport { id, revision: 9, clients, public_mode, plugins };
        let position = |name: &str, lineage, revision| {
            (Namespace::parse(name).unwrap(), Position { lineage, revision })
        };
        let edge = EdgeCondition {
            version: "1.2.3".to_owned(),
            boot_id: vec![7; 16],
            started_at: Some(1_700_000_000_000),
            stale_for: Some(Duration::from_millis(5678)),
            certificate_expires_at: Some(1_700_000_086_400_000),
            readiness: Readiness::Stale(vec!["nothing heard for 5 s".to_owned()]),
            positions: [position("", 1, 7), position("berlin", 1, 9)].into(),
        };
        EdgeReport { node, edge }
    }

    #[test]
    fn a_report_arrives_as_it_was_sent() {
        let report = report();
        let arrived = from_message(to_message(&report));
        assert_eq!(format!("{arrived:?}"), format!("{report:?}"));
        let of_a_later_version = message::PluginStatus { state: "asleep".into(), ..<_>::default() };
        let plugins = vec![of_a_later_version];
        let read = from_message(message::NodeReport { plugins, ..<_>::default() });
        assert!(read.node.plugins.is_empty());
        let elsewhere = Some("http://example.com:80/$(x)".to_owned());
        let read_url = message::NodeReport { client_url: elsewhere, ..<_>::default() };
        assert_eq!(from_message(read_url).node.clients, None);
        // Of one that says nothing it is not known that it is ready.
        assert_eq!(read.edge.readiness, Readiness::NotReady(Vec::new()));
    }

    #[test]
    fn a_report_that_is_too_long_still_says_what_plugins_are_doing() {
        let mut long = report();
        let mut status = long.node.plugins.remove(0);
        let schema = format!(r#"{{"description":"{}"}}"#, "x".repeat(200_000));
        status.config_schema = ConfigSchema::parse(&schema).unwrap().map(Arc::new);
        long.node.plugins = vec![status; 50];
        long.edge.readiness = Readiness::NotReady(vec!["x".repeat(10_000); 10_000]);
        let message = to_message(&long);
        assert!(prost::Message::encoded_len(&message) <= MAX_REPORT_BYTES);
        let arrived = from_message(message);
        assert_eq!((arrived.node.plugins.len(), arrived.node.plugins[49].endpoints.len()), (50, 1));
        let Readiness::NotReady(reasons) = arrived.edge.readiness else {
            panic!("it is not ready")
        };
        assert!(reasons.len() < 100 && reasons[0].len() < 1000);
    }

    #[test]
    fn what_a_report_is_kept_as_is_bounded_and_never_the_bytes_that_came() {
        let mut message = to_message(&report());
        let status = &mut message.plugins[0];
        status.reason = Some("x".repeat(MAX_REMARK_BYTES + 1));
        status.warnings = vec!["w".repeat(MAX_REMARK_BYTES + 1); MAX_WARNINGS + 1];
        status.name = "\u{e9}".repeat(MAX_TEXT_BYTES);
        let mut bytes = message.encode_to_vec();
        // Of a later version, or of nobody.
        bytes.extend([0xfa, 0x3f, 3, 1, 2, 3]);
        let kept = bounded(&bytes).unwrap();
        let status = &kept.plugins[0];
        assert_eq!(status.reason.as_ref().unwrap().len(), MAX_REMARK_BYTES);
        assert_eq!((status.warnings.len(), status.name.len()), (MAX_WARNINGS, MAX_TEXT_BYTES));
        assert!(status.warnings.iter().all(|warning| warning.len() == MAX_REMARK_BYTES));
        assert!(kept.encoded_len() < bytes.len() - 6);
        assert_eq!(status.endpoints.len(), 1);
    }

    #[test]
    fn a_report_is_weighed_before_anything_of_it_is_made() {
        // Two bytes each, and some hundreds when they are read.
        let plugins = [4_u8 << 3 | 2, 0].repeat(100_000);
        assert_eq!(bounded(&plugins), Err(ReportError::TooHeavy));
        let warnings = [6_u8 << 3 | 2, 0].repeat(1_000_000);
        let mut plugin = vec![4_u8 << 3 | 2];
        prost::encoding::encode_varint(warnings.len() as u64, &mut plugin);
        plugin.extend(&warnings);
        assert_eq!(bounded(&plugin), Err(ReportError::TooHeavy));
        let long = vec![0; MAX_REPORT_BYTES + 1];
        assert_eq!(bounded(&long), Err(ReportError::TooLong(long.len())));
        for no_report in [&[4 << 3 | 2, 5, 0][..], &[0xff; 20], &[7 << 3 | 3], &[8]] {
            assert_eq!(bounded(no_report), Err(ReportError::Malformed), "{no_report:?}");
        }
        assert_eq!(bounded(&to_message(&report()).encode_to_vec()), Ok(to_message(&report())));
    }

    #[test]
    fn whatever_an_edge_has_to_say_is_short_enough_for_its_control_plane() {
        let mut much = report();
        let status = much.node.plugins.remove(0);
        let mut long = status.clone();
        long.endpoints = vec![status.endpoints[0].clone(); 100_000];
        long.warnings = vec!["x".repeat(100_000); 1000];
        much.node.plugins = vec![long; 3];
        much.node.plugins.extend(vec![status; 2 * MAX_PLUGINS]);
        let kept = bounded(&to_message(&much).encode_to_vec()).unwrap();
        assert!(kept.plugins.len() > 1000, "{}", kept.plugins.len());
    }
}
