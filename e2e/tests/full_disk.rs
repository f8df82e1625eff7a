//! A disk that is full, or can only be read, for a moment: what is asked in that moment is refused,
//! and nothing after it.

use serde_json::json;
use sidegate_e2e::{Gateway, Need, ReadOnly, SmallDisk, story};
use std::path::PathBuf;

/// Large enough for a database and some of its log.
const DISK_KIB: u32 = 4096;
/// More writes than ever fit.
const MANY: usize = 2000;

/// What the gateway keeps, all of it on the small disk.
fn data_dir(disk: &SmallDisk) -> PathBuf {
    disk.path().join("data")
}

async fn gateway_on(disk: &SmallDisk) -> Gateway {
    Gateway::builder().env("DATA_DIR", data_dir(disk)).start().await
}

/// What an operator and a plugin do to the database; remembers what was confirmed.
#[derive(Default)]
struct Writers {
    apps: Vec<String>,
    keys: Vec<String>,
    count: usize,
}

impl Writers {
    async fn new(gateway: &Gateway) -> Self {
        let lab = gateway.lab().await;
        let grant = json!({"scope": "kv.readwrite"});
        gateway.admin().post(&format!("plugins/{}/grant", lab.id), &grant).await;
        Self::default()
    }

    /// Whether an app was created; else what was said.
    async fn create_app(&mut self, gateway: &Gateway) -> Result<(), String> {
        self.count += 1;
        let name = format!("app-{}", self.count);
        let body = json!({"name": name, "owner_email": "ops@example.com"});
        let (status, answer) = gateway.admin().call("POST", "apps", Some(&body)).await;
        if status == 201 {
            self.apps.push(name);
            return Ok(());
        }
        assert_eq!(status, 503, "{answer}");
        Err(answer["errors"][0]["detail"].as_str().unwrap().to_owned())
    }

    /// Whether a plugin could keep something.
    async fn keep(&mut self, gateway: &Gateway) -> bool {
        self.count += 1;
        let key = format!("key-{}", self.count);
        let request = gateway.post(&format!("/plugins/lab/kv/{key}"));
        let answer = request.body(value_of(&key)).send().await;
        if answer.status.is_success() {
            self.keys.push(key);
            return true;
        }
        assert_eq!(answer.status, 503, "{}", answer.describe());
        false
    }

    async fn until_refused(&mut self, gateway: &Gateway) -> String {
        for _ in 0..MANY {
            if let Err(said) = self.create_app(gateway).await {
                return said;
            }
        }
        panic!("a full disk takes everything");
    }

    async fn until_not_kept(&mut self, gateway: &Gateway) {
        for _ in 0..MANY {
            if !self.keep(gateway).await {
                return;
            }
        }
        panic!("a full disk keeps everything");
    }

    /// Everything that was confirmed is there, and nothing else.
    async fn check(&self, gateway: &Gateway) {
        for name in &self.apps {
            let found = gateway.admin().get(&format!("apps?name={name}")).await;
            assert_eq!(found.as_array().map(Vec::len), Some(1), "{name}");
        }
        let (_, page) = gateway.admin().call("GET", "apps?limit=1", None).await;
        assert_eq!(page["meta"]["total_count"].as_u64(), Some(self.apps.len() as u64));
        for key in &self.keys {
            let kept = gateway.get(&format!("/plugins/lab/kv/{key}")).send().await.expect(200);
            assert!(kept.text() == value_of(key), "{key}");
        }
    }
}

fn value_of(key: &str) -> String {
    key.repeat(800)
}

