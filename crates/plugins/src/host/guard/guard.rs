//! The guard of one plugin process: starts it, tells how it ended, and leaves nothing of it.
//!
//! Deaf to the signals that end a service, because the gateway ends its plugins in order. It has one
//! thread, which never ends before the process does, so that the plugin's death signal means what
//! it says. Between two events it does nothing.

use super::descendants;
use super::messages::{Report, STUB, read_checksum, read_number, read_refusal};
use crate::host::exit::Exit;
use rustix::fs::{Mode, OFlags};
use rustix::process::{
    Pid, Signal as ToSend, WaitOptions, WaitStatus, getpid, kill_process, kill_process_group,
    set_child_subreaper, setsid, wait,
};
use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, ExitCode};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::net::unix::pipe;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{Instant, timeout};

/// How long what is killed may take to vanish; only a process that hangs in the kernel takes longer.
const VANISH: Duration = Duration::from_secs(10);
/// Between two looks at what is left.
const LOOK: Duration = Duration::from_millis(5);
/// A refusal is one short line.
const MAX_REFUSAL: u64 = 256;

struct GuardArguments {
    program: OsString,
    checksum: OsString,
    dir: PathBuf,
    open_files: OsString,
}

/// Runs the guard to its end.
pub(super) fn run(arguments: Vec<OsString>) -> ExitCode {
    let Some(launch) = GuardArguments::read(arguments) else {
        eprintln!("this is run by the gateway only");
        return ExitCode::FAILURE;
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    match runtime.and_then(|runtime| runtime.block_on(guard(&launch))) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

impl GuardArguments {
    fn read(arguments: Vec<OsString>) -> Option<Self> {
        let [program, checksum, dir, open_files] = <[OsString; 4]>::try_from(arguments).ok()?;
        read_checksum(checksum.to_str()?)?;
        read_number(open_files.to_str()?)?;
        Some(Self { program, checksum, dir: dir.into(), open_files })
    }
}

async fn guard(launch: &GuardArguments) -> io::Result<()> {
    // It fails for the leader of a group, who is as safe from a terminal's signals where it matters.
    let _ = setsid();
    set_child_subreaper(Some(getpid()))?;
    let deaf = [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::hangup()];
    let _deaf: Vec<Signal> = deaf.into_iter().map(signal).collect::<io::Result<_>>()?;
    let children = signal(SignalKind::child())?;
    let gateway = take_socket()?;
    let (pid, answer) = start_stub(launch)?;
    // The plugin alone holds its output, so that its end is seen.
    let null = rustix::fs::open("/dev/null", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty())?;
    rustix::stdio::dup2_stdout(&null)?;
    rustix::stdio::dup2_stderr(&null)?;
    let mut guard = Guard { gateway, children, pid, ended: false };
    if guard.started(answer).await {
        guard.watch().await;
    }
    guard.end_all().await;
    // The gateway removes it too where it still can.
    let _ = std::fs::remove_dir_all(&launch.dir);
    Ok(())
}

/// Standard input is the socket to the gateway.
fn take_socket() -> io::Result<UnixStream> {
    let socket: OwnedFd = rustix::stdio::stdin().as_fd().try_clone_to_owned()?;
    let socket = std::os::unix::net::UnixStream::from(socket);
    socket.set_nonblocking(true)?;
    UnixStream::from_std(socket)
}

/// Starts the stub in a group of its own, with this process's environment and output.
fn start_stub(launch: &GuardArguments) -> io::Result<(Pid, pipe::Receiver)> {
    let (answer, stubs_end) = io::pipe()?;
    let stub = Command::new("/proc/self/exe")
        .arg0("sidegate")
        .arg(STUB)
        .arg(getpid().as_raw_nonzero().to_string())
        .args([&launch.program, &launch.checksum, &launch.open_files])
        .process_group(0)
        .stdin(OwnedFd::from(stubs_end))
        .spawn()?;
    Ok((Pid::from_child(&stub), pipe::Receiver::from_owned_fd(answer.into())?))
}

struct Guard {
    gateway: UnixStream,
    children: Signal,
    /// The plugin; also the number of its group.
    pid: Pid,
    /// The plugin has ended and was reaped: its number may be another's by now.
    ended: bool,
}

impl Guard {
    /// Waits until the stub has become the plugin, or has said why not.
    async fn started(&mut self, answer: pipe::Receiver) -> bool {
        let mut words = String::new();
        let mut answer = answer.take(MAX_REFUSAL);
        tokio::select! {
            _ = answer.read_to_string(&mut words) => {}
            () = gone(&mut self.gateway) => return false,
        }
        let report = match read_refusal(&words) {
            Some(refusal) => Report::Refused(refusal),
            None => Report::Started(self.pid.as_raw_nonzero().get().cast_unsigned()),
        };
        self.tell(&report).await;
        matches!(report, Report::Started(_))
    }

    /// Waits for the plugin's end, or for the gateway's.
    async fn watch(&mut self) {
        while !self.ended {
            tokio::select! {
                _ = self.children.recv() => self.reap().await,
                () = gone(&mut self.gateway) => return,
            }
        }
    }

    /// Takes note of every child that ended: the plugin, and what it left to us.
    async fn reap(&mut self) {
        while let Ok(Some((pid, status))) = wait(WaitOptions::NOHANG) {
            if pid == self.pid {
                self.ended = true;
                self.tell(&Report::Ended(exit(status))).await;
            }
        }
    }

    /// Kills all that is left, again and again until nothing is: what forks may outrun one look.
    async fn end_all(&mut self) {
        let deadline = Instant::now() + VANISH;
        if !self.ended {
            let _ = kill_process_group(self.pid, ToSend::KILL);
        }
        loop {
            self.reap().await;
            let left = descendants::of(getpid());
            if left.is_empty() || Instant::now() > deadline {
                return;
            }
            for pid in left {
                // Who has ended meanwhile needs no signal.
                let _ = kill_process(pid, ToSend::KILL);
            }
            let _ = timeout(LOOK, self.children.recv()).await;
        }
    }

    async fn tell(&mut self, report: &Report) {
        // A gateway that is gone needs no report.
        let _ = self.gateway.write_all(report.line().as_bytes()).await;
    }
}

/// Waits for the end of the gateway's side. It never says anything.
async fn gone(gateway: &mut UnixStream) {
    let mut nothing = [0; 16];
    while let Ok(1..) = gateway.read(&mut nothing).await {}
}

fn exit(status: WaitStatus) -> Exit {
    Exit { code: status.exit_status(), signal: status.terminating_signal() }
}
