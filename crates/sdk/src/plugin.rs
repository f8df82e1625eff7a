//! The description of a plugin, from its name to its last function. Where authors start.

use std::future::Future;
use std::sync::Arc;

use crate::about::About;
use crate::config::Config;
use crate::endpoint::Endpoint;
use crate::endpoints::{Endpoints, shorthands};
use crate::error::Result;
use crate::handler::{Boxed, Handler, StreamHandler};
use crate::host::Host;
use crate::manifest::{Manifest, ManifestSource};
use crate::page::Page;
use crate::program::{Hook, Program, Started};
use crate::rpc::{RpcHandler, Rpcs};
use crate::serve;

type Initialize<S> = Box<dyn FnOnce(Config) -> Boxed<Result<S>> + Send>;
type LateEndpoints<S> = Box<dyn FnOnce(&S) -> Endpoints<S> + Send>;
type Session<S> = Box<dyn FnOnce(Host, Arc<S>) -> Boxed<Result<()>> + Send>;
type Shutdown<S> = Box<dyn FnOnce(Arc<S>) -> Boxed<Result<()>> + Send>;

/// A plugin: its endpoints, what it does with its configuration, and what it tells of itself.
///
/// `S` is the plugin's state, which [`initialize`](Self::initialize) makes and handlers share.
///
/// ```no_run
/// use std::sync::Arc;
/// use sidegate_sdk::{Config, Plugin, Request, Response};
///
/// struct Greeter {
///     greeting: String,
/// }
///
/// #[tokio::main]
/// async fn main() -> sidegate_sdk::Result<()> {
///     Plugin::new("greeter", "1.0.0")
///         .initialize(async |config: Config| {
///             Ok(Greeter { greeting: config.require("greeting")?.to_owned() })
///         })
///         .get("/*", async |req: Request, state: Arc<Greeter>| {
///             Response::text(format!("{}, {}", state.greeting, req.segments()[0]))
///         })
///         .serve()
///         .await
/// }
/// ```
#[must_use = "a plugin does nothing until it serves"]
pub struct Plugin<S = ()> {
    about: About,
    initialize: Initialize<S>,
    endpoints: Endpoints<S>,
    rpcs: Rpcs<S>,
    late_endpoints: Option<LateEndpoints<S>>,
    session: Option<Session<S>>,
    session_closing: Option<Session<S>>,
    shutdown: Option<Shutdown<S>>,
}

impl Plugin {
    /// A plugin without endpoints, which the methods below add.
    pub fn new(name: impl Into<String>, version: impl Into<String>) -> Self {
        Self {
            about: About::new(name.into(), version.into()),
            initialize: Box::new(|_| Box::pin(async { Ok(()) })),
            endpoints: Endpoints::new(),
            rpcs: Rpcs::new(),
            late_endpoints: None,
            session: None,
            session_closing: None,
            shutdown: None,
        }
    }

    /// Reads the configuration, once, before any request, and makes the state that handlers share.
    /// An error refuses the configuration: the operator reads its text, and the plugin is not
    /// served.
    ///
    /// Endpoints added before keep working; any other function given before is called with the
    /// state it was written for.
    pub fn initialize<S, F, Fut>(self, initialize: F) -> Plugin<S>
    where
        S: Send + Sync + 'static,
        F: FnOnce(Config) -> Fut + Send + 'static,
        Fut: Future<Output = Result<S>> + Send + 'static,
    {
        let mut endpoints = self.endpoints;
        if let Some(late) = self.late_endpoints {
            endpoints.append(late(&()));
        }
        Plugin {
            about: self.about,
            initialize: Box::new(|config| Box::pin(initialize(config))),
            endpoints: endpoints.without_state(()),
            rpcs: self.rpcs.without_state(()),
            late_endpoints: None,
            session: self.session.map(session_without_state),
            session_closing: self.session_closing.map(session_without_state),
            shutdown: self.shutdown.map(|hook| -> Shutdown<S> { Box::new(|_| hook(Arc::new(()))) }),
        }
    }
}

