//! What an operator says about how much of a plugin may be used: requests a minute, calls at one time,
//! times and sizes. All of it counts at once, without a lost request.

use serde_json::{Value, json};
use sidegate_e2e::{
    Answer, Connection, Gateway, GatewayBuilder, Load, Plugin, Version, eventually, pause, story,
};
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// Far above what an answer takes on a busy machine, far below every deadline of the node.
const PROMPT: Duration = Duration::from_secs(5);

async fn limited(builder: GatewayBuilder, options: &[(&str, &str)]) -> (Gateway, Plugin) {
    let gateway = builder.start().await;
    let plugin = gateway.plugin("lab");
    let plugin = options.iter().fold(plugin, |plugin, (name, value)| plugin.option(name, value));
    let plugin = plugin.ready().await;
    (gateway, plugin)
}

async fn lab_with(options: &[(&str, &str)]) -> (Gateway, Plugin) {
    limited(Gateway::builder(), options).await
}

/// The sum of what is told in the lines that begin with `name` and have all `labels`.
async fn metric(gateway: &Gateway, name: &str, labels: &[&str]) -> Option<f64> {
    let metrics = gateway.get("/metrics").send().await.expect(200);
    let fits = |line: &&str| {
        line.split(['{', ' ']).next() == Some(name) && labels.iter().all(|l| line.contains(l))
    };
    let values = metrics.text().lines().filter(fits).map(|line| line.rsplit_once(' ').unwrap().1);
    values.map(|value| value.parse::<f64>().unwrap()).reduce(|sum, value| sum + value)
}

/// How many requests wait for a place.
async fn queued(gateway: &Gateway) -> f64 {
    metric(gateway, "sidegate_plugin_queued_requests", &["lab"]).await.unwrap_or_default()
}

async fn refusals(gateway: &Gateway, limit: &str) -> f64 {
    let labels = ["plugin=\"lab\"", &format!("limit=\"{limit}\"")];
    metric(gateway, "sidegate_policy_refusals_total", &labels).await.unwrap_or_default()
}

async fn wait_queued(gateway: &Gateway, count: f64) {
    eventually("so many wait", async || {
        ((queued(gateway).await - count).abs() < 0.5).then_some(())
    })
    .await;
}

/// What the plugin counted, asked for until there is a place for the question.
async fn stats(gateway: &Gateway) -> Value {
    eventually("the plugin has a place", async || {
        let answer = gateway.get("/plugins/lab/stats").send().await;
        (answer.status == 200).then(|| answer.json())
    })
    .await
}

fn is_busy(answer: &Answer) {
    answer.is_error(503, "overloaded", "gateway");
    let seconds: u64 = answer.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=60).contains(&seconds), "{}", answer.describe());
    assert!(answer.error().text.contains("this plugin is busy"), "{}", answer.text());
}

fn number(answer: &Answer, header: &str) -> u64 {
    let text = answer.header(header).unwrap_or_else(|| panic!("{header}: {}", answer.describe()));
    text.parse().unwrap()
}

#[test]
fn of_two_hundred_clients_never_a_fifth_is_let_in_and_everybody_is_served_in_the_end() {
    story(async {
        let options = [
            ("max_concurrent", "4"),
            ("max_concurrent.queue", "20"),
            ("max_concurrent.queue_timeout", "300ms"),
        ];
        let (gateway, _plugin) = lab_with(&options).await;
        let mut clients = JoinSet::new();
        for number in 0..200 {
            let version = if number % 2 == 0 { Version::Http1 } else { Version::Http2 };
            let connection = gateway.connection(version).await;
            clients.spawn(serve_in_the_end(connection));
        }
        let refused: usize = clients.join_all().await.into_iter().sum();
        let calls = stats(&gateway).await["calls"].clone();
        assert_eq!(calls, json!({"active": 0, "most": 4}));
        assert!(refused > 0, "200 clients have no room in a queue of 20");
        assert!((refusals(&gateway, "max_concurrent").await - refused as f64).abs() < 0.5);
        assert!(metric(&gateway, "sidegate_plugin_queue_waits_total", &["lab"]).await > Some(10.0));
        let inside = metric(&gateway, "sidegate_plugin_concurrent_requests", &["lab"]).await;
        assert_eq!((inside, queued(&gateway).await as u32), (Some(0.0), 0));
    });
}

