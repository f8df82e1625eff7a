//! A plugin without any SDK, which does what its configuration says and tells what it was asked: the
//! subject of tests of what lies beneath an SDK.

use prost::Message;
use sidegate_wire::management as host;
use sidegate_wire::plugin::grpc_broker_server::{GrpcBroker, GrpcBrokerServer};
use sidegate_wire::plugin::grpc_controller_server::{GrpcController, GrpcControllerServer};
use sidegate_wire::plugin::open_session_response::CloseReason;
use sidegate_wire::{Handshake, Network, plugin as wire};
use std::collections::HashMap;
use std::convert::Infallible;
use std::error::Error;
use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Notify, mpsc};
use tokio::time::timeout;
use tonic::body::Body;
use tonic::transport::{Channel, Endpoint, Server};
use tonic::{Request, Response, Status};

type Boxed<T> = Pin<Box<dyn Future<Output = T> + Send>>;
type Management =
    host::microgateway_management_service_client::MicrogatewayManagementServiceClient<Channel>;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    if let Some(address) = std::env::args().nth(1) {
        println!("{}", ask(&address).await);
        return Ok(());
    }
    #[expect(clippy::disallowed_methods, reason = "a host gives a plugin its orders there")]
    let dir = std::env::var_os(sidegate_wire::handshake::ENV_UNIX_SOCKET_DIR).ok_or("no folder")?;
    let path = PathBuf::from(dir).join("plugin1");
    let listener = UnixListener::bind(&path)?;
    println!("{}", Handshake::new(Network::Unix(path)).line());
    let bare = Bare::default();
    let incoming = futures_util::stream::unfold(listener, async |listener| {
        let accepted = listener.accept().await.map(|(stream, _)| stream);
        Some((accepted, listener))
    });
    Server::builder()
        .add_service(GrpcBrokerServer::new(bare.clone()))
        .add_service(GrpcControllerServer::new(bare.clone()))
        .add_service(bare)
        .serve_with_incoming(incoming)
        .await?;
    Ok(())
}

#[derive(Clone, Default)]
struct Bare(Arc<State>);

#[derive(Default)]
struct State {
    config: Mutex<HashMap<String, String>>,
    /// What the host asked, in order.
    asked: Mutex<Vec<String>>,
    /// What the host announced and nobody took; one at a time.
    mailbox: Mutex<Option<mpsc::Receiver<String>>>,
    /// What was dialled.
    dialled: Mutex<Vec<(String, Management)>>,
    closed: Notify,
}

impl State {
    fn config(&self, key: &str) -> Option<String> {
        lock(&self.config).get(key).cloned()
    }

    /// Notes what was asked; also in the file `notes`, which outlives the process.
    fn note(&self, asked: String) {
        let mut all = lock(&self.asked);
        all.push(asked);
        if let Some(path) = self.config("notes") {
            std::fs::write(path, all.join("\n")).unwrap_or_default();
        }
    }

    /// Dials what was announced, as plugins do: each announcement once.
    async fn dial(&self) -> Result<String, Status> {
        let mailbox = lock(&self.mailbox).take();
        let mut mailbox = mailbox.ok_or_else(|| Status::aborted("another dial waits"))?;
        let announced = timeout(Duration::from_secs(5), mailbox.recv()).await;
        *lock(&self.mailbox) = Some(mailbox);
        let address = announced.ok().flatten();
        let address = address.ok_or_else(|| Status::unavailable("nothing was announced"))?;
        let management = connect(&address).await?;
        lock(&self.dialled).push((address.clone(), management));
        Ok(address)
    }

    /// Keeps a value over the connection that was dialled last and reads it over the first.
    async fn keep(&self) -> Result<String, Status> {
        let dialled = lock(&self.dialled).clone();
        let (Some((_, first)), Some((_, last))) = (dialled.first(), dialled.last()) else {
            return Err(Status::failed_precondition("nothing was dialled"));
        };
        let value = format!("kept over connection {}", dialled.len());
        let key = "k".to_owned();
        let write = host::WritePluginKvRequest {
            key: key.clone(),
            value: value.into(),
            ..Default::default()
        };
        last.clone().write_plugin_kv(write).await?;
        let read = host::ReadPluginKvRequest { key, ..Default::default() };
        let read = first.clone().read_plugin_kv(read).await?.into_inner();
        String::from_utf8(read.value.into()).map_err(|e| Status::internal(e.to_string()))
    }

