//! The link to the control plane: the task that gets an edge its identity where it has none, and keeps it at what is
//! published. Only one process of a folder has it, since only one may write snapshots there.

use super::identity::Joining;
use super::replica::{Believing, Opening};
use super::served::ServingHost;
use super::trust::{self, BundleKeeper};
use futures_util::future::BoxFuture;
use sidegate_control::Ended;
use sidegate_enrolment::Clock;
use sidegate_enrolment::edge::{ControlPlanes, Dialer, EdgeIdentity, keep_joining, keep_renewed};
use sidegate_model::namespace::Namespace;
use sidegate_sync::edge::{CommandRunner, Contact, Replica, Surroundings, UseLine, run};
use sidegate_sync::message;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{sleep, timeout};

/// How long the last write to the disk may take.
const LAST_WRITE: Duration = Duration::from_secs(10);
/// How often it is looked when the certificate ends.
const LOOK: Duration = Duration::from_secs(5);

/// What a link is made of, whichever of this process it is.
#[derive(Clone)]
pub(super) struct LinkParts {
    /// Who the edge is, once it is somebody.
    pub(super) identity: Option<EdgeIdentity>,
    /// How it becomes somebody.
    pub(super) joining: Option<Joining>,
    /// Where control planes are.
    pub(super) control: Option<ControlPlanes>,
    /// How its snapshots are opened.
    pub(super) opening: Opening,
    /// What it does as it is asked.
    pub(super) commands: Arc<dyn CommandRunner>,
    /// What it is told and tells.
    pub(super) ends: LinkEnds,
}

/// What a link is told and tells.
#[derive(Clone)]
pub(super) struct LinkEnds {
    /// How the edge and its plugins are doing.
    pub(super) reports: watch::Receiver<Option<message::NodeReport>>,
    /// When tokens were last used.
    pub(super) uses: UseLine,
    /// Whether the control plane is heard.
    pub(super) contact: watch::Sender<Contact>,
    /// What there must be something of.
    pub(super) namespaces: watch::Sender<BTreeSet<Namespace>>,
    /// When the certificate ends, in seconds since the Unix epoch.
    pub(super) certificate_expiry: Arc<AtomicI64>,
    /// Told when it ends in a way that leaves nobody knowing what is served by.
    pub(super) broken: Ended,
}

/// A running one.
pub(super) struct Link {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Link {
    /// Connects, again and again, until it is stopped; with snapshots that are open already, if they are.
    pub(super) fn start(parts: LinkParts, replica: Option<Replica<ServingHost>>) -> Self {
        let (stop, stopped) = watch::channel(false);
        let ended = parts.ends.broken.clone();
        let living = async move {
            let (contact, broken) = (parts.ends.contact.clone(), parts.ends.broken.clone());
            match parts.live(replica, stopped).await {
                Ok(reason) => drop(contact.send_replace(Contact::Lost(reason))),
                Err(reason) => {
                    contact.send_replace(Contact::Lost(reason.clone()));
                    broken.tell(reason);
                }
            }
        };
        // It tells by itself where it cannot go on, or why it need not.
        let task = tokio::spawn(ended.noticed("follows the control plane", || true, living));
        Self { stop, task }
    }

    /// Ends it; afterwards nothing is written any more.
    pub(super) async fn stop(self) {
        self.stop.send_replace(true);
        if timeout(LAST_WRITE, self.task).await.is_err() {
            tracing::warn!(
                "the last snapshot was not written in time; the one before is on the disk"
            );
        }
    }
}

impl LinkParts {
    /// Gives why there is no link any more; an error is what nobody can go on with.
    async fn live(
        mut self,
        replica: Option<Replica<ServingHost>>,
        stop: watch::Receiver<bool>,
    ) -> Result<String, String> {
        let was_nobody = self.identity.is_none();
        let identity = match self.identity.take() {
            Some(identity) => identity,
            None => match self.join(stop.clone()).await {
                Ok(identity) => identity,
                Err(reason) => return Ok(reason),
            },
        };
        let Some(control) = self.control.clone() else {
            return Ok("SIDEGATE_CONTROL_URL names no control plane".to_owned());
        };
        let believing = Believing::of(&identity).map_err(|failure| failure.message)?;
        let bundle = identity.trust().borrow().clone();
        self.opening.keys.replace(trust::keyrings(&bundle));
        self.ends.namespaces.send_replace(believing.namespaces.clone());
        let replica = match replica.filter(|_| !was_nobody) {
            Some(replica) => replica,
            None => self.open(believing).await?,
        };
        let keys = self.opening.keys.clone();
        let keeper = BundleKeeper { identity: identity.clone(), keys: keys.clone() };
        let mut beside = JoinSet::new();
        let mut spawn = |name, task: BoxFuture<'static, ()>| {
            let is_stopped = stop.clone();
            beside.spawn(self.ends.broken.noticed(name, move || *is_stopped.borrow(), task));
        };
        let renewed = keep_renewed(identity.clone(), control.clone(), stop.clone());
        spawn("renews the certificate of this edge", Box::pin(renewed));
        let followed = trust::follow(identity.clone(), keys.clone());
        spawn("follows who is to be trusted", Box::pin(followed));
        let told = tell_expiry(identity.clone(), self.ends.certificate_expiry.clone());
        spawn("tells when the certificate ends", Box::pin(told));
        let surroundings = Surroundings {
            reports: self.ends.reports,
            uses: self.ends.uses,
            contact: self.ends.contact,
            commands: self.commands,
            keys,
            stop,
        };
        let dialer = Dialer::new(identity, control);
        let ended = run(replica.with_keeper(keeper), dialer, surroundings).await;
        ended.map(|()| "this process stops".to_owned()).map_err(|error| error.to_string())
    }

    /// Becomes somebody, while the edge serves by a bootstrap file.
    async fn join(&self, stop: watch::Receiver<bool>) -> Result<EdgeIdentity, String> {
        let never = || "this edge never joined a control plane: give it a join token".to_owned();
        let Joining { folder, control, token } = self.joining.as_ref().ok_or_else(never)?;
        self.ends.contact.send_replace(Contact::Lost("this edge has not joined yet".to_owned()));
        match keep_joining(folder, control, token, Clock::system(), stop).await {
            Ok(Some(identity)) => {
                tracing::info!("the edge is called by its own name from its next start on");
                Ok(identity)
            }
            Ok(None) => Err("this process stops".to_owned()),
            Err(error) => {
                // It serves, and goes on with that.
                tracing::error!(%error, "this edge cannot join and stays with its bootstrap file");
                Err(error.to_string())
            }
        }
    }

    async fn open(&self, believing: Believing) -> Result<Replica<ServingHost>, String> {
        let opening = self.opening.clone();
        let opened = tokio::task::spawn_blocking(move || opening.open(&believing)).await;
        opened.map_err(|error| error.to_string())?.map_err(|failure| failure.message)
    }
}

/// Keeps it told when the certificate ends, until it is dropped.
async fn tell_expiry(identity: EdgeIdentity, expiry: Arc<AtomicI64>) {
    loop {
        expiry.store(identity.certificate().expires_at / 1000, Ordering::Relaxed);
        sleep(LOOK).await;
    }
}
