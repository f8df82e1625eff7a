//! HEADERS → BODY* → DONE / ERROR: every order a plugin can send them in has its outcome.

use rustix::process::Signal;
use sidegate_e2e::{BrokenOff, Ending, Gateway, Version, signal, story};

const BOTH: [Version; 2] = [Version::Http1, Version::Http2];

async fn gateway() -> Gateway {
    let gateway = Gateway::start().await;
    gateway.plugin("m").program("e2e-plugin-misbehave").ready().await;
    gateway
}

fn path(case: &str) -> String {
    format!("/plugins/m/stream/{case}")
}

async fn broken(gateway: &Gateway, case: &str, version: Version) -> BrokenOff {
    match gateway.get(&path(case)).version(version).try_send().await {
        Err(broken) => broken,
        Ok(answer) => panic!("{case} over {version:?} looks complete: {}", answer.describe()),
    }
}

#[test]
fn headers_pieces_and_done_make_a_whole_answer() {
    story(async {
        let gateway = gateway().await;
        for (case, status, body) in [
            ("good", 200, "ab"),
            ("status-zero", 200, "a"),
            ("status-201", 201, ""),
            ("body-first", 200, "ab"),
            ("empty-body-first", 200, "a"),
            ("only-done", 200, ""),
            ("just-right", 200, "abc"),
        ] {
            for version in BOTH {
                let answer = gateway.get(&path(case)).version(version).send().await;
                assert_eq!(answer.clone().expect(status).text(), body, "{case} {version:?}");
            }
        }
        let answer = gateway.get(&path("status-201")).send().await;
        assert_eq!(answer.header("x-made"), Some("1"));
    });
}

#[test]
fn second_headers_change_nothing() {
    story(async {
        let gateway = gateway().await;
        for version in BOTH {
            let answer = gateway.get(&path("second-headers")).version(version).send().await;
            let answer = answer.expect(200);
            assert_eq!((answer.text(), answer.header("x-late")), ("ab", None));
        }
    });
}

#[test]
fn nothing_after_done_reaches_the_client() {
    story(async {
        let gateway = gateway().await;
        for version in BOTH {
            let answer = gateway.get(&path("after-done")).version(version).send().await;
            assert_eq!(answer.expect(200).text(), "a");
            // The answer ends with DONE, although the plugin's call goes on.
            let answer = gateway.get(&path("hang-after-done")).version(version).send().await;
            assert_eq!(answer.expect(200).text(), "begun");
        }
    });
}

#[test]
fn a_stream_with_nothing_sent_is_502() {
    story(async {
        let gateway = gateway().await;
        for version in BOTH {
            let answer = gateway.get(&path("nothing")).version(version).send().await;
            answer.is_error(502, "plugin_protocol", "plugin");
        }
    });
}

#[test]
fn an_error_before_the_headers_is_an_ordinary_error() {
    story(async {
        let gateway = gateway().await;
        for version in BOTH {
            for (case, status, text) in
                [("error-first", 500, "not today"), ("error-first-409", 409, "somebody was faster")]
            {
                let answer = gateway.get(&path(case)).version(version).send().await;
                answer.is_error(status, "plugin_reported", "plugin");
                assert_eq!(answer.error().text, text);
            }
            let answer = gateway.get(&path("crash-first")).version(version).send().await;
            let error = answer.error();
            assert_eq!((error.status, error.source.as_str()), (502, "plugin"));
            let plugin = gateway.plugin_by_id(1);
            plugin.wait_ready().await;
        }
    });
}

#[test]
fn whatever_ends_a_stream_without_done_ends_the_answer_with_an_error() {
    story(async {
        let gateway = gateway().await;
        for (case, begun) in [
            ("no-done", "a"),
            ("only-headers", ""),
            ("error-after-headers", ""),
            ("error-after-body", "a"),
            ("grpc-error-later", "begun"),
            ("garbage-later", "begun"),
        ] {
            let broken_off = broken(&gateway, case, Version::Http1).await;
            assert!(begun.as_bytes().starts_with(&broken_off.received), "{case}: {broken_off:?}");
            let broken_off = broken(&gateway, case, Version::Http2).await;
            assert!(broken_off.reset().is_some(), "{case}: {broken_off:?}");
            assert!(begun.as_bytes().starts_with(&broken_off.received), "{case}: {broken_off:?}");
        }
    });
}

