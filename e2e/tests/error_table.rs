//! The table of errors: each scenario of the page, its status, its code, and who failed.

use serde_json::json;
use sidegate_api::plugin::WholeStatusAttributes;
use sidegate_api::state::State;
use sidegate_e2e::{Gateway, Plugin, Version, eventually, kill, story};
use std::time::{Duration, Instant};

async fn misbehave(gateway: &Gateway) -> Plugin {
    gateway.plugin("m").program("e2e-plugin-misbehave").ready().await
}

/// What only logs may say; the misbehaving plugin puts it into its gRPC errors.
const INTERNAL: &str = "10.1.2.3";

#[test]
fn a_grpc_error_is_502_and_its_text_stays_inside() {
    story(async {
        let gateway = Gateway::start().await;
        misbehave(&gateway).await;
        for path in ["unary/grpc-error", "unary/unavailable", "stream/grpc-error-first"] {
            for version in [Version::Http1, Version::Http2] {
                let request = gateway.get(&format!("/plugins/m/{path}")).version(version);
                let answer = request.send().await;
                answer.is_error(502, "plugin_error", "plugin");
                assert!(!answer.describe().contains(INTERNAL), "{}", answer.describe());
            }
        }
        gateway.logged(INTERNAL).await;
    });
}

#[test]
fn a_deadline_that_only_the_plugin_reports_is_502() {
    story(async {
        let gateway = Gateway::start().await;
        misbehave(&gateway).await;
        for path in ["unary/deadline-exceeded", "stream/deadline-exceeded-first"] {
            let answer = gateway.get(&format!("/plugins/m/{path}")).send().await;
            answer.is_error(502, "plugin_error", "plugin");
        }
    });
}

#[test]
fn an_answer_that_is_none_is_502() {
    story(async {
        let gateway = Gateway::start().await;
        misbehave(&gateway).await;
        for case in ["no-message", "garbage", "reset", "http-500"] {
            let answer = gateway.get(&format!("/plugins/m/unary/{case}")).send().await;
            let error = answer.error();
            assert_eq!((error.status, error.source.as_str()), (502, "plugin"), "{case}");
        }
    });
}

#[test]
fn a_unary_call_that_takes_too_long_is_504_and_is_cancelled() {
    story(async {
        let builder = Gateway::builder().env("PLUGIN_ENDPOINT_TIMEOUT", "300ms");
        let gateway = builder.start().await;
        gateway.lab().await;
        misbehave(&gateway).await;
        for path in ["/plugins/lab/hang", "/plugins/lab/sleep?ms=5000", "/plugins/m/unary/hang"] {
            let begun = Instant::now();
            let answer = gateway.get(path).send().await;
            answer.is_error(504, "plugin_timeout", "plugin");
            let took = begun.elapsed();
            assert!((300..2500).contains(&took.as_millis()), "{path}: {took:?}");
        }
        // Others are served as if nothing were.
        gateway.get("/plugins/lab/sleep?ms=10").send().await.expect(200);
    });
}

#[test]
fn a_stream_that_says_nothing_until_its_limit_is_504() {
    story(async {
        let builder = Gateway::builder().env("PLUGIN_ENDPOINT_STREAM_TIMEOUT", "300ms");
        let gateway = builder.start().await;
        misbehave(&gateway).await;
        let answer = gateway.get("/plugins/m/stream/hang-first").send().await;
        answer.is_error(504, "plugin_timeout", "plugin");
    });
}

#[test]
fn a_plugin_that_is_still_starting_is_503_with_retry_after() {
    story(async {
        let gateway = Gateway::start().await;
        let plugin = gateway.plugin("m").program("e2e-plugin-misbehave").config("start", "hang");
        let plugin = plugin.add().await;
        assert_eq!(plugin.status().await.summary.state, State::Starting);
        let answer = gateway.get("/plugins/m/anything").send().await;
        answer.is_error(503, "plugin_starting", "plugin");
        assert_eq!(answer.header("retry-after"), Some("1"));
    });
}

#[test]
fn a_plugin_that_cannot_start_is_503_and_its_status_says_why() {
    story(async {
        let gateway = Gateway::start().await;
        let start = async |name: &str, how: &str| {
            let plugin = gateway.plugin(name).program("e2e-plugin-misbehave");
            plugin.config("start", how).add().await
        };
        let (refuses, crashes) = (start("a", "refuse").await, start("b", "crash").await);
        let missing = gateway.plugin("c").command("file:///nonexistent/program").add().await;
        for (plugin, name, words) in [
            (refuses, "a", "this configuration is refused on purpose"),
            (crashes, "b", "exit code 4"),
            (missing, "c", "/nonexistent/program"),
        ] {
            let failed = |status: &WholeStatusAttributes| {
                matches!(status.summary.state, State::Backoff | State::Parked | State::Stopped)
                    && status.summary.reason.as_deref().unwrap_or_default().contains(words)
            };
            plugin.wait_for(words, failed).await;
            eventually("clients are told", async || {
                let answer = gateway.get(&format!("/plugins/{name}/x")).send().await;
                assert_eq!(answer.status, 503, "{}", answer.describe());
                assert!(!answer.text().contains(words), "the reason is for operators");
                (answer.error().code == "plugin_unavailable").then_some(())
            })
            .await;
        }
    });
}

