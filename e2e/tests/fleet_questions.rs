//! What operators ask of one edge, through whichever control plane, as real processes.

use crate::fleet::save;
use serde_json::{Value, json};
use sidegate_e2e::{
    Connection, ControlPlane, Gateway, Need, Postgres, Stream, Version, eventually, long_story,
    program,
};
use std::time::Duration;

/// How long a story with many processes may take.
const LIMIT: Duration = Duration::from_secs(120);

/// The log of a plugin as it comes.
async fn follow(control: &ControlPlane, plugin: u32, query: &str) -> Stream {
    let connection = Connection::open(control.admin().addr(), Version::Http1).await;
    let path = format!("/api/v1/plugins/{plugin}/log?{query}");
    let stream = connection.request("GET", &path).bearer(control.admin().token()).open().await;
    assert_eq!(stream.status, 200);
    stream
}

/// Reads until there is a whole line with this text in what came; gives all of it.
async fn read_line_with(log: &mut Stream, wanted: &str) -> String {
    let mut text = String::new();
    while !text.lines().any(|line| line.contains(wanted)) || !text.ends_with('\n') {
        let piece = log.next().await.expect("the log goes on").expect("the log goes on");
        text.push_str(std::str::from_utf8(&piece).expect("events are text"));
    }
    text
}

/// Whether this control plane can ask the edge.
async fn sees(control: &ControlPlane, edge: &str) -> Option<()> {
    let asked = json!({"method": "GET", "path": "/", "node": edge});
    let (status, _) = control.admin().call("POST", "explain", Some(&asked)).await;
    (status == 200).then_some(())
}

/// Asks everything of the edge through one control plane.
async fn ask_everything(control: &ControlPlane, edge: &Gateway, plugin: u32, name: &str) {
    let admin = control.admin();
    let asked = json!({"method": "GET", "path": "/plugins/r/pid", "node": "north-1"});
    let explained = admin.post("explain", &asked).await;
    assert_eq!(explained["attributes"]["node"], "north-1", "{explained}");

    let printed = format!("/plugins/r/print?text=printed-for-{name}");
    edge.get(&printed).send().await.expect(200);
    let records = format!("plugins/{plugin}/records?node=north-1");
    let pid = eventually("the line is told", async || {
        let records = admin.get(&records).await;
        let text = records.to_string();
        assert!(records[0]["attributes"]["node"] == "north-1", "{records}");
        text.contains(&format!("printed-for-{name}"))
            .then(|| records[0]["attributes"]["pid"].clone())
    })
    .await;

    for query in ["tail=50&node=north-1", "tail=50"] {
        let mut log = follow(control, plugin, query).await;
        // What was there first, and then what comes.
        read_line_with(&mut log, &format!("printed-for-{name}")).await;
        let text = format!("now-for-{name}-{}", query.len());
        edge.get(&format!("/plugins/r/print?text={text}")).send().await.expect(200);
        let told = read_line_with(&mut log, &text).await;
        let line = told.lines().rev().find(|line| line.contains(&text)).unwrap_or_default();
        assert!(line.starts_with("data: "), "{told}");
    }
    let text = control.cli().ok(&["plugin", "logs", "r", "--node", "north-1"]).await;
    assert!(text.contains(&format!("printed-for-{name}")), "{text}");

    let (status, reloaded) =
        admin.call("POST", &format!("plugins/{plugin}/reload?node=north-1"), None).await;
    assert_eq!(status, 200, "{reloaded}");
    let after = admin.get(&records).await;
    assert_ne!(after[0]["attributes"]["pid"], pid, "another process runs");
    assert_eq!(after[0]["attributes"]["running"], true, "{after}");
}

#[test]
fn an_edge_is_asked_through_any_control_plane_and_one_that_is_offline_is_told_as_such() {
    let Some(server) = Need::Postgres.or_skip(Postgres::shared()) else { return };
    long_story(LIMIT, async {
        let dsn = server.schema();
        let (a, b) = (ControlPlane::start(&dsn).await, ControlPlane::start(&dsn).await);
        // It knows the first one alone, so it can be connected to no other.
        let mut edge = a.edge("north-1", "").await.start().await;
        let command = format!("file://{}", program("e2e-plugin-routes").display());
        let plugin = json!({"name": "r", "command": command, "config": {"slug": "r"}});
        let plugin = save(&a, &plugin).await;
        eventually("the plugin serves", async || {
            (edge.get("/plugins/r/pid").send().await.status == 200).then_some(())
        })
        .await;
        eventually("the other one knows where the edge is", async || sees(&b, "north-1").await)
            .await;
        ask_everything(&a, &edge, plugin, "a").await;
        ask_everything(&b, &edge, plugin, "b").await;

        let mut log = follow(&b, plugin, "tail=0&node=north-1").await;
        edge.stop();
        let note = read_line_with(&mut log, "is offline").await;
        assert!(note.contains("event: note"), "{note}");
        for control in [&a, &b] {
            let path = format!("plugins/{plugin}/records?node=north-1");
            let told = eventually("it is known to be offline", async || {
                let (status, told): (u16, Value) = control.admin().call("GET", &path, None).await;
                (status == 404).then(|| told.to_string())
            })
            .await;
            assert!(told.contains("offline") && told.contains("last seen at 20"), "{told}");
        }
    });
}
