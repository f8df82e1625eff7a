//! What a plugin prints, as it comes: who may follow it, how it looks, and how many may.

#![expect(clippy::unwrap_used, reason = "what fails here fails the tests that it serves")]

use crate::harness::{ADMIN_TOKEN, Admin};
use reqwest::{Method, Response};
use serde_json::{Value, json};
use sidegate_model::role::Role;
use std::time::Duration;

async fn plugin(admin: &Admin) -> String {
    let plugin = json!({"name": "echo", "slug": "echo", "command": "file:///bin/echo"});
    let made = admin.post("/api/v1/plugins", plugin).await.expect(201);
    format!("/api/v1/plugins/{}/log", made.id())
}

async fn follow(admin: &Admin, path: &str) -> Response {
    let request = admin.request(Method::GET, path).bearer_auth(ADMIN_TOKEN);
    request.send().await.unwrap()
}

/// The next event that is no comment: its name and its data.
async fn next(response: &mut Response, held: &mut String) -> (String, Value) {
    loop {
        if let Some((event, rest)) = held.split_once("\n\n") {
            let (event, rest) = (event.to_owned(), rest.to_owned());
            *held = rest;
            let field = |name: &str| {
                let line = event.lines().find_map(|line| line.strip_prefix(name))?;
                Some(line.strip_prefix(' ').unwrap_or(line).to_owned())
            };
            let Some(data) = field("data:") else { continue };
            let name = field("event:").unwrap_or("message".to_owned());
            return (name, serde_json::from_str(&data).unwrap());
        }
        let piece = response.chunk().await.unwrap().expect("it goes on");
        held.push_str(std::str::from_utf8(&piece).unwrap());
    }
}

#[tokio::test]
async fn the_log_of_a_plugin_comes_as_events_with_the_last_lines_first() {
    let admin = Admin::start().await;
    let path = plugin(&admin).await;
    for query in ["?tail=3", "?tail=3&node=node-1"] {
        let mut response = follow(&admin, &format!("{path}{query}")).await;
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert_eq!(response.headers()["cache-control"], "no-store");
        let mut held = String::new();
        let (name, process) = next(&mut response, &mut held).await;
        assert_eq!((name.as_str(), &process["pid"]), ("process", &json!(4711)));
        for number in 1..=3 {
            let (name, line) = next(&mut response, &mut held).await;
            assert_eq!((name.as_str(), &line["number"]), ("message", &json!(number)));
            assert_eq!((&line["node"], &line["process"]), (&json!("node-1"), &json!(4711)));
            assert_eq!(line["stream"], "stderr");
            assert_eq!(line["text"].as_str().unwrap().len(), 1000);
        }
    }
}

#[tokio::test]
async fn what_cannot_be_followed_is_refused_before_anything_is_streamed() {
    let admin = Admin::start().await;
    let path = plugin(&admin).await;
    admin.get(&format!("{path}?node=nowhere")).await.expect(404);
    admin.get(&format!("{path}?tail=201")).await.expect(400);
    admin.get(&format!("{path}?lines=1")).await.expect(400);
    admin.get("/api/v1/plugins/99/log").await.expect(404);
    let viewer = admin.admin_token("viewer", Role::Viewer).await;
    admin.call_as(&viewer, Method::GET, &path, None).await.expect(403);
}

#[tokio::test]
async fn only_so_many_are_followed_at_a_time_and_a_server_that_stops_says_so() {
    let mut admin = Admin::start().await;
    let path = plugin(&admin).await;
    let mut open = Vec::new();
    for _ in 0..64 {
        let response = follow(&admin, &path).await;
        assert_eq!(response.status(), 200);
        open.push(response);
    }
    let refused = admin.get(&path).await.expect(503);
    assert!(refused.details()[0].contains("64 event streams"), "{:?}", refused.json);
    drop(open.split_off(1));
    let again = async {
        while follow(&admin, &path).await.status() != 200 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), again).await.expect("their places are free");
    admin.shutdown.take().unwrap().send(()).unwrap();
    let mut first = open.remove(0);
    let mut held = String::new();
    let end = loop {
        let (name, data) = next(&mut first, &mut held).await;
        if name == "end" {
            break data;
        }
    };
    assert!(end["reason"].as_str().unwrap().contains("stops"), "{end}");
    assert_eq!(first.chunk().await.unwrap(), None, "it ends in order");
}
