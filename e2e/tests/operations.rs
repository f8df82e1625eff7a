//! Running it: health, readiness, metrics, settings and their errors.

use serde_json::{Value, json};
use sidegate_api::plugin::WholeStatusAttributes;
use sidegate_api::state::State;
use sidegate_e2e::{Cli, Gateway, Version, story};

#[test]
fn health_is_told_whatever_plugins_do() {
    story(async {
        let gateway = Gateway::start().await;
        gateway.plugin("c").command("file:///nonexistent").add().await;
        for version in [Version::Http1, Version::Http2] {
            let answer = gateway.get("/health").version(version).send().await.expect(200);
            assert_eq!(answer.json()["status"], "ok");
        }
        gateway.request("HEAD", "/health").send().await.expect(200);
        gateway.post("/health").send().await.expect(404);
    });
}

#[test]
fn a_broken_plugin_is_told_but_does_not_make_the_gateway_unready() {
    story(async {
        let gateway = Gateway::start().await;
        gateway.lab().await;
        let broken = gateway.plugin("c").command("file:///nonexistent").add().await;
        let failed = |s: &WholeStatusAttributes| {
            matches!(s.summary.state, State::Backoff | State::Parked | State::Stopped)
        };
        broken.wait_for("it has failed", failed).await;
        let ready = gateway.get("/ready").send().await.expect(200).json();
        assert_eq!(ready["status"], "ready");
        let states = ready["plugins"].as_array().unwrap().iter();
        let states: Vec<_> = states.map(|p| (p["name"].clone(), p["state"].clone())).collect();
        assert!(states.contains(&(json!("lab"), json!("ready"))), "{states:?}");
        assert!(states.iter().any(|(name, state)| name == "c" && state != "ready"), "{states:?}");
    });
}

#[test]
fn metrics_count_what_happened() {
    story(async {
        let gateway = Gateway::start().await;
        gateway.lab().await;
        for _ in 0..3 {
            gateway.get("/plugins/lab/x").send().await.expect(200);
        }
        gateway.get("/plugins/lab/status/503").send().await.expect(503);
        gateway.get("/plugins/lab/fail").send().await.expect(502);
        gateway.get("/plugins/lab/sse?n=3&interval_ms=1&fail_at=1").try_send().await.unwrap_err();
        gateway.get("/nothing").send().await.expect(404);
        let metrics = gateway.get("/metrics").send().await.expect(200);
        let text = metrics.text();
        let value = |name: &str, labels: &[&str]| -> f64 {
            let fits = |line: &&str| {
                line.starts_with(name) && labels.iter().all(|label| line.contains(label))
            };
            let lines = text.lines().filter(fits);
            lines.map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap()).sum()
        };
        let lab = "plugin=\"lab\"";
        assert!(
            (3.0..).contains(&value("sidegate_requests_total", &[lab, "status=\"200\""])),
            "{text}"
        );
        assert_eq!(value("sidegate_requests_total", &[lab, "status=\"503\""]) as u32, 1, "{text}");
        assert_eq!(value("sidegate_requests_total", &["status=\"404\""]) as u32, 1, "{text}");
        assert_eq!(value("sidegate_errors_total", &[lab, "plugin_error"]) as u32, 1, "{text}");
        assert_eq!(value("sidegate_aborted_streams_total", &[lab]) as u32, 1, "{text}");
        assert_eq!(value("sidegate_requests_in_flight", &[]) as u32, 1, "the one for the metrics");
        assert!(value("sidegate_request_duration_seconds_count", &[lab]) >= 5.0, "{text}");
        let state = ["plugin=\"lab\"", "state=\"ready\""];
        assert_eq!(value("sidegate_plugin_state", &state) as u32, 1, "{text}");
        assert!(metrics.header("content-type").unwrap().contains("text"));
    });
}

