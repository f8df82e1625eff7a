//! The edges of a control plane: what is published for them, who of them may come, what they are to trust, and what
//! they say of themselves. As a whole they are the [`Fleet`](crate::Fleet) that is looked after.
//!
//! Reading order: `partition` (desired state by namespaces), `manifests` (signed and stored), `heads` (what is
//! published now), `publishing` (when), `signers`, `authorities`, `trust` (by which keys), `table` (which edges there
//! are), `status` (what one said), `sharing` (with other processes), `token_uses` (when tokens were last used there), `coverage` (how far a change has come), `enrolling` (who may come),
//! `asking` (commands to one), `elsewhere` (to one that is connected to another process), `changing` (what is done to them), `nodes` (as a fleet), `metrics`, `retention` (what is forgotten), `bootstrap` (all of it as a file).
//!
//! Knows no socket: who accepts connections is told elsewhere.

mod asking;
mod authorities;
mod bootstrap;
mod changing;
mod coverage;
mod elsewhere;
mod enrolling;
mod heads;
mod manifests;
mod metrics;
mod nodes;
mod observing;
mod partition;
mod publishing;
mod retention;
mod sharing;
mod signers;
mod status;
mod table;
#[cfg(test)]
mod tests;
mod token_uses;
mod trust;

pub(crate) use bootstrap::BootstrapError;

use crate::control::Control;
use crate::tasks::Tasks;
use authorities::{Announced, Authorities};
use bytes::Bytes;
use enrolling::Enrolling;
use heads::Heads;
use manifests::Manifests;
use publishing::{Counts, Looked, Publishing};
use sidegate_enrolment::{AuthoritySet, ControlUrl, EdgeRegistry, Enroller};
use sidegate_model::actor::AuditContext;
use sidegate_model::namespace::Namespace;
use sidegate_model::snapshot::Revision;
use sidegate_store::{Store, StoreError};
use sidegate_sync::server::{
    AdmittedEdge, Attachment, EdgeCommands, PeerIdentity, Published, Said,
};
use sidegate_sync::{Digest, PinnedSigners, Position, SignerKey, TrustBytes, VerifiedManifest};
use signers::{PublishError, Signers};
pub(crate) use status::{EdgeStatus, Told};
use std::sync::Arc;
use std::time::Instant;
use table::EdgeTable;
pub(crate) use table::SeenEdge;
use token_uses::EdgeUses;
use tokio::sync::watch;
use trust::TrustLines;

/// How a control plane is to be to its edges.
#[derive(Debug, Clone)]
pub struct EdgesSettings {
    /// The name of this process among those of the control plane: another one for each start.
    pub replica: String,
    /// Where edges find the control plane.
    pub control_urls: Vec<ControlUrl>,
    /// How long join tokens can be redeemed of which nothing else is said.
    pub join_token_expiry: std::time::Duration,
}

/// The edges of a control plane. Copies are the same.
#[derive(Clone)]
pub struct Edges(Arc<Inner>);

struct Inner {
    control: Control,
    store: Store,
    settings: EdgesSettings,
    signers: Arc<Signers>,
    authorities: Authorities,
    trust: TrustLines,
    heads: Heads,
    table: EdgeTable,
    uses: EdgeUses,
    counts: Counts,
    published: watch::Sender<Revision>,
    /// Whether the first look at everything is over.
    begun: watch::Sender<bool>,
    looked: Looked,
    /// Manifests that edges have and the database may not.
    ahead: watch::Sender<Option<VerifiedManifest>>,
    timings: metrics::Timings,
    started: Instant,
}

impl Edges {
    /// Begins to publish for edges, and to follow what they and other processes do; what is done beside ends with the
    /// tasks that are given back.
    ///
    /// # Errors
    /// When the store cannot be used, or a key in it.
    pub async fn start(
        control: Control,
        settings: EdgesSettings,
    ) -> Result<(Self, Tasks), EdgesError> {
        let store = control.store().clone();
        let signers = Arc::new(Signers::of(&store).await.map_err(EdgesError)?);
        let authorities = Authorities::of(store.clone()).await.map_err(EdgesError)?;
        let urls = settings.control_urls.clone();
        let trust = TrustLines::new(store.clone(), signers.clone(), authorities.clone(), urls);
        let table = EdgeTable::new(&settings.replica);
        let edges = Self(Arc::new(Inner {
            control: control.clone(),
            store: store.clone(),
            settings,
            signers: signers.clone(),
            authorities,
            trust,
            heads: Heads::default(),
            table,
            uses: EdgeUses::default(),
            counts: Counts::default(),
            published: watch::Sender::default(),
            begun: watch::Sender::default(),
            looked: <_>::default(),
            ahead: watch::Sender::default(),
            timings: <_>::default(),
            started: Instant::now(),
        }));
        // Who comes in at once is known.
        edges.0.table.set_known(store.all_edges().await.map_err(|e| EdgesError(e.into()))?);
        control.publisher().follow_restores();
        Ok((edges.clone(), edges.tasks()))
    }

