//! The gateway's own log: it never holds anything up, and can be changed while it runs.

use rustix::process::Signal;
use serde_json::{Value, json};
use sidegate_e2e::{Gateway, eventually, kill, signal, story};
use std::fs;
use std::io::{PipeReader, Read as _};
use std::path::Path;
use std::time::{Duration, Instant};

/// A gateway whose log goes into a pipe.
async fn piped(level: &str) -> (Gateway, PipeReader) {
    let (reader, writer) = std::io::pipe().unwrap();
    let builder = Gateway::builder().env("LOG_LEVEL", level).env("GATEWAY_SHARDS", "1");
    (builder.stderr(writer).start().await, reader)
}

/// Collects everything in the background, until the other end is closed.
fn read_all(mut from: PipeReader) -> std::sync::Arc<std::sync::Mutex<String>> {
    let all = std::sync::Arc::new(std::sync::Mutex::new(String::new()));
    let to = all.clone();
    std::thread::spawn(move || {
        let mut piece = vec![0; 1 << 16];
        while let Ok(length @ 1..) = from.read(&mut piece) {
            to.lock().unwrap().push_str(&String::from_utf8_lossy(&piece[..length]));
        }
    });
    all
}

async fn dropped(gateway: &Gateway) -> u64 {
    let metrics = gateway.get("/metrics").send().await.expect(200);
    let metrics = metrics.text();
    let name = "sidegate_log_lines_dropped_total ";
    let line = metrics.lines().find_map(|line| line.strip_prefix(name));
    line.unwrap_or_else(|| panic!("{name}in\n{metrics}")).parse().unwrap()
}

/// Lets the plugin print so much that no pipe and no queue holds it.
async fn print_a_lot(gateway: &Gateway) {
    let text = "x".repeat(30_000);
    let path = format!("/plugins/r/print?text={text}");
    let connection = gateway.connection(sidegate_e2e::Version::Http1).await;
    for _ in 0..120 {
        connection.request("GET", &path).send().await.expect(200);
    }
}

#[test]
fn a_log_that_nobody_reads_holds_up_nothing_and_what_was_dropped_is_told_when_it_flows() {
    story(async {
        let (gateway, reader) = piped("info").await;
        let plugin = gateway.plugin("r").program("e2e-plugin-routes").ready().await;
        print_a_lot(&gateway).await;
        eventually("lines are dropped", async || (dropped(&gateway).await > 0).then_some(())).await;
        gateway.get("/health").send().await.expect(200);
        let pid = plugin.pid().await;
        kill(pid);
        plugin.wait_other_pid(pid).await;
        gateway.get("/plugins/r/exact").send().await.expect(200);
        let log = read_all(reader);
        // While the last ones are still coming, it may tell of some first and of the rest later.
        eventually("the log tells of every line that was dropped", async || {
            let log = log.lock().unwrap().clone();
            let told = log.lines().filter(|line| line.contains("log lines were dropped"));
            let numbers = told.map(|line| line.rsplit("lines=").next().unwrap().trim());
            let told: u64 = numbers.map(|number| number.parse::<u64>().unwrap_or(0)).sum();
            (told == dropped(&gateway).await).then_some(())
        })
        .await;
        for line in log.lock().unwrap().lines() {
            assert!(line.starts_with("20") && line.contains("Z "), "a torn line: {line:.200}");
        }
    });
}

#[test]
fn plugins_come_back_and_the_gateway_ends_while_nobody_reads_its_warnings() {
    story(async {
        let (mut gateway, reader) = piped("info").await;
        let plugin = gateway.plugin("r").program("e2e-plugin-routes").ready().await;
        print_a_lot(&gateway).await;
        for _ in 0..2 {
            let pid = plugin.pid().await;
            kill(pid);
            plugin.wait_other_pid(pid).await;
        }
        let asked = Instant::now();
        gateway.stop();
        let took = asked.elapsed();
        assert!(took < Duration::from_secs(15), "its last lines held it up: {took:?}");
        drop(reader);
    });
}

#[test]
fn a_log_whose_reader_is_gone_is_counted_and_harms_nobody() {
    story(async {
        let (gateway, reader) = piped("debug").await;
        drop(reader);
        gateway.lab().await;
        for _ in 0..20 {
            gateway.get("/plugins/lab/x").send().await.expect(200);
        }
        eventually("they are counted", async || (dropped(&gateway).await > 0).then_some(())).await;
    });
}

fn requests_in(path: &Path, id: &str) -> usize {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.lines().filter(|line| line.contains(" access: ") && line.contains(id)).count()
}

async fn ask_as(gateway: &Gateway, id: &str) {
    gateway.get("/health").header("x-request-id", id).send().await.expect(200);
}

#[test]
fn requests_are_told_in_a_file_of_their_own_which_is_opened_again_at_sighup() {
    story(async {
        let builder = Gateway::builder();
        let file = builder.folder().join("access.log");
        let gateway = builder.env("ACCESS_LOG_FILE", &file).start().await;
        let told = async |path: &Path, id: &str| {
            let what = format!("{id} is in {}", path.display());
            eventually(&what, async || (requests_in(path, id) == 1).then_some(())).await;
        };
        ask_as(&gateway, "before-it").await;
        told(&file, "before-it").await;
        let rotated = file.with_extension("log.1");
        fs::rename(&file, &rotated).unwrap();
        ask_as(&gateway, "renamed-already").await;
        told(&rotated, "renamed-already").await;
        signal(gateway.pid(), Signal::HUP);
        gateway.logged("the access log is reopened").await;
        ask_as(&gateway, "behind-it").await;
        told(&file, "behind-it").await;
        // What was refused before it was a request is told there as well.
        let mut raw = gateway.raw().await;
        raw.send("GET /x HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n").await;
        raw.answer().await.is_error(400, "invalid_request", "client");
        told(&file, "refused: ").await;
        let log = gateway.log();
        assert!(
            !log.contains("behind-it") && !log.contains("refused: "),
            "its own file only: {log}"
        );
        assert_eq!(dropped(&gateway).await, 0);
    });
}

