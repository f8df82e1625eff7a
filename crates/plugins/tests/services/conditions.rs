//! Storage beyond the original contract, and sealing, over the wire: conditions, takes, pages, and who can open what.

use crate::harness::{Harness, Plugin};
use sidegate_model::clock::now_millis;
use sidegate_model::kv::{KvError, MAX_VALUE_BYTES};
use sidegate_model::plugin::PluginId;
use sidegate_wire::host as wire;
use sidegate_wire::host::write_entry_request::Condition;
use tonic::Code;

async fn plugin(harness: &Harness, number: u32) -> Plugin {
    harness.plugin(number, &["kv.readwrite"]).await
}

fn write(key: &str, value: &'static str, condition: Option<Condition>) -> wire::WriteEntryRequest {
    wire::WriteEntryRequest { key: key.to_owned(), value: value.into(), ttl_ms: 0, condition }
}

async fn written(
    plugin: &mut Plugin,
    request: wire::WriteEntryRequest,
) -> wire::WriteEntryResponse {
    plugin.sidegate.write_entry(request).await.unwrap().into_inner()
}

async fn read(plugin: &mut Plugin, key: &str) -> Result<wire::ReadEntryResponse, Code> {
    let read = plugin.sidegate.read_entry(wire::ReadEntryRequest { key: key.to_owned() }).await;
    read.map(tonic::Response::into_inner).map_err(|status| status.code())
}

#[tokio::test]
async fn a_write_under_a_condition_says_what_became_of_it_and_what_is_there() {
    let harness = Harness::new();
    let mut plugin = plugin(&harness, 1).await;
    let absent = || Some(Condition::IfAbsent(true));
    let first = written(&mut plugin, write("k", "1", absent())).await;
    assert_eq!((first.written, first.created, first.version.len()), (true, true, 16));
    let refused = written(&mut plugin, write("k", "2", absent())).await;
    assert_eq!((refused.written, refused.created), (false, false));
    assert_eq!(refused.version, first.version);
    let there = read(&mut plugin, "k").await.unwrap();
    assert_eq!((&there.value[..], &there.version, there.ttl_ms), (&b"1"[..], &first.version, None));
    let version = Some(Condition::IfVersion(there.version));
    let second = written(&mut plugin, write("k", "2", version.clone())).await;
    assert_eq!((second.written, second.created), (true, false));
    assert!(!written(&mut plugin, write("k", "3", version)).await.written);
    let value = Some(Condition::IfValue("2".into()));
    assert!(written(&mut plugin, write("k", "3", value)).await.written);
    let gone = written(&mut plugin, write("other", "1", Some(Condition::IfValue("".into())))).await;
    assert!(!gone.written && gone.version.is_empty(), "nothing is there");
}

#[tokio::test]
async fn what_is_kept_for_a_time_has_its_end_in_the_storage_and_tells_how_long_it_has() {
    let harness = Harness::new();
    let mut plugin = plugin(&harness, 1).await;
    let before = now_millis();
    let request = wire::WriteEntryRequest { ttl_ms: 60_000, ..write("k", "1", None) };
    let version = written(&mut plugin, request).await.version;
    let stored = harness.kv.entries.lock().unwrap()[&(PluginId(1), "k".to_owned())].clone();
    assert!((before + 60_000..=now_millis() + 60_000).contains(&stored.1.unwrap()));
    let there = read(&mut plugin, "k").await.unwrap();
    assert!(there.ttl_ms.is_some_and(|left| (1..=60_000).contains(&left)), "{there:?}");
    assert_eq!(there.version, version);
    let take = wire::TakeEntryRequest { key: "k".to_owned(), if_version: Some(version) };
    let taken = plugin.sidegate.take_entry(take.clone()).await.unwrap().into_inner();
    assert!(taken.value == "1" && taken.ttl_ms.is_some());
    let again = plugin.sidegate.take_entry(take).await.unwrap_err();
    assert_eq!((again.code(), again.message()), (Code::NotFound, "key not found"));
}