/// Asks until it is served; tells how often it was refused.
async fn serve_in_the_end(connection: Connection) -> usize {
    let mut refused = 0;
    loop {
        let begun = Instant::now();
        let answer = connection.request("GET", "/plugins/lab/sleep?ms=20").send().await;
        if answer.status == 200 {
            return refused;
        }
        is_busy(&answer);
        assert!(begun.elapsed() < PROMPT, "it was shed after {:?}", begun.elapsed());
        refused += 1;
        pause(Duration::from_millis(50)).await;
    }
}

#[test]
fn a_stream_keeps_its_place_to_its_end_and_no_longer() {
    for version in [Version::Http1, Version::Http2] {
        story(async move {
            let options = [("max_concurrent", "1"), ("max_concurrent.queue", "0")];
            let (gateway, _plugin) = lab_with(&options).await;
            for (events, end) in [("3", "it is read to its end"), ("inf", "its reader goes away")] {
                // Long enough to be open still when the next request comes, also on a busy machine.
                let path = format!("/plugins/lab/sse?n={events}&interval_ms=1000");
                let mut stream = gateway.get(&path).version(version).open().await;
                assert_eq!(stream.status, 200);
                is_busy(&gateway.get("/plugins/lab/x").version(version).send().await);
                if events == "3" {
                    stream.rest().await.unwrap();
                }
                drop(stream);
                eventually(end, async || {
                    (gateway.get("/plugins/lab/x").send().await.status == 200).then_some(())
                })
                .await;
                assert_eq!(stats(&gateway).await["calls"]["most"], 1);
            }
        });
    }
}

#[test]
fn whoever_waits_is_let_in_by_a_higher_limit_and_leaves_the_queue_when_he_goes_away() {
    story(async {
        let queue = [("max_concurrent.queue", "9"), ("max_concurrent.queue_timeout", "1m")];
        let (gateway, plugin) = lab_with(&[("max_concurrent", "1"), queue[0], queue[1]]).await;
        let endless = "/plugins/lab/sse?n=inf&interval_ms=50";
        let _stream = gateway.get(endless).open().await;
        let mut gone = gateway.raw().await;
        gone.send("GET /plugins/lab/x HTTP/1.1\r\nHost: a\r\n\r\n").await;
        wait_queued(&gateway, 1.0).await;
        drop(gone);
        wait_queued(&gateway, 0.0).await;
        let request = gateway.get("/plugins/lab/x");
        let waiting = tokio::spawn(async move { request.send().await.expect(200) });
        wait_queued(&gateway, 1.0).await;
        let options = json!({"max_concurrent": "2", queue[0].0: "9", queue[1].0: "1m"});
        plugin.change(&json!({ "options": options })).await;
        waiting.await.unwrap();
    });
}

#[test]
fn a_place_is_demanded_before_anything_of_a_body_is_read() {
    story(async {
        let options = [("max_concurrent", "1"), ("max_concurrent.queue", "0")];
        let (gateway, _plugin) = lab_with(&options).await;
        let _stream = gateway.get("/plugins/lab/sse?n=inf&interval_ms=50").open().await;
        let mut raw = gateway.raw().await;
        raw.send("POST /plugins/lab/x HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n").await;
        is_busy(&raw.answer().await);
    });
}

#[test]
fn who_sends_a_body_slowly_keeps_nobody_from_the_plugin() {
    story(async {
        // The place of a call may be free a moment after its answer.
        let options = [("max_concurrent", "1"), ("max_concurrent.queue", "1")];
        let (gateway, _plugin) = lab_with(&options).await;
        let mut slow = gateway.raw().await;
        slow.send("POST /plugins/lab/x HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\na").await;
        gateway.get("/plugins/lab/x").send().await.expect(200);
        slow.send("b").await;
        slow.answer().await.expect(200);
    });
}

#[test]
fn who_is_let_in_no_more_when_its_turn_comes_is_refused() {
    story(async {
        let options = [
            ("optional_auth", "true"),
            ("max_concurrent", "1"),
            ("max_concurrent.queue_timeout", "30s"),
        ];
        let (gateway, _plugin) = lab_with(&options).await;
        let app = gateway.app("a").create().await;
        let (token, id) = app.token().create_with_id().await;
        let stream = gateway.get("/plugins/lab/sse?n=inf&interval_ms=50").open().await;
        let waits = gateway.get("/plugins/lab/x").bearer(&token);
        let waits = tokio::spawn(async move { waits.send().await });
        wait_queued(&gateway, 1.0).await;
        gateway.admin().delete(&format!("tokens/{id}")).await;
        drop(stream);
        waits.await.unwrap().is_error(401, "unauthorized", "client");
    });
}