    fn tasks(&self) -> Tasks {
        let inner = &self.0;
        let manifests =
            Manifests::new(inner.store.clone(), inner.signers.clone(), inner.heads.clone());
        let publishing = Publishing {
            store: inner.store.clone(),
            publisher: inner.control.publisher().clone(),
            table: inner.table.clone(),
            trust: inner.trust.clone(),
            manifests,
            counts: inner.counts.clone(),
            published: inner.published.clone(),
            begun: inner.begun.clone(),
            done: watch::Sender::default(),
        };
        let mut tasks = Tasks::new(inner.control.ended().clone());
        let (looks, done) = (inner.control.publisher().looks(), publishing.done.subscribe());
        let looked = publishing::keep_looked(looks, done, inner.looked.clone());
        tasks.spawn("tells edges that they have the newest", looked);
        tasks.spawn("publishes for edges", publishing.keep_published());
        let (store, table) = (&inner.store, &inner.table);
        let shared = sharing::keep_shared(store.clone(), table.clone());
        tasks.spawn("shares what edges say", shared);
        let written = inner.uses.clone().keep_written(store.clone(), table.clone());
        tasks.spawn("writes when tokens were last used at edges", written);
        let stored = inner.control.publisher().stored();
        let heard = sharing::keep_heard(store.clone(), table.clone(), stored);
        tasks.spawn("reads what edges say elsewhere", heard);
        let rotated = inner.authorities.clone().keep_rotated();
        tasks.spawn("replaces the authority of certificates", rotated);
        tasks.spawn("removes what was published before", retention::keep_swept(store.clone()));
        tasks.spawn("looks into edges that are ahead", self.clone().keep_ahead());
        tasks.spawn("times how soon edges follow", self.clone().keep_timed());
        // With a database of one process there is nobody else.
        if inner.store.is_shared() {
            tasks.spawn("answers for other processes", elsewhere::keep_answering(self.clone()));
        }
        tasks
    }

    /// The authorities of edges' certificates, from now on.
    pub fn authorities(&self) -> watch::Receiver<Arc<AuthoritySet>> {
        self.0.authorities.follow()
    }

    /// Who decides on edges that want to join or to go on.
    pub fn enroller(&self) -> Arc<impl Enroller> {
        let (store, table) = (self.0.store.clone(), self.0.table.clone());
        Arc::new(Enrolling { store, table, trust: self.0.trust.clone() })
    }

    /// Who knows which edges there are.
    pub fn registry(&self) -> Arc<dyn EdgeRegistry> {
        Arc::new(self.0.table.clone())
    }

    /// The first look at everything is over: edges find what there is to be served by.
    pub async fn ready(&self) {
        let mut begun = self.0.begun.subscribe();
        let _ = begun.wait_for(|begun| *begun).await;
    }

    /// Tells others that this process ends.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: they find out by themselves.
    pub async fn leave(&self) -> Result<(), StoreError> {
        sharing::share_all(&self.0.store, &self.0.table).await?;
        self.0.store.forget_replica(self.0.table.replica()).await
    }

    pub(crate) fn settings(&self) -> &EdgesSettings {
        &self.0.settings
    }

    pub(crate) fn control(&self) -> &Control {
        &self.0.control
    }

    /// One look at an edge.
    pub(crate) fn seen(&self, name: &str) -> Option<SeenEdge> {
        self.0.table.edge(name)
    }

    /// One look at each edge.
    pub(crate) fn all_seen(&self) -> Vec<SeenEdge> {
        self.0.table.edges()
    }

    /// Where what is published for a namespace stands.
    pub(crate) fn head_position(&self, namespace: &Namespace) -> Option<Position> {
        self.0.heads.newest(namespace).map(|head| head.position())
    }

    /// The public key by which what is published is known.
    pub(crate) fn signer(&self) -> SignerKey {
        self.0.signers.key()
    }

    /// What was changed about edges counts here from now on.
    pub(crate) async fn changed(&self) -> Result<(), StoreError> {
        self.0.table.set_known(self.0.store.all_edges().await?);
        self.0.control.publisher().hint();
        Ok(())
    }

