//! A plugin as its hosts meet it: first announced, then initialized, then shut down.
//!
//! The author's state type is gone here; handlers carry it inside. Knows no transport.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

use sidegate_wire::plugin::EndpointRegistration;
use tokio::sync::OnceCell;
use tokio::time::timeout;
use tokio_util::task::AbortOnDropHandle;

use crate::about::About;
use crate::config::Config;
use crate::endpoints::Answerer;
use crate::error::{Error, Result};
use crate::guard::{Failure, guarded};
use crate::handler::Boxed;
use crate::host::Host;
use crate::route::{self, Routes};
use crate::rpc::Method;

/// Turns the configuration into a plugin that can answer.
pub(crate) type Initializer = Box<dyn FnOnce(Config) -> Boxed<Result<Started>> + Send>;
/// What the author wants done once, at a certain time.
pub(crate) type Hook = Box<dyn FnOnce() -> Boxed<Result<()>> + Send>;

/// How long the author's function for the end of the session may take.
const SESSION_CLOSING: Duration = Duration::from_secs(3);

/// What initialization yields: all that waits for the configuration.
#[derive(Default)]
pub(crate) struct Started {
    pub(crate) endpoints: Vec<(EndpointRegistration, Answerer)>,
    pub(crate) methods: BTreeMap<String, Method>,
    pub(crate) on_session: Option<Hook>,
    pub(crate) on_session_closing: Option<Hook>,
    pub(crate) on_shutdown: Option<Hook>,
}

/// The plugin of this process: what it is before, and since, it was initialized.
pub(crate) struct Program {
    pub(crate) about: About,
    /// Who runs it, to be asked.
    pub(crate) host: Host,
    /// The endpoints that do not depend on the configuration.
    early: Vec<EndpointRegistration>,
    initializer: Mutex<Option<Initializer>>,
    /// How initialization went, with the configuration it went with. Waited for by those who come
    /// while it runs.
    initialized: OnceCell<Initialized>,
    ready: OnceLock<Arc<Ready>>,
    /// What the author does while there is a session; there is a task from the first session on.
    session: Mutex<Option<AbortOnDropHandle<()>>>,
}

/// A plugin is initialized once; this is what those who ask again are told.
struct Initialized {
    config: Config,
    refusal: Option<String>,
}

/// What requests and the session need of a plugin, once it is initialized.
pub(crate) struct Ready {
    pub(crate) routes: Routes,
    /// What the plugin's page may call.
    pub(crate) methods: BTreeMap<String, Method>,
    /// The host reads headers as a list.
    pub(crate) header_list: bool,
    pub(crate) host: Host,
    on_session: Mutex<Option<Hook>>,
    on_session_closing: Mutex<Option<Hook>>,
    on_shutdown: Mutex<Option<Hook>>,
}

impl Program {
    /// A program that announces sound endpoints only.
    ///
    /// # Errors
    /// Everything that is wrong, at once.
    pub(crate) fn new(
        about: About,
        early: Vec<EndpointRegistration>,
        initializer: Initializer,
    ) -> Result<Self> {
        let mut problems = about.problems();
        problems.extend(route::check(&early));
        if !problems.is_empty() {
            return Err(Error::new(format!("this plugin cannot start: {}", problems.join("; "))));
        }
        Ok(Self {
            about,
            host: Host::default(),
            early,
            initializer: Mutex::new(Some(initializer)),
            initialized: OnceCell::new(),
            ready: OnceLock::new(),
            session: Mutex::new(None),
        })
    }

    /// Initializes once; a process whose initialization failed is of no further use.
    pub(crate) async fn initialize(&self, config: Config, header_list: bool) -> Result<()> {
        let Some(initializer) = take(&self.initializer) else {
            return Err(Error::new("this process was initialized before; start a new one"));
        };
        let started = guarded(|| initializer(config)).await.map_err(|failure| match failure {
            Failure::Error(error) => error,
            Failure::Panic(text) => Error::new(format!("initialization panicked: {text}")),
        })?;
        let announced: Vec<_> = started.endpoints.iter().map(|(r, _)| r.clone()).collect();
        let problems = route::check(&announced);
        if !problems.is_empty() {
            return Err(Error::new(problems.join("; ")));
        }
        let ready = Ready {
            routes: Routes::new(started.endpoints),
            methods: started.methods,
            header_list,
            host: self.host.clone(),
            on_session: Mutex::new(started.on_session),
            on_session_closing: Mutex::new(started.on_session_closing),
            on_shutdown: Mutex::new(started.on_shutdown),
        };
        let first = self.ready.set(Arc::new(ready)).is_ok();
        assert!(first, "the initializer, of which there is one, has run twice");
        Ok(())
    }