#[test]
fn who_is_let_in_no_more_when_its_body_is_there_is_refused() {
    story(async {
        let (gateway, _plugin) = lab_with(&[("require_auth", "true")]).await;
        let app = gateway.app("a").create().await;
        let (token, id) = app.token().create_with_id().await;
        let mut raw = gateway.raw().await;
        let head = format!(
            "POST /plugins/lab/x HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {token}\r\n\
             Content-Length: 2\r\n\r\na"
        );
        raw.send(&head).await;
        gateway.get("/plugins/lab/x").bearer(&token).send().await.expect(200);
        gateway.admin().delete(&format!("tokens/{id}")).await;
        raw.send("b").await;
        raw.answer().await.is_error(401, "unauthorized", "client");
    });
}

#[test]
fn limits_change_under_load_without_a_lost_request() {
    story(async {
        let (gateway, plugin) = lab_with(&[]).await;
        let mut load = Load::begin(&gateway, Version::Http1, 12, "/plugins/lab/sleep?ms=2").await;
        load.add(&gateway, Version::Http2, 12, "/plugins/lab/sleep?ms=2").await;
        let wide = "10000000";
        for max in [Some(8), Some(1), Some(30), None, Some(3), Some(2), None] {
            load.answers(100).await;
            let options = match max {
                None => json!({}),
                Some(max) => json!({
                    "max_concurrent": max.to_string(), "max_concurrent.queue": "100",
                    "max_concurrent.queue_timeout": "1m", "rate_limit": wide, "timeout": "30s",
                    "rate_limit_per_client": wide, "max_body": "1KiB",
                }),
            };
            plugin.change(&json!({ "options": options })).await;
        }
        load.answers(100).await;
        load.end().await.is_spotless(800);
    });
}

#[test]
fn requests_a_minute_are_those_of_all_callers_together() {
    story(async {
        let options = [("rate_limit", "4"), ("optional_auth", "true")];
        let (gateway, plugin) = lab_with(&options).await;
        let app = gateway.app("a").rate_limit(3).create().await.token().create().await;
        let ask = async || gateway.get("/plugins/lab/x").send().await;
        let ask_as_app = async || gateway.get("/plugins/lab/x").bearer(&app).send().await;
        let fields = |answer: &Answer| {
            (number(answer, "ratelimit-limit"), number(answer, "ratelimit-remaining"))
        };
        // What is told is the limit of which least remains.
        assert_eq!(fields(&ask_as_app().await.expect(200)), (3, 2));
        assert_eq!(fields(&ask().await.expect(200)), (4, 2));
        assert_eq!(fields(&ask().await.expect(200)), (4, 1));
        assert_eq!(fields(&ask_as_app().await.expect(200)), (4, 0));
        for answer in [ask().await, ask_as_app().await] {
            answer.is_error(429, "rate_limited", "client");
            assert_eq!(fields(&answer), (4, 0));
            assert!((1..=15).contains(&number(&answer, "retry-after")), "{}", answer.describe());
            assert!(answer.error().text.contains("this plugin takes 4 requests"), "{answer:?}");
        }
        let answer = ask_as_app().await;
        answer.is_error(429, "rate_limited", "client");
        assert!(answer.error().text.contains("this app"), "its own quota comes first: {answer:?}");
        assert!(refusals(&gateway, "rate_limit").await > 1.5);
        assert!(refusals(&gateway, "app_rate_limit").await > 0.5);
        // What was counted outlives a reload.
        let before = plugin.pid().await;
        plugin.reload().await;
        plugin.wait_other_pid(before).await;
        ask().await.is_error(429, "rate_limited", "client");
        plugin.change(&json!({"options": {}})).await;
        eventually("nothing is counted any more", async || {
            let answer = ask().await;
            (answer.status == 200).then(|| assert_eq!(answer.header("ratelimit-limit"), None))
        })
        .await;
    });
}

/// Asks once as the client of this address, through a trusted proxy.
async fn ask_from(connection: &Connection, client: &str) -> Answer {
    let request = connection.request("GET", "/plugins/lab/status/200");
    request.header("x-forwarded-for", client).send().await
}