#[test]
fn a_disk_that_was_full_for_a_moment_is_written_to_again() {
    story(async {
        let Some(disk) = Need::Mount.or_skip(SmallDisk::mount(DISK_KIB)) else { return };
        let gateway = gateway_on(&disk).await;
        let mut writers = Writers::new(&gateway).await;
        for _ in 0..2 {
            writers.create_app(&gateway).await.unwrap();
            let filler = disk.fill();
            let said = writers.until_refused(&gateway).await;
            assert!(said.contains("the disk is full"), "{said}");
            writers.until_not_kept(&gateway).await;
            // What only reads goes on meanwhile.
            gateway.get("/plugins/lab/x").send().await.expect(200);
            gateway.admin().get("apps").await;
            drop(filler);
            writers.create_app(&gateway).await.expect("the first write after it succeeds");
            assert!(writers.keep(&gateway).await, "so does the first of a plugin");
        }
        writers.check(&gateway).await;
        let gateway = gateway.restart().await;
        gateway.plugin_by_id(1).wait_ready().await;
        writers.check(&gateway).await;
    });
}

#[test]
fn a_disk_that_plugins_filled_loses_nothing_that_was_confirmed() {
    story(async {
        let Some(disk) = Need::Mount.or_skip(SmallDisk::mount(DISK_KIB)) else { return };
        let gateway = gateway_on(&disk).await;
        let mut writers = Writers::new(&gateway).await;
        let reserve = disk.path().join("reserve");
        std::fs::write(&reserve, vec![1; 1024 * 1024]).unwrap();
        // The log and what it is folded into grow until neither can.
        writers.until_not_kept(&gateway).await;
        writers.until_refused(&gateway).await;
        std::fs::remove_file(reserve).unwrap();
        assert!(writers.keep(&gateway).await, "there is room again");
        writers.create_app(&gateway).await.unwrap();
        writers.check(&gateway).await;
    });
}

#[test]
fn a_disk_that_was_read_only_for_a_moment_is_written_to_again() {
    story(async {
        let Some(disk) = Need::Mount.or_skip(SmallDisk::mount(DISK_KIB)) else { return };
        let gateway = gateway_on(&disk).await;
        let mut writers = Writers::new(&gateway).await;
        writers.create_app(&gateway).await.unwrap();
        let cover = ReadOnly::over(&data_dir(&disk)).expect("a disk could be mounted");
        // Who has the file open can still write; a full disk makes it open it anew.
        let filler = disk.fill();
        writers.until_refused(&gateway).await;
        drop(filler);
        let said = writers.create_app(&gateway).await.unwrap_err();
        assert!(said.contains("read-only"), "{said}");
        assert!(!writers.keep(&gateway).await);
        gateway.admin().get("apps").await;
        drop(cover);
        writers.create_app(&gateway).await.expect("the first write after it succeeds");
        assert!(writers.keep(&gateway).await, "so does the first of a plugin");
        writers.check(&gateway).await;
    });
}

#[test]
fn a_plugin_is_told_that_a_full_disk_keeps_nothing_and_opens_what_it_sealed_meanwhile() {
    story(async {
        let Some(disk) = Need::Mount.or_skip(SmallDisk::mount(DISK_KIB)) else { return };
        let gateway = gateway_on(&disk).await;
        let mut writers = Writers::new(&gateway).await;
        gateway.plugin("keeper").program("e2e-plugin-keeper").ready().await;
        gateway.cli().ok(&["plugin", "grant", "keeper", "kv.readwrite"]).await;
        let create = async |key: &str| {
            let request = gateway.request("PUT", &format!("/plugins/keeper/put/{key}?if=absent"));
            let answer = request.body(vec![b'v'; 100 * 1024]).send().await;
            (answer.status.as_u16(), answer.text().to_owned())
        };
        assert_eq!(create("first").await.0, 200);
        let request = gateway.post("/plugins/keeper/seal/jane").body("clear");
        let sealed = request.send().await.expect(200).body;
        let filler = disk.fill();
        writers.until_not_kept(&gateway).await;
        let (status, text) = create("second").await;
        assert_eq!(status, 503, "{text}");
        assert!(text.contains("the host cannot be asked now"), "{text}");
        let request = gateway.post("/plugins/keeper/open/jane").body(sealed);
        assert_eq!(request.send().await.expect(200).text(), "clear");
        gateway.get("/plugins/keeper/find/first").send().await.expect(200);
        gateway.get("/plugins/keeper/find/second").send().await.expect(404);
        drop(filler);
        assert_eq!(create("second").await.0, 200);
    });
}
