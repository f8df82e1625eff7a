//! A way to a PostgreSQL server on which nobody hears notifications: as behind a pooler that shares sessions, or behind
//! something that cuts the connections of those who listen. Knows no more of the protocol than how messages begin.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// The first byte of a notification.
const NOTIFICATION: u8 = b'A';
/// What whoever listens says.
const LISTEN: &[u8] = b"LISTEN";

/// Why nothing is heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deafness {
    /// Notifications are swallowed.
    Swallows,
    /// A connection ends when somebody wants to listen on it.
    Cuts,
}

/// A way to a server; it ends when it is dropped.
pub struct DeafDatabase {
    dsn: String,
    kept_back: Arc<AtomicU64>,
    _serving: JoinSet<()>,
}

impl DeafDatabase {
    /// Before the server at this address, which has to be without TLS.
    ///
    /// # Panics
    /// When the address names no host and port, or loopback has no free port.
    pub async fn before(dsn: &str, deafness: Deafness) -> Self {
        let address = dsn.split_once('@').and_then(|(_, rest)| rest.split_once('/'));
        let address = address.expect("an address of a database").0;
        let server: SocketAddr = address.parse().expect("an address and a port");
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("loopback has free ports");
        let own = listener.local_addr().expect("it listens");
        let kept_back = Arc::<AtomicU64>::default();
        let mut serving = JoinSet::new();
        serving.spawn(serve(listener, server, deafness, kept_back.clone()));
        let dsn = dsn.replacen(address, &own.to_string(), 1);
        Self { dsn, kept_back, _serving: serving }
    }

    /// The address of the database on this way.
    pub fn dsn(&self) -> &str {
        &self.dsn
    }

    /// How many notifications were swallowed, or connections cut.
    pub fn kept_back(&self) -> u64 {
        self.kept_back.load(Ordering::Relaxed)
    }
}

async fn serve(
    listener: TcpListener,
    server: SocketAddr,
    deafness: Deafness,
    kept_back: Arc<AtomicU64>,
) {
    let mut connections = JoinSet::new();
    while let Ok((client, _)) = listener.accept().await {
        let kept_back = kept_back.clone();
        connections.spawn(async move {
            let Ok(server) = TcpStream::connect(server).await else { return };
            let (from_client, to_client) = client.into_split();
            let (from_server, to_server) = server.into_split();
            // Either end of it is the end of the connection.
            tokio::select! {
                _ = ask(from_client, to_server, deafness, &kept_back) => {}
                _ = answer(from_server, to_client, deafness, &kept_back) => {}
            }
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn ask(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    deafness: Deafness,
    kept_back: &AtomicU64,
) -> io::Result<()> {
    let mut bytes = vec![0; 16 * 1024];
    loop {
        let read = from.read(&mut bytes).await?;
        let said = &bytes[..read];
        let listens = said.windows(LISTEN.len()).any(|some| some == LISTEN);
        if listens && deafness == Deafness::Cuts {
            kept_back.fetch_add(1, Ordering::Relaxed);
            return Ok(());
        }
        if said.is_empty() {
            return Ok(());
        }
        to.write_all(said).await?;
    }
}

/// Messages of a server begin with a byte for their kind, and their length without it.
async fn answer(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    deafness: Deafness,
    kept_back: &AtomicU64,
) -> io::Result<()> {
    loop {
        let mut head = [0; 5];
        from.read_exact(&mut head).await?;
        let length = u32::from_be_bytes([head[1], head[2], head[3], head[4]]);
        let mut rest = vec![0; (length as usize).saturating_sub(4)];
        from.read_exact(&mut rest).await?;
        if head[0] == NOTIFICATION && deafness == Deafness::Swallows {
            kept_back.fetch_add(1, Ordering::Relaxed);
            continue;
        }
        to.write_all(&[&head[..], &rest].concat()).await?;
    }
}
