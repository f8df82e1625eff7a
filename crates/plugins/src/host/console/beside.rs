//! One process of a plugin beside the console: started, initialised, asked what it is, ended.

use super::super::broker::Broker;
use super::super::connect::{await_handshake, dial};
use super::super::fault::{Fault, quoted};
use super::super::local::explain;
use super::super::logs::RecentLines;
use super::super::process::{Process, Program, check_program};
use super::super::runtime::Runtime;
use super::super::services_socket::ConnectionHandler;
use super::super::session::Session;
use super::super::settings::HostLimits;
use super::Shared;
use super::asking::{Asking, Line, MOST_ASSETS, MOST_CALLS};
use super::user_places::UserPlace;
use crate::services::{EventRecipient, PageCalls};
use serde_json::Value;
use sidegate_model::plugin::{Command, PluginSpec};
use sidegate_model::plugin_page::{PageFailure, ToldByPlugin};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, Semaphore, watch};
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;
use tonic::transport::Channel;

/// The longest a process may take from its start until it can be asked.
const START: Duration = Duration::from_secs(30);
/// The longest it may take to end when it is asked to.
const GOODBYE: Duration = Duration::from_secs(2);
/// How long a process that is replaced may finish what it is asked.
const FINISH: Duration = Duration::from_secs(40);

/// A running one.
pub(super) struct Beside {
    /// What it answers for, which is what it was started as, but where it stands in.
    pub(super) spec: Arc<PluginSpec>,
    pub(super) calls: Arc<PageCalls>,
    pub(super) began: Instant,
    /// Since when it can be asked.
    pub(super) ready: Instant,
    process: Process,
    session: Session,
    line: Line,
    ended: watch::Sender<Option<String>>,
    /// It is who gets events; without it nobody does.
    _recipient: Arc<EventRecipient>,
    kill_grace: Duration,
}

/// What of one is there once it can be asked.
struct Established {
    session: Session,
    channel: Channel,
    recipient: Arc<EventRecipient>,
    told: ToldByPlugin,
}

/// The program of a plugin, where one can be started here.
pub(super) fn program_of(shared: &Shared, spec: &PluginSpec) -> Result<PathBuf, PageFailure> {
    let refused = |fault: Fault| PageFailure::NotHere(fault.to_string());
    let command = Command::parse(&spec.command).map_err(|invalid| refused(invalid.into()))?;
    shared.settings.host.permitted.check(&spec.command, &command).map_err(refused)?;
    match command {
        Command::File(program) => check_program(&program).map(|()| program).map_err(refused),
        Command::Remote(_) => Err(PageFailure::NotHere(
            "it runs elsewhere (grpc://): a page needs a process of its own beside the console, for \
             which its program must be a file here"
                .to_owned(),
        )),
    }
}

impl Beside {
    /// Starts one and asks it what it is.
    pub(super) async fn start(
        shared: &Shared,
        spec: Arc<PluginSpec>,
        program: PathBuf,
    ) -> Result<Self, Fault> {
        let host = &shared.settings.host;
        let limits = host.limits.with(&spec.options);
        let kill_grace = limits.kill_grace.min(GOODBYE);
        let program = Program { path: &program, runtime: Runtime::Studio };
        let dir = shared.run_dir()?;
        let began = Instant::now();
        let lines = Arc::new(RecentLines::default());
        let mut process = Process::spawn(&spec, program, &dir, host, lines).await?;
        let calls = PageCalls::new();
        let establishing = establish(shared, &spec, &mut process, (limits, calls.clone()));
        let established = match timeout(START, establishing).await {
            Ok(Ok(established)) => established,
            Ok(Err(fault)) => {
                let fault = explain(fault, &mut process).await;
                process.end(Duration::ZERO).await;
                return Err(fault);
            }
            Err(_) => {
                let words = quoted(process.final_output());
                process.end(Duration::ZERO).await;
                return Err(Fault::NotAsked { limit: START, words });
            }
        };
        let Established { session, channel, recipient, told } = established;
        let (ended, seen) = watch::channel(None);
        let calls_at_once = Arc::new(Semaphore::new(MOST_CALLS));
        let doubt = Arc::new(Notify::new());
        let assets = Arc::new(Semaphore::new(MOST_ASSETS));
        let line = Line { channel, calls: calls_at_once, assets, ended: seen, doubt, told };
        let (plugin, pid, took) = (&spec.name, process.pid(), began.elapsed());
        tracing::info!(
            plugin,
            pid,
            ?took,
            "a process of a plugin runs beside the console, for its page"
        );
        Ok(Self {
            spec,
            calls,
            began,
            ready: Instant::now(),
            process,
            session,
            line,
            ended,
            _recipient: recipient,
            kill_grace,
        })
    }

