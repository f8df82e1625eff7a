//! How `sidegate serve --role edge` ends where it cannot become an edge: with which exit code, and what it says to do.

use serde_json::json;
use sidegate_api::edge::EdgeAttributes;
use sidegate_e2e::{Cli, ControlPlane, Gateway, eventually, long_story, search_path};
use sidegate_model::clock::now_millis;
use std::path::Path;
use std::time::Duration;

/// How long a story with many processes may take.
const LIMIT: Duration = Duration::from_secs(120);
/// Wrong arguments or settings.
const USAGE: i32 = 2;
/// Who asks is not known, or may not.
const REFUSED: i32 = 6;

/// What whoever registers an edge gets for it: its number and its join token.
async fn registered(control: &ControlPlane, name: &str, expires_in: &str) -> (String, String) {
    let new = json!({"name": name, "join_token_expires_in": expires_in});
    let edge = control.admin().create::<EdgeAttributes>("edges", &new).await;
    let token = edge.attributes.join_token.expect("its making shows it");
    control.admin().keep_secret(&token);
    (edge.id, token)
}

/// A process of an edge that must not start; gives what it says.
async fn ends(folder: &Path, code: i32, control_url: &str, token: &str) -> String {
    let (data, path) = (folder.join("data"), search_path());
    let settings = [
        ("PATH", path.to_str().unwrap()),
        ("DATA_DIR", data.to_str().unwrap()),
        ("HOST", "127.0.0.1"),
        ("PORT", "0"),
        ("ADMIN_PORT", "0"),
        ("SIDEGATE_CONTROL_URL", control_url),
        ("SIDEGATE_JOIN_TOKEN", token),
    ];
    let said = Cli::with(&settings).fails(code, &["serve", "--role", "edge"]).await;
    assert!(!said.contains(token), "{said}");
    said
}

#[test]
fn an_edge_that_may_not_join_ends_with_its_exit_code_and_the_way_out() {
    long_story(LIMIT, async {
        let control = ControlPlane::start_with(None, &[]).await;
        let (admin, url) = (control.admin(), control.url());
        let folder = tempfile::TempDir::new().unwrap();
        let refused = async |token: &str, why: &str| {
            let said = ends(folder.path(), REFUSED, &url, token).await;
            assert!(said.contains("the edge has not joined") && said.contains(why), "{said}");
            // Once: what follows says where.
            assert_eq!(said.matches("sidegate edge join-token").count(), 1, "{said}");
            assert!(said.contains("hint: such commands are for the control plane"), "{said}");
        };

        // Whoever came first has used it.
        let (_, token) = registered(&control, "joined", "1h").await;
        let first = Gateway::builder().edge(&url).env("SIDEGATE_JOIN_TOKEN", &token).start().await;
        eventually("it has joined", async || {
            (first.get("/ready").send().await.status == 200).then_some(())
        })
        .await;
        refused(&token, "used").await;

        // Nobody can use it any more: its edge was barred, or is gone.
        let (id, token) = registered(&control, "barred", "1h").await;
        admin.post(&format!("edges/{id}/revoke"), &json!({})).await;
        refused(&token, "not valid").await;
        let (id, token) = registered(&control, "deleted", "1h").await;
        let (status, told) = admin.call("DELETE", &format!("edges/{id}"), None).await;
        assert!(status < 300, "{told}");
        refused(&token, "not valid").await;

        // It was too late.
        let (_, token) = registered(&control, "late", "1s").await;
        let made_at = now_millis();
        let has_expired = async || (now_millis() > made_at + 1000).then_some(());
        eventually("it has expired", has_expired).await;
        refused(&token, "expired").await;
    });
}

#[test]
fn an_edge_that_was_told_wrong_things_ends_with_another_exit_code() {
    long_story(LIMIT, async {
        let (ours, other) =
            (ControlPlane::start_with(None, &[]).await, ControlPlane::start_with(None, &[]).await);
        let folder = tempfile::TempDir::new().unwrap();
        let (_, token) = registered(&ours, "edge-1", "1h").await;
        let said = ends(folder.path(), USAGE, &other.url(), &token).await;
        assert!(said.contains("SIDEGATE_CONTROL_URL names the control plane"), "{said}");
        let plain = ours.url().replace("https://", "http://");
        let said = ends(folder.path(), USAGE, &plain, &token).await;
        assert!(said.contains("SIDEGATE_CONTROL_URL: "), "{said}");
        let said = ends(folder.path(), USAGE, &ours.url(), "sgj_no-token").await;
        assert!(said.contains("SIDEGATE_JOIN_TOKEN: "), "{said}");
        // None of that has used the token up.
        let edge =
            Gateway::builder().edge(&ours.url()).env("SIDEGATE_JOIN_TOKEN", &token).start().await;
        eventually("it has joined", async || {
            (edge.get("/ready").send().await.status == 200).then_some(())
        })
        .await;
    });
}

#[test]
fn an_edge_that_was_barred_while_it_served_goes_on_without_its_control_plane() {
    long_story(LIMIT, async {
        let control = ControlPlane::start_with(None, &[]).await;
        let (id, token) = registered(&control, "edge-1", "1h").await;
        let edge = Gateway::builder()
            .edge(&control.url())
            .env("SIDEGATE_JOIN_TOKEN", &token)
            .start()
            .await;
        eventually("it has joined", async || {
            (edge.get("/ready").send().await.status == 200).then_some(())
        })
        .await;
        control.admin().post(&format!("edges/{id}/revoke"), &json!({})).await;
        let lost = async |edge: &Gateway| {
            eventually("it is not connected any more", async || {
                let ready = edge.get("/ready").send().await;
                assert_eq!(ready.status, 200, "it serves what it has");
                (ready.json()["connected"] == false).then_some(())
            })
            .await;
        };
        lost(&edge).await;
        let mut edge = edge;
        edge.stop();
        let edge = edge.start_again().await;
        lost(&edge).await;
    });
}
