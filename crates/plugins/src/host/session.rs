//! The host's own calls to a running plugin: set-up, heartbeat, sessions, its output over gRPC, and
//! the polite part of its end.
//!
//! Every call has a deadline. Requests of clients do not come this way.

use super::broker::{BROKER_ID, Broker};
use super::fault::Fault;
use super::logs::{LogSink, Stream};
use super::manifest::Manifest;
use super::open_session::keep_open;
use super::runtime::Runtime;
use super::schema::Schema;
use super::settings::HostLimits;
use sidegate_model::clock::now_millis;
use sidegate_model::config_schema::MAX_SCHEMA_BYTES;
use sidegate_model::convert::plugin_config;
use sidegate_model::plugin::PluginSpec;
use sidegate_wire::handshake::{
    CONFIG_SERVICE_BROKER_ID, FEATURE_HEADER_LIST, FEATURE_LARGE_MESSAGES, FEATURE_RAW_PATH,
    FEATURE_SEALING, FEATURE_STORAGE,
};
use sidegate_wire::plugin as wire;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout};
use tonic::transport::Channel;
use tonic::{Code, Request, Response, Status};
use wire::grpc_controller_client::GrpcControllerClient;
use wire::grpc_stdio_client::GrpcStdioClient;
use wire::plugin_service_client::PluginServiceClient;

/// Largest answer to a call of the host, in bytes: a plugin may describe many endpoints.
const MAX_ANSWER_BYTES: usize = 64 * 1024 * 1024;

/// Largest manifest, in bytes.
const MAX_MANIFEST_BYTES: usize = 1024 * 1024;

/// What the gateway can do beyond the original contract.
const FEATURES: [&str; 5] = [
    FEATURE_HEADER_LIST,
    FEATURE_RAW_PATH,
    FEATURE_LARGE_MESSAGES,
    FEATURE_STORAGE,
    FEATURE_SEALING,
];

/// The connection over which the host looks after one process.
pub(super) struct Session {
    plugin: PluginServiceClient<Channel>,
    controller: GrpcControllerClient<Channel>,
    limits: HostLimits,
    /// Which kind of host the plugin was told that it has.
    runtime: Runtime,
    /// `None` for a plugin that cannot reach the host services.
    broker: Option<Broker>,
    /// What lasts as long as the process: reading its output, and its sessions.
    lasting: JoinSet<()>,
}

impl Session {
    /// Takes a connection; from now on the plugin's output over gRPC is read.
    pub(super) fn open(
        channel: Channel,
        sink: &LogSink,
        limits: HostLimits,
        broker: Broker,
    ) -> Self {
        let mut session = Self::with_stranger(channel.clone(), limits);
        session.broker = Some(broker);
        // It does not return before the plugin sends something, so it lives in a task.
        session.lasting.spawn(read_stdio(channel, sink.clone()));
        session
    }

    /// Takes a connection to a plugin that runs elsewhere: its output and its end are not ours.
    pub(super) fn with_stranger(channel: Channel, limits: HostLimits) -> Self {
        let plugin =
            PluginServiceClient::new(channel.clone()).max_decoding_message_size(MAX_ANSWER_BYTES);
        let controller = GrpcControllerClient::new(channel);
        let (runtime, lasting) = (Runtime::Gateway, JoinSet::new());
        Self { plugin, controller, limits, runtime, broker: None, lasting }
    }

    /// The same for a process of this runtime.
    pub(super) fn within(self, runtime: Runtime) -> Self {
        Self { runtime, ..self }
    }

    /// Gives the plugin its configuration and returns the features it announced. Once per process.
    pub(super) async fn initialize(&self, spec: &PluginSpec) -> Result<Vec<String>, Fault> {
        let mut config = plugin_config(spec.id, &spec.config);
        // Our own word, whatever an operator wrote there: without a broker there must be none.
        config.remove(CONFIG_SERVICE_BROKER_ID);
        let has_broker = self.broker.is_some();
        config.extend(self.runtime.reserved(spec.id, has_broker));
        let request = wire::InitRequest { config, features: FEATURES.map(str::to_owned).into() };
        let mut plugin = self.plugin.clone();
        let limit = self.limits.initialize;
        let answer = call("Initialize", limit, request, |r| plugin.initialize(r)).await;
        let answer = answer.map_err(|failed| failed.fault)?;
        if !answer.success {
            let told = answer.error_message.chars().take(500).collect::<String>();
            return Err(Fault::Refused(if told.is_empty() {
                "no reason given".into()
            } else {
                told
            }));
        }
        Ok(answer.features)
    }

