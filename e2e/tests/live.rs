//! What moves, as operators see it: changes and requests as they happen, requests that are open, and what was counted
//! over the last hours.

use serde_json::{Value, json};
use sidegate_api::live::EndedRequest;
use sidegate_api::open_request::OpenRequestAttributes;
use sidegate_api::resource::Resource;
use sidegate_e2e::{
    Admin, Connection, ControlPlane, Gateway, Stream, Unread, Version, eventually, long_story,
    program, story,
};
use std::time::Duration;

/// A stream of events of the admin API.
pub(crate) struct Events {
    stream: Stream,
    /// What came and was not told yet.
    held: String,
}

impl Events {
    pub(crate) async fn open(admin: &Admin, path: &str) -> Self {
        let connection = Connection::open(admin.addr(), Version::Http1).await;
        let request = connection.request("GET", &format!("/api/v1/{path}")).bearer(admin.token());
        let stream = request.try_open().await.expect("the admin API answers");
        assert_eq!(stream.status, 200, "{path}");
        assert_eq!(stream.headers["content-type"], "text/event-stream");
        Self { stream, held: String::new() }
    }

    /// The next event with a name, and its data.
    pub(crate) async fn next(&mut self) -> (String, Value) {
        loop {
            // Several may come at once; a comment is none.
            let Some((event, rest)) = self.held.split_once("\n\n") else {
                let piece = self.stream.next().await.expect("the stream goes on");
                let piece = piece.expect("the stream goes on");
                self.held.push_str(std::str::from_utf8(&piece).expect("events are text"));
                continue;
            };
            let (text, rest) = (event.to_owned(), rest.to_owned());
            self.held = rest;
            let lines: Vec<_> = text.lines().filter(|line| !line.starts_with(':')).collect();
            let found = |label: &str| lines.iter().find_map(|line| line.strip_prefix(label));
            if let (Some(name), Some(data)) = (found("event: "), found("data: ")) {
                return (name.to_owned(), serde_json::from_str(data).expect("data is JSON"));
            }
        }
    }

    /// The next event of this name for which something holds.
    async fn wait_for(&mut self, name: &str, holds: impl Fn(&Value) -> bool) -> Value {
        loop {
            let (told, data) = self.next().await;
            if told == name && holds(&data) {
                return data;
            }
        }
    }
}

async fn open_requests(admin: &Admin, query: &str) -> Vec<Resource<OpenRequestAttributes>> {
    let (status, list) = admin.call("GET", &format!("requests{query}"), None).await;
    assert_eq!(status, 200, "{list}");
    assert_eq!(list["meta"]["nodes"][0]["answered"], true, "{list}");
    serde_json::from_value(list["data"].clone()).unwrap()
}

/// Waits until so many requests are open.
async fn open_eventually(admin: &Admin, count: usize) -> Vec<Resource<OpenRequestAttributes>> {
    eventually("so many requests are open", async || {
        let open = open_requests(admin, "").await;
        (open.len() == count).then_some(open)
    })
    .await
}

#[test]
fn what_changes_is_told_as_it_changes() {
    story(async {
        let gateway = Gateway::start().await;
        let mut events = Events::open(gateway.admin(), "live").await;
        let (name, hello) = events.next().await;
        assert_eq!(name, "hello");
        let before = hello["revision"].as_u64().unwrap();
        let lab = gateway.lab().await;
        let later = |data: &Value| data["revision"].as_u64().unwrap() > before;
        events.wait_for("revision", later).await;
        let id = lab.id;
        let is = |state: Value| move |data: &Value| data["id"] == id && data["state"] == state;
        let mut events = Events::open(gateway.admin(), "live").await;
        lab.change(&json!({"is_active": false})).await;
        events.wait_for("plugin", is(json!("stopped"))).await;
        lab.change(&json!({"is_active": true})).await;
        events.wait_for("plugin", is(json!("ready"))).await;
        lab.remove().await;
        events.wait_for("plugin", is(Value::Null)).await;
    });
}

