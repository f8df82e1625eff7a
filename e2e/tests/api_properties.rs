//! The admin API against a tester that knows nothing of it but its document.

use sidegate_api::operations::OperationId;
use sidegate_e2e::{Gateway, Need, long_story, schemathesis, search_path, within};
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;

/// What each answer is held against. That what is asked for as documented is done is no promise: many a text is no name.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
response_headers_conformance,response_schema_conformance,negative_data_rejection,unsupported_method,\
allow_header_conformance,ignored_auth,use_after_free";

/// The same questions each time.
const SEED: &str = "20261129";

/// How long all of them may take.
const WITHIN: Duration = Duration::from_secs(240);

#[test]
fn whatever_is_asked_of_the_admin_api_is_answered_as_its_document_says() {
    let Some(tester) = Need::Schemathesis.or_skip(schemathesis()) else { return };
    long_story(WITHIN, async {
        let builder = Gateway::builder();
        // No command that is made up is anything that could be started.
        let nothing = builder.folder().join("no-plugins");
        std::fs::create_dir(&nothing).unwrap();
        let gateway = builder.env("PLUGIN_DIRS", &nothing).start().await;
        let mut command = Command::new(tester);
        command.env_clear().env("PATH", search_path()).current_dir(gateway.folder());
        let origin = format!("http://{}", gateway.admin().addr());
        let token = std::fs::read_to_string(gateway.data_dir().join("admin.token")).unwrap();
        command.args(["run", &format!("{origin}/api/v1/openapi.json"), "--url", &origin]);
        command.args(["-H", &format!("Authorization: Bearer {}", token.trim())]);
        command.args(["--checks", CHECKS, "--seed", SEED, "--max-examples", "20"]);
        command.args(["--phases", "coverage,fuzzing,stateful", "--continue-on-failure"]);
        command.args(["--generation-deterministic", "--generation-database", "none"]);
        command.args(["--request-timeout", "10", "--workers", "2", "--no-color"]);
        let tested = command.stdin(Stdio::null()).kill_on_drop(true).output();
        let tested = within(WITHIN, "an end of the tester", tested).await.unwrap();
        let told = String::from_utf8_lossy(&tested.stdout);
        let failed = String::from_utf8_lossy(&tested.stderr);
        assert!(tested.status.success(), "{told}{failed}");
        let all = format!("{} selected", OperationId::ALL.len());
        assert!(told.contains(&all), "{all}: {told}");
        // Not only refused: things were made, of which others could ask.
        let made = gateway.admin().get("audit?kind=app&outcome=done").await;
        assert_ne!(made.as_array().map(Vec::len), Some(0), "{told}");
        gateway.get("/health").send().await.expect(200);
    });
}
