//! Where the sockets of plugins are, and what becomes of plugins when somebody cleans that place.

use serde_json::json;
use sidegate_api::state::State;
use sidegate_e2e::{Gateway, Version, eventually, is_alive, story};
use std::fs;
use std::path::{Path, PathBuf};

/// The private folder of the plugin `r`.
async fn place(gateway: &Gateway) -> PathBuf {
    let seen = gateway.get("/plugins/r/environment").send().await.expect(200).json();
    PathBuf::from(seen["TMPDIR"].as_str().unwrap())
}

#[test]
fn a_cleaned_folder_costs_no_request_and_is_made_anew() {
    story(async {
        let gateway = Gateway::builder().env("GATEWAY_SHARDS", "4").start().await;
        let plugin = gateway.lab().await;
        let before = plugin.pid().await;
        let mut stream = gateway.get("/plugins/lab/sse?n=60&interval_ms=50").open().await;
        stream.read_until("\n\n").await;
        let place = gateway.data_dir().join("run");
        assert!(place.is_dir(), "it is beside all else that is ours");
        fs::remove_dir_all(&place).unwrap();
        // Each connection belongs to one of the shards; some of them know the plugin already.
        let after = eventually("another process serves all", async || {
            let mut pids = std::collections::BTreeSet::new();
            for _ in 0..16 {
                let connection = gateway.connection(Version::Http1).await;
                let answer = connection.request("GET", "/plugins/lab/pid").send().await.expect(200);
                pids.insert(answer.text().parse::<u32>().unwrap());
            }
            pids.first().copied().filter(|pid| pids.len() == 1 && *pid != before)
        })
        .await;
        let rest = stream.rest().await.expect("what was open ends well");
        assert!(String::from_utf8_lossy(&rest).contains("\"i\":59"), "it is whole");
        eventually("the old process is gone", async || (!is_alive(before)).then_some(())).await;
        assert!(place.is_dir(), "it is there again");
        let record = plugin.wait_ended(before).await;
        assert!(
            record.reason.as_deref().unwrap_or_default().contains("was the folder cleaned?"),
            "{record:#?}"
        );
        plugin.reload().await;
        plugin.wait_other_pid(after).await;
        assert_eq!(plugin.status().await.summary.warnings, [""; 0]);
    });
}

#[test]
fn a_cleaned_folder_is_noticed_although_nobody_asks() {
    story(async {
        let gateway = Gateway::start().await;
        let plugin = gateway.plugin("lab").option("ping_interval", "50ms").ready().await;
        let before = plugin.pid().await;
        fs::remove_dir_all(gateway.data_dir().join("run")).unwrap();
        plugin.wait_other_pid(before).await;
    });
}

#[test]
fn while_there_is_no_place_for_sockets_state_and_readiness_say_so() {
    story(async {
        let builder = Gateway::builder();
        let temporary = builder.folder().join("tmp");
        fs::create_dir(&temporary).unwrap();
        let gateway = builder.env("TMPDIR", &temporary).start().await;
        let required = gateway.plugin("lab").option("required", "true");
        let plugin = required.option("restart.max", "200ms").ready().await;
        assert_eq!(gateway.get("/ready").send().await.status, 200);
        let in_the_way = |path: &Path| {
            let _ = fs::remove_dir_all(path);
            fs::write(path, "no folder").unwrap();
        };

        let uid = std::os::unix::fs::MetadataExt::uid(&fs::metadata(&temporary).unwrap());
        let places = [gateway.data_dir().join("run"), temporary.join(format!("sidegate-{uid}"))];
        places.iter().for_each(|place| in_the_way(place));
        // Somebody has to find out.
        let noticed = eventually("it is noticed", async || {
            let connection = gateway.connection(Version::Http1).await;
            let status = connection.request("GET", "/plugins/lab/pid").send().await.status;
            let now = plugin.status().await;
            assert!(status == 200 || status == 503, "{status}");
            (now.summary.state == State::Backoff).then_some(now)
        })
        .await;
        let reason = noticed.summary.reason.clone().unwrap_or_default();
        assert!(reason.contains("no place for its socket"), "{noticed:#?}");
        let ready = gateway.get("/ready").send().await.expect(503).json();
        assert_eq!(ready["missing"], json!(["lab"]));
        places.iter().for_each(|place| fs::remove_file(place).unwrap());
        let back = plugin.wait_state(State::Ready).await;
        assert_eq!(back.summary.reason, None);
        gateway.get("/plugins/lab/pid").send().await.expect(200);
        assert_eq!(gateway.get("/ready").send().await.status, 200);
    });
}

#[test]
fn the_folder_of_the_service_is_preferred_and_long_paths_are_passed_over() {
    story(async {
        let builder = Gateway::builder();
        let service = builder.folder().join("service");
        let gateway = builder.env("RUNTIME_DIRECTORY", &service).start().await;
        gateway.plugin("r").program("e2e-plugin-routes").ready().await;
        assert!(place(&gateway).await.starts_with(&service));
        let builder = Gateway::builder();
        let (temporary, long) =
            (builder.folder().join("tmp"), builder.folder().join("x".repeat(90)));
        fs::create_dir(&temporary).unwrap();
        let gateway = builder.env("DATA_DIR", &long).env("TMPDIR", &temporary).start().await;
        gateway.plugin("r").program("e2e-plugin-routes").ready().await;
        assert!(place(&gateway).await.starts_with(&temporary));
    });
}
