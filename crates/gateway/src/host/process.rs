//! One child process: started in a group of its own with a clean environment, its output always
//! drained, its end noticed at once, and nothing of its group left afterwards.
//!
//! Knows the environment that plugins expect, but neither their handshake nor their services.

use super::fault::Fault;
use super::line::MAX_LINE_BYTES;
use super::logs::{LineWriter, LogSink, RecentLines, Stream};
use super::private_dir::PrivateDir;
use rustix::process::{Pid, Signal, kill_process_group};
use sidegate_model::plugin::{Command, PluginSpec};
use sidegate_wire::handshake as names;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};
use tokio::process::{Child, ChildStdout};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;
use tokio::time::timeout;

/// What a plugin may know of the gateway's environment: where programs, time zones, languages,
/// certificates and proxies are.
const INHERITED: &[&str] = &[
    "PATH",
    "TZ",
    "LANG",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "ALL_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "all_proxy",
];
const INHERITED_PREFIX: &str = "LC_";

/// How long a killed process may take to vanish, and its last output to arrive.
const REAP: Duration = Duration::from_secs(5);
const LAST_OUTPUT: Duration = Duration::from_millis(250);

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Exit {
    code: Option<i32>,
    signal: Option<i32>,
}

impl From<ExitStatus> for Exit {
    fn from(status: ExitStatus) -> Self {
        Self { code: status.code(), signal: status.signal() }
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.code, self.signal) {
            (Some(code), _) => write!(f, "the process ended with exit code {code}"),
            (None, Some(signal)) => write!(f, "the process was ended by signal {signal}"),
            (None, None) => f.write_str("the process ended"),
        }
    }
}

/// A running child. Dropping it kills its group.
pub(super) struct Process {
    pid: u32,
    exit: watch::Receiver<Option<Exit>>,
    first_line: Option<oneshot::Receiver<Vec<u8>>>,
    sink: LogSink,
    recent: Arc<RecentLines>,
    pumps: JoinSet<()>,
    // Its drop kills the group, so it comes before the folder.
    keeper: JoinSet<()>,
    _dir: PrivateDir,
}

impl Process {
    /// Starts the program of `spec` in a fresh folder below `runtime_dir`.
    pub(super) async fn spawn(
        spec: &Arc<PluginSpec>,
        runtime_dir: &Path,
        environment: &[(OsString, OsString)],
        recent: Arc<RecentLines>,
    ) -> Result<Self, Fault> {
        let Command::File(program) = Command::parse(&spec.command)?;
        check_program(&program)?;
        let dir = PrivateDir::create(runtime_dir)?;
        let mut child = spawn_child(&program, dir.path(), environment).await?;
        let pid = child.id().ok_or(Fault::Internal("a fresh process has no id"))?;
        let sink = LogSink::new(spec.clone(), pid, recent.clone());
        let (first, first_line) = oneshot::channel();
        let mut pumps = JoinSet::new();
        if let Some(stdout) = child.stdout.take() {
            pumps.spawn(pump_stdout(stdout, first, sink.writer(Stream::Stdout)));
        }
        if let Some(stderr) = child.stderr.take() {
            pumps.spawn(pump(stderr, sink.writer(Stream::Stderr)));
        }
        let (exited, exit) = watch::channel(None);
        let mut keeper = JoinSet::new();
        keeper.spawn(keep(child, Group::new(pid), exited));
        Ok(Self { pid, exit, first_line: Some(first_line), sink, recent, pumps, keeper, _dir: dir })
    }

    pub(super) fn pid(&self) -> u32 {
        self.pid
    }

    /// For output that comes on other ways than stdout and stderr.
    pub(super) fn sink(&self) -> &LogSink {
        &self.sink
    }

    /// The first line on stdout; `None` when stdout ended before it. Can be asked once.
    pub(super) async fn first_line(&mut self) -> Option<Vec<u8>> {
        self.first_line.take()?.await.ok()
    }

    /// Waits for its end.
    pub(super) fn exited(&self) -> impl Future<Output = Exit> + Send + use<> {
        let mut exit = self.exit.clone();
        async move {
            let gone = Exit { code: None, signal: None };
            exit.wait_for(Option::is_some).await.map_or(gone, |exit| exit.unwrap_or(gone))
        }
    }

    /// How it ended, if it did so within a moment; waits for its last output.
    pub(super) async fn ended_just_now(&mut self) -> Option<Exit> {
        let exit = timeout(LAST_OUTPUT, self.exited()).await.ok();
        if exit.is_some() {
            self.drain_output().await;
        }
        exit
    }

    /// What it said last on stderr.
    pub(super) fn last_words(&self) -> Option<String> {
        self.recent.last_words()
    }

