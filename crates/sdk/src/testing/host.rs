//! Starts a plugin's server on a socket of its own and talks to it as a gateway does. Lets the test
//! see, and change, what the plugin finds when it asks back.

use std::sync::{Arc, MutexGuard};

use bytes::Bytes;
use serde_json::Value;
use sidegate_wire::calls::CONNECTION_WINDOW_BYTES;
use sidegate_wire::handshake::{
    CONFIG_HAS_SERVICE_API, CONFIG_PLUGIN_ID, CONFIG_SERVICE_BROKER_ID, CONFIG_STUDIO_PLUGIN_ID,
    CONFIG_STUDIO_SERVICE_BROKER_ID, FEATURE_HEADER_LIST, FEATURE_RAW_PATH, FEATURE_SEALING,
    FEATURE_STORAGE,
};
use sidegate_wire::plugin::plugin_service_client::PluginServiceClient;
use sidegate_wire::plugin::{
    CloseSessionRequest, EndpointRegistration, GetConfigSchemaRequest,
    GetEndpointRegistrationsRequest, GetManifestRequest, InitRequest, ShutdownRequest,
};
use tokio::net::UnixListener;
use tokio::task::JoinHandle;
use tokio_stream::wrappers::UnixListenerStream;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::AbortOnDropHandle;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request as Call, Status};

use super::answer::{Answer, AnswerStream, DEADLINE};
use super::folder::Folder;
use super::memory::Memory;
use super::offer::{self, Offer};
use super::services::Services;
use crate::config::Config;
use crate::error::{Error, Result};
use crate::host::Event;
use crate::plugin::Plugin;
use crate::request::Request;
use crate::request_builder::{DEFAULT_SLUG, RequestBuilder};
use crate::service::{self, Master, Stop};

/// A plugin that runs inside the test, initialized. It stops when this is dropped.
pub struct Host {
    client: PluginServiceClient<Channel>,
    slug: String,
    server: JoinHandle<()>,
    stop: DropGuard,
    /// What Sidegate offers and plain hosts do not.
    offer: Option<Offer>,
    session: Option<AbortOnDropHandle<()>>,
}

impl Host {
    /// Starts a plugin as a host that knows nothing of Sidegate's extensions: headers come and go as
    /// one text for each name, there is no raw path, and nobody to ask.
    ///
    /// # Errors
    /// As [`Host::start`].
    pub async fn start_plain<S>(plugin: Plugin<S>, config: impl Into<Config>) -> Result<Self>
    where
        S: Send + Sync + 'static,
    {
        Self::launch(plugin, config.into(), None).await
    }

    /// With services it is Sidegate, without them a plain host.
    pub(super) async fn launch<S>(
        plugin: Plugin<S>,
        config: Config,
        services: Option<Services>,
    ) -> Result<Self>
    where
        S: Send + Sync + 'static,
    {
        let program = Arc::new(plugin.into_program()?);
        let folder = Folder::new()?;
        let path = folder.path().to_owned();
        let socket = path.join("plugin");
        let listener = UnixListener::bind(&socket)?;
        let stop = CancellationToken::new();
        let server = tokio::spawn({
            let stop = stop.clone();
            async move {
                // Lives as long as the server that listens in it.
                let _folder = folder;
                let incoming = UnixListenerStream::new(listener);
                service::run(program, incoming, Master::Host, Stop::by_host(stop)).await;
            }
        });
        let stop = stop.drop_guard();
        let address = Endpoint::try_from(format!("unix://{}", socket.display()))?;
        let address = address.initial_connection_window_size(CONNECTION_WINDOW_BYTES);
        let channel = address.connect_timeout(DEADLINE).connect().await?;
        let client = PluginServiceClient::new(channel.clone())
            .max_decoding_message_size(usize::MAX)
            .max_encoding_message_size(usize::MAX);
        let slug = config.slug().unwrap_or(DEFAULT_SLUG).to_owned();
        let offer = match services {
            Some(services) => Some(Offer::new(channel, &path, services).await?),
            None => None,
        };
        let mut host = Self { client, slug, server, stop, offer, session: None };
        host.initialize(&config).await?;
        let broker_id = host.offer.as_ref().map_or(0, |_| offer::BROKER_ID);
        host.session = Some(offer::keep_session(host.client(), broker_id));
        Ok(host)
    }

