//! How one server hands over to the next on the same data folder, without a moment in which nobody
//! listens: what is said over the socket `takeover.sock` there, and what travels with it.
//!
//! The new one asks and gets the lock and the very sockets of the old one, so that nothing that waits
//! in their queues is lost. It starts all it needs beside the old one. Then the old one's admin API
//! ends, the new one reads what was last changed, serves, and says so; only then the old one stops. If
//! the new one goes away before that, nothing has happened. It knows no plugin and no request.

use crate::data_dir::DataDir;
use crate::error::Failure;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use sidegate_plugins::RateLimitedLog;
use sidegate_plugins::host::is_of_ours;
use std::fs::Permissions;
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::net::TcpListener;
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, Interest};
use tokio::net::{UnixListener, UnixStream};
use tokio::time::timeout;

/// Most sockets that are handed over.
const MOST_SOCKETS: usize = 128;
/// How long one word may take to arrive, where nothing else has to be done for it.
const WORD_DEADLINE: Duration = Duration::from_secs(10);
/// How long the old one's admin API may take to finish what it does.
const ADMIN_DEADLINE: Duration = Duration::from_secs(20);
/// How long the new one may take to start all it needs.
const START_DEADLINE: Duration = Duration::from_secs(300);

/// What is said. Each is one byte, so that no word ever arrives in part.
const ASK: u8 = b'?';
const HERE: u8 = b'!';
const STOP_ADMIN: u8 = b'a';
const ADMIN_STOPPED: u8 = b'A';
const SERVING: u8 = b's';

fn path(folder: &Path) -> PathBuf {
    folder.join("takeover.sock")
}

/// Where the next server asks.
pub(crate) struct TakeoverListener {
    listener: UnixListener,
    /// Whether a process is one of our plugins, which run as the same user.
    is_of_ours: fn(i32) -> bool,
    /// Those who asked in vain, which plugins can do as often as they like.
    refused: RateLimitedLog,
}

impl TakeoverListener {
    /// Binds its socket, in place of the one of the server before.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn bind(folder: &Path) -> io::Result<Self> {
        let (path, draft) = (path(folder), folder.join("takeover.new"));
        let _ = std::fs::remove_file(&draft);
        let listener = UnixListener::bind(&draft)?;
        std::fs::set_permissions(&draft, Permissions::from_mode(0o600))?;
        std::fs::rename(&draft, &path)?;
        Ok(Self { listener, is_of_ours, refused: RateLimitedLog::new() })
    }

    /// Waits for somebody who may take over: this user, and none of the plugins, which run as this
    /// user too.
    pub(crate) async fn accept(&self) -> Successor {
        loop {
            let Ok((stream, _)) = self.listener.accept().await else {
                // For want of files, as a rule: they come back.
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            };
            let asks = async {
                let mut successor = Successor(stream);
                successor.may_ask(self.is_of_ours)?;
                successor.hears(ASK, WORD_DEADLINE).await?;
                Ok::<_, io::Error>(successor)
            };
            match asks.await {
                Ok(successor) => return successor,
                Err(error) => {
                    if let Some(times) = self.refused.due() {
                        tracing::warn!(%error, times, "somebody could not take over");
                    }
                }
            }
        }
    }
}

/// The other end, as the old server sees it.
pub(crate) struct Successor(UnixStream);

impl Successor {
    fn may_ask(&self, is_of_ours: fn(i32) -> bool) -> io::Result<()> {
        let peer = self.0.peer_cred()?;
        let same_user = peer.uid() == rustix::process::geteuid().as_raw();
        let is_plugin = peer.pid().is_none_or(is_of_ours);
        if same_user && !is_plugin {
            return Ok(());
        }
        let who = format!("user {}, process {:?}", peer.uid(), peer.pid());
        Err(io::Error::new(io::ErrorKind::PermissionDenied, format!("{who} may not take over")))
    }

