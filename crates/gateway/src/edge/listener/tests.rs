//! A shard without a gateway around it: its clients are in memory, and no plugin is anywhere.

use super::super::body_memory::BodyMemory;
use super::super::context::EdgeLimits;
use super::super::guarded_io::test_socket::{TestClient, TestSocket, pair};
use super::super::inside_settings::InsideSettings;
use super::super::listed_requests::ListedRequests;
use super::super::open_streams::OpenStreams;
use super::super::proxies::Proxies;
use super::*;
use crate::identity::newcomers::Newcomers;
use crate::log::Logs;
use crate::metrics::Metrics;
use sidegate_model::public_endpoints::PublicMode;
use sidegate_plugins::{Generation, GenerationReader, NodeFacts};
use std::sync::atomic::AtomicBool;
use tokio::task::JoinHandle;
use tokio::time::Instant;

const HEALTH: &str = "GET /health HTTP/1.1\r\nHost: a\r\n\r\n";

fn edge() -> Arc<Edge> {
    let limits = EdgeLimits::default();
    Arc::new(Edge {
        generations: GenerationReader::fixed(Generation::default()),
        proxies: Proxies::default(),
        public_urls: <_>::default(),
        facts: NodeFacts::new("test", ""),
        body_memory: BodyMemory::new(limits.body_memory_bytes),
        metrics: Metrics::new(1),
        logs: Logs::none(),
        streams: [OpenStreams::new(PublicMode::Allow)].into(),
        listed: [ListedRequests::new(0, 1, 0)].into(),
        statuses: Arc::new(|| None),
        started: std::time::Instant::now(),
        stopping: AtomicBool::new(false),
        public_probes: true,
        public_endpoints: PublicMode::Allow,
        handed_over: AtomicBool::new(false),
        jwts: <_>::default(),
        client_authorities: <_>::default(),
        newcomers: Newcomers::new(None),
        inside: InsideSettings::new(1, ([127, 0, 0, 1], 1).into(), false),
        freshness: Arc::default(),
        limits,
    })
}

fn shard() -> Arc<Shard> {
    let [accept, stop, close] = [(); 3].map(|()| CancellationToken::new());
    let places = Arc::new(Semaphore::new(10));
    Arc::new(Shard { edge: edge(), number: 0, tls: None, places, accept, stop, close })
}

/// A client that was accepted, and how its connection ends.
struct Accepted {
    client: TestClient,
    ended: JoinHandle<Result<(), Ended>>,
}

impl Accepted {
    fn by(shard: &Arc<Shard>) -> Self {
        Self::opened(shard, async |shard, socket| shard.sniffed(socket, false).await)
    }

    fn opened(
        shard: &Arc<Shard>,
        open: impl AsyncFnOnce(&Shard, TestSocket) -> Result<Opened<TestSocket>, Ended> + 'static,
    ) -> Self {
        let (socket, client) = pair(64 * 1024);
        let (shard, connection) = (shard.clone(), shard.greet(([192, 0, 2, 1], 1).into()));
        let local = async move {
            let opened = open(&shard, socket).await?;
            shard.serve_opened(opened, &connection).await
        };
        Self { client, ended: tokio::task::spawn_local(local) }
    }
}

/// Runs a test among tasks of one thread, as a shard's are.
async fn on_one_thread(test: impl Future<Output = ()>) {
    tokio::task::LocalSet::new().run_until(test).await;
}

#[tokio::test(start_paused = true)]
async fn requests_on_one_connection_are_answered_one_after_the_other() {
    on_one_thread(async {
        let Accepted { mut client, ended } = Accepted::by(&shard());
        client.send(HEALTH).await;
        assert!(client.read_until("\"status\"").await.starts_with("HTTP/1.1 200 OK\r\n"));
        client.send("GET /nothing HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").await;
        let rest = client.rest().await;
        assert!(
            rest.contains("HTTP/1.1 404 ") && rest.contains("\"code\":\"not_found\""),
            "{rest}"
        );
        ended.await.unwrap().unwrap();
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn http2_is_recognised_by_its_first_bytes() {
    on_one_thread(async {
        let Accepted { client, .. } = Accepted::by(&shard());
        let (mut sender, connection) = h2::client::handshake(client.into_io()).await.unwrap();
        tokio::task::spawn_local(connection);
        let request = http::Request::get("http://a/health").body(()).unwrap();
        let (answer, _) = sender.send_request(request, true).unwrap();
        assert_eq!(answer.await.unwrap().status(), 200);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn who_begins_nothing_is_not_waited_for() {
    on_one_thread(async {
        for begun in ["", "PRI * HT"] {
            let begun_at = Instant::now();
            let Accepted { mut client, ended } = Accepted::by(&shard());
            client.send(begun).await;
            assert!(matches!(ended.await.unwrap(), Err(Ended::TooSlow(_))), "{begun:?}");
            assert_eq!(begun_at.elapsed(), EdgeLimits::default().header_read_timeout);
            assert_eq!(client.rest().await, "");
        }
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn who_comes_without_tls_to_a_port_that_speaks_it_is_told_so() {
    on_one_thread(async {
        let open = async |_: &Shard, socket| Ok(Opened::WithoutTls(socket));
        let Accepted { mut client, ended } = Accepted::opened(&shard(), open);
        client.send(HEALTH).await;
        client.end().await;
        let said = client.rest().await;
        assert!(said.starts_with("HTTP/1.1 400 ") && said.contains("https://"), "{said}");
        ended.await.unwrap().unwrap();
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn a_stop_ends_what_is_idle_and_answers_what_is_not() {
    on_one_thread(async {
        let shard = shard();
        let Accepted { client: mut idle, ended: idle_ended } = Accepted::by(&shard);
        idle.send(HEALTH).await;
        idle.read_until("\"status\"").await;
        let Accepted { client: mut late, ended: late_ended } = Accepted::by(&shard);
        shard.close.cancel();
        late.send(HEALTH).await;
        assert_eq!(idle.rest().await, "");
        idle_ended.await.unwrap().unwrap();
        let answer = late.rest().await;
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        late_ended.await.unwrap().unwrap();
    })
    .await;
}

#[tokio::test]
async fn nobody_is_accepted_before_it_is_time_nor_after_the_stop() {
    let shard = shard();
    let (accept, stop) = (shard.accept.clone(), shard.stop.clone());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let shard = Arc::into_inner(shard).unwrap();
    let serving = tokio::spawn(shard.serve(vec![listener]));
    let mut early = TcpStream::connect(addr).await.unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut early, HEALTH.as_bytes()).await.unwrap();
    tokio::task::yield_now().await;
    let unread = early.try_read(&mut [0; 12]).unwrap_err();
    assert_eq!(unread.kind(), io::ErrorKind::WouldBlock);
    accept.cancel();
    let mut answer = [0; 12];
    early.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200");
    drop(early);
    stop.cancel();
    serving.await.unwrap();
    assert!(TcpStream::connect(addr).await.is_err());
}