#[test]
fn all_wrong_settings_are_reported_at_once_and_nothing_starts() {
    story(async {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("sidegate.toml");
        std::fs::write(&file, "prot = 1\nmax_headers = 0\n").unwrap();
        let data = folder.path().join("data").display().to_string();
        let cli = Cli::with(&[
            ("DATA_DIR", &data),
            ("PORT", "eighty"),
            ("PLUGIN_ENDPOINT_STREAM_TIMEOUT", "5 minutes"),
            ("PLUGIN_ENDPOINT_MAX_BODY_SIZE", "1MB"),
            ("TRUSTED_PROXIES", "10.0.0.0/99"),
        ]);
        let said = cli.fails(2, &["serve", "--config", file.to_str().unwrap()]).await;
        for name in [
            "PORT",
            "PLUGIN_ENDPOINT_STREAM_TIMEOUT",
            "PLUGIN_ENDPOINT_MAX_BODY_SIZE",
            "TRUSTED_PROXIES",
            "prot",
            "max_headers",
        ] {
            assert!(said.contains(name), "{name} in\n{said}");
        }
        cli.fails(2, &["serve", "--no-such-flag"]).await;
    });
}

#[test]
fn a_flag_beats_the_environment_which_beats_the_file() {
    story(async {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("sidegate.toml");
        std::fs::write(&file, "port = 1\nadmin_port = 2\nmax_headers = 3\n").unwrap();
        let file = file.display().to_string();
        let cli = Cli::with(&[("PORT", "11"), ("ADMIN_PORT", "12")]);
        let said = cli.ok(&["config", "--config", &file, "--port", "21"]).await;
        let line = |name: &str| {
            let found = said.lines().find(|line| line.split_whitespace().any(|word| word == name));
            found.unwrap_or_else(|| panic!("{name} in\n{said}")).to_owned()
        };
        for (name, value, origin) in [
            ("PORT", "21", "flag --port"),
            ("ADMIN_PORT", "12", "env ADMIN_PORT"),
            ("MAX_HEADERS", "3", "sidegate.toml"),
            ("PLUGIN_ENDPOINT_MAX_BODY_SIZE", "1048576", "default"),
            ("PLUGIN_ENDPOINT_STREAM_TIMEOUT", "5m", "default"),
            ("PLUGIN_ENDPOINT_TIMEOUT", "60s", "default"),
        ] {
            let line = line(name);
            assert!(line.contains(value) && line.contains(origin), "{line}");
        }
    });
}

#[test]
fn variables_of_other_gateways_are_warned_about_once() {
    story(async {
        let builder = Gateway::builder().env("CACHE_ENABLED", "true").env("WRITE_TIMEOUT", "300s");
        let gateway = builder.start().await;
        let log = gateway.logged("sidegate listens").await;
        let warned: Vec<_> = log.lines().filter(|line| line.contains("CACHE_ENABLED")).collect();
        assert_eq!(warned.len(), 1, "{log}");
        assert!(warned[0].contains("WRITE_TIMEOUT") && warned[0].contains("WARN"), "{warned:?}");
    });
}

#[test]
fn the_admin_api_opens_only_to_its_token() {
    story(async {
        let gateway = Gateway::start().await;
        let token = gateway.token().await;
        for path in ["plugins", "apps", "tokens", "routes", "plugins/1", "nothing"] {
            for wrong in [None, Some("wrong"), Some(token.as_str())] {
                let (status, _) = gateway.admin().call_as(wrong, "GET", path, None).await;
                assert_eq!(status, 401, "{path} {wrong:?}");
            }
        }
        let create = json!({"name": "x", "command": "file:///bin/true"});
        let (status, _) = gateway.admin().call_as(None, "POST", "plugins", Some(&create)).await;
        assert_eq!(status, 401);
        // It is not on the clients' port at all.
        gateway.get("/api/v1/plugins").bearer(&token).send().await.expect(404);
    });
}

#[test]
fn json_logs_have_a_line_for_every_request_without_its_query() {
    story(async {
        let gateway = Gateway::builder().env("LOG_FORMAT", "json").start().await;
        gateway.lab().await;
        let request = gateway.get("/plugins/lab/x?secret=do-not-log");
        request.header("x-request-id", "to-be-found").send().await.expect(200);
        let log = gateway.logged("to-be-found").await;
        let lines = log.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
        let found: Vec<_> = lines.filter(|line| line.to_string().contains("to-be-found")).collect();
        assert!(!found.is_empty(), "{log}");
        assert!(!log.contains("do-not-log"), "{log}");
    });
}
