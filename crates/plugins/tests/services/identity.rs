//! Whoever comes in on a plugin's socket is that plugin.

use crate::harness::{Harness, naming};
use sidegate_wire::events::{PublishRequest, SubscribeRequest};
use sidegate_wire::management::{
    DeletePluginKvRequest, ListAppsRequest, ReadPluginKvRequest, WritePluginKvRequest,
};
use tonic::Code;

#[tokio::test]
async fn a_plugins_identity_is_the_socket_it_came_in_on_never_a_field_of_its_message() {
    let harness = Harness::new();
    let mut honest = harness.plugin(1, &["kv.readwrite", "apps.read"]).await;
    let mut liar = harness.plugin(2, &["kv.readwrite"]).await;
    let key = || "balance".to_owned();
    let write = |context, value: &'static [u8]| WritePluginKvRequest {
        context,
        key: key(),
        value: value.into(),
        expire_at: None,
    };
    let read = |context| ReadPluginKvRequest { context, key: key() };
    honest.management.write_plugin_kv(write(naming(1), b"100")).await.unwrap();

    let refused = liar.management.read_plugin_kv(read(naming(1))).await.unwrap_err();
    assert_eq!((refused.code(), refused.message()), (Code::NotFound, "key not found"));
    let written = liar.management.write_plugin_kv(write(naming(1), b"0")).await.unwrap();
    assert!(written.into_inner().created, "it wrote its own key, which is new");
    let own = liar.management.read_plugin_kv(read(naming(1))).await.unwrap().into_inner();
    assert_eq!(&own.value[..], b"0");
    let delete = DeletePluginKvRequest { context: naming(1), key: key() };
    assert!(liar.management.delete_plugin_kv(delete).await.unwrap().into_inner().deleted);
    let kept = honest.management.read_plugin_kv(read(None)).await.unwrap().into_inner();
    assert_eq!(&kept.value[..], b"100");

    // Another plugin's scopes cannot be had by naming it either.
    let list = ListAppsRequest { context: naming(1), ..Default::default() };
    let refused = liar.management.list_apps(list).await.unwrap_err();
    assert_eq!(refused.code(), Code::PermissionDenied);
    assert!(refused.message().contains("(plugin: 2)"), "{}", refused.message());
}

#[tokio::test]
async fn an_event_carries_the_number_of_the_connection_and_not_the_one_it_names() {
    let harness = Harness::new();
    let mut liar = harness.plugin(2, &[]).await;
    let all = SubscribeRequest { subscribe_all: true, plugin_id: "1".into(), ..Default::default() };
    let mut events = liar.events.subscribe(all).await.unwrap().into_inner();
    let event = PublishRequest { topic: "t".into(), plugin_id: "1".into(), ..Default::default() };
    liar.events.publish(event).await.unwrap();
    let event = events.message().await.unwrap().unwrap();
    assert_eq!(event.origin, "plugin:2@here");
}

#[tokio::test]
async fn many_plugins_at_once_each_find_their_own() {
    let harness = Harness::new();
    let mut running = tokio::task::JoinSet::new();
    for number in 1..=20 {
        let mut plugin = harness.plugin(number, &["kv.readwrite"]).await;
        running.spawn(async move {
            // All of it moves in here: the connection lives as long as the whole.
            let plugin = &mut plugin;
            for round in 0..20_u32 {
                let value = format!("{number}/{round}");
                let (key, bytes) = ("k".to_owned(), value.clone().into_bytes().into());
                let request = WritePluginKvRequest { key, value: bytes, ..Default::default() };
                plugin.management.write_plugin_kv(request).await.unwrap();
                let request = ReadPluginKvRequest { key: "k".into(), context: None };
                let read = plugin.management.read_plugin_kv(request).await.unwrap().into_inner();
                assert_eq!(read.value, value.as_bytes());
            }
        });
    }
    while let Some(ended) = running.join_next().await {
        ended.unwrap();
    }
    assert_eq!(harness.kv.entries.lock().unwrap().len(), 20);
}
