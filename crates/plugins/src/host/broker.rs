//! The host services as one plugin process reaches them: unix sockets in its private folder, told to
//! it over the broker's stream. Whoever comes in is this plugin: its process, one that descends from
//! it, or who has its certificate (see `socket`).
//!
//! Each announcement names a socket of its own. So the first connection on the latest one proves that
//! exactly this announcement was used; on a socket that many announcements share, a library that only
//! comes back after a break would look the same, and a message sent on that mistake makes a later
//! dial fail (see `announce`). A socket that was used stays, for its plugin to come back to.
//! Knows nothing of what is asked over the sockets.

use super::announce::{Outcome, Schedule};
use super::services_socket::{ACCEPT_PAUSE, ConnectionHandler, ServicesSocket, UsedSocket};
use sidegate_wire::plugin::ConnInfo;
use sidegate_wire::plugin::grpc_broker_client::GrpcBrokerClient;
use std::collections::VecDeque;
use std::future::pending;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::net::UnixStream;
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};
use tonic::transport::Channel;

/// The number under which a plugin dials the host services. It never changes in a process: plugins
/// drop what they have when it does.
pub(super) const BROKER_ID: u32 = 1;
/// Most sockets that are kept because they were used.
const MAX_USED: usize = 64;

/// The host services at one process. Dropping it closes every socket and connection.
pub(super) struct Broker {
    tasks: JoinSet<()>,
}

impl Broker {
    /// Opens the broker's stream on `channel`, and sockets in the process's folder for this handler.
    pub(super) fn open(channel: Channel, dir: &Path, handler: ConnectionHandler) -> Self {
        let (announcements, announced) = mpsc::channel(1);
        let mut tasks = JoinSet::new();
        tasks.spawn(hold_stream(channel, announced));
        tasks.spawn(Announcer::new(dir.to_owned(), handler, announcements).run());
        Self { tasks }
    }

    /// Ends the stream and everything that came of it.
    pub(super) async fn close(mut self) {
        self.tasks.shutdown().await;
    }
}

/// Says what is announced, for as long as the plugin listens. What it announces itself is not used.
async fn hold_stream(channel: Channel, announced: mpsc::Receiver<ConnInfo>) {
    let said = futures_util::stream::unfold(announced, |mut announced| async move {
        let next = announced.recv().await?;
        Some((next, announced))
    });
    // It does not return before the plugin says something, which most never do.
    if let Ok(answer) = GrpcBrokerClient::new(channel).start_stream(said).await {
        let mut heard = answer.into_inner();
        while let Ok(Some(_)) = heard.message().await {}
    }
}

/// Binds and announces sockets, and has those kept that were used.
struct Announcer {
    dir: PathBuf,
    handler: ConnectionHandler,
    announcements: mpsc::Sender<ConnInfo>,
    /// How many sockets there ever were.
    opened: u64,
    /// The socket of the latest announcement, until it is used.
    announced: Option<ServicesSocket>,
    /// Oldest first.
    used: VecDeque<UsedSocket>,
    tasks: JoinSet<()>,
    /// Rings when a connection ends.
    left: Arc<Notify>,
    schedule: Schedule,
    began: Instant,
    warned: bool,
}

impl Announcer {
    fn new(
        dir: PathBuf,
        handler: ConnectionHandler,
        announcements: mpsc::Sender<ConnInfo>,
    ) -> Self {
        Self {
            dir,
            handler,
            announcements,
            opened: 0,
            announced: None,
            used: VecDeque::new(),
            tasks: JoinSet::new(),
            left: Arc::default(),
            schedule: Schedule::new(),
            began: Instant::now(),
            warned: false,
        }
    }

    async fn run(mut self) {
        loop {
            let due = self.began + self.schedule.due();
            // Where the plugin listens no more, it may still come back through the sockets it knows.
            let announces = self.has_room() && !self.announcements.is_closed();
            tokio::select! {
                came_in = next_at(self.announced.as_ref()) => match came_in {
                    Ok(stream) if self.handler.lets_in(&stream) => self.take_connection(stream),
                    // A stranger uses nothing up.
                    Ok(_stranger) => {}
                    Err(error) => {
                        self.warn("a plugin cannot come in", &error);
                        sleep(ACCEPT_PAUSE).await;
                    }
                },
                () = sleep_until(due), if announces => self.announce(),
                () = self.left.notified() => {}
                Some(_) = self.tasks.join_next() => {}
            }
        }
    }

    /// Somebody came in through the announced socket: it was heard of, and nobody else will be.
    fn take_connection(&mut self, stream: UnixStream) {
        if let Some(socket) = self.announced.take() {
            self.schedule.on(Outcome::Used, self.began.elapsed());
            let used = UsedSocket::serve_on(
                socket,
                stream,
                self.handler.clone(),
                &self.left,
                &mut self.tasks,
            );
            self.used.push_back(used);
        }
    }

    fn announce(&mut self) {
        let event = match self.announcement() {
            Ok(announcement) => {
                // Where it does not fit, the plugin does not read; where nobody takes it, it listens
                // no more. Neither can be helped.
                let _ = self.announcements.try_send(announcement);
                Outcome::Sent
            }
            Err(error) => {
                self.warn("no socket for a plugin's host services; it is tried again", &error);
                Outcome::Failed
            }
        };
        self.schedule.on(event, self.began.elapsed());
    }