#[test]
fn a_reset_of_the_plugins_call_ends_the_answer_with_an_error() {
    story(async {
        let gateway = gateway().await;
        for version in BOTH {
            // A reset may overtake everything before it; then the client learns it by a status.
            match gateway.get(&path("reset-later")).version(version).try_send().await {
                Ok(answer) => assert_eq!(answer.error().status, 502),
                Err(broken) => assert!(b"begun".starts_with(&broken.received[..])),
            }
        }
    });
}

#[test]
fn no_words_of_the_plugin_are_hidden_in_a_broken_answer() {
    story(async {
        let gateway = gateway().await;
        let broken_off = broken(&gateway, "error-after-body", Version::Http1).await;
        assert_eq!(&broken_off.received[..], b"a");
    });
}

#[test]
fn http_1_0_learns_of_a_broken_stream_by_a_reset() {
    story(async {
        let gateway = gateway().await;
        for case in ["error-after-body", "no-done", "grpc-error-later"] {
            let mut raw = gateway.raw().await;
            raw.send(format!("GET {} HTTP/1.0\r\n\r\n", path(case))).await;
            let (_, ending) = raw.rest().await;
            assert_eq!(ending, Ending::Reset, "{case}: a plain close looks complete");
        }
        let mut raw = gateway.raw().await;
        raw.send(format!("GET {} HTTP/1.0\r\n\r\n", path("good"))).await;
        let (status, headers) = raw.head().await;
        assert_eq!((status.as_u16(), headers.get("transfer-encoding")), (200, None));
        let (body, ending) = raw.rest().await;
        assert_eq!((&body[..], ending), (&b"ab"[..], Ending::Closed));
    });
}

#[test]
fn an_operator_can_let_a_missing_done_pass() {
    story(async {
        let gateway = Gateway::start().await;
        let plugin = gateway.plugin("m").program("e2e-plugin-misbehave");
        plugin.option("lenient_done", "true").ready().await;
        for version in BOTH {
            let answer = gateway.get(&path("no-done")).version(version).send().await;
            assert_eq!(answer.expect(200).text(), "a");
            let answer = gateway.get(&path("only-headers")).version(version).send().await;
            assert_eq!(answer.expect(200).text(), "");
            // Anything worse is an error all the same.
            broken(&gateway, "grpc-error-later", version).await;
            broken(&gateway, "error-after-body", version).await;
            gateway.get(&path("nothing")).version(version).send().await.expect(502);
        }
    });
}

#[test]
fn a_promised_length_is_kept_or_the_answer_ends_with_an_error() {
    story(async {
        let gateway = gateway().await;
        for version in BOTH {
            let answer = gateway.get(&path("just-right")).version(version).send().await;
            assert_eq!(answer.header("content-length"), Some("3"));
            broken(&gateway, "too-short", version).await;
            broken(&gateway, "too-long", version).await;
        }
    });
}

#[test]
fn headers_between_two_neighbours_are_not_passed_on() {
    story(async {
        let gateway = gateway().await;
        for version in BOTH {
            let answer = gateway.get(&path("hop-by-hop")).version(version).send().await;
            let answer = answer.expect(200);
            assert_eq!(answer.header("x-good"), Some("1"));
            assert_eq!(answer.header("connection"), None);
            assert_ne!(answer.header("transfer-encoding"), Some("gzip"));
        }
    });
}

#[test]
fn a_faulty_plugin_is_warned_of_by_name_with_the_request_and_cannot_fill_the_log() {
    story(async {
        let gateway = gateway().await;
        gateway.plugin("n").program("e2e-plugin-misbehave").ready().await;
        let connection = gateway.connection(Version::Http1).await;
        let mut first = Vec::new();
        for round in 0..20 {
            for plugin in ["m", "n"] {
                let path = format!("/plugins/{plugin}/stream/second-headers");
                let answer = connection.request("GET", &path).send().await.expect(200);
                if round == 0 {
                    first.push((plugin, answer.header("x-request-id").unwrap().to_owned()));
                }
            }
        }
        // Lines of the gateway itself are in order: whatever was to be said is there before this.
        signal(gateway.pid(), Signal::HUP);
        let log = gateway.logged("the settings are reloaded").await;
        let warned: Vec<_> = log.lines().filter(|line| line.contains("headers twice")).collect();
        assert_eq!(warned.len(), first.len(), "{warned:#?}");
        for (line, (plugin, id)) in warned.iter().zip(first) {
            let named = format!("plugin=\"{plugin}\" request_id={id} times=1");
            assert!(line.contains(&named), "{line}");
        }
    });
}
