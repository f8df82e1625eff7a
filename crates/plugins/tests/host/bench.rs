//! A host with a folder of its own, and the means to look at it and at its processes.

use crate::eventually::{PATIENCE, some_time};
use crate::memory::Memory;
use bytes::Bytes;
use http::HeaderMap;
use serde_json::Value;
use sidegate_model::path::PluginPath;
use sidegate_model::plugin::{PluginId, PluginSpec, Slug};
use sidegate_model::plugin_sealing::NoKeys;
use sidegate_model::snapshot::Snapshot;
use sidegate_model::status::PluginStatus;
use sidegate_plugins::host::{
    self, CallerFacts, HostHandle, HostLimits, HostSettings, RestartLimits,
};
use sidegate_plugins::{
    Answer, AnswerBody, CallLimits, End, HostServices, Instance, Keepers, Mount, NodeFacts,
    Question, RequestBody, RequestFields, Scheme, Target,
};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::watch;

pub(crate) struct Bench {
    pub(crate) dir: TempDir,
    pub(crate) host: HostHandle,
    pub(crate) kv: Arc<Memory>,
    snapshots: watch::Sender<Arc<Snapshot>>,
}

/// Short deadlines, so that failures show quickly.
pub(crate) fn limits() -> HostLimits {
    HostLimits {
        start: Duration::from_secs(10),
        close_session: Duration::from_secs(2),
        shutdown: Duration::from_secs(2),
        kill_grace: Duration::from_millis(500),
        drain: Duration::from_secs(10),
        restart: RestartLimits {
            base: Duration::from_millis(20),
            max: Duration::from_millis(100),
            park_after: 3,
            ..RestartLimits::default()
        },
        ..HostLimits::default()
    }
}

impl Bench {
    pub(crate) fn new() -> Self {
        Self::with(limits())
    }

    pub(crate) fn with(limits: HostLimits) -> Self {
        Self::launching(limits, Some(example("host_launcher")))
    }

    /// One that starts plugins by itself.
    pub(crate) fn without_guards() -> Self {
        Self::launching(limits(), None)
    }

    fn launching(limits: HostLimits, launcher: Option<PathBuf>) -> Self {
        let dir = TempDir::new().unwrap();
        let (snapshots, received) = watch::channel(Arc::default());
        #[expect(
            clippy::disallowed_methods,
            reason = "where a machine has its shell, only this tells"
        )]
        let path = std::env::var_os("PATH").unwrap_or_default();
        let settings = HostSettings {
            permitted: host::Permitted::default(),
            runtime_dirs: vec![dir.path().join("run")],
            records_dir: None,
            predecessor: None,
            launcher,
            open_files: Some(512),
            environment: vec![
                ("PATH".into(), path),
                ("GATEWAY_SECRET".into(), "hidden".into()),
                ("LC_TIME".into(), "C".into()),
            ],
            limits,
        };
        let kv = Arc::new(Memory::default());
        let keepers = Keepers { kv: kv.clone(), keys: Arc::new(NoKeys) };
        let services = HostServices::new(keepers, received.clone(), "bench".to_owned());
        let calls = CallerFacts { shards: 1, max_body_bytes: 1024 * 1024 };
        let host = host::start(settings, calls, services, received).unwrap();
        Self { dir, host, kv, snapshots }
    }

    /// Writes a shell script; `$PIDS` in it is the file to note process ids in.
    pub(crate) fn script(&self, name: &str, body: &str) -> String {
        let path = self.dir.path().join(name);
        let pids = self.pids_file(name);
        fs::write(&path, format!("#!/bin/sh\nPIDS={}\necho $$ >> $PIDS\n{body}\n", pids.display()))
            .unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        format!("file://{}", path.display())
    }

    fn pids_file(&self, name: &str) -> PathBuf {
        self.dir.path().join(format!("{name}.pids"))
    }

    /// The processes a script noted.
    pub(crate) fn pids(&self, name: &str) -> Vec<u32> {
        let noted = fs::read_to_string(self.pids_file(name)).unwrap_or_default();
        noted.lines().map(|line| line.trim().parse().unwrap()).collect()
    }

    pub(crate) fn set(&self, id: u32, spec: Option<PluginSpec>) -> u64 {
        let before = self.snapshots.borrow().clone();
        let revision = before.revision + 1;
        let next = Snapshot::clone(&before).with_plugin(PluginId(id), spec).at(revision);
        self.snapshots.send_replace(Arc::new(next));
        revision
    }

    pub(crate) fn want(&self, spec: PluginSpec) -> u64 {
        self.set(spec.id.0, Some(spec))
    }

    pub(crate) async fn applied(&self, revision: u64) {
        let mut applied = self.host.applied();
        let wait = applied.wait_for(|seen| *seen >= revision);
        tokio::time::timeout(PATIENCE, wait).await.unwrap().unwrap();
    }

    pub(crate) fn status(&self, id: u32) -> Option<PluginStatus> {
        self.host.statuses().into_iter().find(|status| status.id == PluginId(id))
    }

    /// Waits until the plugin's status is as wanted.
    pub(crate) async fn status_where(
        &self,
        id: u32,
        wanted: impl Fn(&PluginStatus) -> bool,
    ) -> PluginStatus {
        let found = some_time(|| self.status(id).filter(|status| wanted(status))).await;
        found.unwrap_or_else(|| {
            panic!("the status never was as wanted; at last: {:?}", self.status(id))
        })
    }

    pub(crate) fn mount(&self, slug: &str) -> Option<Arc<Mount>> {
        self.host.generations().load().mount(slug).cloned()
    }

    /// The instance that serves a slug now.
    pub(crate) fn instance(&self, slug: &str) -> Option<Arc<Instance>> {
        match &self.mount(slug)?.target {
            Target::Ready(instance) => Some(instance.clone()),
            Target::Starting | Target::Unavailable => None,
        }
    }

    /// Every private folder that exists.
    pub(crate) fn private_dirs(&self) -> usize {
        let gateways = fs::read_dir(self.dir.path().join("run")).unwrap();
        gateways.flatten().flat_map(|gateway| fs::read_dir(gateway.path())).flatten().count()
    }
}

