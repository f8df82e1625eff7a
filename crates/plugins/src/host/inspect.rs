//! A program that is started once to see what it is: as any plugin is, through the same guard and with the same clean
//! environment, and with nothing of its gateway. It is granted nothing, keeps nothing, hears no events, gets no session and
//! no request, and is ended as soon as it has said what it is.

use super::broker::Broker;
use super::connect::{await_handshake, dial};
use super::fault::Fault;
use super::local::explain;
use super::logs::RecentLines;
use super::manifest::Manifest;
use super::process::{Process, Program, check_program};
use super::run_dir::RunDir;
use super::services_socket::ConnectionHandler;
use super::session::Session;
use super::settings::{HostLimits, HostSettings};
use crate::services::HostServices;
use crate::services::no_storage::NoStorage;
use sidegate_model::endpoint::EndpointTable;
use sidegate_model::inspection::{Inspection, NotInspected};
use sidegate_model::plugin::{Command, PluginSpec};
use sidegate_model::snapshot::Snapshot;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::timeout;

/// The longest a program may take to say what it is.
const DEADLINE: Duration = Duration::from_secs(15);
/// The longest it may take to end when it is asked to.
const GOODBYE: Duration = Duration::from_secs(2);
/// How many are looked at at a time.
const AT_ONCE: usize = 2;
/// Most lines that are told of what it printed.
const TOLD_LINES: usize = 100;

/// Starts programs once. Copies share their bound.
#[derive(Clone)]
pub struct Inspector {
    settings: Arc<HostSettings>,
    slots: Arc<Semaphore>,
    /// Made when it is needed for the first time.
    run_dir: Arc<Mutex<Option<Arc<RunDir>>>>,
}

impl Inspector {
    /// Starts them as a host with these settings does.
    pub fn new(settings: HostSettings) -> Self {
        Self {
            settings: Arc::new(settings),
            slots: Arc::new(Semaphore::new(AT_ONCE)),
            run_dir: Arc::default(),
        }
    }

    /// Gets ready to start the program of this plugin. What it gives starts it and says what it is; dropped it ends it.
    ///
    /// # Errors
    /// Why nothing can be started.
    pub fn prepare(
        &self,
        spec: PluginSpec,
    ) -> Result<impl Future<Output = Inspection> + Send + use<>, NotInspected> {
        let program = self.program_of(&spec)?;
        let slot = self.slots.clone().try_acquire_owned();
        let slot = slot.map_err(|_| NotInspected::Busy(AT_ONCE))?;
        let (inspector, spec) = (self.clone(), Arc::new(spec));
        Ok(async move { inspector.inspect(&spec, &program, slot).await })
    }

    /// The program, if it may be started.
    fn program_of(&self, spec: &PluginSpec) -> Result<PathBuf, NotInspected> {
        let refused = |fault: Fault| NotInspected::Command(fault.to_string());
        let command = Command::parse(&spec.command).map_err(|invalid| refused(invalid.into()))?;
        self.settings.permitted.check(&spec.command, &command).map_err(refused)?;
        match command {
            Command::File(program) => {
                check_program(&program).map_err(refused)?;
                Ok(program)
            }
            Command::Remote(_) => Err(NotInspected::Command(
                "a plugin that runs elsewhere serves others already and cannot be started to be looked at: \
                 register it, and see its status"
                    .to_owned(),
            )),
        }
    }