    async fn initialize(&self, config: &Config) -> Result<()> {
        let known = [FEATURE_HEADER_LIST, FEATURE_RAW_PATH, FEATURE_STORAGE, FEATURE_SEALING];
        let features = known.iter().filter(|_| self.extensions()).map(|&name| name.to_owned());
        let pairs = config.iter().map(|(key, value)| (key.to_owned(), value.to_owned()));
        let in_console = self.memory().is_some_and(|memory| memory.in_console);
        let own: &[(&str, String)] = &match (in_console, self.offer.is_some()) {
            (true, _) => vec![
                (CONFIG_STUDIO_PLUGIN_ID, "1".to_owned()),
                (CONFIG_STUDIO_SERVICE_BROKER_ID, offer::BROKER_ID.to_string()),
                (CONFIG_HAS_SERVICE_API, "true".to_owned()),
            ],
            (false, true) => vec![
                (CONFIG_PLUGIN_ID, "1".to_owned()),
                (CONFIG_SERVICE_BROKER_ID, offer::BROKER_ID.to_string()),
            ],
            (false, false) => vec![(CONFIG_PLUGIN_ID, "1".to_owned())],
        };
        let own = own.iter().map(|(key, value)| ((*key).to_owned(), value.clone()));
        let request =
            InitRequest { config: pairs.chain(own).collect(), features: features.collect() };
        let answer = self
            .client()
            .initialize(timed(request))
            .await
            .map_err(|status| failed(&status))?
            .into_inner();
        if answer.success { Ok(()) } else { Err(Error::new(answer.error_message)) }
    }

    fn extensions(&self) -> bool {
        self.offer.is_some()
    }