    /// Gives it `grace` to end by itself, then kills its whole group; leaves nothing behind.
    pub(super) async fn end(mut self, grace: Duration) -> Exit {
        let exited = self.exited();
        tokio::pin!(exited);
        let exit = match timeout(grace, exited.as_mut()).await {
            Ok(exit) => exit,
            Err(_) => {
                kill_group(self.pid);
                let killed = timeout(REAP, exited).await;
                killed.unwrap_or(Exit { code: None, signal: Some(Signal::KILL.as_raw()) })
            }
        };
        self.drain_output().await;
        self.pumps.shutdown().await;
        self.keeper.shutdown().await;
        exit
    }

    async fn drain_output(&mut self) {
        // A grandchild that left the group can hold the pipes open for ever: no longer than this.
        let _ =
            timeout(LAST_OUTPUT, async { while self.pumps.join_next().await.is_some() {} }).await;
    }
}

fn check_program(path: &Path) -> Result<(), Fault> {
    let found =
        fs::metadata(path).map_err(|source| Fault::Missing { path: path.to_owned(), source })?;
    if !found.is_file() {
        return Err(Fault::NotAFile(path.to_owned()));
    }
    if found.mode() & 0o111 == 0 {
        return Err(Fault::NotExecutable(path.to_owned()));
    }
    Ok(())
}

/// The environment of a plugin: the harmless part of ours, then what the protocol demands.
fn environment_for(dir: &Path, ours: &[(OsString, OsString)]) -> Vec<(OsString, OsString)> {
    let may_know = |name: &OsStr| {
        name.to_str().is_some_and(|n| INHERITED.contains(&n) || n.starts_with(INHERITED_PREFIX))
    };
    let inherited = ours.iter().filter(|(name, _)| may_know(name)).cloned();
    let demanded = [
        (names::COOKIE_KEY, names::COOKIE_VALUE.into()),
        (names::ENV_PROTOCOL_VERSIONS, names::APP_PROTOCOL.to_string().into()),
        (names::ENV_MIN_PORT, "10000".into()),
        (names::ENV_MAX_PORT, "25000".into()),
        (names::ENV_RUNTIME, names::RUNTIME_GATEWAY.into()),
        (names::ENV_TMPDIR, dir.as_os_str().to_owned()),
        (names::ENV_UNIX_SOCKET_DIR, dir.as_os_str().to_owned()),
    ];
    inherited.chain(demanded.map(|(name, value)| (name.into(), value))).collect()
}

async fn spawn_child(
    program: &Path,
    dir: &Path,
    environment: &[(OsString, OsString)],
) -> Result<Child, Fault> {
    let mut command = tokio::process::Command::new(program);
    command
        .env_clear()
        .envs(environment_for(dir, environment))
        // The root never vanishes and tells nothing of where the gateway was started.
        .current_dir("/")
        .process_group(0)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    for _ in 0..20 {
        match command.spawn() {
            // Somebody still writes the file: it was just being copied.
            Err(e) if e.kind() == io::ErrorKind::ExecutableFileBusy => {
                tokio::time::sleep(Duration::from_millis(25)).await;
            }
            result => return result.map_err(|source| spawn_fault(program, source)),
        }
    }
    Err(spawn_fault(program, io::ErrorKind::ExecutableFileBusy.into()))
}

fn spawn_fault(program: &Path, source: io::Error) -> Fault {
    Fault::Spawn { path: PathBuf::from(program), source }
}

/// Waits for the child, so that its end is known at once and it never stays a zombie.
async fn keep(mut child: Child, group: Group, exited: watch::Sender<Option<Exit>>) {
    let exit = child.wait().await.map_or(Exit { code: None, signal: None }, Exit::from);
    drop(group);
    let _ = exited.send(Some(exit));
}

/// A process group that is killed when dropped.
struct Group(u32);

impl Group {
    fn new(pid: u32) -> Self {
        Self(pid)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        kill_group(self.0);
    }
}

/// Kills everything in the group. Its number stays reserved while any member lives; an empty group
/// is gone with its leader, which is reaped just before, so that the number cannot be another's yet.
fn kill_group(pid: u32) {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    if let Some(pid) = pid {
        // It fails when there is nobody left, which is what we want.
        let _ = kill_process_group(pid, Signal::KILL);
    }
}

async fn pump_stdout(stdout: ChildStdout, first: oneshot::Sender<Vec<u8>>, writer: LineWriter) {
    let mut reader = BufReader::new(stdout);
    let mut line = Vec::new();
    let limit = MAX_LINE_BYTES as u64;
    if let Ok(1..) = (&mut reader).take(limit).read_until(b'\n', &mut line).await {
        // Nobody waits for it any more when the start was given up.
        let _ = first.send(line);
        pump(reader, writer).await;
    }
}

async fn pump(mut from: impl AsyncRead + Unpin, mut writer: LineWriter) {
    let mut buffer = vec![0; 16 * 1024];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        writer.write(&buffer[..length]);
    }
    writer.finish();
}
