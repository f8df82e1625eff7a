//! Another authority of certificates, and another lineage, while an edge serves: its clients notice nothing, and it
//! follows what is saved afterwards.

use crate::fleet::{lab, save, token};
use serde_json::json;
use sidegate_api::edge::EdgeAttributes;
use sidegate_e2e::{ControlPlane, Gateway, eventually, long_story, pause};
use sidegate_enrolment::JoinToken;
use sqlx::Connection as _;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use std::time::Duration;

/// How long a story may take: the control plane looks every 15 s whether another authority is to issue.
const LIMIT: Duration = Duration::from_secs(120);
/// Between two requests of a client.
const EVERY: Duration = Duration::from_millis(20);

/// The key of the authority that a join token of now pins, in hexadecimal.
async fn pinned(control: &ControlPlane, edge: &str) -> String {
    let new = json!({"name": edge});
    let made = control.admin().create::<EdgeAttributes>("edges", &new).await;
    let text = made.attributes.join_token.expect("its making shows it");
    control.admin().keep_secret(&text);
    JoinToken::parse(&text).unwrap().authority().to_string()
}

/// The authority that waits has waited for as long as it has to.
async fn waited(control: &ControlPlane) {
    let file = control.data_dir().join("sidegate.db");
    let options = SqliteConnectOptions::new().filename(file);
    let mut database = SqliteConnection::connect_with(&options).await.unwrap();
    let earlier = "UPDATE sealed_keys SET created_at = created_at - 60000 \
         WHERE purpose = 'authority' AND state = 'next'";
    let changed = sqlx::query(earlier).execute(&mut database).await.unwrap().rows_affected();
    assert_eq!(changed, 1, "one authority waits");
    database.close().await.unwrap();
}

async fn serves(edge: &Gateway, slug: &str, token: &str) {
    eventually(&format!("{slug} is served"), async || {
        let answer = edge.get(&format!("/plugins/{slug}/pid")).bearer(token).send().await;
        (answer.status == 200).then_some(())
    })
    .await;
}

/// What is told happens while a client asks the edge, which is to answer every time.
async fn served_all_along(edge: &Gateway, token: &str, told: impl Future<Output = ()>) {
    let mut answers = 0_u32;
    let client = async {
        loop {
            let answer = edge.get("/plugins/one/pid").bearer(token).send().await;
            if answer.status != 200 {
                break answer;
            }
            answers += 1;
            pause(EVERY).await;
        }
    };
    tokio::select! {
        () = told => {}
        refused = client => panic!("the client is refused: {}", refused.describe()),
    }
    assert!(answers > 0, "a client asked all along");
}

/// The lineage by which an edge serves.
async fn lineage(edge: &Gateway) -> u64 {
    let ready = edge.get("/ready").send().await.json();
    ready["positions"][0]["lineage"].as_u64().unwrap_or_default()
}

#[test]
fn an_edge_is_served_through_another_authority_and_another_lineage_and_follows_what_comes_after() {
    long_story(LIMIT, async {
        let mut control = ControlPlane::start_with(None, &[]).await;
        let (_, everybody) = token(&control, "everybody", "").await;
        let text = everybody.as_str();
        // Its token pins the authority of now, and it comes later.
        let latecomer = control.edge("latecomer", "").await;
        let edge = control.edge("edge-1", "").await.start().await;
        save(&control, &lab("one", "")).await;
        serves(&edge, "one", text).await;
        let old = pinned(&control, "never-1").await;

        let rotated = async {
            let told = control.cli().json(&["control", "rotate-authority"]).await;
            let new = told["attributes"]["key"].as_str().unwrap().to_owned();
            assert_ne!(new, old);
            assert_eq!(pinned(&control, "never-2").await, old, "it is made known first");
            let (status, again) = control.admin().call("POST", "authorities/rotate", None).await;
            assert_eq!((status, &again["data"]["attributes"]), (200, &told["attributes"]));
            save(&control, &lab("two", "")).await;
            serves(&edge, "two", text).await;

            waited(&control).await;
            eventually("the other one issues", async || {
                let said = "another authority issues edges' certificates from now on";
                control.log().contains(said).then_some(())
            })
            .await;
            let mut asked = 0;
            eventually("join tokens pin it", async || {
                asked += 1;
                let pinned = pinned(&control, &format!("never-again-{asked}")).await;
                (pinned == new).then_some(())
            })
            .await;
            save(&control, &lab("three", "")).await;
            serves(&edge, "three", text).await;
        };
        served_all_along(&edge, text, rotated).await;

        let before = lineage(&edge).await;
        let raised = async {
            let told = control.cli().json(&["control", "new-lineage"]).await;
            let new = told["attributes"]["lineage"].as_u64().unwrap();
            assert!(new > before, "{told}");
            let follows = async || (lineage(&edge).await == new).then_some(());
            eventually("the edge follows the other lineage", follows).await;
            save(&control, &lab("four", "")).await;
            serves(&edge, "four", text).await;
            let (status, again) = control.admin().call("POST", "lineage/raise", None).await;
            let again = again["data"]["attributes"]["lineage"].as_u64().unwrap();
            assert_eq!((status, again), (200, new + 1));
            save(&control, &lab("five", "")).await;
            serves(&edge, "five", text).await;
        };
        served_all_along(&edge, text, raised).await;

        // Whoever comes in anew: by a certificate of the old one, by a token of before, and by one of now.
        let edge = edge.restart().await;
        let latecomer = latecomer.start().await;
        let newcomer = control.edge("newcomer", "").await.start().await;
        control.stop();
        control.start_again().await;
        save(&control, &lab("six", "")).await;
        for edge in [&edge, &latecomer, &newcomer] {
            serves(edge, "six", text).await;
        }
    });
}
