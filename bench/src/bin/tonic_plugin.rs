//! The same plugin written with nothing but generated code and tonic's server: what an author has
//! without an SDK. Below a gateway it prints the handshake line; with `--socket PATH` it serves
//! there and prints nothing.

use sidegate_bench::naive as wire;
use sidegate_bench::payload::{Events, HELLO, Order};
use sidegate_wire::handshake::{ENV_UNIX_SOCKET_DIR, Handshake, Network};
use std::collections::HashMap;
use std::path::PathBuf;
use tokio::net::UnixListener;
use tokio::sync::mpsc;
use tokio_stream::wrappers::{ReceiverStream, UnixListenerStream};
use tonic::codegen::BoxStream;
use tonic::{Request, Response, Status};
use wire::endpoint_response_chunk::ChunkType;
use wire::plugin_service_server::{PluginService, PluginServiceServer};

/// How many pieces of a stream wait for the connection.
const PIECES: usize = 16;
/// Above the largest body of the benchmark.
const MAX_MESSAGE_BYTES: usize = 16 * 1024 * 1024;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let asked = std::env::args().skip_while(|argument| argument != "--socket").nth(1);
    let path = asked.as_ref().map_or_else(own_socket, PathBuf::from);
    let listener = UnixListener::bind(&path)?;
    if asked.is_none() {
        print!("{}", Handshake::new(Network::Unix(path)).line());
        std::io::Write::flush(&mut std::io::stdout())?;
    }
    let service = PluginServiceServer::new(Naive).max_decoding_message_size(MAX_MESSAGE_BYTES);
    let incoming = UnixListenerStream::new(listener);
    tonic::transport::Server::builder().add_service(service).serve_with_incoming(incoming).await?;
    Ok(())
}

fn own_socket() -> PathBuf {
    #[expect(clippy::disallowed_methods, reason = "a host gives a plugin its orders there")]
    let folder = std::env::var_os(ENV_UNIX_SOCKET_DIR);
    let folder = folder.map_or_else(std::env::temp_dir, PathBuf::from);
    folder.join(format!("bench{}", std::process::id()))
}

struct Naive;

fn headers(content_type: &str) -> HashMap<String, String> {
    HashMap::from([("Content-Type".to_owned(), content_type.to_owned())])
}

fn endpoint(path: &str, method: &str) -> wire::EndpointRegistration {
    wire::EndpointRegistration {
        path: path.to_owned(),
        methods: vec![method.to_owned()],
        require_auth: path.starts_with("/auth"),
        stream_response: path == "/sse",
        ..Default::default()
    }
}

#[tonic::async_trait]
impl PluginService for Naive {
    async fn initialize(
        &self,
        _: Request<wire::InitRequest>,
    ) -> Result<Response<wire::InitResponse>, Status> {
        Ok(Response::new(wire::InitResponse { success: true, ..Default::default() }))
    }

    async fn ping(
        &self,
        request: Request<wire::PingRequest>,
    ) -> Result<Response<wire::PingResponse>, Status> {
        let timestamp = request.get_ref().timestamp;
        Ok(Response::new(wire::PingResponse { healthy: true, timestamp }))
    }

    async fn get_endpoint_registrations(
        &self,
        _: Request<wire::GetEndpointRegistrationsRequest>,
    ) -> Result<Response<wire::GetEndpointRegistrationsResponse>, Status> {
        let paths = [("/hello", "GET"), ("/auth/hello", "GET"), ("/echo", "POST"), ("/sse", "GET")];
        let registrations = paths.map(|(path, method)| endpoint(path, method)).into();
        Ok(Response::new(wire::GetEndpointRegistrationsResponse { registrations }))
    }

    async fn handle_endpoint_request(
        &self,
        request: Request<wire::EndpointRequest>,
    ) -> Result<Response<wire::EndpointResponse>, Status> {
        let request = request.into_inner();
        let (kind, body) = match request.relative_path.as_str() {
            "/echo" => ("application/octet-stream", request.body),
            _ => ("text/plain; charset=utf-8", HELLO.as_bytes().to_vec()),
        };
        let headers = headers(kind);
        let status_code = 200;
        Ok(Response::new(wire::EndpointResponse {
            status_code,
            headers,
            body,
            ..Default::default()
        }))
    }

    async fn handle_endpoint_request_stream(
        &self,
        request: Request<wire::EndpointRequest>,
    ) -> Result<Response<BoxStream<wire::EndpointResponseChunk>>, Status> {
        let order = Order::read(&request.get_ref().query_string);
        let (pieces, receiver) = mpsc::channel(PIECES);
        tokio::spawn(fill(order, pieces));
        Ok(Response::new(Box::pin(ReceiverStream::new(receiver))))
    }
}

/// Ends with the order or with the client.
async fn fill(order: Order, pieces: mpsc::Sender<Result<wire::EndpointResponseChunk, Status>>) {
    let head = wire::EndpointResponseChunk {
        r#type: ChunkType::Headers.into(),
        status_code: 200,
        headers: headers("text/event-stream"),
        ..Default::default()
    };
    if pieces.send(Ok(head)).await.is_err() {
        return;
    }
    let mut events = Events::new(order);
    loop {
        let event = tokio::select! {
            () = pieces.closed() => return,
            event = events.next() => event,
        };
        let (kind, data) = match event {
            Some(event) => (ChunkType::Body, event.to_vec()),
            None => (ChunkType::Done, Vec::new()),
        };
        let chunk = wire::EndpointResponseChunk { r#type: kind.into(), data, ..Default::default() };
        if pieces.send(Ok(chunk)).await.is_err() || kind == ChunkType::Done {
            return;
        }
    }
}