    /// Initializes at the first call; later ones succeed where they bring the same configuration.
    /// For a process that serves several hosts, or one that comes back.
    ///
    /// Goes on although the caller leaves: the next one finds it done.
    pub(crate) async fn initialize_or_join(self: &Arc<Self>, config: Config) -> Result<()> {
        let program = Arc::clone(self);
        let wanted = config.clone();
        let running = tokio::spawn(async move {
            let begin = async || {
                // Hosts that do not know the list of headers do not look at it.
                let outcome = program.initialize(config.clone(), true).await;
                let refusal = outcome.err().map(|error| error.to_string());
                Initialized { config: config.clone(), refusal }
            };
            let before = program.initialized.get_or_init(begin).await;
            let is_same = before.config.says_the_same(&wanted);
            match (&before.refusal, is_same) {
                (None, true) => Ok(()),
                (None, false) => Err(Error::new(
                    "this plugin runs with another configuration already; \
                     restart it, so that it takes this one",
                )),
                (Some(refusal), true) => Err(Error::new(refusal)),
                (Some(_), false) => Err(Error::new(
                    "this plugin has refused another configuration before; \
                     restart it, so that it reads this one",
                )),
            }
        });
        running.await.map_err(|error| Error::from(error).context("initialize"))?
    }

    /// The plugin once it is initialized.
    pub(crate) fn ready(&self) -> Option<&Arc<Ready>> {
        self.ready.get()
    }

    /// What is announced now: everything once initialized, what is known of it before.
    pub(crate) fn registrations(&self) -> &[EndpointRegistration] {
        self.ready().map_or(&self.early, |ready| ready.routes.registrations())
    }

    /// Starts what the author does while there is a session, at the first session of the process
    /// that finds it initialized. It runs beside everything else; how it ends is logged.
    pub(crate) fn session_opened(&self) {
        let Some(ready) = self.ready() else { return };
        let mut session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        if session.is_some() {
            return;
        }
        let hook = take(&ready.on_session);
        *session = Some(AbortOnDropHandle::new(tokio::spawn(async move {
            if let Some(hook) = hook
                && let Err(failure) = guarded(hook).await
            {
                tracing::error!(?failure, "the session function failed; the plugin serves on");
            }
        })));
    }

    /// Runs the author's function for the end of the session, at most once, if a session began.
    pub(crate) async fn session_closing(&self) {
        let began = self.session.lock().unwrap_or_else(PoisonError::into_inner).is_some();
        let hook = self.ready().filter(|_| began).and_then(|ready| take(&ready.on_session_closing));
        let Some(hook) = hook else { return };
        match timeout(SESSION_CLOSING, guarded(hook)).await {
            Ok(Ok(())) => {}
            Ok(Err(failure)) => tracing::error!(?failure, "the session-closing function failed"),
            Err(_) => tracing::error!("the session-closing function took too long and was dropped"),
        }
    }

    /// Lets what the author does in the session come to its end, for a while: what was delivered before
    /// is still handled. Then subscriptions end, for good.
    pub(crate) async fn session_over(&self) {
        let task = take(&self.session);
        let ended = async {
            match task {
                // How it went is logged by the task.
                Some(task) => drop(task.await),
                None => std::future::pending().await,
            }
        };
        let _ = timeout(SESSION_CLOSING, ended).await;
        self.host.end();
    }

    /// Ends what the author still does in the session.
    pub(crate) fn session_ended(&self) {
        drop(take(&self.session));
    }

    /// Runs the author's last function, at most once in the life of the process.
    pub(crate) async fn shutdown(&self) -> Result<(), Failure> {
        match self.ready().and_then(|ready| take(&ready.on_shutdown)) {
            Some(hook) => guarded(hook).await,
            None => Ok(()),
        }
    }
}

fn take<T>(slot: &Mutex<Option<T>>) -> Option<T> {
    slot.lock().unwrap_or_else(PoisonError::into_inner).take()
}
