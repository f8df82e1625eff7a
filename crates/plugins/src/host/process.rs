//! One plugin process: started with a clean environment, its output always drained, its end noticed
//! at once, and nothing that it started left afterwards.
//!
//! Knows the environment that plugins expect, but neither their handshake nor their services.

use super::exit::Exit;
use super::fault::Fault;
use super::launch::Launch;
use super::line::MAX_LINE_BYTES;
use super::logs::{LineWriter, LogSink, RecentLines, Stream};
use super::peer::Family;
use super::private_dir::PrivateDir;
use super::run_dir::RunDir;
use super::runtime::Runtime;
use super::sealed::digest_of;
use super::settings::HostSettings;
use rustix::process::Signal;
use sidegate_model::options::ExtraEnv;
use sidegate_model::plugin::PluginSpec;
use sidegate_model::sha256::Sha256;
use sidegate_transport::pinned::Identity;
use sidegate_wire::handshake as names;
use std::ffi::{OsStr, OsString};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};
use tokio::process::ChildStdout;
use tokio::sync::{oneshot, watch};
use tokio::task::{JoinHandle, JoinSet, spawn_blocking};
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

/// How a process ended that was told to.
pub(super) struct OrderedEnd {
    pub(super) exit: Exit,
    /// It had to be killed, since it did not end by itself in time.
    pub(super) killed: bool,
}

/// What is started.
#[derive(Clone, Copy)]
pub(super) struct Program<'a> {
    /// Where it is.
    pub(super) path: &'a Path,
    /// Which kind of host it is told that it has.
    pub(super) runtime: Runtime,
}

impl<'a> Program<'a> {
    /// One that serves requests.
    pub(super) fn of_gateway(path: &'a Path) -> Self {
        Self { path, runtime: Runtime::Gateway }
    }
}

/// A running plugin. Dropping it kills it and what it started.
pub(super) struct Process {
    pid: u32,
    family: Family,
    sha256: Option<JoinHandle<Option<Sha256>>>,
    exit: watch::Receiver<Option<Exit>>,
    first_line: Option<oneshot::Receiver<Vec<u8>>>,
    sink: LogSink,
    identity: Option<Identity>,
    pumps: JoinSet<()>,
    kill: Option<oneshot::Sender<()>>,
    // Its drop ends the process, so it comes before the folder.
    holder: JoinSet<()>,
    dir: PrivateDir,
}

impl Process {
    /// Starts a program for `spec` in a fresh folder of `run_dir`.
    pub(super) async fn spawn(
        spec: &Arc<PluginSpec>,
        Program { path: program, runtime }: Program<'_>,
        run_dir: &RunDir,
        settings: &HostSettings,
        recent: Arc<RecentLines>,
    ) -> Result<Self, Fault> {
        check_program(program)?;
        let checksum = spec.options.sha256;
        let sha256 = spawn_blocking({
            let program = program.to_owned();
            move || checksum.or_else(|| digest_of(&program).ok())
        });
        let dir = run_dir.private_dir()?;
        let identity = spec.options.mtls.then(Identity::generate).transpose()?;
        let mut environment =
            environment_for(dir.path(), &settings.environment, &spec.options.env, runtime);
        environment.extend(identity.as_ref().map(client_certificate));
        let open_files = settings.open_files;
        let launch = Launch { program, checksum, dir: dir.path(), open_files, environment };
        let launched = launch.start(settings.launcher.as_deref()).await;
        let launched = launched.map_err(|why| Fault::of_launch(program, checksum, why))?;
        let pid = launched.pid;
        let family = Family::of(launched.handle.head().unwrap_or(pid));
        let sink = LogSink::new(spec.clone(), pid, recent);
        let (first, first_line) = oneshot::channel();
        let mut pumps = JoinSet::new();
        if let Some(stdout) = launched.stdout {
            pumps.spawn(pump_stdout(stdout, first, sink.writer(Stream::Stdout)));
        }
        if let Some(stderr) = launched.stderr {
            pumps.spawn(pump(stderr, sink.writer(Stream::Stderr)));
        }
        let (ended, exit) = watch::channel(None);
        let (kill, killed) = oneshot::channel();
        let mut holder = JoinSet::new();
        holder.spawn(launched.handle.hold(killed, ended));
        Ok(Self {
            pid,
            family,
            sha256: Some(sha256),
            exit,
            first_line: Some(first_line),
            sink,
            identity,
            pumps,
            kill: Some(kill),
            holder,
            dir,
        })
    }