#[test]
fn a_crash_fails_the_open_requests_and_the_plugin_comes_back() {
    story(async {
        let gateway = Gateway::start().await;
        let plugin = misbehave(&gateway).await;
        let before = plugin.pid().await;
        let path = "/plugins/m/unary/hang";
        let open = gateway.connection(Version::Http1).await;
        let open = tokio::spawn(async move { open.request("GET", path).send().await });
        eventually("the request is open", async || {
            gateway.log().contains("unary call is open").then_some(())
        })
        .await;
        kill(before);
        open.await.unwrap().is_error(502, "plugin_broke_off", "plugin");
        plugin.wait_other_pid(before).await;
        gateway.get("/plugins/m/unary/status-200").send().await.expect(200);
        let answer = gateway.get("/plugins/m/unary/crash").send().await;
        answer.is_error(502, "plugin_broke_off", "plugin");
    });
}

#[test]
fn between_a_crash_and_the_return_clients_get_503_and_never_404() {
    story(async {
        let gateway = Gateway::start().await;
        let plugin = misbehave(&gateway).await;
        let pid = plugin.pid().await;
        kill(pid);
        eventually("the plugin is back", async || {
            let answer = gateway.get("/plugins/m/unary/status-200").send().await;
            match answer.status.as_u16() {
                200 => Some(()),
                502 | 503 => None,
                _ => panic!("{}", answer.describe()),
            }
        })
        .await;
        assert_ne!(plugin.pid().await, pid);
    });
}

#[test]
fn a_plugins_own_words_become_the_error_with_its_status() {
    story(async {
        let gateway = Gateway::start().await;
        misbehave(&gateway).await;
        for (path, status, text) in [
            ("unary/error-message", 418, "I am a teapot"),
            ("unary/error-message-zero", 500, "it went wrong"),
            ("stream/error-first", 500, "not today"),
        ] {
            let answer = gateway.get(&format!("/plugins/m/{path}")).send().await;
            answer.is_error(status, "plugin_reported", "plugin");
            assert_eq!(answer.error().text, text);
            assert_eq!(answer.header("x-discarded"), None);
        }
    });
}

#[test]
fn a_panic_ends_one_request_and_not_the_plugin() {
    story(async {
        let gateway = Gateway::start().await;
        let plugin = gateway.plugin("r").program("e2e-plugin-routes").ready().await;
        let pid = plugin.pid().await;
        for _ in 0..3 {
            let answer = gateway.get("/plugins/r/panic").send().await;
            answer.is_error(502, "plugin_error", "plugin");
            assert!(!answer.text().contains("on purpose"), "{}", answer.text());
        }
        let broken = gateway.get("/plugins/r/panic-in-stream").try_send().await;
        assert_eq!(&broken.unwrap_err().received[..], b"before");
        assert_eq!(gateway.get("/plugins/r/pid").send().await.text(), pid.to_string());
        gateway.logged("on purpose").await;
    });
}

#[test]
fn one_error_body_has_one_shape_whoever_failed() {
    // The shape itself is checked on every answer of every story; here is one of each source.
    story(async {
        let gateway = Gateway::start().await;
        misbehave(&gateway).await;
        for (path, source) in [("/nothing", "client"), ("/plugins/m/unary/garbage", "plugin")] {
            for version in [Version::Http1, Version::Http2] {
                let answer = gateway.get(path).version(version).send().await;
                assert_eq!(answer.error().source, source);
                let keys = answer.json();
                assert_eq!(keys.as_object().unwrap().len(), 3);
            }
        }
    });
}

#[test]
fn a_slow_plugin_delays_nobody_else() {
    story(async {
        let gateway = Gateway::start().await;
        let slow = gateway.plugin("slow").program("e2e-plugin-misbehave").config("start", "hang");
        slow.add().await;
        let begun = Instant::now();
        gateway.lab().await;
        gateway.get("/plugins/lab/x").send().await.expect(200);
        assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
        let added = gateway.admin().get("plugins?name=slow").await;
        assert_eq!(added[0]["attributes"]["status"]["state"], json!("starting"));
    });
}