    /// Makes another authority that takes the place of the one that issues, after a while.
    pub(crate) async fn rotate_authority(
        &self,
        context: AuditContext,
    ) -> Result<Announced, EdgesError> {
        let store = self.0.store.by(context);
        self.0.authorities.announce(&store).await.map_err(EdgesError)
    }

    /// The SHA-256 of the key of the authority that issues.
    pub(crate) fn authority_key(&self) -> sidegate_enrolment::KeyDigest {
        self.0.authorities.current().issuing().certificate().key()
    }

    /// An edge that is ahead of the database shows that this was restored; one that is ahead of this process does not.
    async fn keep_ahead(self) {
        let mut ahead = self.0.ahead.subscribe();
        while ahead.changed().await.is_ok() {
            let Some(shown) = ahead.borrow_and_update().clone() else { continue };
            if let Err(error) = self.follow_ahead(&shown).await {
                // The edge says it again.
                tracing::warn!(%error, "an edge is ahead of what is published, which cannot be looked into now");
            }
        }
    }

    async fn follow_ahead(&self, shown: &VerifiedManifest) -> Result<(), StoreError> {
        let newest = self.0.store.newest_manifest(shown.namespace()).await?;
        let digest = |stored: &sidegate_store::PublishedManifest| Digest::of(&stored.manifest);
        let is_behind = newest.is_none_or(|newest| {
            let (stored, seen) = ((newest.lineage, newest.revision), shown.position());
            let seen_at = (seen.lineage, seen.revision);
            stored < seen_at || (stored == seen_at && digest(&newest) != shown.digest())
        });
        if !is_behind {
            return Ok(());
        }
        let position = shown.position();
        let why = format!("an edge has {position} of namespace {}", shown.namespace());
        let lineage = self.0.store.raise_lineage(position.lineage + 1, &why).await?;
        tracing::warn!(lineage, %position, namespace = %shown.namespace(), "an edge has what the database has not, which was restored: the lineage is raised, so that edges follow it");
        self.0.control.publisher().hint();
        Ok(())
    }
}

/// Why edges cannot be published for.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct EdgesError(PublishError);

impl EdgesError {
    /// What the store says, or what else is wrong, in words for an operator.
    pub(crate) fn into_store(self) -> Result<StoreError, String> {
        match self.0 {
            PublishError::Store(error) => Ok(error),
            other => Err(other.to_string()),
        }
    }
}

impl Published for Edges {
    fn head(&self, namespace: &Namespace) -> watch::Receiver<Option<VerifiedManifest>> {
        self.0.heads.follow(namespace)
    }

    fn trust(&self, namespace: &Namespace) -> watch::Receiver<Option<TrustBytes>> {
        self.0.trust.follow(namespace)
    }

    fn signers(&self) -> Option<PinnedSigners> {
        Some(self.0.signers.pinned().clone())
    }

    async fn blob(&self, namespace: &Namespace, digest: &Digest) -> Result<Option<Bytes>, String> {
        if let Some(blob) = self.0.heads.blob(namespace, digest) {
            return Ok(Some(blob));
        }
        let stored = self.0.store.published_blob(digest.as_bytes()).await;
        stored.map(|blob| blob.map(Bytes::from)).map_err(|error| error.to_string())
    }

    fn looked(&self, namespace: &Namespace) -> watch::Receiver<Option<tokio::time::Instant>> {
        self.0.looked.follow(namespace)
    }

    fn said(&self, peer: &PeerIdentity, said: Said) {
        match said {
            Said::Ahead(shown) => {
                self.0.ahead.send_replace(Some(shown));
            }
            Said::Uses(uses) => self.0.uses.said(peer, uses),
            said => self.0.table.said(&peer.edge, said),
        }
    }

    fn attached(&self, edge: &AdmittedEdge, commands: EdgeCommands) -> Attachment {
        let (number, leave) = self.0.table.attach(edge, commands);
        let peer = &edge.peer;
        let kept = self.0.table.follow_kept(&peer.edge, number);
        tracing::info!(edge = peer.edge, namespace = %peer.namespace, "an edge is connected");
        let guard =
            Box::new(Stream { table: self.0.table.clone(), edge: peer.edge.clone(), number });
        Attachment { leave, kept, guard }
    }
}

/// Lives as long as a stream.
struct Stream {
    table: EdgeTable,
    edge: String,
    number: u64,
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.table.detach(&self.edge, self.number);
        tracing::info!(edge = self.edge, "an edge is no longer connected");
    }
}