    /// What the plugin offers; nothing, when it does not know the question.
    pub(super) async fn registrations(&self) -> Result<Vec<wire::EndpointRegistration>, Fault> {
        let mut plugin = self.plugin.clone();
        let request = wire::GetEndpointRegistrationsRequest {};
        let limit = self.limits.registrations;
        let answer = call("GetEndpointRegistrations", limit, request, |r| {
            plugin.get_endpoint_registrations(r)
        });
        match answer.await {
            Ok(answer) => Ok(answer.registrations),
            Err(FailedCall { code: Some(Code::Unimplemented), .. }) => Ok(Vec::new()),
            Err(failed) => Err(failed.fault),
        }
    }

    /// What its manifest says. A plugin without one, or without an answer in time, has nothing to say.
    pub(super) async fn manifest(&self) -> Manifest {
        Manifest::told(&self.manifest_json().await)
    }

    /// The JSON of its manifest.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub(super) async fn manifest_json(&self) -> Result<Option<String>, String> {
        let mut plugin = self.plugin.clone().max_decoding_message_size(MAX_MANIFEST_BYTES);
        let request = wire::GetManifestRequest {};
        let answer = call("GetManifest", self.limits.manifest, request, |r| plugin.get_manifest(r));
        match answer.await {
            Ok(answer) if answer.success => Ok(Some(answer.manifest_json)),
            // That is how a message that is too large is refused.
            Err(FailedCall { fault, code: Some(Code::OutOfRange) }) => Err(fault.to_string()),
            _ => Ok(None),
        }
    }

    /// What it says of its configuration. A plugin without a schema, or without an answer in time, has
    /// nothing to say.
    pub(super) async fn config_schema(&self) -> Schema {
        // A little more than the schema itself: what is too large shall be told by its size.
        let most = 2 * MAX_SCHEMA_BYTES;
        let mut plugin = self.plugin.clone().max_decoding_message_size(most);
        let request = wire::GetConfigSchemaRequest {};
        let limit = self.limits.manifest;
        let answer = call("GetConfigSchema", limit, request, |r| plugin.get_config_schema(r));
        match answer.await {
            Ok(answer) if answer.success => Schema::parse(&answer.schema_json),
            // That is how a message that is too large is refused.
            Err(FailedCall { fault, code: Some(Code::OutOfRange) }) => {
                Schema::unreadable(&fault.to_string())
            }
            Err(FailedCall { code: Some(Code::Unimplemented), .. }) => Schema::none(),
            // It answered, and failed to say it.
            Ok(_) | Err(FailedCall { code: Some(Code::Unknown), .. }) => Schema::default(),
            Err(_) => Schema::unheard(),
        }
    }

    /// Keeps sessions open from now on, where the plugin has a way to ask its host: a session names
    /// it. One that runs elsewhere has none, and may serve other gateways, whose names it would lose.
    pub(super) fn keep_sessions(&mut self, spec: &Arc<PluginSpec>) {
        if self.broker.is_some() {
            let (plugin, length) = (self.plugin.clone(), self.limits.session);
            self.lasting.spawn(keep_open(plugin, spec.clone(), BROKER_ID, length));
        }
    }

    /// Asks whether it is well.
    pub(super) async fn ping(&self) -> Result<(), Fault> {
        let request = wire::PingRequest { timestamp: now_millis() / 1000 };
        let mut plugin = self.plugin.clone();
        match call("Ping", self.limits.ping, request, |r| plugin.ping(r)).await {
            Ok(answer) if answer.healthy => Ok(()),
            Ok(_) => Err(Fault::Unhealthy),
            // It answered, which is what was asked.
            Err(FailedCall { code: Some(Code::Unimplemented), .. }) => Ok(()),
            Err(failed) => Err(failed.fault),
        }
    }

    /// Pings for ever; returns what was wrong as soon as a ping fails.
    pub(super) async fn unwell(&self) -> Fault {
        loop {
            sleep(self.limits.ping_every).await;
            if let Err(fault) = self.ping().await {
                return fault;
            }
        }
    }

    /// Everything before the process itself is ended. A plugin that lets one call run into its
    /// deadline is not asked anything more. `closed` is how closing its session went, where that was done
    /// before.
    pub(super) async fn say_goodbye(mut self, plugin: &str, closed: Option<bool>) {
        let begun = Instant::now();
        let closed = match closed {
            Some(closed) => closed,
            None => self.close_session().await.is_ok(),
        };
        if closed && self.shutdown().await.is_ok() {
            if let Some(broker) = self.broker.take() {
                broker.close().await;
            }
            // The server may be gone before it answers: any result is success.
            let mut controller = self.controller.clone();
            let limit = self.limits.kill_grace;
            let _ =
                call("GRPCController.Shutdown", limit, wire::Empty {}, |r| controller.shutdown(r))
                    .await;
        }
        tracing::debug!(plugin, took = ?begun.elapsed(), "plugin was asked to end");
    }

    /// Ends what the plugin does in the background. Requests may still be open.
    pub(super) fn close_session(&self) -> impl Future<Output = Result<(), Fault>> + Send + use<> {
        let (mut plugin, limit) = (self.plugin.clone(), self.limits.close_session);
        async move {
            let request = wire::CloseSessionRequest { reason: "unload".into() };
            in_time(call("CloseSession", limit, request, |r| plugin.close_session(r)).await)
        }
    }

    async fn shutdown(&self) -> Result<(), Fault> {
        let mut plugin = self.plugin.clone();
        let limit = self.limits.shutdown;
        let told = limit.as_secs().div_ceil(2).cast_signed();
        let request = wire::ShutdownRequest { timeout_seconds: told };
        in_time(call("Shutdown", limit, request, |r| plugin.shutdown(r)).await)
    }
}