    /// Sends `GET` to a path below the mount.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(Request::builder().path(path)).await
    }

    /// Sends `POST` with a body to a path below the mount.
    pub async fn post(&self, path: &str, body: impl Into<Bytes>) -> Answer {
        self.send(Request::builder().method("POST").path(path).body(body)).await
    }

    /// Sends a request and waits for the whole answer.
    pub async fn send(&self, request: RequestBuilder) -> Answer {
        let message = request.into_wire(&self.slug, self.extensions());
        let mut client = self.client();
        let answer = tokio::time::timeout(DEADLINE, client.handle_endpoint_request(message)).await;
        let late = || Err(Status::deadline_exceeded("no answer came in time"));
        Answer::new(answer.unwrap_or_else(|_| late()).map(tonic::Response::into_inner))
    }

    /// Sends a request and waits for the head of the answer.
    pub async fn stream(&self, request: RequestBuilder) -> AnswerStream {
        let message = request.into_wire(&self.slug, self.extensions());
        let opened = self.client().handle_endpoint_request_stream(message).await;
        AnswerStream::open(opened.map(tonic::Response::into_inner)).await
    }

    /// The endpoints the plugin announces.
    ///
    /// # Errors
    /// When the plugin does not answer.
    pub async fn registrations(&self) -> Result<Vec<EndpointRegistration>> {
        let request = timed(GetEndpointRegistrationsRequest {});
        let answer = self
            .client()
            .get_endpoint_registrations(request)
            .await
            .map_err(|status| failed(&status))?;
        Ok(answer.into_inner().registrations)
    }

    /// The plugin's manifest.
    ///
    /// # Errors
    /// When the plugin does not answer.
    pub async fn manifest(&self) -> Result<Value> {
        let answer = self.client().get_manifest(timed(GetManifestRequest {})).await;
        Ok(serde_json::from_str(
            &answer.map_err(|status| failed(&status))?.get_ref().manifest_json,
        )?)
    }

    /// The JSON Schema of the plugin's configuration.
    ///
    /// # Errors
    /// When the plugin does not answer.
    pub async fn config_schema(&self) -> Result<Value> {
        let answer = self.client().get_config_schema(timed(GetConfigSchemaRequest {})).await;
        Ok(serde_json::from_str(&answer.map_err(|status| failed(&status))?.get_ref().schema_json)?)
    }

    /// What the plugin keeps under a key. `None` from a plain host.
    pub fn stored(&self, key: &str) -> Option<Bytes> {
        self.memory()?.read(key)
    }

    /// Keeps a value for the plugin, in place of an earlier one.
    pub fn store(&self, key: &str, value: impl Into<Bytes>) {
        if let Some(mut memory) = self.memory() {
            memory.write(key, value.into(), None);
        }
    }

    /// From now on the storage, and the keys to seal with, cannot be reached, as when the disk of a gateway is full; or
    /// they can be reached again.
    pub fn set_storage_away(&self, is_away: bool) {
        if let Some(mut memory) = self.memory() {
            memory.is_away = is_away;
        }
    }

    /// Grants a scope such as `kv.readwrite`; it holds from the next call on.
    pub fn grant(&self, scope: &str) {
        if let Some(mut memory) = self.memory() {
            memory.granted.insert(scope.to_owned());
        }
    }

    /// Takes a scope back; it holds from the next call on.
    pub fn revoke(&self, scope: &str) {
        if let Some(mut memory) = self.memory() {
            memory.granted.remove(scope);
        }
    }

    /// Publishes an event, as another plugin would.
    pub fn publish(&self, topic: &str, payload: impl Into<Bytes>) {
        if let Some(mut memory) = self.memory() {
            memory.publish(topic, payload.into(), "plugin:2@test");
        }
    }

    /// Every event so far, also those of the test.
    pub fn published(&self) -> Vec<Event> {
        let memory = self.memory();
        let events = memory.iter().flat_map(|memory| memory.published());
        events.cloned().map(Event::from).collect()
    }

    /// How many subscriptions the plugin has.
    pub fn subscriptions(&self) -> usize {
        self.memory().map_or(0, |memory| memory.follower_count())
    }

    /// How many connections to its host services the plugin has made.
    pub fn service_connections(&self) -> u32 {
        self.offer.as_ref().map_or(0, Offer::connections)
    }

    /// Cuts the plugin off from its host services, which can be reached again at once, elsewhere.
    ///
    /// # Errors
    /// When no socket can be made.
    pub async fn cut_off(&mut self) -> Result<()> {
        match &mut self.offer {
            Some(offer) => offer.move_on().await,
            None => Ok(()),
        }
    }

    pub(super) fn memory(&self) -> Option<MutexGuard<'_, Memory>> {
        self.offer.as_ref().map(|offer| offer.services().memory())
    }

    /// Closes the session, as a gateway does before it ends a plugin.
    ///
    /// # Errors
    /// When the plugin does not answer.
    pub async fn close_session(&self) -> Result<()> {
        let reason = "unload".to_owned();
        let closed = self.client().close_session(timed(CloseSessionRequest { reason })).await;
        closed.map(drop).map_err(|status| failed(&status))
    }

    /// The client behind the other methods, for calls that have no method here.
    pub fn client(&self) -> PluginServiceClient<Channel> {
        self.client.clone()
    }

    /// Shuts the plugin down in order and waits until its server has ended.
    ///
    /// # Errors
    /// When the plugin's shutdown function fails.
    pub async fn shutdown(self) -> Result<()> {
        let closed = self.close_session().await;
        let told = self.client().shutdown(timed(ShutdownRequest { timeout_seconds: 5 })).await;
        self.stop.disarm().cancel();
        drop(self.client);
        self.server.await.map_err(|error| Error::from(error).context("the plugin's server"))?;
        told.map_err(|status| failed(&status))?;
        closed
    }
}

impl std::fmt::Debug for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Host").field("slug", &self.slug).finish_non_exhaustive()
    }
}

/// A call with a deadline.
pub(super) fn timed<T>(message: T) -> Call<T> {
    let mut call = Call::new(message);
    call.set_timeout(DEADLINE);
    call
}

pub(super) fn failed(status: &Status) -> Error {
    Error::new(status.message()).context(format!("the plugin answered {:?}", status.code()))
}
