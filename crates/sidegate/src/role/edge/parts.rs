//! The start of an edge, in two steps: who it is and what it serves by, and then everything that does something with it.

use super::age::{Age, AgeFile};
use super::commands::OwnCommands;
use super::identity::{self, Joining};
use super::knowledge::{Sources, keep_told};
use super::link::{LinkEnds, LinkParts};
use super::replica::{Believing, Opening, on_disk};
use super::reporting::Reporter;
use super::running::Edge;
use super::served::{Served, ServingHost};
use super::status::{OwnEdge, StatusApi};
use super::token_uses::UseTelling;
use super::{bootstrap, joining, storage, trust};
use crate::certificate::{Renewals, Unread};
use crate::config::resolved::Config;
use crate::error::Failure;
use crate::plane;
use crate::role::life::Begin;
use sidegate_control::{AdminTls, Ended, Tasks};
use sidegate_enrolment::edge::{ControlPlanes, EdgeIdentity};
use sidegate_gateway::{GatewaySettings, Listeners};
use sidegate_model::UnixMillis;
use sidegate_model::clock::now_millis;
use sidegate_model::namespace::Namespace;
use sidegate_model::node::NodeId;
use sidegate_plugins::Keepers;
use sidegate_store::EdgeStore;
use sidegate_sync::edge::{Contact, Inspection, Replica, UseTeller};
use sidegate_sync::{BootTime, DataKeys, message};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// Who an edge is and what it serves by, before anything runs.
pub(super) struct Prepared {
    settings: GatewaySettings,
    folder: PathBuf,
    socket: TcpListener,
    listeners: Listeners,
    store: EdgeStore,
    control: Option<ControlPlanes>,
    identity: Option<EdgeIdentity>,
    joining: Option<Joining>,
    opening: Opening,
    believing: Believing,
    replica: Replica<ServingHost>,
    certificates: Unread,
    warnings: Vec<String>,
}

/// Who it is, and whom it believes.
struct Somebody {
    identity: Option<EdgeIdentity>,
    believing: Believing,
    keys: DataKeys,
    /// What looks wrong with that.
    warnings: Vec<String>,
}

impl Prepared {
    /// Finds out who the edge is, joining where it has to, and opens what it has on its disk. `None` when it was asked
    /// to stop meanwhile.
    ///
    /// # Errors
    /// Why it can be nobody, or its folder cannot be used.
    pub(super) async fn make(
        config: &Config,
        mut settings: GatewaySettings,
        begin: Begin<'_>,
    ) -> Result<Option<Self>, Failure> {
        let Begin { predecessor, sockets, certificates, signals, .. } = begin;
        settings.host.predecessor = predecessor;
        let folder = config.data_dir.join("edge");
        let socket = plane::admin_socket(config, sockets.admin)?;
        let listeners = plane::listeners(&settings, sockets.clients)?;
        let control = identity::control_planes(&config.edge)?;
        let store = EdgeStore::open(&folder.join("kv.db")).await.map_err(|error| {
            Failure::failed(format!("what plugins keep: {error}")).hint("see DATA_DIR")
        })?;
        let mut joining = None;
        let mut identity = identity::load(&folder)?;
        if identity.is_none() {
            joining = identity::joining(&folder, &config.edge, control.as_ref())?;
            if let Some(joining) = joining.as_ref().filter(|_| config.edge.bootstrap.is_none()) {
                let gateway = (&settings, &listeners, &store);
                identity = joining::join(joining, gateway, signals).await?;
                if identity.is_none() {
                    return Ok(None);
                }
            }
        }
        let Somebody { identity, believing, keys, warnings } = somebody(config, identity)?;
        let host = ServingHost::new(Inspection::with_keys(&keys));
        let folder_of_snapshots = folder.join("snapshots");
        let opening = Opening { folder: folder_of_snapshots, host, keys, boot_id: boot_id()? };
        let (opened, bootstrap) = (opening.clone(), config.edge.bootstrap.clone());
        let believed = believing.clone();
        let replica = on_disk(move || opened.begin(&believed, bootstrap.as_ref())).await?;
        if let Some(identity) = &identity {
            name(config, &mut settings, identity);
        }
        Ok(Some(Self {
            settings,
            folder,
            socket,
            listeners,
            store,
            control,
            identity,
            joining,
            opening,
            believing,
            replica,
            certificates,
            warnings,
        }))
    }