#[test]
fn a_full_disk_loses_lines_which_are_counted_and_nothing_else() {
    story(async {
        let gateway = Gateway::builder().env("ACCESS_LOG_FILE", "/dev/full").start().await;
        gateway.lab().await;
        for _ in 0..10 {
            gateway.get("/plugins/lab/x").send().await.expect(200);
        }
        let counted = async || (dropped(&gateway).await >= 10).then_some(());
        eventually("every line is counted", counted).await;
    });
}

#[test]
fn the_first_lines_tell_what_runs_where() {
    story(async {
        let gateway = Gateway::builder().env("LOG_LEVEL", "info").start().await;
        let log = gateway.logged("sidegate listens").await;
        let line = |text: &str| log.lines().find(|line| line.contains(text)).unwrap_or_default();
        let (starts, listens) = (line("sidegate starts"), line("sidegate listens"));
        assert!(starts.contains("  INFO ") && starts.contains("version=\"0."), "{log}");
        assert!(starts.contains(gateway.data_dir().to_str().unwrap()), "{log}");
        assert!(listens.contains(&gateway.addr().to_string()), "{log}");
        assert!(listens.contains("plugins=0"), "{log}");
        assert!(line("whatever a plugin started ends with it").contains("containment"), "{log}");
        let is_root = rustix::process::geteuid().is_root();
        assert_eq!(line("this runs as root").contains(" WARN "), is_root, "{log}");
        assert_eq!(log.lines().next(), Some(starts), "nothing comes before");
    });
}

#[test]
fn levels_of_single_targets_are_changed_while_it_runs() {
    story(async {
        let gateway = Gateway::builder().env("LOG_LEVEL", "info,access=off").start().await;
        let set = async |level: &str| {
            let body = json!({"level": level});
            gateway.admin().call("PATCH", "logging", Some(&body)).await
        };
        ask_as(&gateway, "told-to-nobody").await;
        let (status, changed) = set("info").await;
        assert_eq!((status, &changed["data"]), (200, &gateway.admin().get("logging").await));
        ask_as(&gateway, "told-now").await;
        gateway.logged("request_id=told-now").await;
        let (status, answer) = set("info,acess=off").await;
        assert_eq!(status, 400);
        assert!(answer.to_string().contains("level: nothing logs as"), "{answer}");
        assert_eq!(gateway.admin().get("logging").await["attributes"]["level"], "info");
        assert_eq!(gateway.admin().call_as(None, "PATCH", "logging", None).await.0, 401);
        let shown = gateway.cli().ok(&["log-level", "warn,access=info"]).await;
        assert!(shown.contains("warn,access=info"), "{shown}");
        ask_as(&gateway, "told-again").await;
        gateway.logged("request_id=told-again").await;
        assert!(!gateway.log().contains("told-to-nobody"), "{}", gateway.log());
    });
}

#[test]
fn sighup_reads_the_settings_again_and_loses_nothing() {
    story(async {
        let builder = Gateway::builder();
        let file = builder.folder().join("sidegate.toml");
        let write = |text: &str| fs::write(&file, text).unwrap();
        write("max_headers = 50\n");
        let gateway = builder.env("SIDEGATE_CONFIG", &file).env_remove("LOG_LEVEL").start().await;
        gateway.plugin("r").program("e2e-plugin-routes").ready().await;
        let mut stream = gateway.get("/plugins/r/stream").open().await;
        assert_eq!(stream.next().await.unwrap().unwrap(), "begun");
        write("log_level = \"debug,acess=off\"\nmax_headers = 0\nprot = 1\n");
        signal(gateway.pid(), Signal::HUP);
        let log = gateway.logged("the settings stay as they were").await;
        for name in ["log_level", "max_headers", "prot"] {
            let told = |line: &str| line.contains("not reloaded") && line.contains(name);
            assert!(log.lines().any(|line| told(line) && line.contains("ERROR")), "{name}: {log}");
        }
        let level = async || gateway.admin().get("logging").await["attributes"]["level"].clone();
        assert_eq!(level().await, "info");
        write("log_level = \"debug,access=off\"\nmax_headers = 60\n");
        signal(gateway.pid(), Signal::HUP);
        let log = gateway.logged("wait for the next start").await;
        assert!(log.contains("the settings are reloaded") && log.contains("MAX_HEADERS"), "{log}");
        assert_eq!(level().await, "debug,access=off");
        gateway.get("/plugins/r/exact").send().await.expect(200);
        drop(stream);
    });
}

#[test]
fn json_has_the_same_fields_for_a_request_as_ever() {
    story(async {
        let gateway = Gateway::builder().env("LOG_FORMAT", "json").start().await;
        ask_as(&gateway, "the-one").await;
        let log = gateway.logged("\"request_id\":\"the-one\"").await;
        let line = log.lines().find(|line| line.contains("the-one")).unwrap();
        let line: Value = serde_json::from_str(line).unwrap();
        let expected = [
            ("level", json!("INFO")),
            ("target", json!("access")),
            ("client", json!("127.0.0.1")),
            ("method", json!("GET")),
            ("path", json!("/health")),
            ("status", json!(200)),
            ("plugin", json!("-")),
        ];
        for (name, value) in expected {
            assert_eq!(line[name], value, "{name}: {line}");
        }
        assert!(line["duration_us"].is_u64() && line["bytes"].is_u64(), "{line}");
        assert!(line["timestamp"].as_str().unwrap().ends_with('Z'), "{line}");
    });
}
