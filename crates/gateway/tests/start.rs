//! A start that fails, at whatever step: the gateway's parts that run already end with it.
//!
//! A program of its own, because it takes open files away from all of the process.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../../../e2e/src/eventually.rs"]
mod eventually;

use eventually::becomes_true;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use sidegate_gateway::log::Logs;
use sidegate_gateway::{EdgeLimits, GatewayError, GatewaySettings, Listeners, Proxies, start};
use sidegate_model::UnixMillis;
use sidegate_model::kv::{
    Condition, Kept, Kv, KvError, KvFuture, KvPage, KvRange, NewEntry, Written,
};
use sidegate_model::plugin::{PluginId, PluginSpec};
use sidegate_model::plugin_sealing::NoKeys;
use sidegate_model::public_endpoints::PublicMode;
use sidegate_model::snapshot::Snapshot;
use sidegate_plugins::Keepers;
use sidegate_plugins::host::{HostLimits, HostSettings, Permitted};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::Arc;
use tokio::sync::watch;

const SHARDS: usize = 12;
/// More than all parts of a gateway hold open beside their listeners.
const ENOUGH: u64 = 160;

/// Plugins here keep nothing.
struct Nowhere;

impl Kv for Nowhere {
    fn read<'a>(&'a self, _: PluginId, _: &'a str) -> KvFuture<'a, Option<Vec<u8>>> {
        Box::pin(async { Ok(None) })
    }

    fn write<'a>(
        &'a self,
        _: PluginId,
        _: &'a str,
        _: &'a [u8],
        _: Option<UnixMillis>,
    ) -> KvFuture<'a, bool> {
        Box::pin(async { Err(KvError::Full) })
    }

    fn delete<'a>(&'a self, _: PluginId, _: &'a str) -> KvFuture<'a, bool> {
        Box::pin(async { Ok(false) })
    }

    fn find<'a>(&'a self, _: PluginId, _: &'a str) -> KvFuture<'a, Option<Kept>> {
        Box::pin(async { Ok(None) })
    }

    fn write_if<'a>(
        &'a self,
        _: PluginId,
        _: NewEntry<'a>,
        _: Condition<'a>,
    ) -> KvFuture<'a, Written> {
        Box::pin(async { Err(KvError::Full) })
    }

    fn take<'a>(&'a self, _: PluginId, _: &'a str, _: Condition<'a>) -> KvFuture<'a, Option<Kept>> {
        Box::pin(async { Ok(None) })
    }

    fn list<'a>(&'a self, _: PluginId, _: KvRange<'a>) -> KvFuture<'a, KvPage> {
        Box::pin(async { Ok(KvPage::default()) })
    }
}

fn settings(folder: &Path) -> GatewaySettings {
    GatewaySettings {
        addr: "127.0.0.1:0".parse().unwrap(),
        shards: SHARDS,
        tls: None,
        limits: EdgeLimits::default(),
        proxies: Proxies::default(),
        public_urls: <_>::default(),
        edge_id: "start".to_owned(),
        edge_namespace: String::new(),
        public_probes: true,
        public_endpoints: PublicMode::Allow,
        host: HostSettings {
            runtime_dirs: vec![folder.join("run")],
            records_dir: None,
            predecessor: None,
            launcher: None,
            open_files: None,
            environment: Vec::new(),
            permitted: Permitted::default(),
            limits: HostLimits::default(),
        },
        logs: Logs::none(),
        freshness: std::sync::Arc::default(),
        newcomers: None,
    }
}

/// A plugin that would go on for as long as it is let.
fn lasting(folder: &Path) -> PluginSpec {
    let program = folder.join("lasting");
    fs::write(&program, "#!/bin/sh\nexec /bin/sleep 60\n").unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    PluginSpec::new(PluginId(1), "lasting", &format!("file://{}", program.display()))
}

/// How many files this process may have open from now on.
fn permit(files: u64) {
    let limit = Rlimit { current: Some(files), ..getrlimit(Resource::Nofile) };
    setrlimit(Resource::Nofile, limit).unwrap();
}

fn entries(folder: impl AsRef<Path>) -> Vec<fs::DirEntry> {
    fs::read_dir(folder).map_or(Vec::new(), |entries| entries.flatten().collect())
}

/// Below which number so many are free.
fn limit_with(spare: u64) -> u64 {
    let open = entries("/proc/self/fd").into_iter();
    let open: Vec<u64> = open.filter_map(|fd| fd.file_name().to_str()?.parse().ok()).collect();
    let is_free = |number: &u64| !open.contains(number);
    (0..).filter(is_free).nth(usize::try_from(spare).unwrap()).unwrap()
}

/// What a gateway leaves running: threads of its shards, processes of its plugins.
fn left() -> Vec<String> {
    let read = |path: &Path| fs::read_to_string(path).unwrap_or_default();
    let threads = entries("/proc/self/task").into_iter();
    let names = threads.map(|thread| read(&thread.path().join("comm")).trim().to_owned());
    let us = std::process::id().to_string();
    let is_child = |stat: &String| {
        let rest = stat.rsplit_once(") ").map_or("", |(_, rest)| rest);
        rest.split(' ').nth(1) == Some(&us)
    };
    let processes = entries("/proc").into_iter().map(|entry| read(&entry.path().join("stat")));
    names.filter(|name| name.starts_with("edge-")).chain(processes.filter(is_child)).collect()
}

/// Tries to start with this many files to spare; gives what came of it.
async fn attempt(spare: u64) -> Result<(), GatewayError> {
    let folder = tempfile::tempdir().unwrap();
    let settings = settings(folder.path());
    let snapshot = Snapshot::default().with_plugin(PluginId(1), Some(lasting(folder.path()))).at(1);
    let (_desired, snapshots) = watch::channel(Arc::new(snapshot));
    let listeners = Listeners::open(settings.addr, SHARDS).unwrap();
    let all = getrlimit(Resource::Nofile).current.unwrap();
    permit(limit_with(spare));
    let keepers = Keepers::new(Nowhere, NoKeys);
    let started = start(settings, listeners, keepers, snapshots).await;
    permit(all);
    let outcome = match started {
        Ok(gateway) => {
            assert!(!left().is_empty(), "what runs is seen");
            gateway.shutdown().await;
            Ok(())
        }
        Err(error) => Err(error),
    };
    becomes_true("nothing is left running", || left().is_empty()).await;
    let run = folder.path().join("run");
    becomes_true("nothing is left in the runtime folder", || entries(&run).is_empty()).await;
    outcome
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_cannot_start_leaves_nothing_running() {
    attempt(ENOUGH).await.expect("there are files enough");
    let mut failed_shards = 0;
    for spare in (0..ENOUGH).step_by(3) {
        match attempt(spare).await {
            Err(GatewayError::Shard(_)) => failed_shards += 1,
            Err(GatewayError::Listen { .. } | GatewayError::Host(_)) | Ok(()) => {}
        }
    }
    // Each of them needs a few, so that it was many times another one that failed.
    assert!(failed_shards >= SHARDS / 2, "only {failed_shards} times a shard could not start");
}
