//! What a plugin can ask of its host: reachable from the start, as often as it dials, and no longer
//! than its process lives.

use crate::bench::{Bench, alive, example, get, signal, spec, text};
use crate::eventually::{PATIENCE, becomes_true};
use crate::life::ready;
use rustix::process::Signal;
use sidegate_model::plugin::{PluginId, PluginSpec};
use sidegate_plugins::Instance;
use std::collections::BTreeSet;
use std::path::Path;
use tokio::io::AsyncReadExt as _;
use tokio::net::UnixStream;

/// The plugin without an SDK.
pub(crate) fn bare(id: u32) -> PluginSpec {
    spec(id, &format!("s{id}"), &format!("file://{}", example("bare_subject").display()))
}

pub(crate) fn granted(mut spec: PluginSpec, scope: &str) -> PluginSpec {
    spec.service_scopes.insert(scope.to_owned());
    spec
}

pub(crate) async fn asked(instance: &Instance, path: &str) -> String {
    text(get(instance, path).await.unwrap())
}

#[tokio::test]
async fn a_plugin_dials_as_often_as_it_likes_and_each_time_gets_a_socket_of_its_own() {
    let bench = Bench::new();
    bench.want(granted(bare(7), "kv.readwrite"));
    let (_, instance) = ready(&bench, 7).await;
    assert_eq!(asked(&instance, "/_service_broker_id").await, "1");
    let mut addresses = BTreeSet::new();
    for dials in 1..=4 {
        addresses.insert(asked(&instance, "/dial").await);
        assert_eq!(asked(&instance, "/keep").await, format!("kept over connection {dials}"));
        assert_eq!(addresses.len(), dials);
    }
    assert!(addresses.contains(&asked(&instance, "/back").await));
    assert_eq!(asked(&instance, "/keep").await, "kept over connection 5");
    addresses.insert(asked(&instance, "/dial").await);
    assert_eq!(addresses.len(), 5);
    let key = (PluginId(7), "k".to_owned());
    assert!(bench.kv.entries.lock().unwrap().contains_key(&key), "it is kept for this plugin");
    drop(instance);
    bench.host.shutdown().await;
    assert_eq!(bench.private_dirs(), 0);
}

#[tokio::test]
async fn nobody_answers_for_a_process_that_is_gone() {
    let bench = Bench::new();
    bench.want(bare(7));
    let (status, instance) = ready(&bench, 7).await;
    let address = asked(&instance, "/dial").await;
    assert!(Path::new(&address).exists());
    let pid = status.pid.unwrap();
    signal(pid, Signal::KILL);
    bench.status_where(7, |s| s.pid.is_some_and(|now| now != pid)).await;
    becomes_true("its socket is gone", || !Path::new(&address).exists()).await;
    assert!(std::os::unix::net::UnixStream::connect(&address).is_err());
    assert!(!alive(pid));
    let again = asked(&bench.instance("s7").unwrap(), "/dial").await;
    assert_ne!(again, address);
    bench.host.shutdown().await;
}

#[tokio::test]
async fn a_broker_id_in_the_configuration_is_no_broker_id() {
    let bench = Bench::new();
    let mut spec = bare(7);
    spec.config.insert("_service_broker_id".into(), "9".into());
    bench.want(spec);
    let (_, instance) = ready(&bench, 7).await;
    assert_eq!(asked(&instance, "/_service_broker_id").await, "1");
    bench.host.shutdown().await;
}

/// Whether this process, which is not the plugin's, is turned away.
async fn turned_away(address: &str) -> bool {
    let mut stream = UnixStream::connect(address).await.unwrap();
    let mut nothing = [0; 1];
    // Whoever is served waits for what comes and is told no end.
    let end = tokio::time::timeout(PATIENCE, stream.read(&mut nothing)).await;
    matches!(end, Ok(Ok(0) | Err(_)))
}

#[tokio::test]
async fn who_is_not_the_plugin_is_turned_away_and_uses_nothing_up() {
    let bench = Bench::new();
    bench.want(bare(7));
    let (status, instance) = ready(&bench, 7).await;
    let used = asked(&instance, "/dial").await;
    // The next door is there as soon as it is announced.
    let next = Path::new(&used).with_file_name("b2");
    becomes_true("the next socket is open", || next.exists()).await;
    for address in [used.as_str(), next.to_str().unwrap()] {
        for _ in 0..3 {
            assert!(turned_away(address).await, "{address}");
        }
    }
    assert_eq!(asked(&instance, "/child").await.trim(), "served");
    assert_eq!(asked(&instance, "/orphan").await.trim(), "served");
    let dialled = asked(&instance, "/dial").await;
    assert_eq!(dialled, next.to_str().unwrap(), "it waits for the plugin");
    assert_eq!(bench.status(7).unwrap().pid, status.pid);
    bench.host.shutdown().await;
}

#[tokio::test]
async fn without_a_guard_the_plugin_and_its_children_are_served_and_nobody_else() {
    let bench = Bench::without_guards();
    bench.want(bare(7));
    let (_, instance) = ready(&bench, 7).await;
    let address = asked(&instance, "/dial").await;
    assert!(turned_away(&address).await);
    assert_eq!(asked(&instance, "/child").await.trim(), "served");
    bench.host.shutdown().await;
}