    async fn inspect(
        &self,
        spec: &Arc<PluginSpec>,
        program: &Path,
        slot: OwnedSemaphorePermit,
    ) -> Inspection {
        let begun = Instant::now();
        let lines = Arc::new(RecentLines::default());
        let mut seen = Inspection::default();
        let started = match self.run_dir() {
            Ok(dir) => {
                let program = Program::of_gateway(program);
                Process::spawn(spec, program, &dir, &self.settings, lines.clone()).await
            }
            Err(fault) => Err(fault),
        };
        match started {
            Ok(mut process) => {
                let looked = timeout(DEADLINE, self.look(spec, &mut process, &mut seen)).await;
                let failure = match looked {
                    Ok(Ok(())) => None,
                    Ok(Err(fault)) => Some(explain(fault, &mut process).await.to_string()),
                    Err(_) => Some(format!("it did not say what it is within {DEADLINE:?}")),
                };
                seen.failure = seen.failure.or(failure);
                seen.start_duration = begun.elapsed();
                seen.sha256 = process.sha256().await;
                process.end(self.settings.limits.kill_grace.min(GOODBYE)).await;
            }
            Err(fault) => seen.failure = Some(fault.to_string()),
        }
        seen.lines = lines.last(TOLD_LINES);
        drop(slot);
        seen
    }

    fn run_dir(&self) -> Result<Arc<RunDir>, Fault> {
        let mut dir = self.run_dir.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(dir) = &*dir {
            return Ok(dir.clone());
        }
        let made = RunDir::take(&self.settings.runtime_dirs);
        let made = made.map_err(|error| Fault::RunDir(error.to_string()))?;
        Ok(dir.insert(Arc::new(made)).clone())
    }

    /// Asks it what it is. One that refuses its configuration is asked all the same: it may say what it lacks.
    async fn look(
        &self,
        spec: &Arc<PluginSpec>,
        process: &mut Process,
        seen: &mut Inspection,
    ) -> Result<(), Fault> {
        let limits = HostLimits { start: DEADLINE, ..self.settings.limits.with(&spec.options) };
        let socket = await_handshake(process, limits.start).await?;
        let channel = dial(&socket).await?;
        // Of no gateway: nothing is granted, kept or heard.
        let (_nobody, snapshots) = watch::channel(Arc::new(Snapshot::default()));
        let services = HostServices::new(NoStorage::keepers(), snapshots, String::new());
        let (services, _recipient) = services.of_process(spec.id);
        let acceptor = socket.tls.as_ref().map(|tls| tls.acceptor.clone());
        let handler = ConnectionHandler::new(spec.id, services, process.family(), acceptor);
        let broker = Broker::open(channel.clone(), process.dir(), handler);
        let session = Session::open(channel, process.sink(), limits, broker);
        let exited = process.exited();
        tokio::select! {
            asked = ask(&session, spec, seen) => asked?,
            _ = exited => return Err(Fault::Internal("the process ended")),
        }
        // Whoever does not end in time is ended.
        let _ = timeout(GOODBYE, session.say_goodbye(&spec.name, Some(true))).await;
        Ok(())
    }
}

async fn ask(session: &Session, spec: &PluginSpec, seen: &mut Inspection) -> Result<(), Fault> {
    let initialized = session.initialize(spec).await;
    if let Err(fault @ Fault::Refused(_)) = &initialized {
        seen.failure = Some(fault.to_string());
    } else {
        initialized?;
    }
    let (registrations, json, schema) =
        tokio::join!(session.registrations(), session.manifest_json(), session.config_schema());
    let manifest = Manifest::told(&json);
    seen.manifest = json.ok().flatten().and_then(|json| serde_json::from_str(&json).ok());
    seen.config_schema.clone_from(&schema.known);
    let endpoints = match registrations {
        Ok(registrations) => EndpointTable::build(registrations),
        // Who refuses its configuration need not know what it would serve.
        Err(_) if seen.failure.is_some() => EndpointTable::build(Vec::new()),
        Err(fault) => return Err(fault),
    };
    let has_endpoints = !endpoints.endpoints().is_empty();
    seen.warnings.extend(endpoints.problems().iter().cloned());
    seen.warnings.extend(schema.warning());
    if seen.failure.is_none() {
        seen.warnings.extend(manifest.warnings(spec, has_endpoints));
    }
    seen.endpoints = endpoints.endpoints().to_vec();
    seen.hooks = manifest.hooks;
    seen.requested_scopes = manifest.scopes;
    Ok(())
}
