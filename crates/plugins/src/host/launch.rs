//! How a program becomes a process, and how that process is made to end with all that it started.
//!
//! Through a guard where the host has a launcher; else as a child of the gateway, where the group is
//! all that can be caught. Knows nothing of what the process says.

use super::exit::Exit;
use super::file_limit::limit_files;
use super::guard::{GUARD, Report, checksum_argument, number_argument};
use super::sealed::{LaunchRefusal, seal};
use rustix::process::{Pid, Signal, kill_process_group};
use sidegate_model::sha256::Sha256;
use std::ffi::OsString;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::process::{Child, ChildStderr, ChildStdout, Command};
use tokio::sync::{oneshot, watch};
use tokio::time::{sleep, timeout};

/// How long a guard may take from its start to the plugin's; it may have to copy a large program.
const GUARD_START: Duration = Duration::from_secs(60);
/// While somebody still writes the file: it was just being copied.
const BUSY_TRIES: u32 = 20;
const BUSY_PAUSE: Duration = Duration::from_millis(25);

/// What is to be started.
pub(super) struct Launch<'a> {
    /// The program; its first argument, and its only one.
    pub(super) program: &'a Path,
    /// Start exactly these bytes.
    pub(super) checksum: Option<Sha256>,
    /// Its private folder.
    pub(super) dir: &'a Path,
    /// How many files it may hold open.
    pub(super) open_files: Option<u64>,
    /// All it gets to see.
    pub(super) environment: Vec<(OsString, OsString)>,
}

/// Why nothing was started.
pub(super) enum NotLaunched {
    Refused(LaunchRefusal),
    Guard(io::Error),
}

/// A process that was started.
pub(super) struct Launched {
    pub(super) pid: u32,
    pub(super) stdout: Option<ChildStdout>,
    pub(super) stderr: Option<ChildStderr>,
    pub(super) handle: ProcessHandle,
}

/// What ends the process when it is dropped.
pub(super) enum ProcessHandle {
    Group {
        child: Child,
        group: Group,
    },
    Guard {
        guard: Child,
        reports: Lines<BufReader<OwnedReadHalf>>,
        order: OwnedWriteHalf,
        pid: u32,
    },
}

impl Launch<'_> {
    /// Starts it, through the launcher if there is one.
    pub(super) async fn start(&self, launcher: Option<&Path>) -> Result<Launched, NotLaunched> {
        let mut tries = 0;
        loop {
            let started = match launcher {
                Some(launcher) => self.guarded(launcher).await,
                None => self.alone().await,
            };
            match started {
                Err(NotLaunched::Refused(LaunchRefusal::Exec(error)))
                    if error.kind() == io::ErrorKind::ExecutableFileBusy && tries < BUSY_TRIES =>
                {
                    tries += 1;
                    sleep(BUSY_PAUSE).await;
                }
                result => return result,
            }
        }
    }

    async fn alone(&self) -> Result<Launched, NotLaunched> {
        let sealed = match self.checksum {
            Some(demanded) => Some(self.sealed(demanded).await?),
            None => None,
        };
        let path = match &sealed {
            Some(copy) => PathBuf::from(format!("/proc/self/fd/{}", copy.as_raw_fd())),
            None => self.program.to_owned(),
        };
        let mut command = self.command(&path, Stdio::null());
        command.arg0(self.program).process_group(0).kill_on_drop(true);
        let refused = |error| NotLaunched::Refused(LaunchRefusal::Exec(error));
        let mut child = command.spawn().map_err(refused)?;
        let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
        let pid = child.id().ok_or_else(|| refused(io::ErrorKind::NotFound.into()))?;
        limit_files(Pid::from_raw(pid.cast_signed()), self.open_files);
        let handle = ProcessHandle::Group { child, group: Group(pid) };
        Ok(Launched { pid, stdout, stderr, handle })
    }

    async fn sealed(&self, demanded: Sha256) -> Result<OwnedFd, NotLaunched> {
        let program = self.program.to_owned();
        let sealed = tokio::task::spawn_blocking(move || seal(&program, demanded)).await;
        let broken = |e| Err(LaunchRefusal::Copy(io::Error::other(e)));
        sealed.unwrap_or_else(broken).map_err(NotLaunched::Refused)
    }

    async fn guarded(&self, launcher: &Path) -> Result<Launched, NotLaunched> {
        let (mut guard, socket) = self.start_guard(launcher).map_err(NotLaunched::Guard)?;
        let (stdout, stderr) = (guard.stdout.take(), guard.stderr.take());
        let (reports, order) = socket.into_split();
        let mut reports = BufReader::new(reports).lines();
        let line = match timeout(GUARD_START, reports.next_line()).await {
            Ok(line) => line.map_err(NotLaunched::Guard)?.unwrap_or_default(),
            Err(_) => return Err(NotLaunched::Guard(io::ErrorKind::TimedOut.into())),
        };
        match Report::parse(&line) {
            Some(Report::Started(pid)) => {
                let handle = ProcessHandle::Guard { guard, reports, order, pid };
                Ok(Launched { pid, stdout, stderr, handle })
            }
            Some(Report::Refused(refusal)) => {
                // It has nothing left to do and ends by itself.
                let _ = guard.wait().await;
                Err(NotLaunched::Refused(refusal))
            }
            _ => Err(NotLaunched::Guard(io::Error::other("it ended before the program began"))),
        }
    }

    fn start_guard(&self, launcher: &Path) -> io::Result<(Child, UnixStream)> {
        let (ours, guards) = std::os::unix::net::UnixStream::pair()?;
        ours.set_nonblocking(true)?;
        let mut command = self.command(launcher, OwnedFd::from(guards).into());
        command.arg0("sidegate").arg(GUARD).arg(self.program);
        command.arg(checksum_argument(self.checksum)).arg(self.dir);
        command.arg(number_argument(self.open_files));
        // Not killed when dropped: the end of the socket makes it clean up first.
        let guard = command.spawn()?;
        Ok((guard, UnixStream::from_std(ours)?))
    }

    fn command(&self, path: &Path, stdin: Stdio) -> Command {
        let mut command = Command::new(path);
        command
            .env_clear()
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            // The root never vanishes and tells nothing of where the gateway was started.
            .current_dir("/")
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }
}