#[test]
fn requests_are_told_as_they_end_to_whoever_wants_them_and_never_their_query() {
    story(async {
        let gateway = Gateway::start().await;
        let lab = gateway.plugin("lab").option("optional_auth", "true").ready().await;
        let token = gateway.token().await;
        let query = format!("traffic?plugin={}&status=5xx&path_prefix=/plugins/lab/st", lab.id);
        let mut all = Events::open(gateway.admin(), "traffic").await;
        let mut some = Events::open(gateway.admin(), &query).await;
        for events in [&mut all, &mut some] {
            let (name, hello) = events.next().await;
            assert_eq!((name.as_str(), &hello["nodes"][0]["answered"]), ("hello", &json!(true)));
        }
        let asked = gateway.get("/plugins/lab/status/404?secret=abc").send().await.expect(404);
        let asked_id = asked.header("x-request-id").unwrap().to_owned();
        let path = "/plugins/lab/status/503?token=abc";
        let wanted = gateway.get(path).bearer(&token).send().await.expect(503);
        let first = all.wait_for("request", |data| data["request_id"] == asked_id).await;
        assert!(!first.to_string().contains("abc"), "{first}");
        let first: EndedRequest = serde_json::from_value(first).unwrap();
        assert_eq!((first.status, first.plugin.as_deref()), (404, Some("lab")));
        // The first that this one hears of is the last that was sent.
        let (_, told) = some.next().await;
        let told: EndedRequest = serde_json::from_value(told).unwrap();
        assert_eq!(Some(told.request_id.as_str()), wanted.header("x-request-id"));
        assert_eq!((told.path.as_str(), told.status), ("/plugins/lab/status/503", 503));
        assert_eq!(told.bytes_out, u64::try_from(wanted.body.len()).unwrap());
        assert!(told.app.is_some() && told.duration_ms > 0.0);
        gateway.get("/plugins/lab/fail").send().await.expect(502);
        let failed = all.wait_for("request", |data| data["status"] == 502).await;
        assert_eq!(failed["error_code"], "plugin_error");
        for (query, field) in [("status=abc", "status"), ("colour=red", "colour")] {
            let path = format!("traffic?{query}");
            let (status, said) = gateway.admin().refused("GET", &path, &Value::Null).await;
            assert!(status == 400 && said.contains(field), "{said}");
        }
    });
}

#[test]
fn requests_that_are_open_are_listed_and_each_can_be_ended() {
    story(async {
        let gateway = Gateway::start().await;
        let (lab, admin) = (gateway.lab().await, gateway.admin());
        let hanging = [Version::Http1, Version::Http2].map(|version| {
            let request = gateway.get("/plugins/lab/hang?token=secret").version(version);
            tokio::spawn(request.send())
        });
        let mut streams = Vec::new();
        for version in [Version::Http1, Version::Http2] {
            let path = "/plugins/lab/sse?n=inf&interval_ms=50";
            let mut stream = gateway.get(path).version(version).open().await;
            stream.read_until("\n\n").await;
            streams.push(stream);
        }
        let open = open_eventually(admin, 4).await;
        assert!(open.iter().all(|r| r.attributes.plugin.as_deref() == Some("lab")), "{open:?}");
        let of = |path: &str| open.iter().filter(|r| r.attributes.path == path).collect::<Vec<_>>();
        let (hung, streaming) = (of("/plugins/lab/hang"), of("/plugins/lab/sse"));
        assert_eq!((hung.len(), streaming.len()), (2, 2), "{open:?}");
        assert!(hung.iter().all(|r| !r.attributes.stream && r.attributes.status.is_none()));
        assert!(streaming.iter().all(|r| r.attributes.stream && r.attributes.status == Some(200)));
        let durations: Vec<_> = open.iter().map(|r| r.attributes.duration_ms).collect();
        assert!(durations.is_sorted_by(|one, other| one >= other), "{durations:?}");
        assert!(open_requests(admin, "?min_duration_ms=3600000").await.is_empty());
        let mine = format!("?plugin={}&limit=1", lab.id);
        assert_eq!(open_requests(admin, &mine).await.len(), 1);

        for request in hung {
            assert_eq!(
                admin.call("DELETE", &format!("requests/{}", request.id), None).await.0,
                204
            );
        }
        for answer in hanging {
            let answer = answer.await.unwrap();
            answer.is_error(503, "overloaded", "gateway");
            assert!(answer.error().text.contains("operator"), "{}", answer.describe());
        }
        for request in &streaming {
            admin.call("DELETE", &format!("requests/{}", request.id), None).await;
        }
        for mut stream in streams {
            stream.rest().await.expect_err("a cut stream never looks complete");
        }
        open_eventually(admin, 0).await;
        lab.wait_for("no call is left", |status| status.in_flight == 0).await;
        let gone = format!("requests/{}", streaming[0].id);
        assert_eq!(admin.call("DELETE", &gone, None).await.0, 404);
        let entries = admin.get("audit?limit=10").await;
        let ended = |entry: &&Value| entry["attributes"]["operation"] == "end_open_request";
        let entries: Vec<_> = entries.as_array().unwrap().iter().filter(ended).collect();
        assert_eq!(entries.len(), 4, "{entries:?}");
        let said = entries[0]["attributes"]["detail"].as_str().unwrap();
        assert!(said.contains("GET /plugins/lab/sse") && !said.contains("n=inf"), "{said}");
    });
}