    /// Comes back through the first door: a new connection, nothing taken from the mailbox.
    async fn come_back(&self) -> Result<String, Status> {
        let first = lock(&self.dialled).first().map(|(address, _)| address.clone());
        let address = first.ok_or_else(|| Status::failed_precondition("nothing was dialled"))?;
        let management = connect(&address).await?;
        lock(&self.dialled).push((address.clone(), management));
        Ok(address)
    }

    /// Has another process of this program come in through the first door, started by this script.
    async fn ask_through(&self, script: &str) -> Result<String, Status> {
        let first = lock(&self.dialled).first().map(|(address, _)| address.clone());
        let address = first.ok_or_else(|| Status::failed_precondition("nothing was dialled"))?;
        let program = std::env::current_exe()?;
        let mut shell = tokio::process::Command::new("sh");
        shell.args(["-c", script]).arg(program).arg(address);
        let output = timeout(Duration::from_secs(10), shell.output()).await;
        let output = output.map_err(|_| Status::deadline_exceeded("no answer"))??;
        String::from_utf8(output.stdout).map_err(|e| Status::internal(e.to_string()))
    }

    async fn answer(&self, path: &str) -> Result<String, Status> {
        match path {
            "/asked" => Ok(lock(&self.asked).join("\n")),
            "/dial" => self.dial().await,
            "/keep" => self.keep().await,
            "/back" => self.come_back().await,
            "/child" => self.ask_through("\"$0\" \"$1\"").await,
            "/orphan" => self.ask_through("\"$0\" \"$1\" &").await,
            _ => Ok(self.config(path.trim_start_matches('/')).unwrap_or_default()),
        }
    }

    async fn session(&self, asked: wire::OpenSessionRequest) -> Result<CloseReason, Status> {
        let (broker, plugin) = (asked.service_broker_id, asked.plugin_id);
        self.note(format!("open {broker} {plugin} {}", asked.timeout_ms));
        if self.config("sessions").as_deref() == Some("none") {
            return Err(Status::unimplemented("no sessions"));
        }
        let time = Duration::from_millis(asked.timeout_ms.unsigned_abs().into());
        let closed = timeout(time, self.closed.notified()).await;
        Ok(if closed.is_ok() { CloseReason::ExplicitClose } else { CloseReason::Timeout })
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether who comes in at this address is answered.
async fn ask(address: &str) -> String {
    let asked = async {
        let question = host::GetLicenseInfoRequest::default();
        connect(address).await?.get_license_info(question).await
    };
    asked.await.map_or_else(|status| status.to_string(), |_| "served".to_owned())
}

async fn connect(address: &str) -> Result<Management, Status> {
    let address = PathBuf::from(address);
    let connector = tower::service_fn(move |_| {
        let address = address.clone();
        async move { UnixStream::connect(address).await.map(hyper_util::rt::TokioIo::new) }
    });
    let endpoint = Endpoint::from_static("http://localhost");
    let channel = endpoint.connect_with_connector(connector).await;
    channel.map(Management::new).map_err(|e| Status::unavailable(e.to_string()))
}

#[tonic::async_trait]
impl GrpcBroker for Bare {
    type StartStreamStream = futures_util::stream::Pending<Result<wire::ConnInfo, Status>>;

    async fn start_stream(
        &self,
        request: Request<tonic::Streaming<wire::ConnInfo>>,
    ) -> Result<Response<Self::StartStreamStream>, Status> {
        let (letters, mailbox) = mpsc::channel(1);
        *lock(&self.0.mailbox) = Some(mailbox);
        let mut announced = request.into_inner();
        tokio::spawn(async move {
            while let Ok(Some(info)) = announced.message().await {
                let _ = letters.try_send(info.address);
            }
        });
        Ok(Response::new(futures_util::stream::pending()))
    }
}

#[tonic::async_trait]
impl GrpcController for Bare {
    #[expect(
        clippy::disallowed_methods,
        reason = "a controller of this kind just ends its process"
    )]
    async fn shutdown(&self, _: Request<wire::Empty>) -> Result<Response<wire::Empty>, Status> {
        std::process::exit(0)
    }
}