impl ProcessHandle {
    /// The process that is above all that comes of it, and not reaped before all of it is over.
    pub(super) fn head(&self) -> Option<u32> {
        match self {
            Self::Group { child, .. } => child.id(),
            Self::Guard { guard, .. } => guard.id(),
        }
    }

    /// Tells when the process has ended, and ends it when `kill` resolves or its sender is gone.
    /// Comes back when nothing of it is left.
    pub(super) async fn hold(
        self,
        kill: oneshot::Receiver<()>,
        ended: watch::Sender<Option<Exit>>,
    ) {
        match self {
            Self::Group { mut child, group } => {
                let exit = tokio::select! {
                    exit = child.wait() => exit,
                    _ = kill => {
                        group.kill();
                        child.wait().await
                    }
                };
                drop(group);
                ended.send_replace(Some(exit.map_or(Exit::default(), Exit::from)));
            }
            Self::Guard { mut guard, mut reports, order, pid } => {
                relay(&mut reports, order, kill, &ended).await;
                let unexpected = ended.borrow().is_none();
                if unexpected {
                    tracing::warn!(
                        pid,
                        "the guard of a plugin process ended; the process is killed"
                    );
                    Group(pid).kill();
                    ended.send_replace(Some(Exit::default()));
                }
                // An error means that somebody else has taken note of its end.
                let _ = guard.wait().await;
            }
        }
    }
}

/// Passes on how the process ended, and the order to end, until the guard has no more to say.
async fn relay(
    reports: &mut Lines<BufReader<OwnedReadHalf>>,
    order: OwnedWriteHalf,
    mut kill: oneshot::Receiver<()>,
    ended: &watch::Sender<Option<Exit>>,
) {
    let mut order = Some(order);
    loop {
        tokio::select! {
            line = reports.next_line() => match line {
                Ok(Some(line)) => if let Some(Report::Ended(exit)) = Report::parse(&line) {
                    ended.send_replace(Some(exit));
                },
                Ok(None) | Err(_) => return,
            },
            _ = &mut kill, if order.is_some() => order = None,
        }
    }
}

/// A process group that is killed when dropped.
pub(super) struct Group(u32);

impl Group {
    /// Kills everything in the group. Its number stays reserved while any member lives; an empty
    /// group is gone with its leader, which is reaped just before, so that the number cannot be
    /// another's yet.
    fn kill(&self) {
        if let Some(pid) = Pid::from_raw(self.0.cast_signed()) {
            // It fails when there is nobody left, which is what we want.
            let _ = kill_process_group(pid, Signal::KILL);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}
