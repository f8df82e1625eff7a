//! Starts a plugin's server on a socket of its own and talks to it as a gateway does.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::Value;
use sidegate_wire::handshake::{CONFIG_PLUGIN_ID, FEATURE_HEADER_LIST, FEATURE_RAW_PATH};
use sidegate_wire::plugin::plugin_service_client::PluginServiceClient;
use sidegate_wire::plugin::{
    EndpointRegistration, GetAssetRequest, GetConfigSchemaRequest, GetEndpointRegistrationsRequest,
    GetManifestRequest, InitRequest, ShutdownRequest,
};
use tokio::net::UnixListener;
use tokio::task::JoinHandle;
use tokio_stream::wrappers::UnixListenerStream;
use tokio_util::sync::{CancellationToken, DropGuard};
use tonic::transport::{Channel, Endpoint};
use tonic::{Request as Call, Status};

use super::answer::{Answer, AnswerStream, DEADLINE};
use super::folder::Folder;
use crate::config::Config;
use crate::error::{Error, Result};
use crate::plugin::Plugin;
use crate::request::Request;
use crate::request_builder::{DEFAULT_SLUG, RequestBuilder};
use crate::service::{self, Master};

/// A plugin that runs inside the test, initialized. It stops when this is dropped.
#[derive(Debug)]
pub struct Host {
    client: PluginServiceClient<Channel>,
    slug: String,
    extensions: bool,
    server: JoinHandle<Result<()>>,
    stop: DropGuard,
}

impl Host {
    /// Starts and initializes a plugin with this configuration, as Sidegate does.
    ///
    /// # Errors
    /// When the plugin's description is unsound, or when it refuses the configuration.
    pub async fn start<S>(plugin: Plugin<S>, config: impl Into<Config>) -> Result<Self>
    where
        S: Send + Sync + 'static,
    {
        Self::launch(plugin, config.into(), true).await
    }

    /// The same as a host that knows nothing of Sidegate's extensions: headers come and go as one
    /// text for each name, and there is no raw path.
    ///
    /// # Errors
    /// As [`Host::start`].
    pub async fn start_plain<S>(plugin: Plugin<S>, config: impl Into<Config>) -> Result<Self>
    where
        S: Send + Sync + 'static,
    {
        Self::launch(plugin, config.into(), false).await
    }

    async fn launch<S>(plugin: Plugin<S>, config: Config, extensions: bool) -> Result<Self>
    where
        S: Send + Sync + 'static,
    {
        let program = Arc::new(plugin.into_program()?);
        let folder = Folder::new()?;
        let socket = folder.path().join("plugin");
        let listener = UnixListener::bind(&socket)?;
        let stop = CancellationToken::new();
        let server = tokio::spawn({
            let stop = stop.clone();
            async move {
                // Lives as long as the server that listens in it.
                let _folder = folder;
                let incoming = UnixListenerStream::new(listener);
                service::run(program, incoming, Master::Host, stop).await
            }
        });
        let address = Endpoint::try_from(format!("unix://{}", socket.display()))?;
        let address = address.initial_connection_window_size(service::CONNECTION_WINDOW_BYTES);
        let channel = address.connect_timeout(DEADLINE).connect().await?;
        let host = Self {
            client: PluginServiceClient::new(channel)
                .max_decoding_message_size(usize::MAX)
                .max_encoding_message_size(usize::MAX),
            slug: config.slug().unwrap_or(DEFAULT_SLUG).to_owned(),
            extensions,
            server,
            stop: stop.drop_guard(),
        };
        host.initialize(&config).await?;
        Ok(host)
    }

    async fn initialize(&self, config: &Config) -> Result<()> {
        let known = [FEATURE_HEADER_LIST, FEATURE_RAW_PATH];
        let features = known.iter().filter(|_| self.extensions).map(|&name| name.to_owned());
        let id = (CONFIG_PLUGIN_ID.to_owned(), "1".to_owned());
        let pairs = config.iter().map(|(key, value)| (key.to_owned(), value.to_owned()));
        let request =
            InitRequest { config: pairs.chain([id]).collect(), features: features.collect() };
        let answer = self
            .client()
            .initialize(timed(request))
            .await
            .map_err(|status| failed(&status))?
            .into_inner();
        if answer.success { Ok(()) } else { Err(Error::new(answer.error_message)) }
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
        let message = request.into_wire(&self.slug, self.extensions);
        let mut client = self.client();
        let answer = tokio::time::timeout(DEADLINE, client.handle_endpoint_request(message)).await;
        let late = || Err(Status::deadline_exceeded("no answer came in time"));
        Answer::new(answer.unwrap_or_else(|_| late()).map(tonic::Response::into_inner))
    }

    /// Sends a request and waits for the head of the answer.
    pub async fn stream(&self, request: RequestBuilder) -> AnswerStream {
        let message = request.into_wire(&self.slug, self.extensions);
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

    /// Type and content of a file of the plugin's user interface.
    ///
    /// # Errors
    /// When the plugin has no such file.
    pub async fn asset(&self, path: &str) -> Result<(String, Bytes)> {
        let request = timed(GetAssetRequest { asset_path: path.to_owned() });
        let answer =
            self.client().get_asset(request).await.map_err(|status| failed(&status))?.into_inner();
        if answer.success {
            Ok((answer.mime_type, answer.content))
        } else {
            Err(Error::new(answer.error_message))
        }
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
        let told = self.client().shutdown(timed(ShutdownRequest { timeout_seconds: 5 })).await;
        self.stop.disarm().cancel();
        drop(self.client);
        self.server.await.map_err(|error| Error::from(error).context("the plugin's server"))??;
        told.map(drop).map_err(|status| failed(&status))
    }
}

/// A call with a deadline.
fn timed<T>(message: T) -> Call<T> {
    let mut call = Call::new(message);
    call.set_timeout(DEADLINE);
    call
}

fn failed(status: &Status) -> Error {
    Error::new(status.message()).context(format!("the plugin answered {:?}", status.code()))
}
