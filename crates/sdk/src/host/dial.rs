//! Where the host's services listen, and how a connection to them is made.
//!
//! The host announces an address for each broker id, and may announce another one at any time. The
//! latest is kept for as long as the process lives, so that a plugin may ask first after a second
//! or after a week, and again after a lost connection.

use std::collections::HashMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use sidegate_wire::plugin::ConnInfo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::UnixStream;
use tokio::sync::watch;
use tokio::time::timeout;

use crate::tls::HostTls;

/// How long a dial waits for an address that answers. Less than a call may take, so that the call
/// can tell why there is no connection.
const PATIENCE: Duration = Duration::from_secs(9);
/// The pause after a first failure; it doubles with every further one.
const FIRST_PAUSE: Duration = Duration::from_millis(50);
/// The longest pause between two attempts.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);
/// More ids than any host uses; further ones are not kept.
const MOST_IDS: usize = 64;

/// A connection of any kind.
pub(super) trait Io: AsyncRead + AsyncWrite + Send + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Unpin> Io for T {}

/// Connects to what the host announced last.
pub(super) struct Dialer {
    /// The broker id of the services; 0 while there is none.
    id: AtomicU32,
    announced: watch::Sender<HashMap<u32, PathBuf>>,
    /// Set where the host asked for TLS.
    tls: OnceLock<HostTls>,
}

impl Default for Dialer {
    fn default() -> Self {
        let announced = watch::Sender::new(HashMap::new());
        Self { id: AtomicU32::new(0), announced, tls: OnceLock::new() }
    }
}