#[test]
fn an_answer_that_nobody_reads_can_be_ended_too() {
    story(async {
        let gateway = Gateway::start().await;
        gateway.lab().await;
        let mut unread = Unread::open(&gateway, "/plugins/lab/bytes/1048576", None).await;
        let open = open_eventually(gateway.admin(), 1).await;
        assert_eq!(open[0].attributes.status, Some(200));
        let path = format!("requests/{}", open[0].id);
        assert_eq!(gateway.admin().call("DELETE", &path, None).await.0, 204);
        open_eventually(gateway.admin(), 0).await;
        unread.reset().await;
    });
}

#[test]
fn what_was_counted_is_kept_in_columns() {
    long_story(Duration::from_secs(90), async {
        let gateway = Gateway::start().await;
        let lab = gateway.lab().await;
        for _ in 0..5 {
            gateway.get("/plugins/lab/x").send().await.expect(200);
        }
        gateway.get("/plugins/lab/status/503").send().await.expect(503);
        gateway.get("/nothing").send().await.expect(404);
        let admin = gateway.admin();
        let path = format!("metrics/history?plugin={}", lab.id);
        let sum = |series: &Value, name: &str| -> f64 {
            series[name].as_array().unwrap().iter().filter_map(Value::as_f64).sum()
        };
        let told = eventually("a step has ended", async || {
            let told = admin.get(&path).await["attributes"].clone();
            (sum(&told["series"], "requests") >= 6.0).then_some(told)
        })
        .await;
        let series = &told["series"];
        assert_eq!(told["step_ms"], 10_000);
        assert!(
            series
                .as_object()
                .unwrap()
                .values()
                .all(|column| column.as_array().unwrap().len() == 360)
        );
        assert_eq!((sum(series, "requests"), sum(series, "errors")), (6.0, 1.0), "{told}");
        assert!(sum(series, "p50_ms") > 0.0 && sum(series, "memory_bytes") > 1e6, "{told}");
        let whole = eventually("all of it is told", async || {
            let whole = admin.get("metrics/history?each_plugin=true").await["attributes"].clone();
            (sum(&whole["series"], "requests") >= 7.0).then_some(whole)
        });
        let whole = whole.await;
        let plugins = whole["plugins"].as_array().unwrap();
        assert_eq!((&plugins[0]["name"], &plugins[0]["id"]), (&json!("lab"), &json!(lab.id)));
        let day = admin.get("metrics/history?window=24h").await["attributes"].clone();
        assert_eq!(day["series"]["requests"].as_array().unwrap().len(), 720);
        let (status, _) = admin.refused("GET", "metrics/history?plugin=99", &Value::Null).await;
        assert_eq!(status, 404);
    });
}

#[test]
fn a_control_plane_tells_what_moves_on_its_edges() {
    long_story(Duration::from_secs(90), async {
        let control = ControlPlane::start_with(None, &[]).await;
        let admin = control.admin();
        let mut live = Events::open(admin, "live").await;
        let command = format!("file://{}", program("sidegate-plugin-lab").display());
        let config = json!({"slug": "lab", "require_auth": "false"});
        admin.post("plugins", &json!({"name": "lab", "command": command, "config": config})).await;
        let edge = control.edge("north-1", "").await.start().await;
        live.wait_for("edge", |data| data["connected"] == true).await;
        live.wait_for("plugin", |data| data["state"] == "ready").await;
        let asked = async || edge.get("/plugins/lab/x").send().await.status == 200;
        eventually("the edge serves", async || asked().await.then_some(())).await;

        let mut traffic = Events::open(admin, "traffic?path_prefix=/plugins/lab/status").await;
        let (_, hello) = traffic.next().await;
        assert_eq!(hello["nodes"], json!([{"name": "north-1", "answered": true, "why": null}]));
        let told = eventually("a request is told", async || {
            edge.get("/plugins/lab/status/418").send().await.expect(418);
            Some(traffic.next().await)
        })
        .await;
        assert_eq!((&told.1["node"], &told.1["status"]), (&json!("north-1"), &json!(418)));

        let hanging = tokio::spawn(edge.get("/plugins/lab/hang").send());
        let open = open_eventually(admin, 1).await;
        assert_eq!(open[0].attributes.node, "north-1");
        let path = format!("requests/{}", open[0].id);
        assert_eq!(admin.call("DELETE", &path, None).await.0, 204);
        hanging.await.unwrap().is_error(503, "overloaded", "gateway");

        let series = eventually("the edge tells what it counted", async || {
            let told = admin.get("metrics/history").await["attributes"].clone();
            assert_eq!(told["nodes"][0]["answered"], true, "{told}");
            let requests = told["series"]["requests"].as_array().unwrap().clone();
            (requests.iter().filter_map(Value::as_f64).sum::<f64>() > 0.0).then_some(requests)
        })
        .await;
        assert_eq!(series.len(), 360);
    });
}