impl<S: Send + Sync + 'static> Plugin<S> {
    /// What the plugin is for, for people.
    pub fn description(mut self, text: impl Into<String>) -> Self {
        self.about.description = text.into();
        self
    }

    /// Adds an endpoint whose handler answers as a whole. See [`Handler`] for its shape.
    pub fn endpoint<H, Shape>(mut self, endpoint: impl Into<Endpoint>, handler: H) -> Self
    where
        H: Handler<S, Shape>,
    {
        self.endpoints = self.endpoints.endpoint(endpoint, handler);
        self
    }

    /// Adds an endpoint whose handler answers piece by piece. See
    /// [`ResponseStream`](crate::ResponseStream).
    pub fn stream<H, Shape>(mut self, endpoint: impl Into<Endpoint>, handler: H) -> Self
    where
        H: StreamHandler<S, Shape>,
    {
        self.endpoints = self.endpoints.stream(endpoint, handler);
        self
    }

    shorthands! {}

    /// Adds endpoints that depend on the configuration, and so on the state. The host learns of
    /// them after it has initialized the plugin.
    ///
    /// ```
    /// use sidegate_sdk::{Config, Endpoint, Endpoints, Plugin, Request, Response};
    ///
    /// Plugin::new("lab", "1.0.0")
    ///     .initialize(async |config: Config| config.flag("require_auth", false))
    ///     .endpoints(|require_auth: &bool| {
    ///         let all = Endpoint::new("/*").require_auth(*require_auth);
    ///         Endpoints::new().any(all, async |_: Request| Response::empty())
    ///     });
    /// ```
    pub fn endpoints<F>(mut self, endpoints: F) -> Self
    where
        F: FnOnce(&S) -> Endpoints<S> + Send + 'static,
    {
        self.late_endpoints = Some(match self.late_endpoints.take() {
            None => Box::new(endpoints),
            Some(earlier) => Box::new(|state| {
                let mut all = earlier(state);
                all.append(endpoints(state));
                all
            }),
        });
        self
    }

    /// Runs once, beside the handlers, when the host has opened its session: from then on it keeps
    /// in touch with the plugin. The place to follow events. An error or a panic is logged, and the
    /// plugin serves on; what still runs when the plugin ends is dropped then.
    ///
    /// A host that opens no session never calls it; a plugin that [runs by
    /// itself](Self::serve) has a session, but no host to ask.
    pub fn on_session<F, Fut>(mut self, session: F) -> Self
    where
        F: FnOnce(Host, Arc<S>) -> Fut + Send + 'static,
        Fut: Future<Output = Result<()>> + Send + 'static,
    {
        self.session = Some(Box::new(|host, state| Box::pin(session(host, state))));
        self
    }

    /// Runs once, when the host closes its session or the plugin ends, if there was a session. The
    /// host can still be asked, but waits: after three seconds the function is dropped, and sooner
    /// where the process is told to end without more words.
    pub fn on_session_closing<F, Fut>(mut self, closing: F) -> Self
    where
        F: FnOnce(Host, Arc<S>) -> Fut + Send + 'static,
        Fut: Future<Output = Result<()>> + Send + 'static,
    {
        self.session_closing = Some(Box::new(|host, state| Box::pin(closing(host, state))));
        self
    }

    /// Runs once, before the process ends in order.
    pub fn shutdown<F, Fut>(mut self, shutdown: F) -> Self
    where
        F: FnOnce(Arc<S>) -> Fut + Send + 'static,
        Fut: Future<Output = Result<()>> + Send + 'static,
    {
        self.shutdown = Some(Box::new(|state| Box::pin(shutdown(state))));
        self
    }

    /// The JSON Schema of the configuration, which operators are shown and a changed configuration is
    /// held against before it is saved.
    pub fn config_schema(mut self, json: impl Into<String>) -> Self {
        self.about.schema = Some(json.into());
        self
    }

    /// The manifest, in place of the one that is made of name, version, description, pages and services: a
    /// [`Manifest`], or the JSON text of one.
    pub fn manifest(mut self, manifest: impl Into<ManifestSource>) -> Self {
        self.about.set_manifest(manifest.into().0);
        self
    }

    /// Adds a page of the plugin's own to the console. Its files are added with [`asset`](Self::asset),
    /// what it calls with [`rpc`](Self::rpc).
    ///
    /// ```
    /// use std::sync::Arc;
    /// use sidegate_sdk::{Config, Page, Plugin};
    ///
    /// Plugin::new("notes", "1.0.0")
    ///     .page(Page::element("/notes", "notes-page", "/ui/page.js").label("Notes"))
    ///     .asset("/ui/page.js", "text/javascript", "customElements.define('notes-page', …)")
    ///     .initialize(async |config: Config| Ok(config.require("greeting")?.to_owned()))
    ///     .rpc("greet", async |name: String, greeting: Arc<String>| Ok(format!("{greeting}, {name}")));
    /// ```
    pub fn page(mut self, page: Page) -> Self {
        self.about.add(|manifest: Manifest| manifest.page(page));
        self
    }

    /// Names scopes in the manifest that the plugin wishes for, such as `kv.readwrite`; an operator grants
    /// them.
    pub fn services<T: Into<String>>(mut self, scopes: impl IntoIterator<Item = T>) -> Self {
        self.about.add(|manifest: Manifest| manifest.services(scopes));
        self
    }

    /// Adds a method that the plugin's page calls by this name: see [`RpcHandler`] for its shape.
    pub fn rpc<H, Shape>(mut self, method: impl Into<String>, handler: H) -> Self
    where
        H: RpcHandler<S, Shape>,
    {
        self.rpcs.add(method.into(), handler);
        self
    }

    /// Adds a file of the plugin's user interface: `asset("/ui/app.js", "text/javascript",
    /// include_bytes!("app.js"))`.
    pub fn asset(
        mut self,
        path: &str,
        mime_type: impl Into<String>,
        content: impl AsRef<[u8]>,
    ) -> Self {
        self.about.add_asset(path, mime_type.into(), content.as_ref());
        self
    }

    /// Serves until the host ends it. To be called in `main`, before anything is printed to
    /// stdout: the first line there is the host's.
    ///
    /// From here on `tracing` events go to the host as structured log lines on stderr, unless a
    /// subscriber is set already ([`HostLog`](crate::HostLog) is the layer for your own), and
    /// panics are logged.
    ///
    /// With `PLUGIN_LISTEN=host:port` in the environment, and no host that started the process, it
    /// serves hosts that come to this address, without TLS, until SIGTERM or SIGINT.
    ///
    /// # Errors
    /// When the program was neither started by a host nor given an address, which its text
    /// explains, when the description of the plugin is unsound, and when no socket can be made.
    pub async fn serve(self) -> Result<()> {
        serve::serve(self.into_program()?).await
    }

    /// The plugin without the type of its state, so that what serves it is compiled once.
    pub(crate) fn into_program(self) -> Result<Program> {
        let Self {
            about,
            initialize,
            endpoints,
            rpcs,
            late_endpoints,
            session,
            session_closing,
            shutdown,
        } = self;
        let early = endpoints.registrations();
        let start = move |config: Config| -> Boxed<Result<Started>> {
            Box::pin(async move {
                let host = config.host().clone();
                let state = Arc::new(initialize(config).await?);
                let mut endpoints = endpoints;
                if let Some(late) = late_endpoints {
                    endpoints.append(late(&state));
                }
                let session_hook = |hook: Session<S>| -> Hook {
                    let (host, state) = (host.clone(), Arc::clone(&state));
                    Box::new(move || hook(host, state))
                };
                Ok(Started {
                    endpoints: endpoints.bind(&state),
                    methods: rpcs.bind(&state),
                    on_session: session.map(session_hook),
                    on_session_closing: session_closing.map(session_hook),
                    on_shutdown: shutdown.map(|hook| -> Hook { Box::new(move || hook(state)) }),
                })
            })
        };
        Program::new(about, early, Box::new(start))
    }
}

/// A hook that was given before there was another state.
fn session_without_state<S>(hook: Session<()>) -> Session<S> {
    Box::new(|host, _| hook(host, Arc::new(())))
}

impl<S> std::fmt::Debug for Plugin<S> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plugin")
            .field("name", &self.about.name)
            .field("version", &self.about.version)
            .field("endpoints", &self.endpoints)
            .finish_non_exhaustive()
    }
}