/// A program from the folder `examples`, which is built with the tests.
pub(crate) fn example(name: &str) -> PathBuf {
    let tests = std::env::current_exe().unwrap();
    let path = tests.parent().unwrap().parent().unwrap().join("examples").join(name);
    assert!(path.exists(), "{} is missing: build it with --examples", path.display());
    path
}

pub(crate) fn spec(id: u32, slug: &str, command: &str) -> PluginSpec {
    let mut spec = PluginSpec::new(PluginId(id), &format!("plugin {id}"), command);
    if !slug.is_empty() {
        spec.config.insert("slug".into(), Value::from(slug));
        spec.slug = Slug::parse(slug).ok();
    }
    spec
}

pub(crate) trait With {
    fn with(self, key: &str, value: &str) -> Self;
    fn reloaded(self) -> Self;
}

impl With for PluginSpec {
    fn with(mut self, key: &str, value: &str) -> Self {
        self.config.insert(key.into(), Value::from(value));
        self
    }

    fn reloaded(mut self) -> Self {
        self.reloads += 1;
        self
    }
}

/// Whether a process runs; one that ended and only waits to be reaped does not.
pub(crate) fn alive(pid: u32) -> bool {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

/// Sends a signal.
pub(crate) fn signal(pid: u32, signal: rustix::process::Signal) {
    let pid = rustix::process::Pid::from_raw(pid.cast_signed()).unwrap();
    rustix::process::kill_process(pid, signal).unwrap();
}

/// A GET of a path, as the edge would send it.
pub(crate) async fn get(instance: &Instance, path: &str) -> Result<Answer, String> {
    ask(instance, path, false).await
}

/// A GET of a path whose endpoint answers with a stream.
pub(crate) async fn get_stream(instance: &Instance, path: &str) -> Result<Answer, String> {
    ask(instance, path, true).await
}

async fn ask(instance: &Instance, target: &str, streams: bool) -> Result<Answer, String> {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let path = PluginPath::parse(&format!("/plugins/x{path}")).unwrap();
    let (headers, facts) = (HeaderMap::new(), NodeFacts::new("", ""));
    let fields = RequestFields { all: &headers, withheld: |_| false, added: &[] };
    let question = Question {
        method: "GET",
        path: &path,
        raw_path: path.full(),
        query,
        fields,
        client: "",
        scheme: Scheme::Http,
        host: b"",
        request_id: "",
        plugin: instance.plugin(),
        facts: &facts,
        caller_facts: &[],
        app: None,
        scopes: &[],
        streams,
        ticket: None,
    };
    let limits = CallLimits { shard: 0, within: PATIENCE, end: End::ByReader };
    let mut body = RequestBody::Whole(Bytes::new());
    instance.ask(&question, &mut body, limits).await.map_err(|error| error.to_string())
}

/// The body of an answer as text.
pub(crate) fn text(answer: Answer) -> String {
    let AnswerBody::Whole(body) = answer.body else { panic!("not a whole answer") };
    String::from_utf8(body.into()).unwrap()
}