impl std::fmt::Debug for Dialer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dialer").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Dialer {
    /// Whether the host said that it has services.
    pub(super) fn knows_id(&self) -> bool {
        self.id.load(Ordering::Relaxed) != 0
    }

    /// Notes under which id the services are announced; 0 says nothing.
    pub(super) fn learn_id(&self, id: u32) {
        if id != 0 {
            self.id.store(id, Ordering::Relaxed);
        }
    }

    /// Encrypts every connection made from now on.
    pub(super) fn encrypt(&self, tls: HostTls) {
        // One process has one host, which says once what it wants.
        let _ = self.tls.set(tls);
    }

    /// Notes an address. What this SDK cannot connect to is left out, with a warning.
    pub(super) fn hear(&self, info: ConnInfo) {
        let ConnInfo { service_id, network, address, .. } = info;
        if network != "unix" || address.is_empty() {
            tracing::warn!(service_id, network, "the host announced no address of a unix socket");
            return;
        }
        let kept = self.announced.send_if_modified(|all| {
            let room = all.len() < MOST_IDS || all.contains_key(&service_id);
            if room {
                all.insert(service_id, PathBuf::from(address));
            }
            room
        });
        if !kept {
            tracing::warn!(service_id, "the host announces more services than this plugin keeps");
        }
    }

    /// A connection to the latest address. Waits for the first one; where connecting fails, tries
    /// again, at once when the host announces anew.
    pub(super) async fn dial(&self) -> io::Result<Box<dyn Io>> {
        let id = self.id.load(Ordering::Relaxed);
        let mut failure = None;
        let outcome = timeout(PATIENCE, self.attempts(id, &mut failure)).await;
        outcome.map_err(|_| {
            let silence = || {
                let text = format!("the host announced no address for its services (id {id})");
                io::Error::new(io::ErrorKind::TimedOut, text)
            };
            failure.unwrap_or_else(silence)
        })
    }

    async fn attempts(&self, id: u32, failure: &mut Option<io::Error>) -> Box<dyn Io> {
        let mut announced = self.announced.subscribe();
        let mut pause = FIRST_PAUSE;
        loop {
            let path = announced.wait_for(|all| all.contains_key(&id)).await;
            let path = path.expect("the sender is in self")[&id].clone();
            match self.connect(&path).await {
                Ok(connection) => return connection,
                Err(error) => *failure = Some(error),
            }
            // A fresh address is worth trying at once.
            let _ = timeout(pause, announced.changed()).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn connect(&self, path: &Path) -> io::Result<Box<dyn Io>> {
        let stream = UnixStream::connect(path).await?;
        Ok(match self.tls.get() {
            Some(tls) => Box::new(tls.connect(stream).await?),
            None => Box::new(stream),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use tokio::net::UnixListener;

    use super::*;

    struct Service {
        listener: UnixListener,
        path: PathBuf,
    }

    impl Service {
        fn new(folder: &Path, name: &str) -> Self {
            let path = folder.join(name);
            Self { listener: UnixListener::bind(&path).unwrap(), path }
        }

        fn info(&self) -> ConnInfo {
            info(1, &self.path)
        }

        /// Ends it, with its socket.
        fn end(self) {
            drop(self.listener);
            std::fs::remove_file(self.path).unwrap();
        }
    }

    fn info(service_id: u32, path: &Path) -> ConnInfo {
        let address = path.to_str().unwrap().to_owned();
        ConnInfo { service_id, network: "unix".to_owned(), address, ..ConnInfo::default() }
    }

    fn dialer() -> Arc<Dialer> {
        let dialer = Dialer::default();
        dialer.learn_id(1);
        Arc::new(dialer)
    }

    /// A dial that has begun and now waits.
    async fn waiting(
        dialer: &Arc<Dialer>,
    ) -> tokio::task::JoinHandle<Result<(), std::io::ErrorKind>> {
        let dialing = Arc::clone(dialer);
        let task =
            tokio::spawn(async move { dialing.dial().await.map(drop).map_err(|e| e.kind()) });
        while dialer.announced.receiver_count() == 0 {
            tokio::task::yield_now().await;
        }
        task
    }

    #[tokio::test]
    async fn an_address_that_comes_before_or_after_the_dial_serves_it() {
        let folder = tempfile::tempdir().unwrap();
        let service = Service::new(folder.path(), "s");
        let dialer = dialer();
        let dial = waiting(&dialer).await;
        dialer.hear(info(2, Path::new("/other/service")));
        dialer.hear(service.info());
        dial.await.unwrap().unwrap();
        for _ in 0..3 {
            dialer.dial().await.unwrap();
        }
    }

    #[tokio::test]
    async fn the_latest_address_is_dialled_and_kept_for_later() {
        let folder = tempfile::tempdir().unwrap();
        let (old, new) = (Service::new(folder.path(), "a"), Service::new(folder.path(), "b"));
        let dialer = dialer();
        dialer.hear(old.info());
        dialer.hear(new.info());
        for _ in 0..2 {
            let (dialled, accepted) = tokio::join!(dialer.dial(), new.listener.accept());
            assert!(dialled.is_ok() && accepted.is_ok());
        }
    }

    #[tokio::test]
    async fn an_address_that_is_dead_waits_for_the_next_one() {
        let folder = tempfile::tempdir().unwrap();
        let dead = Service::new(folder.path(), "dead");
        let dialer = dialer();
        dialer.hear(dead.info());
        dead.end();
        let dial = waiting(&dialer).await;
        let living = Service::new(folder.path(), "living");
        dialer.hear(living.info());
        dial.await.unwrap().unwrap();
    }

    #[tokio::test]
    async fn an_address_that_comes_to_life_is_tried_again() {
        let folder = tempfile::tempdir().unwrap();
        let dialer = dialer();
        dialer.hear(info(1, &folder.path().join("late")));
        let dial = waiting(&dialer).await;
        let _service = Service::new(folder.path(), "late");
        dial.await.unwrap().unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn without_an_address_a_dial_gives_up_and_says_so() {
        let started = tokio::time::Instant::now();
        let dialer = dialer();
        dialer.hear(ConnInfo { service_id: 1, network: "tcp".to_owned(), ..ConnInfo::default() });
        let error = dialer.dial().await.err().unwrap();
        assert_eq!((error.kind(), started.elapsed()), (io::ErrorKind::TimedOut, PATIENCE));
        assert!(error.to_string().contains("announced no address"), "{error}");
        dialer.hear(info(1, Path::new("/does/not/exist")));
        assert_eq!(dialer.dial().await.err().unwrap().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn what_is_kept_has_a_bound() {
        let dialer = dialer();
        for id in 1..=u32::try_from(MOST_IDS).unwrap() + 5 {
            dialer.hear(info(id, Path::new("/x")));
        }
        dialer.hear(info(1, Path::new("/y")));
        let all = dialer.announced.borrow();
        assert_eq!((all.len(), all[&1].as_path()), (MOST_IDS, Path::new("/y")));
    }

    #[cfg(feature = "mtls")]
    #[tokio::test]
    async fn where_the_host_asked_for_tls_it_is_dialled_so_and_nobody_else_is() {
        use sidegate_transport::pinned::{Acceptor, Identity, PeerCertificate};

        let host = Identity::generate().unwrap();
        let tls = HostTls::agree(host.certificate_pem()).unwrap();
        let plugin = PeerCertificate::from_der(tls.certificate()).unwrap();
        let other = Identity::generate().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let dialer = dialer();
        dialer.encrypt(tls);
        let wrong = Service::new(folder.path(), "wrong");
        let right = Service::new(folder.path(), "right");
        dialer.hear(wrong.info());
        let dial = waiting(&dialer).await;
        let (stream, _) = wrong.listener.accept().await.unwrap();
        assert!(Acceptor::new(&other, &plugin).accept(stream).await.is_err());
        dialer.hear(right.info());
        let (stream, _) = right.listener.accept().await.unwrap();
        Acceptor::new(&host, &plugin).accept(stream).await.unwrap();
        dial.await.unwrap().unwrap();
    }
}