impl tonic::server::NamedService for Bare {
    const NAME: &'static str = "plugin.PluginService";
}

impl tower::Service<http::Request<Body>> for Bare {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Boxed<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let state = self.0.clone();
        Box::pin(async move { Ok(answer(state, request).await) })
    }
}

async fn answer(state: Arc<State>, request: http::Request<Body>) -> http::Response<Body> {
    let method = request.uri().path().rsplit('/').next().unwrap_or_default().to_owned();
    match method.as_str() {
        "Initialize" => {
            unary(request, async move |asked: wire::InitRequest| {
                *lock(&state.config) = asked.config;
                Ok(wire::InitResponse { success: true, ..Default::default() })
            })
            .await
        }
        "GetEndpointRegistrations" if state.config("endpoints").as_deref() != Some("none") => {
            unary(request, async |_: wire::GetEndpointRegistrationsRequest| {
                let (path, methods) = ("/*".into(), vec!["GET".into()]);
                let all = wire::EndpointRegistration { path, methods, ..Default::default() };
                Ok(wire::GetEndpointRegistrationsResponse { registrations: vec![all] })
            })
            .await
        }
        "HandleEndpointRequest" => {
            unary(request, async move |asked: wire::EndpointRequest| {
                let body = state.answer(&asked.relative_path).await?.into();
                Ok(wire::EndpointResponse { status_code: 200, body, ..Default::default() })
            })
            .await
        }
        "GetManifest" => {
            unary(request, async move |_: wire::GetManifestRequest| {
                let manifest_json = state.config("manifest");
                let manifest_json = manifest_json.ok_or_else(|| Status::unimplemented("none"))?;
                let success = state.config("has_manifest").as_deref() != Some("false");
                Ok(wire::GetManifestResponse { success, manifest_json, ..Default::default() })
            })
            .await
        }
        "Ping" => {
            unary(request, async |_: wire::PingRequest| {
                Ok(wire::PingResponse { healthy: true, ..Default::default() })
            })
            .await
        }
        "OpenSession" => {
            unary(request, async move |asked: wire::OpenSessionRequest| {
                let close_reason = state.session(asked).await?.into();
                let success = true;
                Ok(wire::OpenSessionResponse { success, close_reason, ..Default::default() })
            })
            .await
        }
        "CloseSession" => {
            unary(request, async move |asked: wire::CloseSessionRequest| {
                state.note(format!("close {}", asked.reason));
                state.closed.notify_waiters();
                Ok(wire::CloseSessionResponse { success: true, ..Default::default() })
            })
            .await
        }
        _ => Status::unimplemented(format!("no {method}")).into_http(),
    }
}

async fn unary<Q, A, R>(
    request: http::Request<Body>,
    answer: impl FnOnce(Q) -> R + Send + 'static,
) -> http::Response<Body>
where
    Q: Message + Default + 'static,
    A: Message + Default + 'static,
    R: Future<Output = Result<A, Status>> + Send + 'static,
{
    let mut answer = Some(answer);
    let service = tower::service_fn(move |request: Request<Q>| {
        let answered = answer.take().map(|answer| answer(request.into_inner()));
        Box::pin(async move {
            let answered = answered.ok_or_else(|| Status::internal("asked twice"))?;
            answered.await.map(Response::new)
        }) as Boxed<Result<Response<A>, Status>>
    });
    let codec = tonic_prost::ProstCodec::<A, Q>::default();
    tonic::server::Grpc::new(codec).unary(service, request).await
}