#[tokio::test]
async fn pages_of_entries_follow_each_other_and_are_of_the_plugin_that_asks() {
    let harness = Harness::new();
    let mut one = plugin(&harness, 1).await;
    let mut other = plugin(&harness, 2).await;
    for key in ["a/1", "a/2", "a/3", "b/1"] {
        written(&mut one, write(key, "v", None)).await;
        written(&mut other, write(&format!("{key}/of other"), "v", None)).await;
    }
    let mut list = async |after: &str, with_values| {
        let (prefix, after) = ("a/".to_owned(), after.to_owned());
        let request = wire::ListEntriesRequest { prefix, after, limit: 2, with_values };
        let page = one.sidegate.list_entries(request).await.unwrap().into_inner();
        let told = page.entries.into_iter().map(|entry| (entry.key, entry.value));
        (told.collect::<Vec<_>>(), page.next)
    };
    let entry = |key: &str, value: &'static str| (key.to_owned(), value.into());
    let first = list("", true).await;
    assert_eq!(first, (vec![entry("a/1", "v"), entry("a/2", "v")], "a/2".to_owned()));
    assert_eq!(list(&first.1, false).await, (vec![entry("a/3", "")], String::new()));
}

#[tokio::test]
async fn what_cannot_be_kept_or_compared_is_refused_in_words() {
    let harness = Harness::new();
    let mut plugin = plugin(&harness, 1).await;
    let mut refused = async |request| {
        let status = plugin.sidegate.write_entry(request).await.unwrap_err();
        (status.code(), status.message().to_owned())
    };
    let (code, text) = refused(write("", "1", None)).await;
    assert!(code == Code::InvalidArgument && text.contains("1 to 512 bytes"), "{text}");
    let large = vec![0; MAX_VALUE_BYTES + 1].into();
    let (code, _) = refused(wire::WriteEntryRequest { value: large, ..write("k", "", None) }).await;
    assert_eq!(code, Code::InvalidArgument);
    let (code, text) = refused(write("k", "", Some(Condition::IfVersion("x".into())))).await;
    assert!(code == Code::InvalidArgument && text.contains("a version has 16 bytes"), "{text}");
    let (code, text) = refused(write("k", "", Some(Condition::IfAbsent(false)))).await;
    assert!(code == Code::InvalidArgument && text.contains("if_absent is true"), "{text}");
    *harness.kv.failure.lock().unwrap() = Some(KvError::Full);
    assert_eq!(refused(write("k", "", None)).await.0, Code::ResourceExhausted);
    let away = KvError::Unavailable("disk /dev/secret is full".to_owned());
    *harness.kv.failure.lock().unwrap() = Some(away);
    let (code, text) = refused(write("k", "", None)).await;
    assert!(code == Code::Unavailable && !text.contains("secret"), "{text}");
    let list = wire::ListEntriesRequest { prefix: "k".repeat(513), ..Default::default() };
    let refused = plugin.sidegate.list_entries(list).await.unwrap_err();
    assert!(refused.message().starts_with("prefix has 513 bytes"), "{}", refused.message());
}

#[tokio::test]
async fn the_connection_says_whose_seal_it_is() {
    let harness = Harness::new();
    let mut one = plugin(&harness, 1).await;
    let mut other = plugin(&harness, 2).await;
    let request = wire::SealRequest { clear: "jane".into(), associated_data: "cookie".into() };
    let sealed = one.sidegate.seal(request).await.unwrap().into_inner().sealed;
    let request = wire::OpenRequest { sealed, associated_data: "cookie".into() };
    let refused = other.sidegate.open(request.clone()).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    let opened = one.sidegate.open(request.clone()).await.unwrap().into_inner();
    assert_eq!(opened.clear, "jane");
    let elsewhere = wire::OpenRequest { associated_data: "form".into(), ..request };
    let refused = one.sidegate.open(elsewhere).await.unwrap_err();
    assert!(refused.message().contains("other associated data"), "{}", refused.message());
}
