//! What an edge says that is for others, within bounds: an edge is trusted to be itself, and not to be modest.

use crate::digest::Digest;
use crate::edge_content::Rejected;
use crate::features::Features;
use crate::limits::{MAX_FEATURES, MAX_REJECTED, MAX_TOKEN_USES, told};
use crate::manifest::Position;
use crate::message;
use crate::object::ObjectName;
use crate::signature::VerifiedManifest;
use sidegate_model::UnixMillis;
use sidegate_model::namespace::Namespace;
use sidegate_model::token::TokenId;
use std::collections::BTreeMap;

/// What an edge says.
#[derive(Debug, Clone, PartialEq)]
pub enum Said {
    /// What it is.
    Hello(EdgeHello),
    /// What it serves by.
    Applied(AppliedState),
    /// How it is doing, see [`crate::report::bounded`].
    Report(message::NodeReport),
    /// When tokens were last used there. It says so again until it hears that it is kept, see [`super::Attachment::kept`].
    Uses(SaidUses),
    /// It serves by this manifest, which is ahead of the newest one that this stream was told of, and is signed by us: a
    /// database was restored, or this replica is behind it. Whoever publishes looks at the database, and where that is
    /// behind, raises the lineage above this one.
    Ahead(VerifiedManifest),
}

/// What an edge is. Who it is says its connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EdgeHello {
    /// Its version, for people.
    pub version: String,
    /// What it understands.
    pub features: Features,
    /// Another one for each start of its process.
    pub boot_id: Vec<u8>,
    /// The trust bundle that it keeps.
    pub trust: Option<Digest>,
    /// One that it does not keep, and why.
    pub refused_trust: Option<(Digest, String)>,
    /// Grows with each stream that it opens, by its own count; 0 where it does not say so.
    pub connection: u64,
}

/// When tokens were last used at an edge, by its own word: whether they are any of its business is not known here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SaidUses {
    /// By this it is told that they are kept.
    pub number: u64,
    /// At most [`MAX_TOKEN_USES`].
    pub uses: Vec<(TokenId, UnixMillis)>,
}

/// What an edge serves by in one namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppliedState {
    /// Which namespace.
    pub namespace: Namespace,
    /// The manifest, which is on its disk; `None` while it has none.
    pub manifest: Option<(Position, Digest)>,
    /// The objects of that manifest that it does not serve by; at most [`MAX_REJECTED`] are named.
    pub rejected: BTreeMap<ObjectName, Rejected>,
    /// A manifest that it was told of and does not serve by, and why.
    pub refused: Option<(Digest, String)>,
}

impl EdgeHello {
    pub(super) fn read(hello: &message::Hello) -> Self {
        let features = hello.features.iter().take(MAX_FEATURES).map(|name| told(name));
        let features: Vec<_> = features.collect();
        Self {
            version: told(&hello.edge_version),
            features: Features::of(features.iter().map(String::as_str)),
            boot_id: hello.boot_id.iter().copied().take(16).collect(),
            trust: Digest::from_slice(&hello.trust_digest),
            refused_trust: hello.refused_trust.as_ref().and_then(|refused| {
                Some((Digest::from_slice(&refused.digest)?, told(&refused.reason)))
            }),
            connection: hello.connection,
        }
    }
}

impl SaidUses {
    pub(super) fn read(message: &message::TokenUses) -> Self {
        let uses = message.uses.iter().take(MAX_TOKEN_USES);
        let uses = uses.map(|told| (TokenId(told.token_id), told.at)).collect();
        Self { number: message.number, uses }
    }
}

impl AppliedState {
    /// `None` for what is of no namespace.
    pub(super) fn read(applied: &message::Applied) -> Option<Self> {
        let position = Position { lineage: applied.lineage, revision: applied.revision };
        let manifest = Digest::from_slice(&applied.manifest_digest);
        let rejected = applied.rejected.iter().take(MAX_REJECTED).filter_map(|object| {
            let name = ObjectName::parse(&object.kind, &object.key)?;
            let (reason, keeps_last_good) = (told(&object.reason), object.keeps_last_good);
            Some((name, Rejected { reason, keeps_last_good }))
        });
        let refused = applied.refused.as_ref().and_then(|refused| {
            Some((Digest::from_slice(&refused.manifest_digest)?, told(&refused.reason)))
        });
        Some(Self {
            namespace: Namespace::parse(&applied.namespace).ok()?,
            manifest: manifest.map(|digest| (position, digest)),
            rejected: rejected.collect(),
            refused,
        })
    }
}
