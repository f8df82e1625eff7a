//! An edge's end of a stream without an edge: it says and hears single messages.

use crate::DEADLINE;
use crate::control_plane::ControlPlane;
use hyper_util::rt::TokioIo;
use sidegate_sync::message::edge_sync_client::EdgeSyncClient;
use sidegate_sync::message::{
    ControlMessage, EdgeMessage, Hello, Want, WantedBlob, control_message, edge_message,
};
use std::io;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Streaming;
use tonic::transport::{Endpoint, Uri};

pub(crate) struct Raw {
    say: mpsc::Sender<EdgeMessage>,
    hear: Streaming<ControlMessage>,
}

impl Raw {
    /// A stream of the edge with this name, of the global namespace, which has said its first word.
    pub(crate) async fn connect(control: &ControlPlane, name: &str) -> Self {
        let mut socket = TcpStream::connect(control.address()).await.unwrap();
        socket.write_all(format!("{name} \n").as_bytes()).await.unwrap();
        let mut io = Some(TokioIo::new(socket));
        let connector = tower::service_fn(move |_: Uri| {
            std::future::ready(io.take().ok_or_else(|| io::Error::other("it is used once")))
        });
        let endpoint = Endpoint::from_static("http://control");
        let channel = endpoint.connect_with_connector(connector).await.unwrap();
        let (say, said) = mpsc::channel(16);
        let attached = EdgeSyncClient::new(channel).attach(ReceiverStream::new(said)).await;
        let hello = edge_message::Body::Hello(Hello { protocols: vec![1], ..<_>::default() });
        // Whoever is sent away at once is not listened to.
        let _ = say.send(EdgeMessage { body: Some(hello) }).await;
        Self { say, hear: attached.unwrap().into_inner() }
    }

    pub(crate) async fn say(&mut self, body: edge_message::Body) {
        self.say.send(EdgeMessage { body: Some(body) }).await.unwrap();
    }

    /// What comes next.
    pub(crate) async fn hear(&mut self) -> control_message::Body {
        let message = timeout(DEADLINE, self.hear.message()).await.expect("it comes in time");
        message.unwrap().expect("the stream goes on").body.unwrap()
    }

    /// Whether the stream has ended.
    pub(crate) async fn is_over(&mut self) -> bool {
        let message = timeout(DEADLINE, self.hear.message()).await.expect("it comes in time");
        !matches!(message, Ok(Some(_)))
    }

    /// Comes back once all was heard that was said so far.
    pub(crate) async fn is_heard(&mut self) {
        let nowhere = WantedBlob { digest: vec![7; 32], offset: 0 };
        self.say(edge_message::Body::Want(Want { blobs: vec![nowhere] })).await;
        while !matches!(self.hear().await, control_message::Body::MissingBlob(_)) {}
    }
}
