//! The host services as one plugin process reaches them: unix sockets in its private folder, told to
//! it over the broker's stream. Whoever comes in is this plugin: its process, one that descends from
//! it, or who has its certificate (see `door`).
//!
//! Each announcement names a socket of its own. So the first connection on the latest one proves that
//! exactly this announcement was used; on a socket that many announcements share, a library that only
//! comes back after a break would look the same, and a message sent on that mistake makes a later
//! dial fail (see `announce`). A socket that was used stays, for its plugin to come back to.
//! Knows nothing of what is asked over the sockets.

use super::announce::{Event, Schedule};
use super::door::{ACCEPT_PAUSE, Door, Kept, Porter};
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
const MAX_KEPT: usize = 64;

/// The host services at one process. Dropping it closes every socket and connection.
pub(super) struct Broker {
    tasks: JoinSet<()>,
}

impl Broker {
    /// Opens the broker's stream on `channel`, and doors in the process's folder for this porter.
    pub(super) fn open(channel: Channel, dir: &Path, porter: Porter) -> Self {
        let (announcements, announced) = mpsc::channel(1);
        let mut tasks = JoinSet::new();
        tasks.spawn(hold_stream(channel, announced));
        tasks.spawn(Reception::new(dir.to_owned(), porter, announcements).run());
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

/// Binds and announces doors, and has those kept that were used.
struct Reception {
    dir: PathBuf,
    porter: Porter,
    announcements: mpsc::Sender<ConnInfo>,
    /// How many doors there ever were.
    opened: u64,
    /// The door of the latest announcement, until it is used.
    announced: Option<Door>,
    /// Oldest first.
    kept: VecDeque<Kept>,
    tasks: JoinSet<()>,
    /// Rings when a connection ends.
    left: Arc<Notify>,
    schedule: Schedule,
    began: Instant,
    warned: bool,
}

impl Reception {
    fn new(dir: PathBuf, porter: Porter, announcements: mpsc::Sender<ConnInfo>) -> Self {
        Self {
            dir,
            porter,
            announcements,
            opened: 0,
            announced: None,
            kept: VecDeque::new(),
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
            // Where the plugin listens no more, it may still come back through the doors it knows.
            let announces = self.has_room() && !self.announcements.is_closed();
            tokio::select! {
                came_in = next_at(self.announced.as_ref()) => match came_in {
                    Ok(stream) if self.porter.lets_in(&stream) => self.receive(stream),
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

    /// Somebody came in through the announced door: it was heard of, and nobody else will be.
    fn receive(&mut self, stream: UnixStream) {
        if let Some(door) = self.announced.take() {
            self.schedule.on(Event::Used, self.began.elapsed());
            let kept = Kept::keep((door, stream), self.porter.clone(), &self.left, &mut self.tasks);
            self.kept.push_back(kept);
        }
    }

    fn announce(&mut self) {
        let event = match self.announcement() {
            Ok(announcement) => {
                // Where it does not fit, the plugin does not read; where nobody takes it, it listens
                // no more. Neither can be helped.
                let _ = self.announcements.try_send(announcement);
                Event::Sent
            }
            Err(error) => {
                self.warn("no socket for a plugin's host services; it is tried again", &error);
                Event::Failed
            }
        };
        self.schedule.on(event, self.began.elapsed());
    }

    /// Names the door that waits to be used, or a new one.
    fn announcement(&mut self) -> io::Result<ConnInfo> {
        let door = match self.announced.take() {
            Some(door) => door,
            None => {
                self.make_room();
                self.opened += 1;
                Door::open(&self.dir, self.opened)?
            }
        };
        let address = door.path().to_str().map(str::to_owned);
        let not_text = || io::Error::new(io::ErrorKind::InvalidInput, "its path is no UTF-8");
        let announcement = ConnInfo {
            service_id: BROKER_ID,
            network: "unix".to_owned(),
            address: address.ok_or_else(not_text)?,
            knock: None,
        };
        self.announced = Some(door);
        Ok(announcement)
    }

    /// Whether the announced door, or one more, can be kept when it is used.
    fn has_room(&mut self) -> bool {
        let has_room = self.kept.len() < MAX_KEPT || self.kept.iter().any(Kept::is_idle);
        if !has_room && !self.warned {
            self.warned = true;
            tracing::warn!(
                plugin = %self.porter.plugin,
                "a plugin dialled the host services {MAX_KEPT} times and holds all connections; it can \
                 dial again when one is closed"
            );
        }
        has_room
    }

    /// Gives up the oldest door through which nobody is in.
    fn make_room(&mut self) {
        if self.kept.len() >= MAX_KEPT
            && let Some(oldest) = self.kept.iter().position(Kept::is_idle)
            && let Some(kept) = self.kept.remove(oldest)
        {
            kept.close();
        }
    }

    fn warn(&self, what: &str, error: &io::Error) {
        tracing::warn!(plugin = %self.porter.plugin, dir = %self.dir.display(), %error, "{what}");
    }
}

/// Who comes in; nobody, while no door is announced.
async fn next_at(door: Option<&Door>) -> io::Result<UnixStream> {
    match door {
        Some(door) => door.accept().await,
        None => pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::super::peer::Family;
    use super::*;
    use crate::services::HostServices;
    use crate::services::nowhere::Nowhere;
    use sidegate_model::plugin::PluginId;
    use std::time::Duration;
    use tokio::sync::watch;
    use tokio::time::timeout;

    /// A reception at work in a folder of its own, and what it announces.
    struct Desk {
        _dir: tempfile::TempDir,
        _task: JoinSet<()>,
        announced: mpsc::Receiver<ConnInfo>,
        latest: String,
    }

    impl Desk {
        fn open() -> Self {
            let dir = tempfile::tempdir().unwrap();
            let snapshots = watch::channel(Arc::default()).1;
            let services = HostServices::new(Arc::new(Nowhere), snapshots, String::new());
            let family = Family::of(std::process::id());
            let porter = Porter::new((PluginId(1), services), family, None);
            let (announcements, announced) = mpsc::channel(1);
            let mut task = JoinSet::new();
            task.spawn(Reception::new(dir.path().to_owned(), porter, announcements).run());
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
        let mut desk = Desk::open();
        let first = desk.announced.recv().await.unwrap();
        let begun = Instant::now();
        assert_eq!(desk.announced.recv().await.unwrap(), first);
        assert!(begun.elapsed() >= Duration::from_secs(5), "{:?}", begun.elapsed());
        let _stream = UnixStream::connect(&first.address).await.unwrap();
        let second = desk.announced.recv().await.unwrap();
        assert_ne!(second.address, first.address);
        // Who comes back uses nothing up.
        let begun = Instant::now();
        let _again = UnixStream::connect(&first.address).await.unwrap();
        assert_eq!(desk.announced.recv().await.unwrap(), second);
        assert!(begun.elapsed() >= Duration::from_secs(5), "{:?}", begun.elapsed());
    }

    #[tokio::test(start_paused = true)]
    async fn sockets_are_bounded_and_the_oldest_one_that_is_idle_makes_room() {
        let mut desk = Desk::open();
        let mut held = Vec::new();
        for _ in 0..MAX_KEPT {
            let address = desk.fresh().await.unwrap();
            let stream = UnixStream::connect(&address).await.unwrap();
            held.push((address, stream));
        }
        assert_eq!(desk.fresh().await, None, "all are in use");
        let (address, stream) = held.remove(7);
        drop(stream);
        let fresh = desk.fresh().await.unwrap();
        assert!(UnixStream::connect(&address).await.is_err());
        assert!(UnixStream::connect(&fresh).await.is_ok());
        assert!(UnixStream::connect(&held[0].0).await.is_ok(), "the others stay");
    }
}