#[test]
fn thousands_of_clients_behind_a_proxy_have_a_limit_each() {
    story(async {
        let builder = Gateway::builder().env("TRUSTED_PROXIES", "127.0.0.0/8");
        let options = [("rate_limit_per_client", "2"), ("optional_auth", "true")];
        let (gateway, _plugin) = limited(builder, &options).await;
        let mut shares = JoinSet::new();
        for share in 0..8 {
            let connection = gateway.connection(Version::Http1).await;
            shares.spawn(async move {
                for (round, status) in [(1, 200), (0, 200), (0, 429)] {
                    for n in 0..250 {
                        let client = format!("203.{share}.{}.{}", n / 250, n % 250);
                        let answer = ask_from(&connection, &client).await.expect(status);
                        assert_eq!(number(&answer, "ratelimit-remaining"), round);
                    }
                }
            });
        }
        shares.join_all().await;
        let connection = gateway.connection(Version::Http1).await;
        for (first, second, other) in [
            ("198.51.100.1", "::ffff:198.51.100.1", "198.51.100.2"),
            ("2001:db8::1", "2001:db8::ffff:1", "2001:db8:0:1::1"),
        ] {
            ask_from(&connection, first).await.expect(200);
            ask_from(&connection, second).await.expect(200);
            let answer = ask_from(&connection, first).await;
            answer.is_error(429, "rate_limited", "client");
            assert!(answer.error().text.contains("one client may send 2"), "{answer:?}");
            ask_from(&connection, other).await.expect(200);
        }
        let token = gateway.token().await;
        for _ in 0..5 {
            let request = connection.request("GET", "/plugins/lab/x").bearer(&token);
            request.header("x-forwarded-for", "198.51.100.1").send().await.expect(200);
        }
        assert!((refusals(&gateway, "rate_limit_per_client").await - 2002.0).abs() < 0.5);
    });
}

#[test]
fn a_single_answer_has_the_time_that_the_operator_gives_the_plugin() {
    story(async {
        let builder = Gateway::builder().env("PLUGIN_ENDPOINT_TIMEOUT", "300ms");
        let (gateway, plugin) = limited(builder, &[("timeout", "100ms")]).await;
        let begun = Instant::now();
        let answer = gateway.get("/plugins/lab/hang").send().await;
        answer.is_error(504, "plugin_timeout", "plugin");
        assert!(begun.elapsed() < PROMPT);
        assert!(refusals(&gateway, "timeout").await > 0.5);
        plugin.change(&json!({"options": {"timeout": "20s"}})).await;
        eventually("more time than the node gives", async || {
            let answer = gateway.get("/plugins/lab/sleep?ms=600").send().await;
            (answer.status == 200).then_some(())
        })
        .await;
    });
}

#[test]
fn a_stream_may_pause_as_long_as_the_operator_lets_the_plugin() {
    story(async {
        let builder = Gateway::builder().env("PLUGIN_ENDPOINT_STREAM_IDLE_TIMEOUT", "200ms");
        let (gateway, plugin) = limited(builder, &[("stream_idle_timeout", "0")]).await;
        let slow = "/plugins/lab/sse?n=3&interval_ms=500";
        gateway.get(slow).send().await.expect(200);
        plugin.change(&json!({"options": {"stream_idle_timeout": "100ms"}})).await;
        eventually("the stream is cut in its pause", async || {
            gateway.get(slow).try_send().await.err().map(drop)
        })
        .await;
        assert!(refusals(&gateway, "stream_idle_timeout").await > 0.5);
    });
}

#[test]
fn a_body_may_be_as_large_as_the_operator_lets_the_plugin() {
    story(async {
        let builder = Gateway::builder().env("PLUGIN_ENDPOINT_MAX_BODY_SIZE", "100");
        let (gateway, plugin) = limited(builder, &[("max_body", "10")]).await;
        let post =
            async |size: usize| gateway.post("/plugins/lab/x").body(vec![b'x'; size]).send().await;
        post(10).await.expect(200);
        let answer = post(11).await;
        answer.is_error(413, "body_too_large", "client");
        assert!(answer.error().text.contains("10 bytes"), "{}", answer.text());
        assert!(refusals(&gateway, "max_body").await > 0.5);
        plugin.change(&json!({"options": {"max_body": "6MiB"}})).await;
        eventually("more than the node takes", async || {
            let answer = post(6 * 1024 * 1024).await;
            (answer.status == 200).then(|| assert_eq!(answer.json()["body_len"], 6 * 1024 * 1024))
        })
        .await;
        // More than the memory for all bodies never fits, and that is said at once.
        plugin.change(&json!({"options": {"max_body": "1GiB"}})).await;
        eventually("the memory is the limit", async || {
            let mut raw = gateway.raw().await;
            let head =
                "POST /plugins/lab/x HTTP/1.1\r\nHost: a\r\nContent-Length: 300000000\r\n\r\n";
            raw.send(head).await;
            let answer = raw.answer().await;
            answer.is_error(413, "body_too_large", "client");
            answer.error().text.contains("268435456 bytes").then_some(())
        })
        .await;
    });
}
