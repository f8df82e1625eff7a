//! Streams that outlive the right to them: once a caller would not be let in any more, its open streams
//! end within two seconds, unless the operator says otherwise.

use serde_json::{Value, json};
use sidegate_e2e::{App, Gateway, Stream, Unread, Version, eventually, pause, story, within};
use std::time::Duration;

const BOTH: [Version; 2] = [Version::Http1, Version::Http2];
/// What is promised, with room for a busy machine.
const SOON: Duration = Duration::from_secs(6);
/// One event, and silence.
const SILENT: &str = "/plugins/lab/sse?n=inf&interval_ms=600000";
/// Events that go on for ever.
const EVENTS: &str = "/plugins/lab/sse?n=inf&interval_ms=20";

async fn start(options: &[(&str, &str)]) -> Gateway {
    let gateway = Gateway::start().await;
    let mut plugin = gateway.plugin("lab").config("require_auth", "true");
    for (name, value) in options {
        plugin = plugin.option(name, value);
    }
    plugin.ready().await;
    gateway
}

async fn open(gateway: &Gateway, token: &str) -> Vec<Stream> {
    let mut streams = Vec::new();
    for version in BOTH {
        for path in [SILENT, EVENTS] {
            let mut stream = gateway.get(path).version(version).bearer(token).open().await;
            stream.read_until("\n\n").await;
            streams.push(stream);
        }
    }
    streams
}

/// All of them end soon, and with an error although they stand between two events.
async fn are_cut(streams: Vec<Stream>, what: &str) {
    for mut stream in streams {
        let ended = within(SOON, what, stream.rest()).await;
        ended.expect_err("a clean end");
    }
}

async fn go_on(streams: &mut [Stream]) {
    for stream in streams.iter_mut().skip(1).step_by(2) {
        stream.read_until("\n\n").await;
    }
}

async fn stats(gateway: &Gateway, token: &str) -> Value {
    gateway.get("/plugins/lab/stats").bearer(token).send().await.json()
}

/// Waits until streams that nobody reads have filled all there is to fill.
async fn held_up(gateway: &Gateway, token: &str) {
    let mut before = 0;
    eventually("the flood is held up", async || {
        let now = stats(gateway, token).await["streams"]["sent_bytes"].as_u64()?;
        (now > 0 && std::mem::replace(&mut before, now) == now).then_some(())
    })
    .await;
}

async fn app(gateway: &Gateway, name: &str) -> App {
    gateway.app(name).create().await
}

#[test]
fn open_streams_end_when_their_token_is_revoked_and_nobody_elses_do() {
    story(async {
        let gateway = start(&[]).await;
        let app = app(&gateway, "one").await;
        let (token, id) = app.token().create_with_id().await;
        let other = app.token().create().await;
        let (streams, mut others) = (open(&gateway, &token).await, open(&gateway, &other).await);
        gateway.admin().delete(&format!("tokens/{id}")).await;
        are_cut(streams, "the end of a revoked token's streams").await;
        go_on(&mut others).await;
        let log = eventually("the log says why", async || {
            let log = gateway.log();
            (log.matches("the caller's token was revoked").count() == 4).then_some(log)
        })
        .await;
        assert!(log.contains("unauthorized"), "{log}");
        let metrics = gateway.get("/metrics").send().await;
        let count = "sidegate_errors_total{plugin=\"lab\",code=\"unauthorized\"} 4";
        assert!(metrics.text().contains(count), "{}", metrics.text());
        assert!(metrics.text().contains("route=\"/sse\",method=\"GET\"} 4"), "{}", metrics.text());
    });
}

#[test]
fn open_streams_end_when_their_app_is_switched_off_or_deleted() {
    story(async {
        let gateway = start(&[]).await;
        let (one, two) = (app(&gateway, "one").await, app(&gateway, "two").await);
        let first = open(&gateway, &one.token().create().await).await;
        let second = open(&gateway, &two.token().create().await).await;
        one.change(&json!({"is_active": false})).await;
        are_cut(first, "the end of an inactive app's streams").await;
        two.delete().await;
        are_cut(second, "the end of a deleted app's streams").await;
    });
}

#[test]
fn open_streams_end_when_their_token_expires() {
    story(async {
        let gateway = start(&[]).await;
        let app = app(&gateway, "one").await;
        let lasting = app.token().expires_in("1h").create().await;
        let mut others = open(&gateway, &lasting).await;
        let brief = app.token().expires_in("3s").create().await;
        let streams = open(&gateway, &brief).await;
        are_cut(streams, "the end of an expired token's streams").await;
        go_on(&mut others).await;
    });
}

#[test]
fn an_operator_can_let_streams_outlive_their_token() {
    story(async {
        let gateway = start(&[("stream_recheck", "false")]).await;
        let app = app(&gateway, "one").await;
        let (token, id) = app.token().create_with_id().await;
        let mut streams = open(&gateway, &token).await;
        gateway.admin().delete(&format!("tokens/{id}")).await;
        gateway.get(EVENTS).bearer(&token).send().await.is_error(401, "unauthorized", "client");
        // Longer than it takes where streams are ended.
        pause(Duration::from_millis(2500)).await;
        go_on(&mut streams).await;
    });
}

/// The log and the figures tell it at once, although the reader takes nothing any more, and what it
/// shares its connection with goes on.
#[test]
fn the_end_of_a_stream_is_told_also_where_nobody_reads_it() {
    story(async {
        let gateway = start(&[]).await;
        let app = app(&gateway, "one").await;
        let (token, id) = app.token().create_with_id().await;
        let path = "/plugins/lab/stream-bytes/10000000000";
        let mut revoked = Unread::open(&gateway, path, Some(&token)).await;
        let brief = app.token().expires_in("4s").create().await;
        let mut expired = Unread::open(&gateway, path, Some(&brief)).await;
        held_up(&gateway, &app.token().create().await).await;
        gateway.admin().delete(&format!("tokens/{id}")).await;
        for (unread, what) in [(&mut revoked, "was revoked"), (&mut expired, "expired")] {
            let told = format!("aborted=\"the caller's token {what}\"");
            within(SOON, "the line of the log", async {
                eventually(what, async || gateway.log().contains(&told).then_some(())).await;
            })
            .await;
            unread.reset().await;
            assert_eq!(unread.ask("/health").await, 200, "the connection goes on");
        }
        let metrics = gateway.get("/metrics").send().await;
        let count = "sidegate_errors_total{plugin=\"lab\",code=\"unauthorized\"} 2";
        assert!(metrics.text().contains(count), "{}", metrics.text());
    });
}

#[test]
fn a_reader_that_has_stalled_does_not_keep_its_stream() {
    story(async {
        let gateway = start(&[]).await;
        let app = app(&gateway, "one").await;
        let (token, id) = app.token().create_with_id().await;
        let watcher = app.token().create().await;
        let mut stalled = Vec::new();
        for (name, version) in [("one", Version::Http1), ("two", Version::Http2)] {
            let path = format!("/plugins/lab/stream-bytes/10000000000?id={name}");
            stalled.push(gateway.get(&path).version(version).bearer(&token).open().await);
        }
        held_up(&gateway, &watcher).await;
        gateway.admin().delete(&format!("tokens/{id}")).await;
        eventually("the plugin's calls are cancelled", async || {
            let closed = stats(&gateway, &watcher).await["closed_by_id"].clone();
            let gone = |id: &str| closed[id] == json!("client_gone");
            (gone("one") && gone("two")).then_some(())
        })
        .await;
        for mut stream in stalled {
            stream.rest().await.expect_err("a clean end");
        }
    });
}