    /// Hands out the lock, the admin API's socket and those for clients; all of them stay ours as
    /// well.
    pub(crate) async fn give(
        &self,
        lock: BorrowedFd<'_>,
        admin: BorrowedFd<'_>,
        clients: &[TcpListener],
    ) -> io::Result<()> {
        let clients = clients.iter().map(|socket| socket.as_fd());
        let all: Vec<_> = [lock, admin].into_iter().chain(clients).collect();
        if all.len() > MOST_SOCKETS {
            return Err(io::Error::other("there are too many shards to hand over"));
        }
        send_files(&self.0, &all).await
    }

    /// Waits until it has started all it needs and wants our admin API to end.
    pub(crate) async fn is_started(&mut self) -> io::Result<()> {
        self.hears(STOP_ADMIN, START_DEADLINE).await
    }

    /// Says that the admin API has ended, and waits until it serves.
    pub(crate) async fn admin_has_stopped(&mut self) -> io::Result<()> {
        self.0.write_all(&[ADMIN_STOPPED]).await?;
        self.hears(SERVING, ADMIN_DEADLINE).await
    }

    async fn hears(&mut self, word: u8, limit: Duration) -> io::Result<()> {
        hear(&mut self.0, word, limit).await
    }
}

/// The other end, as the new server sees it: the one that serves now.
pub(crate) struct Predecessor(UnixStream);

/// What was handed over.
pub(crate) struct HandedOver {
    /// The right to the folder, which the old one holds as well until it ends.
    pub(crate) lock: DataDir,
    /// The socket of the admin API.
    pub(crate) admin: TcpListener,
    /// Those for clients.
    pub(crate) clients: Vec<TcpListener>,
}

impl Predecessor {
    /// Asks the server that holds this folder for all it has.
    ///
    /// # Errors
    /// When it does not answer, or is too old to know of this.
    pub(crate) async fn ask(folder: &Path) -> Result<(Self, HandedOver), Failure> {
        let failed = |e: io::Error| {
            Failure::failed(format!("the gateway in {} does not hand over: {e}", folder.display()))
                .hint("look into its log, or stop it and start without --takeover")
        };
        let asked = async {
            let mut stream = UnixStream::connect(path(folder)).await?;
            stream.write_all(&[ASK]).await?;
            let files = timeout(WORD_DEADLINE, receive_files(&stream)).await??;
            Ok((Self(stream), files))
        };
        let (predecessor, files) = asked.await.map_err(failed)?;
        let mut files = files.into_iter();
        let (Some(lock), Some(admin)) = (files.next(), files.next()) else {
            return Err(failed(io::Error::other("it has nothing to hand over")));
        };
        let lock = DataDir::handed_over(lock);
        let clients = files.map(TcpListener::from).collect();
        Ok((predecessor, HandedOver { lock, admin: admin.into(), clients }))
    }

    /// Its process, as far as the system tells.
    pub(crate) fn pid(&self) -> Option<u32> {
        let pid = self.0.peer_cred().ok()?.pid()?;
        u32::try_from(pid).ok()
    }

    /// All is started: the old one's admin API is to end.
    ///
    /// # Errors
    /// When the old one is gone.
    pub(crate) async fn stop_admin(&mut self) -> Result<(), Failure> {
        let stopped = async {
            self.0.write_all(&[STOP_ADMIN]).await?;
            hear(&mut self.0, ADMIN_STOPPED, ADMIN_DEADLINE).await
        };
        stopped.await.map_err(|e| Failure::failed(format!("the old gateway went away: {e}")))
    }

    /// Clients are served here: the old one stops.
    pub(crate) async fn serving(mut self) {
        if let Err(error) = self.0.write_all(&[SERVING]).await {
            // It went away by itself, which is what it is asked for.
            tracing::warn!(%error, "the old gateway went away early");
        }
    }
}

async fn hear(stream: &mut UnixStream, word: u8, limit: Duration) -> io::Result<()> {
    let heard = timeout(limit, stream.read_u8()).await??;
    if heard == word { Ok(()) } else { Err(io::Error::other("it speaks of something else")) }
}

