//! What both storages promise.

use std::sync::Arc;
use std::time::Duration;

use sidegate_sdk::{Config, Plugin, Request, testing};

use super::host::HostStorage;
use super::memory::Memory;
use super::{Records, Storage};

const LONG: Duration = Duration::from_secs(60);

/// One change in one step, and only to what was read.
async fn keeps_its_promises(storage: Arc<dyn Storage>) {
    assert!(storage.get("a").await.unwrap().is_none());
    assert!(storage.insert_if_absent("a", b"1".to_vec(), LONG).await.unwrap());
    assert!(!storage.insert_if_absent("a", b"2".to_vec(), LONG).await.unwrap());
    let first = storage.get("a").await.unwrap().expect("it is kept");
    assert_eq!(first.value, b"1");
    assert!(storage.replace_if("a", &first.version, b"3".to_vec(), LONG).await.unwrap());
    assert!(!storage.replace_if("a", &first.version, b"4".to_vec(), LONG).await.unwrap());
    assert!(!storage.replace_if("b", &first.version, b"4".to_vec(), LONG).await.unwrap());
    storage.put("a", b"5".to_vec(), LONG).await.unwrap();
    assert_eq!(storage.get("a").await.unwrap().map(|entry| entry.value), Some(b"5".to_vec()));
    storage.delete("a").await.unwrap();
    storage.delete("a").await.unwrap();
    assert!(storage.get("a").await.unwrap().is_none());
    let sealed = storage.seal(b"clear".to_vec(), "a").await.unwrap().expect("it is offered");
    assert!(!sealed.windows(5).any(|part| part == b"clear"));
    assert_eq!(storage.open(sealed.clone(), "a").await.unwrap().as_deref(), Some(&b"clear"[..]));
    assert_eq!(storage.open(sealed, "b").await.unwrap(), None, "for another purpose");
    of_many_at_once_one_wins(storage).await;
}

async fn of_many_at_once_one_wins(storage: Arc<dyn Storage>) {
    let records = Records::new(storage);
    records.put("race", &0_u32, LONG).await.unwrap();
    let tasks = (1..=20_u32).map(|mine| {
        let records = records.clone();
        tokio::spawn(async move {
            let mut record = records.get::<u32>("race").await.unwrap().expect("it is kept");
            let was_first = record.value == 0;
            record.value = mine;
            was_first && records.replace("race", &record, LONG).await.unwrap()
        })
    });
    let mut won = 0;
    for task in tasks.collect::<Vec<_>>() {
        won += u32::from(task.await.unwrap());
    }
    assert_eq!(won, 1);
}

#[tokio::test]
async fn a_storage_in_memory_changes_in_one_step() {
    keeps_its_promises(Memory::new()).await;
}

#[tokio::test]
async fn the_hosts_storage_changes_in_one_step_for_one_process() {
    let (sender, receiver) = std::sync::mpsc::sync_channel(1);
    let plugin = Plugin::new("kept", "1")
        .initialize(async move |config: Config| {
            _ = sender.send(config.host().clone());
            Ok(())
        })
        .get("/*", async |_: Request| "");
    let host = testing::Host::start(plugin, Config::default()).granting(["kv.readwrite"]);
    let _running = host.await.unwrap();
    keeps_its_promises(HostStorage::new(receiver.recv().unwrap())).await;
}