    /// Names the socket that waits to be used, or a new one.
    fn announcement(&mut self) -> io::Result<ConnInfo> {
        let socket = match self.announced.take() {
            Some(socket) => socket,
            None => {
                self.make_room();
                self.opened += 1;
                ServicesSocket::open(&self.dir, self.opened)?
            }
        };
        let address = socket.path().to_str().map(str::to_owned);
        let not_text = || io::Error::new(io::ErrorKind::InvalidInput, "its path is no UTF-8");
        let announcement = ConnInfo {
            service_id: BROKER_ID,
            network: "unix".to_owned(),
            address: address.ok_or_else(not_text)?,
            knock: None,
        };
        self.announced = Some(socket);
        Ok(announcement)
    }

    /// Whether the announced socket, or one more, can be kept when it is used.
    fn has_room(&mut self) -> bool {
        let has_room = self.used.len() < MAX_USED || self.used.iter().any(UsedSocket::is_idle);
        if !has_room && !self.warned {
            self.warned = true;
            tracing::warn!(
                plugin = %self.handler.plugin,
                "a plugin dialled the host services {MAX_USED} times and holds all connections; it can \
                 dial again when one is closed"
            );
        }
        has_room
    }

    /// Gives up the oldest socket through which nobody is in.
    fn make_room(&mut self) {
        if self.used.len() >= MAX_USED
            && let Some(oldest) = self.used.iter().position(UsedSocket::is_idle)
            && let Some(used) = self.used.remove(oldest)
        {
            used.close();
        }
    }

    fn warn(&self, what: &str, error: &io::Error) {
        self.handler.warn(what, &self.dir, error);
    }
}

/// Who comes in; nobody, while no socket is announced.
async fn next_at(socket: Option<&ServicesSocket>) -> io::Result<UnixStream> {
    match socket {
        Some(socket) => socket.accept().await,
        None => pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::super::peer::Family;
    use super::*;
    use crate::services::HostServices;
    use crate::services::no_storage::NoStorage;
    use sidegate_model::plugin::PluginId;
    use std::time::Duration;
    use tokio::sync::watch;
    use tokio::time::timeout;

    /// An announcer at work in a folder of its own, and what it announces.
    struct Harness {
        _dir: tempfile::TempDir,
        _task: JoinSet<()>,
        announced: mpsc::Receiver<ConnInfo>,
        latest: String,
    }

    impl Harness {
        fn open() -> Self {
            let dir = tempfile::tempdir().unwrap();
            let snapshots = watch::channel(Arc::default()).1;
            let services = HostServices::new(NoStorage::keepers(), snapshots, String::new());
            let family = Family::of(std::process::id());
            let handler = ConnectionHandler::new(PluginId(1), services, family, None);
            let (announcements, announced) = mpsc::channel(1);
            let mut task = JoinSet::new();
            task.spawn(Announcer::new(dir.path().to_owned(), handler, announcements).run());
            Self { _dir: dir, _task: task, announced, latest: String::new() }
        }

        /// The next address that was not announced before; `None` where there is none for long.
        async fn fresh(&mut self) -> Option<String> {
            let fresh = async {
                while let Some(info) = self.announced.recv().await {
                    if info.address != self.latest {
                        self.latest.clone_from(&info.address);
                        return Some(info.address);
                    }
                }
                None
            };
            timeout(Duration::from_secs(60), fresh).await.ok().flatten()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_announcement_nobody_uses_is_repeated_with_the_same_socket_and_a_used_one_never() {
        let mut harness = Harness::open();
        let first = harness.announced.recv().await.unwrap();
        let begun = Instant::now();
        assert_eq!(harness.announced.recv().await.unwrap(), first);
        assert!(begun.elapsed() >= Duration::from_secs(5), "{:?}", begun.elapsed());
        let _stream = UnixStream::connect(&first.address).await.unwrap();
        let second = harness.announced.recv().await.unwrap();
        assert_ne!(second.address, first.address);
        // Who comes back uses nothing up.
        let begun = Instant::now();
        let _again = UnixStream::connect(&first.address).await.unwrap();
        assert_eq!(harness.announced.recv().await.unwrap(), second);
        assert!(begun.elapsed() >= Duration::from_secs(5), "{:?}", begun.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn sockets_are_bounded_and_the_oldest_one_that_is_idle_makes_room() {
        let mut harness = Harness::open();
        let mut held = Vec::new();
        for _ in 0..MAX_USED {
            let address = harness.fresh().await.unwrap();
            let stream = UnixStream::connect(&address).await.unwrap();
            held.push((address, stream));
        }
        assert_eq!(harness.fresh().await, None, "all are in use");
        let (address, stream) = held.remove(7);
        drop(stream);
        let fresh = harness.fresh().await.unwrap();
        assert!(UnixStream::connect(&address).await.is_err());
        assert!(UnixStream::connect(&fresh).await.is_ok());
        assert!(UnixStream::connect(&held[0].0).await.is_ok(), "the others stay");
    }
}