/// At the end only silence counts as a failure: errors are the plugin's own business then.
fn in_time<T>(result: Result<T, FailedCall>) -> Result<(), Fault> {
    match result {
        Err(FailedCall { fault: fault @ Fault::Timeout { .. }, .. }) => Err(fault),
        _ => Ok(()),
    }
}

/// A call that failed.
struct FailedCall {
    fault: Fault,
    /// What the plugin answered; `None` where it did not in time.
    code: Option<Code>,
}

/// One call with its deadline, told to the plugin and kept here.
async fn call<Q, A, F>(
    name: &'static str,
    limit: Duration,
    message: Q,
    send: impl FnOnce(Request<Q>) -> F,
) -> Result<A, FailedCall>
where
    F: Future<Output = Result<Response<A>, Status>>,
{
    let mut request = Request::new(message);
    request.set_timeout(limit);
    let late = || Fault::Timeout { call: name, limit };
    match timeout(limit, send(request)).await {
        Ok(Ok(answer)) => Ok(answer.into_inner()),
        Ok(Err(status)) if is_timeout(&status) => Err(FailedCall { fault: late(), code: None }),
        Ok(Err(status)) => {
            let message = status.message().chars().take(500).collect();
            let code = status.code();
            let fault = Fault::Call { call: name, code, message };
            Err(FailedCall { fault, code: Some(code) })
        }
        Err(_) => Err(FailedCall { fault: late(), code: None }),
    }
}

/// The deadline travels with the call, so that either side can be the first to see it pass.
fn is_timeout(status: &Status) -> bool {
    status.code() == Code::DeadlineExceeded
        || (status.code() == Code::Cancelled && status.message() == "Timeout expired")
}

async fn read_stdio(channel: Channel, sink: LogSink) {
    let mut stdout = sink.writer(Stream::Stdout);
    let mut stderr = sink.writer(Stream::Stderr);
    // Every end is normal: old plugins lack the service, others end it when they stop.
    if let Ok(answer) = GrpcStdioClient::new(channel).stream_stdio(()).await {
        let mut pieces = answer.into_inner();
        while let Ok(Some(piece)) = pieces.message().await {
            match piece.channel() {
                wire::stdio_data::Channel::Stdout => stdout.write(&piece.data),
                wire::stdio_data::Channel::Stderr => stderr.write(&piece.data),
                wire::stdio_data::Channel::Invalid => {}
            }
        }
    }
    stdout.finish();
    stderr.finish();
}
