//! What one plugin may take of the gateway, and that it takes it from nobody else.

use crate::eventually::becomes_true;
use crate::harness::{Harness, Plugin};
use sidegate_model::plugin::PluginId;
use sidegate_wire::events::SubscribeRequest;
use sidegate_wire::management::{GetLicenseInfoRequest, ReadPluginKvRequest, WritePluginKvRequest};
use std::sync::atomic::Ordering;
use tokio::io::duplex;
use tokio::task::JoinSet;
use tonic::{Code, Status};

fn read(plugin: &Plugin) -> impl Future<Output = Result<Vec<u8>, Status>> + Send + 'static {
    let mut client = plugin.management.clone();
    let request = ReadPluginKvRequest { context: None, key: "k".into() };
    async move { Ok(client.read_plugin_kv(request).await?.into_inner().value.to_vec()) }
}

async fn write(plugin: &mut Plugin, value: Vec<u8>) {
    let (key, value) = ("k".to_owned(), value.into());
    let request = WritePluginKvRequest { key, value, ..Default::default() };
    plugin.management.write_plugin_kv(request).await.unwrap();
}

#[tokio::test]
async fn a_plugin_has_256_calls_in_flight_over_all_its_connections_and_others_do_not_notice() {
    let harness = Harness::new();
    let scopes = ["kv.readwrite"];
    let (mut one, two) = (harness.plugin(1, &scopes).await, harness.plugin(1, &scopes).await);
    let mut other = harness.plugin(2, &scopes).await;
    write(&mut one, b"v".to_vec()).await;
    write(&mut other, b"w".to_vec()).await;
    harness.kv.held.send_replace(true);
    let mut waiting = JoinSet::new();
    for number in 0..256 {
        waiting.spawn(read(if number < 200 { &one } else { &two }));
    }
    let calls = || harness.kv.waiting.load(Ordering::SeqCst);
    becomes_true("256 calls are in flight", || calls() == 256).await;

    let refused = read(&two).await.unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted);
    assert!(refused.message().contains("256 calls"), "{}", refused.message());
    waiting.spawn(read(&other));
    becomes_true("another plugin's call is let through", || calls() == 257).await;

    harness.kv.held.send_replace(false);
    while let Some(answer) = waiting.join_next().await {
        let value = answer.unwrap().unwrap();
        assert!(value == b"v" || value == b"w");
    }
    assert_eq!(read(&two).await.unwrap(), b"v");
}

#[tokio::test]
async fn whoever_fills_one_connection_with_calls_waits_and_is_never_refused() {
    let harness = Harness::new();
    let mut plugin = harness.plugin(1, &["kv.readwrite"]).await;
    write(&mut plugin, vec![1; 2000]).await;
    let mut calls = JoinSet::new();
    for _ in 0..4000 {
        calls.spawn(read(&plugin));
    }
    while let Some(answer) = calls.join_next().await {
        assert_eq!(answer.unwrap().unwrap().len(), 2000);
    }
}

#[tokio::test]
async fn a_plugin_has_64_subscriptions_and_one_that_ends_makes_room() {
    let harness = Harness::new();
    let mut one = harness.plugin(1, &[]).await;
    let mut two = harness.connect(1).await;
    let mut other = harness.plugin(2, &[]).await;
    let all = || SubscribeRequest { subscribe_all: true, ..Default::default() };
    let mut open = Vec::new();
    for number in 0..64 {
        let plugin = if number % 2 == 0 { &mut one } else { &mut two };
        open.push(plugin.events.subscribe(all()).await.unwrap());
    }
    let refused = two.events.subscribe(all()).await.unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted);
    assert!(refused.message().contains("64 subscriptions"), "{}", refused.message());
    let _others = other.events.subscribe(all()).await.unwrap();
    open.pop();
    becomes_true("a subscription has ended", || harness.services.subscriptions() == 64).await;
    two.events.subscribe(all()).await.unwrap();
    // Open subscriptions take no places of calls.
    two.management.get_license_info(GetLicenseInfoRequest::default()).await.unwrap();
}

#[tokio::test]
async fn a_plugin_has_256_connections_and_one_more_is_closed_at_once() {
    let harness = Harness::new();
    let (mut serving, mut theirs) = (JoinSet::new(), Vec::new());
    for _ in 0..256 {
        let (ours, their) = duplex(64);
        theirs.push(their);
        let services = harness.services.clone();
        serving.spawn(async move { services.serve(PluginId(1), ours).await });
    }
    // Each has begun to serve: it has sent its settings.
    for their in &mut theirs {
        tokio::io::AsyncReadExt::read_u8(their).await.unwrap();
    }
    let (ours, _their) = duplex(64);
    harness.services.serve(PluginId(1), ours).await;
    assert!(serving.try_join_next().is_none(), "the others are served");
    harness.plugin(2, &[]).await;
}

/// Over a pipe in memory, because under a paused clock nothing else than timers may be waited for.
#[tokio::test(start_paused = true)]
async fn a_call_that_the_storage_never_answers_ends_at_its_deadline() {
    let harness = Harness::new();
    harness.grant(1, &["kv.readwrite"]);
    let (ours, theirs) = duplex(64 * 1024);
    let mut plugin = harness.connect_over(1, ours, theirs).await;
    harness.kv.held.send_replace(true);
    let begun = tokio::time::Instant::now();
    let refused = read(&plugin).await.unwrap_err();
    assert_eq!(refused.code(), Code::DeadlineExceeded);
    assert_eq!(begun.elapsed().as_secs(), 10);
    // A subscription has no deadline.
    let all = SubscribeRequest { subscribe_all: true, ..Default::default() };
    let mut events = plugin.events.subscribe(all).await.unwrap().into_inner();
    let hour = std::time::Duration::from_secs(3600);
    assert!(tokio::time::timeout(hour, events.message()).await.is_err(), "it is still open");
    plugin.management.get_license_info(GetLicenseInfoRequest::default()).await.unwrap();
}
