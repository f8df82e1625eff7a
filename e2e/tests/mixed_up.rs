//! What operators of a fleet are told who mixed something up: ports, namespaces, or where they typed a setting.

use crate::fleet::{Bootstrap, lab, save, token};
use serde_json::json;
use sidegate_e2e::{Cli, ControlPlane, Gateway, eventually, long_story, search_path};
use std::path::Path;
use std::time::Duration;

/// How long a story with many processes may take.
const LIMIT: Duration = Duration::from_secs(120);
/// Wrong arguments or settings.
const USAGE: i32 = 2;
/// Nobody answers.
const UNREACHABLE: i32 = 7;
/// Anything else.
const FAILED: i32 = 1;

#[test]
fn a_command_that_is_pointed_at_the_port_for_edges_is_told_so() {
    long_story(LIMIT, async {
        let control = ControlPlane::start_with(None, &[]).await;
        let token = control.admin().token();
        let port = control.url().rsplit(':').next().unwrap().to_owned();
        for url in
            [control.url(), format!("https://localhost:{port}"), format!("http://localhost:{port}")]
        {
            let cli = Cli::with(&[("SIDEGATE_URL", &url), ("SIDEGATE_ADMIN_TOKEN", token)]);
            let said = cli.fails(UNREACHABLE, &["plugin", "list"]).await;
            assert!(said.contains("port for edges"), "{url}: {said}");
            assert!(said.contains("ADMIN_PORT") && !said.contains("start the gateway"), "{said}");
        }
    });
}

#[test]
fn explain_says_that_a_token_is_in_another_namespace_than_the_edge() {
    long_story(LIMIT, async {
        let control = ControlPlane::start_with(None, &[]).await;
        for namespace in ["north", "south"] {
            control.admin().post("namespaces", &json!({"name": namespace})).await;
        }
        let edge = control.edge("north-1", "north").await.start().await;
        save(&control, &lab("one", "")).await;
        let (id, southern) = token(&control, "southern", "south").await;
        let (_, northern) = token(&control, "northern", "north").await;
        eventually("it serves", async || {
            let answer = edge.get("/plugins/one/pid").bearer(&northern).send().await;
            (answer.status == 200).then_some(())
        })
        .await;
        let explained = async |token: &str| {
            let asked = json!({"method": "GET", "path": "/plugins/one/pid", "node": "north-1", "token": token});
            control.admin().post("explain", &asked).await.to_string()
        };
        let told = explained(&southern).await;
        let why = format!(
            "token {id} of app southern is in namespace south, and this edge gets namespace north and the global one"
        );
        assert!(told.contains(&why), "{told}");
        for other in [northern.as_str(), "sgt_never-was"] {
            let told = explained(other).await;
            assert!(!told.contains("is in namespace"), "{told}");
        }
    });
}

#[test]
fn an_edge_whose_bootstrap_file_is_of_a_namespace_that_it_does_not_know_warns_at_each_start() {
    long_story(LIMIT, async {
        let control = ControlPlane::start_with(None, &[]).await;
        control.admin().post("namespaces", &json!({"name": "north"})).await;
        save(&control, &lab("one", "north")).await;
        let bootstrap = Bootstrap::of(&control, "north").await;
        let edge = bootstrap.edge(&control.url()).env_remove("EDGE_NAMESPACE").start().await;
        edge.logged("the bootstrap file has more than this edge serves").await;
        let keys = "serves the global namespace alone, and has keys of others";
        let log = edge.logged(keys).await;
        assert!(log.contains("north") && log.contains("set EDGE_NAMESPACE"), "{log}");
        let told = edge.cli().json(&["status"]).await;
        assert!(told["warnings"][0].as_str().unwrap().contains("EDGE_NAMESPACE"), "{told}");
        let before = edge.log().matches(keys).count();
        let edge = edge.restart().await;
        let warned = async || (edge.log().matches(keys).count() > before).then_some(());
        eventually("it warns again", warned).await;
        let well = bootstrap.edge(&control.url()).start().await;
        assert_eq!(well.cli().json(&["status"]).await["warnings"], json!([]));
        assert!(!well.log().contains("than this edge serves") && !well.log().contains(keys));
    });
}

/// What an edge says that must not start by these arguments.
async fn ends(folder: &Path, code: i32, arguments: &[&str]) -> String {
    let (data, path) = (folder.join("data"), search_path());
    let settings = [
        ("PATH", path.to_str().unwrap()),
        ("DATA_DIR", data.to_str().unwrap()),
        ("HOST", "127.0.0.1"),
        ("PORT", "0"),
    ];
    Cli::with(&settings).fails(code, &[&["serve", "--role", "edge"], arguments].concat()).await
}

#[test]
fn an_edge_names_what_was_typed_and_what_of_it_listens() {
    long_story(LIMIT, async {
        let control = ControlPlane::start_with(None, &[]).await;
        let folder = tempfile::TempDir::new().unwrap();
        let url = control.url();
        let join = ["--admin-port", "0", "--control-url", &url, "--join-token", "sgj_no-token"];
        let said = ends(folder.path(), USAGE, &join).await;
        assert!(said.contains("flag --join-token: "), "{said}");
        let file = folder.path().join("edge.toml");
        std::fs::write(&file, "join_token = \"sgj_no-token\"\n").unwrap();
        let file = file.to_str().unwrap();
        let config = ["--admin-port", "0", "--control-url", &url, "--config", file];
        let said = ends(folder.path(), USAGE, &config).await;
        assert!(said.contains(&format!("file {file}: ")), "{said}");
        assert!(!said.contains("SIDEGATE_JOIN_TOKEN"), "{said}");
        let other = Gateway::start().await;
        let port = other.admin().addr().port().to_string();
        let taken = ["--admin-port", &port, "--control-url", &url, "--join-token", "x"];
        let said = ends(folder.path(), FAILED, &taken).await;
        assert!(said.contains("what tells the status of this edge cannot listen"), "{said}");
        assert!(!said.contains("admin API"), "{said}");
    });
}
