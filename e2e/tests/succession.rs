//! One process of a plugin takes the place of another while that one still finishes what is open: what is
//! done beside requests is done by one of them.

use sidegate_e2e::{
    Flavour, Gateway, Load, Plugin, Stream, Version, eventually, go_story, is_alive, lines_of,
    story,
};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Follows a topic beside its requests and notes in a file what it handled.
async fn follower(gateway: &Gateway, file: &Path) -> Plugin {
    let routes = gateway.plugin("r").program("e2e-plugin-routes");
    let plugin =
        routes.config("topic", "orders").config("handled", file.to_str().unwrap()).ready().await;
    eventually("it follows", async || {
        publish(gateway, "probe").await;
        handled(file).contains_key("probe").then_some(())
    })
    .await;
    plugin
}

async fn publish(gateway: &Gateway, order: &str) {
    let published = gateway.post("/plugins/lab/publish/orders").body(format!("\"{order}\""));
    published.send().await.expect(200);
}

/// How often each order was handled.
fn handled(file: &Path) -> BTreeMap<String, usize> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let mut counts = BTreeMap::new();
    for order in text.lines().filter_map(|line| line.split(' ').nth(1)) {
        *counts.entry(order.trim_matches('"').to_owned()).or_default() += 1;
    }
    counts
}

/// A gateway with a follower of which somebody has a stream open, so that its process outlives a reload.
struct Busy {
    gateway: Gateway,
    /// Where the follower notes what it handled.
    file: PathBuf,
    plugin: Plugin,
    /// Its process.
    pid: u32,
    stream: Stream,
}

impl Busy {
    async fn begin() -> Self {
        let gateway = Gateway::start().await;
        gateway.lab().await;
        let file = gateway.folder().join("handled");
        let plugin = follower(&gateway, &file).await;
        let pid = plugin.pid().await;
        let mut stream = gateway.get("/plugins/r/stream").open().await;
        stream.read_until("begun").await;
        Self { gateway, file, plugin, pid, stream }
    }
}

#[test]
fn an_event_is_handled_once_although_the_old_process_still_finishes_a_stream() {
    story(async {
        let Busy { gateway, file, plugin, pid: old, stream } = Busy::begin().await;
        plugin.reload().await;
        let mut count = 0;
        let mut order = async || {
            publish(&gateway, &format!("order-{count}")).await;
            count += 1;
        };
        // Before, while and after the one takes the place of the other.
        eventually("another process serves", async || {
            order().await;
            (plugin.pid().await != old).then_some(())
        })
        .await;
        for _ in 0..50 {
            order().await;
        }
        assert!(is_alive(old), "the old one still has its stream");
        let counts = eventually("all are handled", async || {
            let counts = handled(&file);
            let orders = counts.keys().filter(|order| order.starts_with("order-")).count();
            (orders >= count).then_some(counts)
        })
        .await;
        let twice: Vec<_> =
            counts.iter().filter(|(order, n)| order.starts_with("order-") && **n != 1).collect();
        assert!(twice.is_empty(), "{twice:?}");
        let log = gateway.log();
        assert!(!log.contains("a subscription was lost"), "the old one does not try again");
        drop(stream);
        let record = plugin.wait_ended(old).await;
        assert_eq!(record.in_order, Some(true), "{record:#?}");
    });
}

#[test]
fn the_session_of_a_replaced_process_ends_when_the_new_one_serves_and_only_once() {
    story(async {
        let Busy { gateway: _gateway, plugin, pid: old, stream, .. } = Busy::begin().await;
        plugin.reload().await;
        plugin.wait_other_pid(old).await;
        let closed = async || {
            let record = plugin.record_of(old).await;
            lines_of(&record).matches("session is closing").count()
        };
        eventually("it is closed", async || (closed().await == 1).then_some(())).await;
        assert!(is_alive(old), "the old one still has its stream");
        drop(stream);
        plugin.wait_ended(old).await;
        assert_eq!(closed().await, 1);
    });
}

#[test]
fn an_event_is_handled_once_by_plugins_in_go() {
    go_story(async |go| {
        let gateway = Gateway::start().await;
        gateway.lab().await;
        for flavour in Flavour::ALL {
            let name = flavour.name();
            let at = format!("/plugins/{name}");
            let plugin = go
                .plugin(&gateway, "plugin", flavour, &name)
                .config("topic", "orders")
                .ready()
                .await;
            let seen = async || {
                let shown = gateway.get(&format!("{at}/seen")).send().await.expect(200).json();
                shown["value"].as_array().map_or(0, Vec::len)
            };
            eventually("it follows", async || {
                publish(&gateway, "probe").await;
                (seen().await > 0).then_some(())
            })
            .await;
            let old = plugin.pid().await;
            let mut stream = gateway.get(&format!("{at}/forever")).open().await;
            stream.read_until("\n\n").await;
            plugin.reload().await;
            plugin.wait_other_pid(old).await;
            eventually("the new one follows", async || {
                publish(&gateway, "probe").await;
                (seen().await > 0).then_some(())
            })
            .await;
            let closed = async || {
                let record = plugin.record_of(old).await;
                lines_of(&record).contains("session is closing")
            };
            eventually("the session of the old one is closed", async || {
                closed().await.then_some(())
            })
            .await;
            assert!(is_alive(old), "{flavour:?}: the old one still has its stream");
            drop(stream);
            let record = plugin.wait_ended(old).await;
            assert!(!lines_of(&record).contains("refuses a subscription"), "{record:#?}");
        }
    });
}

#[test]
fn a_plugin_that_follows_events_is_reloaded_under_load_without_a_lost_request() {
    story(async {
        let gateway = Gateway::start().await;
        gateway.lab().await;
        let plugin = follower(&gateway, &gateway.folder().join("handled")).await;
        let load = Load::begin(&gateway, Version::Http1, 4, "/plugins/r/pid").await;
        for _ in 0..3 {
            let pid = plugin.pid().await;
            load.answers(50).await;
            plugin.reload().await;
            plugin.wait_other_pid(pid).await;
        }
        load.end().await.is_spotless(150);
    });
}