    /// Starts everything; nobody is served yet.
    ///
    /// # Errors
    /// Why a part cannot start.
    pub(super) async fn start(self, config: &Config) -> Result<Edge, Failure> {
        let (freshness, public_mode) = (self.settings.freshness.clone(), config.public_endpoints);
        let (name, namespace) =
            (self.settings.edge_id.clone(), self.settings.edge_namespace.clone());
        let admin_identity = plane::admin_identity(config)?;
        let Wires { sources, ends, reports_to, uses_to, broken } =
            Wires::new(&self.opening, &self.believing, config.edge.max_staleness);
        let ages = ages(&self.folder, &self.opening.host.served().borrow());
        freshness.tell(sources.knowledge(ages.0.at(BootTime::now())));
        let snapshots = self.opening.host.snapshots();
        let kept = Keepers::new(self.store.clone(), self.opening.keys.clone());
        let started =
            sidegate_gateway::start(self.settings, self.listeners, kept, snapshots.clone()).await;
        let gateway = started.map_err(|error| plane::start_failure(&error))?;
        let own = OwnEdge {
            name: name.clone(),
            namespace,
            control_url: config.edge.control_url.clone(),
            sources: sources.clone(),
            freshness: freshness.clone(),
            host: gateway.host(),
            probes: gateway.probes(),
            warnings: self.warnings,
        };
        let tls = admin_identity.clone().map(|shown| AdminTls::new(move || shown.for_http1()));
        let status = StatusApi::new(self.socket, tls, Arc::new(own), broken.clone())
            .map_err(|error| plane::admin_unusable(config, &error))?;
        let node = NodeId::new(name.clone());
        let (plugins, probes, serving) =
            (gateway.host(), gateway.probes(), self.opening.host.clone());
        let commands = Arc::new(OwnCommands { node: node.clone(), plugins, probes, serving });
        let renewals = Renewals::new(self.certificates, [gateway.identity(), admin_identity]);
        let mut beside = Tasks::new(broken.clone());
        renewals.watch(&mut beside);
        let reporter = Reporter {
            id: node,
            clients: gateway.client_address(),
            host: gateway.host(),
            probes: gateway.probes(),
            freshness: freshness.clone(),
            served: sources.served.clone(),
            public_mode,
            boot_id: self.opening.boot_id,
            started_at: now_millis(),
        };
        beside.spawn("tells how this edge is doing", reporter.keep_reported(reports_to));
        let (telling, last_uses) = UseTelling::new(snapshots.clone(), uses_to);
        beside.spawn("tells when tokens were last used", telling.keep_told());
        let swept = storage::keep_swept(self.store.clone(), snapshots, freshness.clone());
        beside.spawn("removes what plugins need no more", swept);
        beside.spawn("tells how old what is known is", keep_told(sources, freshness, ages));
        let Self { identity, joining, control, opening, .. } = self;
        Ok(Edge {
            store: self.store,
            status_addr: status.addr().unwrap_or(config.admin_addr),
            gateway,
            status,
            renewals,
            parts: LinkParts { identity, joining, control, opening, commands, ends },
            opened: Some(self.replica),
            link: None,
            last_uses,
            broken,
            name,
            _beside: beside,
        })
    }
}

/// What connects the parts.
struct Wires {
    sources: Sources,
    ends: LinkEnds,
    reports_to: watch::Sender<Option<message::NodeReport>>,
    uses_to: UseTeller,
    broken: Ended,
}

impl Wires {
    fn new(opening: &Opening, believing: &Believing, max_staleness: Duration) -> Self {
        let started = "this process has just started".to_owned();
        let (contact, contacts) = watch::channel(Contact::Lost(started));
        let (namespaces, all_namespaces) = watch::channel(believing.namespaces.clone());
        let (reports_to, reports) = watch::channel(None);
        let (uses_to, uses) = UseTeller::new(u64::try_from(now_millis()).unwrap_or_default());
        let broken = Ended::default();
        let certificate_expiry = Arc::default();
        let sources = Sources {
            served: opening.host.served(),
            namespaces: all_namespaces,
            contact: contacts,
            certificate_expiry: Arc::clone(&certificate_expiry),
            max_staleness,
        };
        let ends = LinkEnds {
            reports,
            uses,
            contact,
            namespaces,
            certificate_expiry,
            broken: broken.clone(),
        };
        Self { sources, ends, reports_to, uses_to, broken }
    }
}

/// Who the edge is by its identity, or nobody yet, with a bootstrap file.
fn somebody(config: &Config, identity: Option<EdgeIdentity>) -> Result<Somebody, Failure> {
    if let Some(identity) = identity {
        let believing = Believing::of(&identity)?;
        let keys = DataKeys::new(trust::keyrings(&identity.trust().borrow()));
        let warnings = Vec::new();
        return Ok(Somebody { identity: Some(identity), believing, keys, warnings });
    }
    let Some(file) = &config.edge.bootstrap else {
        return Err(Failure::usage("this edge never joined a control plane, and has no join token").hint(
            "`sidegate edge create NAME` at the control plane prints the command with which an edge joins",
        ));
    };
    let place = config.edge.places.of("EDGE_NAMESPACE");
    let namespace = Namespace::parse(&config.edge_namespace)
        .map_err(|error| Failure::usage(format!("{place}: {error}")))?;
    let (signers, keys) = bootstrap::trusted(file)?;
    let warnings: Vec<_> = bootstrap::unnamed(&keys, &namespace).into_iter().collect();
    for warning in &warnings {
        tracing::warn!("{warning}");
    }
    let keys = DataKeys::new(keys);
    let believing = Believing::of_settings(namespace, signers);
    Ok(Somebody { identity: None, believing, keys, warnings })
}

/// An edge is called what its certificate says.
fn name(config: &Config, settings: &mut GatewaySettings, identity: &EdgeIdentity) {
    let peer = identity.peer();
    let chosen = [("EDGE_ID", &config.edge_id), ("EDGE_NAMESPACE", &config.edge_namespace)];
    let own = [peer.edge.as_str(), peer.namespace.as_str()];
    for ((setting, chosen), own) in chosen.into_iter().zip(own) {
        if config.chosen_addrs.contains(&setting) && chosen != own {
            tracing::warn!(
                setting,
                chosen,
                own,
                "an edge is called what its join token says: this does not count"
            );
        }
    }
    settings.edge_id = peer.edge;
    settings.edge_namespace = peer.namespace.as_str().to_owned();
}

/// Since when it is not known that nothing newer is published: since the last contact, or since what is there was
/// published, where that was later.
fn ages(folder: &Path, served: &Served) -> (Age, AgeFile) {
    let file = AgeFile::new(folder);
    let published: Option<UnixMillis> = served.values().map(|content| content.published_at).max();
    let now = now_millis();
    let since = file.read().max(published).unwrap_or(now);
    (Age::since(since, (now, BootTime::now())), file)
}

fn boot_id() -> Result<[u8; 16], Failure> {
    let mut id = [0; 16];
    getrandom::fill(&mut id)
        .map_err(|error| Failure::failed(format!("the system gives no randomness: {error}")))?;
    Ok(id)
}
