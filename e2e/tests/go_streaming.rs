//! Streams of plugins in Go: at once, in order, ended as they should be, cancelled when nobody reads.

use crate::go_endpoints::{all, all_raw};
use sidegate_e2e::{Gateway, Version, eventually, go_story};

const BOTH: [Version; 2] = [Version::Http1, Version::Http2];

#[test]
fn events_of_a_plugin_in_go_come_in_order_and_to_an_end() {
    go_story(async |go| {
        let gateway = Gateway::start().await;
        let expected = |n: u32| {
            let event = |i| format!("id: {i}\ndata: {{\"i\":{i}}}\n\n");
            (0..n).map(event).collect::<String>()
        };
        for (flavour, at, _) in all(go, &gateway).await {
            for version in BOTH {
                let path = format!("{at}/events?n=50&interval_ms=1");
                let answer = gateway.get(&path).version(version).send().await.expect(200);
                assert_eq!(answer.text(), expected(50), "{flavour:?} {version:?}");
                assert_eq!(answer.header("content-type"), Some("text/event-stream"));
                assert_eq!(answer.header_values("set-cookie"), ["a=1", "b=2"], "{flavour:?}");
            }
        }
        for (flavour, at, _) in all_raw(go, &gateway).await {
            let answer = gateway.get(&format!("{at}/events")).send().await.expect(200);
            assert_eq!(answer.text(), "data: 0\n\ndata: 1\n\ndata: 2\n\n", "{flavour:?}");
        }
    });
}

#[test]
fn a_client_that_goes_away_cancels_the_context_of_a_plugin_in_go() {
    go_story(async |go| {
        let gateway = Gateway::start().await;
        for (flavour, at, _) in all(go, &gateway).await {
            let cancelled = async || {
                let counts = gateway.get(&format!("{at}/counts")).send().await.expect(200).json();
                counts["cancelled"].as_u64().unwrap()
            };
            for (version, before) in BOTH.into_iter().zip(0..) {
                let mut stream =
                    gateway.get(&format!("{at}/forever")).version(version).open().await;
                // It came although the plugin sends nothing after it.
                assert_eq!(stream.read_until("\n\n").await, "data: begun\n\n");
                assert_eq!(cancelled().await, before, "{flavour:?} {version:?}");
                drop(stream);
                let what = format!("the context is done with {flavour:?} over {version:?}");
                eventually(&what, async || (cancelled().await == before + 1).then_some(())).await;
            }
        }
    });
}

#[test]
fn a_stream_that_a_plugin_in_go_gives_up_never_looks_complete() {
    go_story(async |go| {
        let gateway = Gateway::start().await;
        for (flavour, at, _) in all(go, &gateway).await {
            for version in BOTH {
                let broken = gateway.get(&format!("{at}/cut")).version(version).try_send().await;
                let broken = broken.expect_err("it was given up");
                assert_eq!(broken.received, "data: begun\n\n", "{flavour:?} {version:?}");
                let refused = gateway.get(&format!("{at}/refused")).version(version).send().await;
                refused.is_error(500, "plugin_reported", "plugin");
                assert_eq!(refused.error().text, "not today", "{flavour:?}");
            }
        }
    });
}
