//! Tokens that are used at an edge count as used at its control plane.

use crate::fleet::{lab, save, token};
use sidegate_e2e::{ControlPlane, Gateway, Need, Postgres, eventually, long_story};
use std::time::{Duration, Instant};

/// How long a story with many processes may take.
const LIMIT: Duration = Duration::from_secs(120);

async fn last_use(control: &ControlPlane, id: &str) -> Option<String> {
    let token = control.admin().get(&format!("tokens/{id}")).await;
    token["attributes"]["last_used_at"].as_str().map(str::to_owned)
}

async fn is_shown(control: &ControlPlane, id: &str) -> String {
    eventually("its last use is shown", async || last_use(control, id).await).await
}

async fn is_answered(edge: &Gateway, token: &str, status: u16) {
    let answered = async || {
        let answer = edge.get("/plugins/shared/pid").bearer(token).send().await;
        (answer.status.as_u16() == status).then_some(())
    };
    eventually(&format!("it is answered with {status}"), answered).await;
}

/// The line of a token in the list.
async fn line(control: &ControlPlane, id: &str) -> String {
    let table = control.cli().ok(&["token", "list"]).await;
    let of = |line: &&str| line.split_whitespace().next() == Some(id);
    table.lines().find(of).unwrap_or_else(|| panic!("{id} in {table}")).to_owned()
}

async fn used_at_an_edge(control: &mut ControlPlane) {
    for namespace in ["north", "south"] {
        control.admin().post("namespaces", &serde_json::json!({"name": namespace})).await;
    }
    save(control, &lab("shared", "")).await;
    let (northern, northern_text) = token(control, "northern", "north").await;
    let (southern, southern_text) = token(control, "southern", "south").await;
    let (idle, _) = token(control, "idle", "").await;
    let (later, later_text) = token(control, "later", "").await;
    let made = Instant::now();
    let edge = control.edge("north-1", "north").await.start().await;
    let of_tokens = ["history", "list", "--kind", "token"];
    let history = control.cli().ok(&of_tokens).await;
    assert!(!history.contains("()"), "tokens without a name: {history}");
    is_answered(&edge, &northern_text, 200).await;
    is_answered(&edge, &southern_text, 401).await;

    let shown = is_shown(control, &northern).await;
    let listed = line(control, &northern).await;
    assert!(listed.contains(&shown) && listed.contains(" north "), "{listed}");
    for other in [&southern, &idle, &later] {
        assert_eq!(last_use(control, other).await, None, "{other}");
    }
    // Not used since all of them were made; a command that takes long asks for a later time, and is run again.
    let unused = [&southern, &idle, &later].map(|id| format!("{id}\n")).concat();
    let listed = async || {
        let since = format!("{}ms", made.elapsed().as_millis());
        let list = ["token", "list", "--quiet", "--unused-for", &since];
        (control.cli().ok(&list).await == unused).then_some(())
    };
    eventually("--unused-for leaves out what is used at an edge", listed).await;
    assert_eq!(control.cli().ok(&of_tokens).await, history, "it is no change");

    // What is used while nobody is there to be told is told once somebody is.
    control.stop();
    is_answered(&edge, &later_text, 200).await;
    control.start_again().await;
    is_shown(control, &later).await;
    assert_eq!(last_use(control, &northern).await, Some(shown));
    assert_eq!(last_use(control, &southern).await, None);
}

#[test]
fn a_token_that_is_used_at_an_edge_alone_is_shown_as_used_at_the_control_plane() {
    long_story(LIMIT, async {
        used_at_an_edge(&mut ControlPlane::start_with(None, &[]).await).await;
    });
}

#[test]
fn a_token_that_is_used_at_an_edge_alone_is_shown_as_used_in_postgresql() {
    let Some(server) = Need::Postgres.or_skip(Postgres::shared()) else { return };
    long_story(LIMIT, async {
        used_at_an_edge(&mut ControlPlane::start(&server.schema()).await).await;
    });
}

#[test]
fn what_was_used_just_before_an_edge_stops_or_is_taken_over_is_told() {
    long_story(LIMIT, async {
        let control = ControlPlane::start_with(None, &[]).await;
        save(&control, &lab("shared", "")).await;
        let (first, first_text) = token(&control, "first", "").await;
        let (second, second_text) = token(&control, "second", "").await;
        let (third, third_text) = token(&control, "third", "").await;
        let (fourth, fourth_text) = token(&control, "fourth", "").await;
        let mut edge = control.edge("edge-1", "").await.start().await;
        is_answered(&edge, &first_text, 200).await;
        is_shown(&control, &first).await;
        is_answered(&edge, &second_text, 200).await;
        edge.take_over().await.ended().await;
        assert!(last_use(&control, &second).await.is_some());
        is_answered(&edge, &third_text, 200).await;
        is_shown(&control, &third).await;
        is_answered(&edge, &fourth_text, 200).await;
        edge.stop();
        assert!(last_use(&control, &fourth).await.is_some());
    });
}