async fn send_files(stream: &UnixStream, files: &[BorrowedFd<'_>]) -> io::Result<()> {
    let send = || {
        let mut space =
            [const { MaybeUninit::uninit() }; rustix::cmsg_space!(ScmRights(MOST_SOCKETS))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        control.push(SendAncillaryMessage::ScmRights(files));
        Ok(sendmsg(stream, &[IoSlice::new(&[HERE])], &mut control, SendFlags::empty()).map(drop)?)
    };
    timeout(WORD_DEADLINE, stream.async_io(Interest::WRITABLE, send)).await?
}

async fn receive_files(stream: &UnixStream) -> io::Result<Vec<OwnedFd>> {
    let receive = || {
        let mut space =
            [const { MaybeUninit::uninit() }; rustix::cmsg_space!(ScmRights(MOST_SOCKETS))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let mut word = [0];
        let mut parts = [IoSliceMut::new(&mut word)];
        recvmsg(stream, &mut parts, &mut control, RecvFlags::CMSG_CLOEXEC)?;
        let rights = control.drain().filter_map(|message| match message {
            RecvAncillaryMessage::ScmRights(files) => Some(files),
            _ => None,
        });
        Ok(rights.flatten().collect())
    };
    stream.async_io(Interest::READABLE, receive).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn socket() -> TcpListener {
        TcpListener::bind("127.0.0.1:0").unwrap()
    }

    /// One that lets this very process take over.
    fn accepting_ourselves(folder: &Path) -> TakeoverListener {
        TakeoverListener { is_of_ours: |_| false, ..TakeoverListener::bind(folder).unwrap() }
    }

    #[tokio::test]
    async fn nobody_of_ours_takes_over() {
        let folder = tempfile::tempdir().unwrap();
        let listener = TakeoverListener::bind(folder.path()).unwrap();
        let asking = Predecessor::ask(folder.path());
        tokio::select! {
            _ = listener.accept() => panic!("it was let in"),
            asked = asking => assert!(asked.is_err()),
        }
    }

    #[tokio::test]
    async fn the_next_server_gets_the_lock_and_the_very_sockets() {
        let folder = tempfile::tempdir().unwrap();
        let old = DataDir::take(folder.path()).unwrap();
        let listener = accepting_ourselves(folder.path());
        let mode = std::fs::metadata(path(folder.path())).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let (admin, client) = (socket(), socket());
        let addrs = [admin.local_addr().unwrap(), client.local_addr().unwrap()];
        let clients = [client];
        let giving = async {
            let mut successor = listener.accept().await;
            successor.give(old.lock(), admin.as_fd(), &clients).await.unwrap();
            successor.is_started().await.unwrap();
            successor.admin_has_stopped().await.unwrap();
        };
        let taking = async {
            let (mut predecessor, got) = Predecessor::ask(folder.path()).await.unwrap();
            predecessor.stop_admin().await.unwrap();
            predecessor.serving().await;
            got
        };
        let ((), got) = tokio::join!(giving, taking);
        assert_eq!([got.admin.local_addr().unwrap(), got.clients[0].local_addr().unwrap()], addrs);
        drop(old);
        assert!(DataDir::take(folder.path()).is_err(), "the lock was never free");
        drop(got);
        assert!(DataDir::take(folder.path()).is_ok());
    }

    #[tokio::test]
    async fn a_next_server_that_goes_away_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let old = DataDir::take(folder.path()).unwrap();
        let listener = accepting_ourselves(folder.path());
        let admin = socket();
        let clients = [socket()];
        let giving = async {
            let mut successor = listener.accept().await;
            successor.give(old.lock(), admin.as_fd(), &clients).await.unwrap();
            successor.is_started().await
        };
        let taking = async { drop(Predecessor::ask(folder.path()).await.unwrap()) };
        let (given, ()) = tokio::join!(giving, taking);
        assert!(given.is_err());
    }
}
