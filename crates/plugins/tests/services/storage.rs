//! Key-value storage over the wire: values with an end, bounds in words, failures without internals.

use crate::harness::{Harness, Plugin};
use prost_types::Timestamp;
use sidegate_model::clock::now_millis;
use sidegate_model::kv::{KvError, MAX_KEY_BYTES, MAX_VALUE_BYTES};
use sidegate_model::plugin::PluginId;
use sidegate_wire::management::{
    DeletePluginKvRequest, GetLicenseInfoRequest, ReadPluginKvRequest, WritePluginKvRequest,
};
use tonic::{Code, Status};

async fn plugin(harness: &Harness) -> Plugin {
    harness.plugin(1, &["kv.readwrite"]).await
}

async fn write(
    plugin: &mut Plugin,
    key: &str,
    value: Vec<u8>,
    expire_at: Option<Timestamp>,
) -> Result<bool, Status> {
    let (context, key, value) = (None, key.to_owned(), value.into());
    let request = WritePluginKvRequest { context, key, value, expire_at };
    Ok(plugin.management.write_plugin_kv(request).await?.into_inner().created)
}

async fn read(plugin: &mut Plugin, key: &str) -> Result<Vec<u8>, Status> {
    let request = ReadPluginKvRequest { context: None, key: key.to_owned() };
    Ok(plugin.management.read_plugin_kv(request).await?.into_inner().value.to_vec())
}

async fn delete(plugin: &mut Plugin, key: &str) -> Result<bool, Status> {
    let request = DeletePluginKvRequest { context: None, key: key.to_owned() };
    Ok(plugin.management.delete_plugin_kv(request).await?.into_inner().deleted)
}

fn seconds_from_now(seconds: i64) -> Option<Timestamp> {
    Some(Timestamp { seconds: now_millis() / 1000 + seconds, nanos: 7_000_000 })
}

#[tokio::test]
async fn a_value_is_kept_replaced_and_removed() {
    let harness = Harness::new();
    let mut plugin = plugin(&harness).await;
    assert!(write(&mut plugin, "k", b"1".to_vec(), None).await.unwrap());
    assert!(!write(&mut plugin, "k", b"\0\xff".to_vec(), None).await.unwrap());
    assert_eq!(read(&mut plugin, "k").await.unwrap(), b"\0\xff");
    assert!(delete(&mut plugin, "k").await.unwrap());
    assert!(!delete(&mut plugin, "k").await.unwrap());
    let absent = read(&mut plugin, "k").await.unwrap_err();
    assert_eq!((absent.code(), absent.message()), (Code::NotFound, "key not found"));
}

#[tokio::test]
async fn the_end_of_a_value_reaches_the_storage_and_one_in_the_past_removes_it() {
    let harness = Harness::new();
    let mut plugin = plugin(&harness).await;
    let end = seconds_from_now(60);
    assert!(write(&mut plugin, "k", b"1".to_vec(), end).await.unwrap());
    let kept = harness.kv.entries.lock().unwrap()[&(PluginId(1), "k".to_owned())].1;
    assert_eq!(kept, end.map(|end| end.seconds * 1000 + 7));
    assert!(!write(&mut plugin, "k", b"2".to_vec(), seconds_from_now(-60)).await.unwrap());
    assert_eq!(read(&mut plugin, "k").await.unwrap_err().code(), Code::NotFound);
    for (seconds, nanos) in [(i64::MAX, 0), (i64::MIN, 0), (1, -1), (1, 1_000_000_000)] {
        let wrong = write(&mut plugin, "k", vec![], Some(Timestamp { seconds, nanos })).await;
        let wrong = wrong.unwrap_err();
        assert_eq!(wrong.code(), Code::InvalidArgument);
        assert!(wrong.message().starts_with("expire_at"), "{}", wrong.message());
    }
}

#[tokio::test]
async fn the_largest_key_and_value_are_kept_and_larger_ones_are_refused_in_words() {
    let harness = Harness::new();
    let mut plugin = plugin(&harness).await;
    let (key, value) = ("k".repeat(MAX_KEY_BYTES), vec![7; MAX_VALUE_BYTES]);
    assert!(write(&mut plugin, &key, value.clone(), None).await.unwrap());
    assert_eq!(read(&mut plugin, &key).await.unwrap(), value);

    let long = "k".repeat(MAX_KEY_BYTES + 1);
    for key in ["", &long] {
        let refused = [
            write(&mut plugin, key, vec![], None).await.unwrap_err(),
            read(&mut plugin, key).await.unwrap_err(),
            delete(&mut plugin, key).await.unwrap_err(),
        ];
        for refused in refused {
            assert_eq!(refused.code(), Code::InvalidArgument);
            assert!(refused.message().starts_with("the key must have"), "{}", refused.message());
        }
    }
    let refused = write(&mut plugin, "k", vec![0; MAX_VALUE_BYTES + 1], None).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert!(refused.message().starts_with("the value has 1048577"), "{}", refused.message());
    assert_eq!(harness.kv.entries.lock().unwrap().len(), 1);
}

#[tokio::test]
async fn a_message_beyond_all_bounds_is_refused_and_the_connection_lives_on() {
    let harness = Harness::new();
    let mut plugin = plugin(&harness).await;
    let refused = write(&mut plugin, "k", vec![0; 5 * 1024 * 1024], None).await.unwrap_err();
    assert_eq!(refused.code(), Code::OutOfRange, "{refused:?}");
    plugin.management.get_license_info(GetLicenseInfoRequest::default()).await.unwrap();
}

#[tokio::test]
async fn a_full_storage_says_so_and_internal_text_never_reaches_the_plugin() {
    let harness = Harness::new();
    let mut plugin = plugin(&harness).await;
    *harness.kv.failure.lock().unwrap() = Some(KvError::Full);
    let refused = write(&mut plugin, "k", vec![], None).await.unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted);
    assert!(refused.message().contains("full"), "{}", refused.message());

    *harness.kv.failure.lock().unwrap() = Some(KvError::Unavailable("/db/file is locked".into()));
    let refused = [
        write(&mut plugin, "k", vec![], None).await.unwrap_err(),
        read(&mut plugin, "k").await.unwrap_err(),
        delete(&mut plugin, "k").await.unwrap_err(),
    ];
    for refused in refused {
        assert_eq!(refused.code(), Code::Unavailable);
        assert!(!format!("{refused:?}").contains("locked"), "{refused:?}");
    }
}
