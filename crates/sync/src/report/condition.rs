//! What an edge says of itself beside its plugins: whether it serves, by what, and for how long that is good.

use crate::limits::told;
use crate::manifest::Position;
use crate::message;
use sidegate_model::UnixMillis;
use sidegate_model::namespace::Namespace;
use std::collections::BTreeMap;
use std::time::Duration;

/// Most reasons that are told.
const MAX_REASONS: usize = 20;
/// Most namespaces: an edge sees two.
const MAX_NAMESPACES: usize = 16;
const FRESH: &str = "fresh";
const STALE: &str = "stale";
const NOT_READY: &str = "not_ready";

/// How an edge is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EdgeCondition {
    /// Its version.
    pub version: String,
    /// Another one for each start of its process.
    pub boot_id: Vec<u8>,
    /// When its process started.
    pub started_at: Option<UnixMillis>,
    /// For how long it has not heard from its control plane; `None` where it hears from it now.
    pub stale_for: Option<Duration>,
    /// When its certificate ends.
    pub certificate_expires_at: Option<UnixMillis>,
    /// Whether it serves.
    pub readiness: Readiness,
    /// By which revisions.
    pub positions: BTreeMap<Namespace, Position>,
}

/// Whether an edge serves, and by what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Readiness {
    /// By what is published.
    Fresh,
    /// By what was published, for these reasons.
    Stale(Vec<String>),
    /// Not at all or not everything, for these reasons.
    NotReady(Vec<String>),
}

impl Readiness {
    /// A word that stays.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Fresh => FRESH,
            Self::Stale(_) => STALE,
            Self::NotReady(_) => NOT_READY,
        }
    }

    /// Why it is not fresh.
    pub fn reasons(&self) -> &[String] {
        match self {
            Self::Fresh => &[],
            Self::Stale(reasons) | Self::NotReady(reasons) => reasons,
        }
    }

    /// What is not known is not ready.
    fn read(word: &str, reasons: &[String]) -> Self {
        let reasons = reasons.iter().take(MAX_REASONS).map(|reason| told(reason)).collect();
        match word {
            FRESH => Self::Fresh,
            STALE => Self::Stale(reasons),
            _ => Self::NotReady(reasons),
        }
    }
}

impl EdgeCondition {
    pub(super) fn write(&self, message: &mut message::NodeReport) {
        let Self {
            version,
            boot_id,
            started_at,
            stale_for,
            certificate_expires_at,
            readiness,
            positions,
        } = self;
        let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
        let reasons = readiness.reasons().iter().take(MAX_REASONS);
        let position = |(namespace, at): (&Namespace, &Position)| message::NamespacePosition {
            namespace: namespace.as_str().to_owned(),
            lineage: at.lineage,
            revision: at.revision,
        };
        message.edge_version = told(version);
        message.boot_id = boot_id.clone();
        message.started_at = *started_at;
        message.stale_for_ms = stale_for.map(millis);
        message.certificate_expires_at = *certificate_expires_at;
        message.readiness = readiness.as_str().to_owned();
        message.readiness_reasons = reasons.map(|reason| told(reason)).collect();
        message.positions = positions.iter().take(MAX_NAMESPACES).map(position).collect();
    }

    pub(super) fn read(message: &message::NodeReport) -> Self {
        let position = |at: &message::NamespacePosition| {
            let position = Position { lineage: at.lineage, revision: at.revision };
            Some((Namespace::parse(&at.namespace).ok()?, position))
        };
        Self {
            version: told(&message.edge_version),
            boot_id: message.boot_id.iter().copied().take(16).collect(),
            started_at: message.started_at,
            stale_for: message.stale_for_ms.map(Duration::from_millis),
            certificate_expires_at: message.certificate_expires_at,
            readiness: Readiness::read(&message.readiness, &message.readiness_reasons),
            positions: message.positions.iter().take(MAX_NAMESPACES).filter_map(position).collect(),
        }
    }
}
