//! One edge as far as its control plane sees it: it joins, syncs over TLS, keeps snapshots in a folder, and serves nobody.
//! Counts what it reads.

use anyhow::{Context as _, Result};
use sidegate_enrolment::edge::{ControlPlanes, Dialer, EdgeIdentity, JoinError, join};
use sidegate_enrolment::{Clock, ControlUrl, JoinToken};
use sidegate_model::namespace::Namespace;
use sidegate_model::snapshot::Snapshot;
use sidegate_sync::edge::{
    Contact, Dial, EdgeConfig, Inspection, NoCommands, Replica, SnapshotHost, Surroundings,
    UseLine, run,
};
use sidegate_sync::{DataKeys, Features};
use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Duration, Instant, sleep};

/// How long an edge tries to join, and how long it waits in between.
const JOINS_WITHIN: Duration = Duration::from_secs(120);
const PAUSE: Duration = Duration::from_secs(1);

/// How an edge becomes one.
pub(super) struct JoinsBy<'a> {
    pub(super) token: &'a str,
    pub(super) url: &'a ControlUrl,
    pub(super) folder: &'a Path,
}

/// A running one; it ends when it is dropped.
pub(super) struct Client {
    tokens: watch::Receiver<(usize, Instant)>,
    read: Arc<AtomicU64>,
    _stop: watch::Sender<bool>,
    _tasks: JoinSet<()>,
}

impl Client {
    /// Joins and connects; comes back when it serves by all that there is.
    pub(super) async fn start(JoinsBy { token, url, folder }: JoinsBy<'_>) -> Result<Self> {
        let control = ControlPlanes::new(vec![url.clone()], None)?;
        let token = JoinToken::parse(token)?;
        let kept = folder.join("identity");
        let identity = joined(&kept, &control, &token).await.context("an edge joins")?;
        let peer = identity.peer();
        let signers = identity.trust().borrow().pinned_signers()?;
        let config = EdgeConfig {
            signers,
            features: Features::of_this_version(),
            trust: None,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            boot_id: [7; 16],
            connections_before: 0,
            seed: peer.edge.bytes().map(u64::from).sum(),
        };
        let namespaces = BTreeSet::from([Namespace::global(), peer.namespace]);
        let (host, snapshots) = SnapshotHost::new(Inspection::default());
        let (replica, _) = Replica::open(&folder.join("snapshots"), namespaces, config, host)?;
        let (stop, stopped) = watch::channel(false);
        let contact = watch::Sender::new(Contact::Lost("it has just started".to_owned()));
        let mut contacts = contact.subscribe();
        let (_, reports) = watch::channel(None);
        let keys = DataKeys::default();
        let commands = Arc::new(NoCommands);
        let uses = UseLine::default();
        let surroundings = Surroundings { reports, uses, contact, commands, keys, stop: stopped };
        let read = Arc::new(AtomicU64::new(0));
        let dialer = Counting { dialer: Dialer::new(identity, control), read: read.clone() };
        let (seen, tokens) = watch::channel((0, Instant::now()));
        let mut tasks = JoinSet::new();
        tasks.spawn(keep_counted(snapshots, seen));
        tasks.spawn(async move {
            // What it fails with, whoever waits for it finds out by not being served.
            let _ = run(replica, dialer, surroundings).await;
        });
        let is_up = |contact: &Contact| matches!(contact, Contact::UpToDate(_));
        contacts.wait_for(is_up).await.context("an edge is up to date")?;
        Ok(Self { tokens, read, _stop: stop, _tasks: tasks })
    }

    /// Waits until it has so many tokens; gives when that was.
    pub(super) async fn has_tokens(&mut self, count: usize) -> Instant {
        match self.tokens.wait_for(|(tokens, _)| *tokens >= count).await {
            Ok(seen) => seen.1,
            Err(_) => std::future::pending().await,
        }
    }

    /// What it has read so far, inside of TLS.
    pub(super) fn read_bytes(&self) -> u64 {
        self.read.load(Ordering::Relaxed)
    }
}

/// Joins, and comes again as edges do when too many come at once: all of these have the same address.
async fn joined(
    folder: &Path,
    control: &ControlPlanes,
    token: &JoinToken,
) -> Result<EdgeIdentity, JoinError> {
    let end = Instant::now() + JOINS_WITHIN;
    loop {
        let joined = Box::pin(join(folder, control, token, Clock::system())).await;
        match joined {
            Err(error) if error.is_temporary() && Instant::now() < end => sleep(PAUSE).await,
            _ => return joined,
        }
    }
}

/// Notes how many tokens there are, and since when.
async fn keep_counted(
    mut snapshots: watch::Receiver<Arc<Snapshot>>,
    seen: watch::Sender<(usize, Instant)>,
) {
    while snapshots.changed().await.is_ok() {
        let tokens = snapshots.borrow_and_update().tokens.len();
        seen.send_replace((tokens, Instant::now()));
    }
}

/// Counts what is read of its connections.
struct Counting {
    dialer: Dialer,
    read: Arc<AtomicU64>,
}

impl Dial for Counting {
    type Io = Counted<<Dialer as Dial>::Io>;

    async fn dial(&self) -> io::Result<Self::Io> {
        Ok(Counted { io: self.dialer.dial().await?, read: self.read.clone() })
    }
}

struct Counted<T> {
    io: T,
    read: Arc<AtomicU64>,
}

impl<T: AsyncRead + Unpin> AsyncRead for Counted<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let polled = Pin::new(&mut self.io).poll_read(cx, buffer);
        let more = buffer.filled().len() - before;
        self.read.fetch_add(u64::try_from(more).unwrap_or_default(), Ordering::Relaxed);
        polled
    }
}

impl<T: AsyncWrite + Unpin> AsyncWrite for Counted<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