    /// Asks something of it, for the user who has this place; for nobody where it is only a look.
    pub(super) fn ask(&self, place: Option<UserPlace>) -> Asking {
        let user = place.as_ref().map(|place| place.user().to_owned());
        Asking { line: self.line.clone(), open: self.calls.open(user), _place: place }
    }

    /// Lets it answer for a plugin that does not start as it is configured now, for this reason.
    pub(super) fn standing_in(mut self, spec: &Arc<PluginSpec>, why: String) -> Self {
        self.spec = spec.clone();
        self.line.told.stands_in_because = Some(why);
        self
    }

    /// Whether it stands in for one that does not start.
    pub(super) fn stands_in(&self) -> bool {
        self.line.told.stands_in_because.is_some()
    }

    pub(super) fn told(&self) -> &ToldByPlugin {
        &self.line.told
    }

    /// Waits for its end.
    pub(super) async fn exited(&self) {
        self.process.exited().await;
    }

    /// Waits until it did not answer in time and does not say that it is well either.
    pub(super) async fn unwell(&self) -> Fault {
        loop {
            self.line.doubt.notified().await;
            if let Err(fault) = self.session.ping().await {
                return fault;
            }
        }
    }

    /// Tells whoever asks that it is gone, and why; leaves nothing of it. Gives the reason.
    pub(super) async fn give_up(mut self, fault: Fault) -> String {
        let (plugin, pid) = (self.spec.name.clone(), self.process.pid());
        let why = explain(fault, &mut self.process).await.to_string();
        tracing::warn!(plugin, pid, reason = why, "a process beside the console is given up");
        self.ended.send_replace(Some(format!("the plugin's process is gone: {why}")));
        self.process.end(Duration::ZERO).await;
        why
    }

    /// Lets it finish what it is asked, then ends it in order; at once where it is cut.
    pub(super) async fn finish(self, cut: CancellationToken) {
        let finished = tokio::select! {
            finished = timeout(FINISH, self.calls.idle()) => finished.is_ok(),
            () = cut.cancelled() => false,
        };
        if !finished {
            let plugin = &self.spec.name;
            tracing::warn!(plugin, "calls of a page are cut: its process was replaced");
        }
        self.end(&cut).await;
    }

    /// Ends it in order; at once where it is cut.
    pub(super) async fn end(self, cut: &CancellationToken) {
        let (plugin, pid) = (self.spec.name.clone(), self.process.pid());
        // Whoever does not end in time is ended.
        let goodbye = timeout(GOODBYE, self.session.say_goodbye(&plugin, None));
        let _ = cut.run_until_cancelled(goodbye).await;
        self.ended.send_replace(Some("the plugin's process was stopped".to_owned()));
        let grace = if cut.is_cancelled() { Duration::ZERO } else { self.kill_grace };
        self.process.end(grace).await;
        tracing::info!(plugin, pid, "a process beside the console was stopped");
    }
}

async fn establish(
    shared: &Shared,
    spec: &Arc<PluginSpec>,
    process: &mut Process,
    (limits, calls): (HostLimits, Arc<PageCalls>),
) -> Result<Established, Fault> {
    let socket = await_handshake(process, limits.start).await?;
    let channel = dial(&socket).await?;
    let (services, recipient) = shared.services.of_page_process(spec.id, calls);
    let acceptor = socket.tls.as_ref().map(|tls| tls.acceptor.clone());
    let handler = ConnectionHandler::new(spec.id, services, process.family(), acceptor);
    let broker = Broker::open(channel.clone(), process.dir(), handler);
    let session = Session::open(channel.clone(), process.sink(), limits, broker);
    let mut session = session.within(Runtime::Studio);
    let exited = process.exited();
    let told = tokio::select! {
        told = introduced(&session, spec) => told?,
        _ = exited => return Err(Fault::Internal("the process ended")),
    };
    session.keep_sessions(spec);
    recipient.lead();
    Ok(Established { session, channel, recipient, told })
}

async fn introduced(session: &Session, spec: &PluginSpec) -> Result<ToldByPlugin, Fault> {
    session.initialize(spec).await?;
    let (manifest, schema) = tokio::join!(session.manifest_json(), session.config_schema());
    let manifest = manifest.ok().flatten().and_then(|json| serde_json::from_str(&json).ok());
    let manifest = manifest.filter(Value::is_object);
    let is_schema_known = schema.is_certain();
    Ok(ToldByPlugin {
        manifest,
        config_schema: schema.known,
        is_schema_known,
        stands_in_because: None,
    })
}
