//! The admin API against a tester that knows nothing of it but its document.

use sidegate_api::operations::OperationId;
use sidegate_e2e::{ControlPlane, Gateway, Need, long_story, schemathesis, search_path, within};
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;

/// What each answer is held against. That what is asked for as documented is done is no promise: many a text is no name.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
response_headers_conformance,response_schema_conformance,negative_data_rejection,unsupported_method,\
allow_header_conformance,ignored_auth,use_after_free";

/// How long all of them may take.
const WITHIN: Duration = Duration::from_secs(240);

/// Lets the tester ask everything it can think of, so many times at most for each operation.
async fn held_against_its_document(tester: &Path, admin: SocketAddr, data: &Path, examples: &str) {
    let mut command = Command::new(tester);
    command.env_clear().env("PATH", search_path()).current_dir(data);
    let origin = format!("http://{admin}");
    let token = std::fs::read_to_string(data.join("admin.token")).unwrap();
    command.args(["run", &format!("{origin}/api/v1/openapi.json"), "--url", &origin]);
    command.args(["-H", &format!("Authorization: Bearer {}", token.trim())]);
    command.args(["--checks", CHECKS, "--max-examples", examples]);
    command.args(["--phases", "coverage,fuzzing,stateful", "--continue-on-failure"]);
    command.arg("--generation-deterministic");
    command.args(["--request-timeout", "30", "--workers", "1", "--no-color"]);
    let tested = command.stdin(Stdio::null()).kill_on_drop(true).output();
    let tested = within(WITHIN, "an end of the tester", tested).await.unwrap();
    let told = String::from_utf8_lossy(&tested.stdout);
    let failed = String::from_utf8_lossy(&tested.stderr);
    assert!(tested.status.success(), "{told}{failed}");
    // All but the document itself, which it has read already.
    let all = format!("{} selected", OperationId::ALL.len() - 1);
    assert!(told.contains(&all), "{all}: {told}");
}

#[test]
fn whatever_is_asked_of_the_admin_api_is_answered_as_its_document_says() {
    let Some(tester) = Need::Schemathesis.or_skip(schemathesis()) else { return };
    long_story(WITHIN, async {
        let builder = Gateway::builder();
        // No command that is made up is anything that could be started.
        let nothing = builder.folder().join("no-plugins");
        std::fs::create_dir(&nothing).unwrap();
        let builder = builder.env("PLUGIN_DIRS", &nothing).env_remove("SIDEGATE_ADMIN_TOKEN");
        let gateway = builder.start().await;
        let (admin, data) = (gateway.admin(), gateway.data_dir());
        held_against_its_document(&tester, admin.addr(), &data, "10").await;
        admin.get("apps").await;
        gateway.get("/health").send().await.expect(200);
    });
}

#[test]
fn whatever_is_asked_of_a_control_plane_is_answered_as_its_document_says() {
    let Some(tester) = Need::Schemathesis.or_skip(schemathesis()) else { return };
    long_story(WITHIN, async {
        let control = ControlPlane::start_with(None, &[]).await;
        // The file of a token that is in the environment is the story's to write.
        std::fs::write(control.data_dir().join("admin.token"), control.admin().token()).unwrap();
        held_against_its_document(&tester, control.admin().addr(), &control.data_dir(), "3").await;
        control.admin().get("edges").await;
    });
}
