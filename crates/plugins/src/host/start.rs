//! The start of one process: from its first line on stdout to all that must be known before it gets a
//! request. What follows where a step fails is decided elsewhere.

use super::assignment::{Ready, Setup, Steps, warnings};
use super::broker::Broker;
use super::connect::{await_handshake, dial};
use super::fault::Fault;
use super::manifest::Manifest;
use super::process::Process;
use super::schema::Schema;
use super::services_socket::ConnectionHandler;
use super::session::Session;
use super::settings::HostLimits;
use crate::instance::{Features, Instance};
use sidegate_model::endpoint::EndpointTable;
use sidegate_model::plugin::PluginSpec;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

/// What the start of a process needs.
pub(super) struct Start<'a> {
    pub(super) spec: &'a Arc<PluginSpec>,
    pub(super) setup: &'a Setup,
    pub(super) limits: &'a HostLimits,
    pub(super) steps: &'a Steps,
    pub(super) begun: Instant,
}

/// A process that passed every step of its start.
pub(super) struct Established {
    pub(super) session: Session,
    pub(super) ready: Ready,
    /// Where it listens.
    pub(super) socket: PathBuf,
}

/// What a process says of itself before it gets requests.
struct Announced {
    features: Features,
    endpoints: Arc<EndpointTable>,
    manifest: Manifest,
    schema: Schema,
}

impl Start<'_> {
    /// Everything between the start of the process and its first request.
    pub(super) async fn establish(&self, process: &mut Process) -> Result<Established, Fault> {
        let Self { spec, setup, limits, steps, begun } = *self;
        steps.awaits("its first line on stdout, the handshake").await;
        let socket = await_handshake(process, limits.start).await?;
        steps.awaits("its answer to Initialize").await;
        let channel = dial(&socket).await?;
        let (services, recipient) = setup.services.of_process(spec.id);
        let acceptor = socket.tls.as_ref().map(|tls| tls.acceptor.clone());
        let handler = ConnectionHandler::new(spec.id, services, process.family(), acceptor);
        let broker = Broker::open(channel.clone(), process.dir(), handler);
        let mut session = Session::open(channel, process.sink(), limits.clone(), broker);
        let exited = process.exited();
        let announced = tokio::select! {
            announced = self.announced(&session) => announced?,
            _ = exited => return Err(Fault::Internal("the process ended")),
        };
        session.keep_sessions(spec);
        let Announced { features, endpoints, manifest, schema } = announced;
        let calls = &setup.calls;
        let ready = Ready {
            instance: Instance::new(
                spec.clone(),
                &socket.path,
                socket.connector(),
                features,
                calls.shards,
            ),
            warnings: warnings(spec, &schema, &endpoints),
            node_max_body: (!features.large_messages).then_some(calls.max_body_bytes),
            endpoints,
            manifest,
            recipient: Some(recipient),
            config_schema: schema.told(),
            pid: Some(process.pid()),
            sha256: process.sha256().await,
            start_duration: begun.elapsed(),
        };
        Ok(Established { session, ready, socket: socket.path })
    }

    /// Initialises it, and asks it what it is.
    async fn announced(&self, session: &Session) -> Result<Announced, Fault> {
        let features = session.initialize(self.spec).await?;
        self.steps.awaits("what it says of itself: endpoints, manifest, health").await;
        let (registrations, manifest, schema) =
            tokio::join!(session.registrations(), session.manifest(), session.config_schema());
        session.ping().await?;
        Ok(Announced {
            features: Features::from_announced(&features),
            endpoints: Arc::new(EndpointTable::build(registrations?)),
            manifest,
            schema,
        })
    }
}