    pub(super) fn pid(&self) -> u32 {
        self.pid
    }

    /// It and all that it started.
    pub(super) fn family(&self) -> Family {
        self.family
    }

    /// The SHA-256 of its program, as the file was at the start. Can be asked once.
    pub(super) async fn sha256(&mut self) -> Option<Sha256> {
        self.sha256.take()?.await.ok().flatten()
    }

    /// Who the gateway is to this process; `None` where they talk in plain text.
    pub(super) fn identity(&self) -> Option<&Identity> {
        self.identity.as_ref()
    }

    /// Its private folder.
    pub(super) fn dir(&self) -> &Path {
        self.dir.path()
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
            let gone = Exit::default();
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

    /// What it said last about its end.
    pub(super) fn final_output(&self) -> Option<String> {
        self.sink.final_output()
    }

    /// Gives it `grace` to end by itself, then kills it; leaves nothing behind of what it started.
    /// Tells how it ended.
    pub(super) async fn end(mut self, grace: Duration) -> OrderedEnd {
        let exited = self.exited();
        tokio::pin!(exited);
        let ended = match timeout(grace, exited.as_mut()).await {
            Ok(exit) => OrderedEnd { exit, killed: false },
            Err(_) => {
                self.kill = None;
                let killed = timeout(REAP, exited).await;
                let unseen = Exit { code: None, signal: Some(Signal::KILL.as_raw()) };
                OrderedEnd { exit: killed.unwrap_or(unseen), killed: true }
            }
        };
        self.drain_output().await;
        self.pumps.shutdown().await;
        if timeout(REAP, self.holder.join_next()).await.is_err() {
            tracing::error!(pid = self.pid, "a child of a plugin does not vanish");
        }
        self.holder.shutdown().await;
        ended
    }

    async fn drain_output(&mut self) {
        // A grandchild can hold the pipes open: no longer than this.
        let _ =
            timeout(LAST_OUTPUT, async { while self.pumps.join_next().await.is_some() {} }).await;
    }
}

/// Whether this can be started at all.
pub(super) fn check_program(path: &Path) -> Result<(), Fault> {
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

/// The environment of a plugin: the harmless part of ours, what its operator adds, then what the
/// protocol demands; later ones win.
fn environment_for(
    dir: &Path,
    ours: &[(OsString, OsString)],
    extra: &ExtraEnv,
    runtime: Runtime,
) -> Vec<(OsString, OsString)> {
    let may_know = |name: &OsStr| {
        name.to_str().is_some_and(|n| INHERITED.contains(&n) || n.starts_with(INHERITED_PREFIX))
    };
    let inherited = ours.iter().filter(|(name, _)| may_know(name)).cloned();
    let demanded = [
        (names::COOKIE_KEY, names::COOKIE_VALUE.into()),
        (names::ENV_PROTOCOL_VERSIONS, names::APP_PROTOCOL.to_string().into()),
        (names::ENV_MIN_PORT, "10000".into()),
        (names::ENV_MAX_PORT, "25000".into()),
        (names::ENV_RUNTIME, runtime.as_str().into()),
        (names::ENV_TMPDIR, dir.as_os_str().to_owned()),
        (names::ENV_UNIX_SOCKET_DIR, dir.as_os_str().to_owned()),
    ];
    let extra = extra.iter().map(|(name, value)| (name.into(), value.into()));
    inherited.chain(extra).chain(demanded.map(|(name, value)| (name.into(), value))).collect()
}

/// What makes a plugin serve TLS, and to us alone.
fn client_certificate(identity: &Identity) -> (OsString, OsString) {
    (names::ENV_CLIENT_CERT.into(), identity.certificate_pem().into())
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
