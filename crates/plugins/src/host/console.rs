//! Beside the console: a second process of each plugin that has pages, with the studio runtime, because one process cannot have
//! both halves of the plugin library. It is the same program with the same configuration, guard, checksum and options as the
//! one that serves; it registers no endpoints, gets no request and no event of gateways.
//!
//! It is started when a page asks for it and ended once nothing was asked for a while. `keeper` looks after the one of a
//! plugin, `beside` is the process, `asking` its calls, `user_places` how many of one user, `looks` those who only look,
//! `finishing` those that are replaced, `starts` how many are started at a time, `pauses` how soon one that fails
//! is started again.

mod asking;
mod beside;
mod finishing;
mod keeper;
mod looks;
mod pauses;
mod starts;
mod user_places;

use super::fault::Fault;
use super::run_dir::RunDir;
use super::settings::HostSettings;
use crate::services::HostServices;
use asking::Asking;
use futures_util::FutureExt as _;
use keeper::{Demand, Keeper, Want};
use looks::Looks;
use sidegate_model::plugin::{PluginId, PluginSpec};
use sidegate_model::plugin_page::{
    Asset, MAX_CALL_BYTES, PageCall, PageFailure, PageUser, ToldBeside, ToldByPlugin,
};
use starts::Starts;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use user_places::{Purpose, UserPlaces};

/// How many may wait for the process of one plugin.
const MOST_WAITING: usize = 64;
/// How long all of them may take to end.
const SHUTDOWN: Duration = Duration::from_secs(10);

/// How processes beside the console are run.
#[derive(Clone)]
pub struct ConsoleSettings {
    /// As those that serve are.
    pub host: HostSettings,
    /// A process of which nothing was asked for so long is ended.
    pub idle: Duration,
}

/// The processes beside the console, one for each plugin at most. Copies are the same ones; the last takes them with it.
#[derive(Clone)]
pub struct ConsoleInstances {
    shared: Arc<Shared>,
    /// Who looks after them.
    keepers: Arc<Mutex<Keepers>>,
}

/// What all of them share.
struct Shared {
    settings: ConsoleSettings,
    services: HostServices,
    /// Made when it is needed for the first time.
    run_dir: Mutex<Option<Arc<RunDir>>>,
    starts: Starts,
    user_places: Arc<UserPlaces>,
    looks: Looks,
    closing: CancellationToken,
    /// What plugins told of themselves when they were started last.
    told: ToldBeside,
}

#[derive(Default)]
struct Keepers {
    by_plugin: HashMap<PluginId, mpsc::Sender<Demand>>,
    tasks: JoinSet<()>,
}

impl Shared {
    fn run_dir(&self) -> Result<Arc<RunDir>, Fault> {
        let mut dir = self.run_dir.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(dir) = &*dir {
            return Ok(dir.clone());
        }
        let made = RunDir::take(&self.settings.host.runtime_dirs);
        let made = made.map_err(|error| Fault::RunDir(error.to_string()))?;
        Ok(dir.insert(Arc::new(made)).clone())
    }
}

impl ConsoleInstances {
    /// None runs yet; those that will are offered these services, and `told` has what they tell of themselves.
    pub fn new(settings: ConsoleSettings, services: HostServices, told: ToldBeside) -> Self {
        let shared = Shared {
            settings,
            services,
            run_dir: Mutex::default(),
            starts: Starts::new(),
            user_places: Arc::default(),
            looks: Looks::default(),
            closing: CancellationToken::new(),
            told,
        };
        Self { shared: Arc::new(shared), keepers: Arc::default() }
    }

    /// An asset of a plugin's page, for a user.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn asset(
        &self,
        spec: Arc<PluginSpec>,
        path: &str,
        user: PageUser,
    ) -> Result<Asset, PageFailure> {
        let place = self.shared.user_places.take(spec.id, user, Purpose::Asset)?;
        self.process(spec, Want::Work(place)).await?.asset(path).await
    }

    /// What a plugin told of itself last.
    pub fn told_before(&self, plugin: PluginId) -> Option<ToldByPlugin> {
        self.shared.told.of(plugin).map(|(_, told)| told)
    }

    /// The answer of a plugin to its page, as the text it gave.
    ///
    /// # Errors
    /// Why there is none.
    pub async fn call(&self, spec: Arc<PluginSpec>, call: PageCall) -> Result<String, PageFailure> {
        let PageCall { method, payload, user } = call;
        if payload.len() > MAX_CALL_BYTES {
            let why =
                format!("the question has {} bytes, {MAX_CALL_BYTES} are the most", payload.len());
            return Err(PageFailure::Unusable(why));
        }
        let place = self.shared.user_places.take(spec.id, user, Purpose::Call)?;
        self.process(spec, Want::Work(place)).await?.call(method, payload).await
    }

    /// What a plugin tells of itself. What is known already needs no process.
    ///
    /// # Errors
    /// Why it tells nothing.
    pub async fn told(&self, spec: Arc<PluginSpec>) -> Result<ToldByPlugin, PageFailure> {
        let known = self.shared.told.of(spec.id);
        if let Some((known, told)) = known
            && known.same_process(&spec)
        {
            return Ok(told);
        }
        let look = || {
            let (instances, spec) = (self.clone(), spec.clone());
            async move { Ok(instances.process(spec, Want::Look).await?.told()) }.boxed()
        };
        self.shared.looks.join(&spec, look).await
    }

    /// Ends all of them, in order and within a deadline; starts none any more.
    pub async fn shutdown(&self) {
        self.shared.closing.cancel();
        let mut tasks = std::mem::take(&mut self.keepers().tasks);
        let ended = async { while tasks.join_next().await.is_some() {} };
        if timeout(SHUTDOWN, ended).await.is_err() {
            tracing::warn!("a process beside the console did not end in order");
        }
        tasks.shutdown().await;
    }

    fn keepers(&self) -> MutexGuard<'_, Keepers> {
        self.keepers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The process of a plugin, started where none runs; it is not idle while this is held.
    async fn process(&self, spec: Arc<PluginSpec>, want: Want) -> Result<Asking, PageFailure> {
        let (reply, asked) = oneshot::channel();
        let demands = self.keeper_of(spec.id)?;
        demands.try_send(Demand { spec, want, reply }).map_err(|_| too_many_wait())?;
        asked.await.unwrap_or_else(|_| Err(closing()))
    }

    fn keeper_of(&self, plugin: PluginId) -> Result<mpsc::Sender<Demand>, PageFailure> {
        if self.shared.closing.is_cancelled() {
            return Err(closing());
        }
        let mut keepers = self.keepers();
        let Keepers { by_plugin, tasks } = &mut *keepers;
        if let Some(known) = by_plugin.get(&plugin).filter(|demands| !demands.is_closed()) {
            return Ok(known.clone());
        }
        // Those that ended.
        while tasks.try_join_next().is_some() {}
        by_plugin.retain(|_, demands| !demands.is_closed());
        let (demands, received) = mpsc::channel(MOST_WAITING);
        by_plugin.insert(plugin, demands.clone());
        tasks.spawn(Keeper::new(self.shared.clone(), received).run());
        Ok(demands)
    }
}

fn too_many_wait() -> PageFailure {
    PageFailure::Busy(format!("{MOST_WAITING} others wait for this plugin already"))
}

fn closing() -> PageFailure {
    PageFailure::Busy("this process is stopping; try again in a moment".to_owned())
}
