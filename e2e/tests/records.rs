//! What ran, and why it died: kept for every process, told by the admin API and the command line.

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use sidegate_api::plugin::WholeStatusAttributes;
use sidegate_api::record::RecordAttributes;
use sidegate_api::state::State;
use sidegate_e2e::{Gateway, PATIENCE, Plugin, eventually, kill, lines_of, program, story, within};
use std::fmt::Write as _;
use tokio::io::{AsyncBufReadExt as _, BufReader};

fn sha256_of(name: &str) -> String {
    let digest = Sha256::digest(std::fs::read(program(name)).unwrap());
    digest.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

async fn routes(gateway: &Gateway) -> Plugin {
    gateway.plugin("r").program("e2e-plugin-routes").ready().await
}

#[test]
fn a_running_process_has_a_record() {
    story(async {
        let gateway = Gateway::start().await;
        let plugin = routes(&gateway).await;
        let record = plugin.record_of(plugin.pid().await).await;
        assert!(record.running, "{record:#?}");
        assert_eq!(record.sha256, Some(sha256_of("e2e-plugin-routes")));
        let texts = (&record.ended_at, &record.reason);
        let numbers = (record.exit_code, record.signal, record.in_flight);
        assert_eq!((texts, record.in_order), ((&None, &None), None));
        assert_eq!(numbers, (None, None, None));
        assert!(record.start_duration_ms.is_some_and(|ms| ms < 60_000), "{record:#?}");
        assert!(record.uptime_ms < 60_000, "{record:#?}");
        let status = plugin.status().await;
        assert_eq!(status.instance.unwrap().pid, record.pid);
        assert_eq!(status.last_failure, None);
        let shown = gateway.cli().ok(&["plugin", "show", "r"]).await;
        assert!(shown.contains(&sha256_of("e2e-plugin-routes")), "{shown}");
    });
}

#[test]
fn an_end_is_recorded_with_its_cause() {
    story(async {
        let gateway = Gateway::start().await;
        let plugin = gateway.lab().await;
        let crashed = plugin.pid().await;
        gateway.get("/plugins/lab/crash").send().await.expect(502);
        let record = plugin.wait_ended(crashed).await;
        let found = (record.exit_code, record.signal, record.in_order);
        assert_eq!(found, (Some(3), None, Some(false)), "{record:#?}");
        assert_eq!(record.in_flight, Some(1), "{record:#?}");
        assert!(
            record.reason.as_deref().unwrap_or_default().contains("exit code 3"),
            "{record:#?}"
        );
        let killed = plugin.wait_other_pid(crashed).await;
        kill(killed);
        let record = plugin.wait_ended(killed).await;
        assert_eq!((record.signal, record.in_flight), (Some(9), Some(0)), "{record:#?}");
        let replaced = plugin.wait_other_pid(killed).await;
        plugin.reload().await;
        plugin.wait_other_pid(replaced).await;
        let record = plugin.wait_ended(replaced).await;
        assert_eq!(record.in_order, Some(true), "{record:#?}");
        let pids: Vec<_> = plugin.records().await.iter().map(|r| r.pid).collect();
        assert_eq!(pids[1..], [replaced, killed, crashed].map(Some), "newest first");
        let status = plugin.status().await;
        assert_eq!(status.last_failure.unwrap().pid, Some(killed), "an orderly end is no failure");
    });
}

#[test]
fn a_record_keeps_the_last_lines() {
    story(async {
        let gateway = Gateway::start().await;
        let plugin = routes(&gateway).await;
        let pid = plugin.pid().await;
        let connection = gateway.connection(sidegate_e2e::Version::Http1).await;
        for number in 0..150 {
            let path = format!("/plugins/r/print?text=number-{number}");
            connection.request("GET", &path).send().await.expect(200);
        }
        eventually("the last line is read", async || {
            let lines = lines_of(&plugin.record_of(pid).await);
            (lines.contains("stdout number-149") && lines.contains("stderr number-149"))
                .then_some(())
        })
        .await;
        let record = plugin.record_of(pid).await;
        let lines = record.lines.unwrap();
        assert_eq!(lines.len(), 200);
        for (stream, beginning) in [("stdout", "stdout number-"), ("stderr", "stderr number-")] {
            let of_it = lines.iter().filter(|line| line.stream == stream);
            let messages: Vec<_> = of_it.map(|line| line.message.as_str()).collect();
            let numbers = messages.iter().map(|text| text.strip_prefix(beginning).unwrap());
            let numbers: Vec<u32> = numbers.map(|number| number.parse().unwrap()).collect();
            assert!(numbers.is_sorted() && numbers.contains(&149), "{stream}: {numbers:?}");
        }
        let few = format!("plugins/{}/records?lines=3", plugin.id);
        let few = gateway.admin().list::<RecordAttributes>(&few).await;
        assert_eq!(few[0].attributes.lines.as_ref().unwrap().len(), 3);
        let told = gateway.cli().ok(&["plugin", "logs", "r", "--lines", "2"]).await;
        assert_eq!(told.matches("number-").count(), 2, "{told}");
    });
}

/// Lets the plugin print, and waits until a file of the gateway's has it.
async fn keep(gateway: &Gateway, text: &str) {
    let path = format!("/plugins/r/print?text={text}");
    gateway.get(&path).send().await.expect(200);
    let file = gateway.data_dir().join("records").join("1.json");
    let kept = async || std::fs::read_to_string(&file).ok().filter(|all| all.contains(text));
    eventually("it is kept", kept).await;
}

#[test]
fn the_last_records_survive_a_restart_of_the_gateway() {
    story(async {
        let gateway = Gateway::start().await;
        let plugin = routes(&gateway).await;
        let (id, first) = (plugin.id, plugin.pid().await);
        gateway.get("/plugins/r/print?text=in-order").send().await.expect(200);
        eventually("it is read", async || {
            lines_of(&plugin.record_of(first).await).contains("in-order").then_some(())
        })
        .await;
        let mut gateway = gateway.restart().await;
        let plugin = gateway.plugin_by_id(id);
        plugin.wait_ready().await;
        let record = plugin.record_of(first).await;
        assert!(lines_of(&record).contains("stderr in-order"), "{record:#?}");
        assert_eq!((record.running, record.in_order), (false, Some(true)));
        let second = plugin.pid().await;
        keep(&gateway, "killed").await;
        gateway.kill();
        let gateway = gateway.start_again().await;
        let plugin = gateway.plugin_by_id(id);
        plugin.wait_ready().await;
        let record = plugin.record_of(second).await;
        assert!(lines_of(&record).contains("killed"), "{record:#?}");
        assert!(
            record.reason.as_deref().unwrap_or_default().contains("the gateway ended before"),
            "{record:#?}"
        );
        let pids: Vec<_> = plugin.records().await.iter().map(|r| r.pid).collect();
        assert_eq!(pids[1..], [second, first].map(Some), "newest first");
        let numbers = |record: &RecordAttributes| -> Vec<u64> {
            record.lines.iter().flatten().map(|line| line.number).collect()
        };
        let records = plugin.records().await;
        let numbers: Vec<_> = records.iter().rev().flat_map(numbers).collect();
        assert!(numbers.is_sorted_by(|a, b| a < b), "{numbers:?}");
    });
}

#[test]
fn kept_records_follow_a_new_name_and_go_with_their_plugin() {
    story(async {
        let gateway = Gateway::start().await;
        let plugin = routes(&gateway).await;
        let (id, first) = (plugin.id, plugin.pid().await);
        keep(&gateway, "before").await;
        // Renamed while it runs, and again while it does not.
        plugin.change(&json!({"name": "renamed"})).await;
        plugin.wait_for("another one serves", |s| s.summary.pid != Some(first)).await;
        keep(&gateway, "after").await;
        plugin.change(&json!({"is_active": false})).await;
        plugin.wait_state(State::Stopped).await;
        plugin.change(&json!({"name": "disabled"})).await;
        let gateway = gateway.restart().await;
        let plugin = gateway.plugin_by_id(id);
        plugin.change(&json!({"is_active": true})).await;
        plugin.wait_ready().await;
        let record = plugin.record_of(first).await;
        assert!(lines_of(&record).contains("before"), "{record:#?}");
        let file = gateway.data_dir().join("records").join("1.json");
        assert!(file.exists());
        plugin.remove().await;
        eventually("its records are gone", async || (!file.exists()).then_some(())).await;
        // And where that was not seen, at the next start.
        std::fs::write(&file, "{}").unwrap();
        let gateway = gateway.restart().await;
        eventually("they are gone again", async || (!file.exists()).then_some(())).await;
        drop(gateway);
    });
}

#[test]
fn plugin_logs_has_every_field_and_follows_from_one_process_to_the_next() {
    story(async {
        let gateway = Gateway::start().await;
        let plugin = routes(&gateway).await;
        let answer = gateway.get("/plugins/r/panic").send().await.expect(502);
        let id = answer.header("x-request-id").unwrap().to_owned();
        let pid = plugin.pid().await;
        let line = eventually("the panic has its fields", async || {
            let record = plugin.record_of(pid).await;
            let mut lines = record.lines.into_iter().flatten();
            lines.find(|line| line.request_id.as_ref() == Some(&id) && line.level == "error")
        })
        .await;
        let fields = line.fields.unwrap();
        assert!(fields["place"].as_str().unwrap().contains(".rs:"), "{fields}");
        let told = gateway.cli().ok(&["plugin", "logs", "r"]).await;
        let shown = told.lines().find(|line| line.contains(&id)).unwrap_or_default();
        assert!(shown.contains("request_id=") && shown.contains(" place=\""), "{told}");

        let mut following = gateway.cli().begin(&["plugin", "logs", "r", "--follow"]);
        let mut lines = BufReader::new(following.stdout.take().unwrap()).lines();
        let mut next_with = async |text: &str| {
            let search = async {
                while let Some(line) = lines.next_line().await.unwrap() {
                    if line.contains(text) {
                        return line;
                    }
                }
                panic!("it ended before {text}")
            };
            within(PATIENCE, text, search).await
        };
        next_with("on purpose").await;
        gateway.get("/plugins/r/print?text=while-it-follows").send().await.expect(200);
        next_with("while-it-follows").await;
        kill(pid);
        let other = plugin.wait_other_pid(pid).await;
        next_with("SIGKILL (9)").await;
        gateway.get("/plugins/r/print?text=from-the-next").send().await.expect(200);
        next_with(&format!("== process {other}")).await;
        next_with("from-the-next").await;
    });
}

#[test]
fn what_a_plugin_prints_is_logged_with_its_name_and_level() {
    story(async {
        let gateway = Gateway::builder().env("LOG_FORMAT", "json").start().await;
        routes(&gateway).await;
        gateway.get("/plugins/r/print?text=to-be-found").send().await.expect(200);
        let found = eventually("both lines are logged", async || {
            let log = gateway.log();
            let lines = log.lines().filter(|line| line.contains("to-be-found"));
            let lines = lines.filter_map(|line| serde_json::from_str::<Value>(line).ok());
            let found: Vec<_> = lines.filter(|line| line.to_string().contains("std")).collect();
            (found.len() >= 2).then_some(found)
        })
        .await;
        for line in &found {
            assert!(line["level"].is_string(), "{line}");
            assert!(line.to_string().contains("\"plugin\":\"r\""), "{line}");
        }
    });
}

#[test]
fn records_are_for_admins_only() {
    story(async {
        let gateway = Gateway::start().await;
        let plugin = routes(&gateway).await;
        let path = format!("plugins/{}/records", plugin.id);
        assert_eq!(gateway.admin().call_as(None, "GET", &path, None).await.0, 401);
        assert_eq!(gateway.admin().call("GET", "plugins/99/records", None).await.0, 404);
        let too_many = format!("{path}?lines=201");
        assert_eq!(gateway.admin().call("GET", &too_many, None).await.0, 400);
    });
}

#[test]
fn only_the_approved_bytes_are_run() {
    story(async {
        let gateway = Gateway::start().await;
        let path = gateway.folder().join("program");
        std::fs::copy(program("e2e-plugin-routes"), &path).unwrap();
        let command = format!("file://{}", path.display());
        let approved = sha256_of("e2e-plugin-routes");
        let plugin = gateway.plugin("r").command(&command).option("sha256", &approved);
        let plugin = plugin.ready().await;
        let pid = plugin.pid().await;
        assert_eq!(plugin.record_of(pid).await.sha256.as_ref(), Some(&approved));
        std::fs::copy(program("sidegate-plugin-lab"), path.with_extension("new")).unwrap();
        std::fs::rename(path.with_extension("new"), &path).unwrap();
        plugin.reload().await;
        let told =
            |status: &WholeStatusAttributes| status.summary.warnings.join("\n").contains("sha256");
        let status = plugin.wait_for("a warning that names the checksum", told).await;
        assert_eq!((status.summary.state, status.summary.pid), (State::Ready, Some(pid)));
        // With no process that goes on serving there is none at all.
        kill(pid);
        let status =
            plugin.wait_for("it does not run", |status| status.summary.pid.is_none()).await;
        let said = |status: &WholeStatusAttributes| {
            status.summary.reason.as_deref().unwrap_or_default().contains("sha256")
        };
        plugin.wait_for("a reason that names the checksum", said).await;
        gateway.get("/plugins/r/exact").send().await.is_error(503, "plugin_unavailable", "plugin");
        assert_eq!(status.summary.pid, None);
        plugin.change(&json!({"options": {"sha256": sha256_of("sidegate-plugin-lab")}})).await;
        plugin.wait_ready().await;
        gateway.get("/plugins/r/anything").send().await.expect(200);
    });
}
