//! The admin API against a tester that knows nothing of it but its document, and which things there are.

use serde_json::{Value, json};
use sidegate_api::operation::Content;
use sidegate_api::operations::{OperationId, operations};
use sidegate_e2e::{
    Admin, ControlPlane, Gateway, Need, long_story, schemathesis, search_path, within,
};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;
use tokio::process::Command;

/// What each answer is held against. That what is asked for as documented is done is no promise: many a text is no name.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
response_headers_conformance,response_schema_conformance,negative_data_rejection,unsupported_method,\
allow_header_conformance,ignored_auth,use_after_free";

/// How long all of them may take.
const WITHIN: Duration = Duration::from_secs(240);

/// How often each operation is asked: as often as fits into a minute.
const USUAL_EXAMPLES: &str = "20";
/// In the environment: another number of examples, and a seed for other questions than those that are always asked.
const EXAMPLES: &str = "SIDEGATE_STORY_EXAMPLES";
const SEED: &str = "SIDEGATE_STORY_SEED";

#[expect(clippy::disallowed_methods, reason = "who runs the stories says so there")]
fn told_to_ask(how: &str) -> Option<String> {
    std::env::var(how).ok().filter(|told| !told.is_empty())
}

/// Operations that are not asked, each with the reason.
fn left_out() -> Vec<(OperationId, &'static str)> {
    let is_stream = |content: &Content| matches!(content, Content::Events(_));
    let streams = operations().into_iter().filter_map(|operation| {
        let streams = operation.answers.iter().any(|answer| is_stream(&answer.content));
        streams
            .then_some((operation.id, "its answer is a stream, which ends with whoever reads it"))
    });
    // It was read already.
    streams.chain([(OperationId::ShowOpenApi, "it is the document itself")]).collect()
}

/// One run of the tester.
struct Tester<'a> {
    program: PathBuf,
    admin: &'a Admin,
    data: PathBuf,
    /// The ids of things that there are, by the segment of their addresses.
    known: Value,
}

impl Tester<'_> {
    /// Lets it ask everything it can think of.
    async fn run(&self) {
        let mut command = Command::new(&self.program);
        command.env_clear().env("PATH", search_path()).current_dir(&self.data);
        let hooks = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/api_properties.py");
        std::fs::copy(hooks, self.data.join("told.py")).unwrap();
        command.env("SCHEMATHESIS_HOOKS", "told").env("KNOWN_THINGS", self.known.to_string());
        let origin = format!("http://{}", self.admin.addr());
        let token = self.admin.token();
        command.args(["run", &format!("{origin}/api/v1/openapi.json"), "--url", &origin]);
        command.args(["-H", &format!("Authorization: Bearer {token}")]);
        let examples = told_to_ask(EXAMPLES).unwrap_or_else(|| USUAL_EXAMPLES.to_owned());
        command.args(["--checks", CHECKS, "--max-examples", &examples]);
        command.args(["--phases", "coverage,fuzzing,stateful", "--continue-on-failure"]);
        match told_to_ask(SEED) {
            Some(seed) => command.args(["--seed", &seed]),
            None => command.arg("--generation-deterministic"),
        };
        command.args(["--request-timeout", "30", "--workers", "1", "--no-color"]);
        let left_out = left_out();
        for (operation, _) in &left_out {
            command.args(["--exclude-operation-id", operation.as_str()]);
        }
        let tested = command.stdin(Stdio::null()).kill_on_drop(true).output();
        let tested = within(WITHIN, "an end of the tester", tested).await.unwrap();
        let told = String::from_utf8_lossy(&tested.stdout);
        let failed = String::from_utf8_lossy(&tested.stderr);
        assert!(tested.status.success(), "{told}{failed}");
        println!("{told}");
        let all = format!("{} selected", OperationId::ALL.len() - left_out.len());
        assert!(told.contains(&all), "{all}: {told}");
    }

    /// Holds what is there afterwards against what was there before: it was really worked with, and it can be read.
    async fn check_what_is_left(&self, lists: &[&str]) {
        for (collection, ids) in self.known.as_object().into_iter().flatten() {
            for id in ids.as_array().into_iter().flatten().filter(|id| id.is_u64()) {
                let shown = self.admin.get(&format!("{collection}/{id}")).await;
                assert_eq!(shown["id"], id.to_string(), "{collection}");
            }
        }
        for list in lists {
            let shown = self.admin.get(&format!("{list}?limit=100")).await;
            let things = shown.as_array().unwrap();
            assert!(things.len() > 1, "the tester made nothing in {list}: {shown}");
        }
        let revisions = self.admin.get("revisions?limit=100").await;
        assert!(revisions.as_array().unwrap().len() > 10, "little was changed: {revisions}");
        self.admin.get("needs").await;
        self.admin.get("audit").await;
    }
}

/// What both kinds of gateways have.
async fn make_things(admin: &Admin) -> Value {
    let id = |made: Value| made["id"].as_str().unwrap().parse::<u32>().unwrap();
    let app = json!({"name": "billing", "owner_email": "ops@example.com"});
    let app = id(admin.post("apps", &app).await);
    let token = json!({"name": "ci", "app_id": app, "expires_in": "2d"});
    let token = id(admin.post("tokens", &token).await);
    // No program is there to be run.
    let plugin = json!({
        "name": "hooks", "slug": "hooks", "command": "file:///no/such/program",
        "config": {"url": "a", "webhook_secret": "hunter2"},
    });
    let plugin = id(admin.post("plugins", &plugin).await);
    let namespace = id(admin.post("namespaces", &json!({"name": "berlin"})).await);
    let ruler = json!({"name": "jane", "role": "viewer"});
    let ruler = id(admin.post("admin-tokens", &ruler).await);
    let made_at = id(admin.get("revisions?limit=1").await[0].clone());
    json!({
        "made_at": made_at, "apps": [app], "tokens": [token], "plugins": [plugin], "namespaces": [namespace],
        "admin-tokens": [ruler], "storage": ["key"],
    })
}

#[test]
fn whatever_is_asked_of_the_admin_api_is_answered_as_its_document_says() {
    let Some(program) = Need::Schemathesis.or_skip(schemathesis()) else { return };
    long_story(WITHIN, async {
        let builder = Gateway::builder();
        // No command that is made up is anything that could be started.
        let nothing = builder.folder().join("no-plugins");
        std::fs::create_dir(&nothing).unwrap();
        let gateway = builder.env("PLUGIN_DIRS", &nothing).start().await;
        let (admin, data) = (gateway.admin(), gateway.data_dir());
        let known = make_things(admin).await;
        let tester = Tester { program, admin, data, known };
        tester.run().await;
        tester.check_what_is_left(&["apps", "plugins"]).await;
        gateway.get("/health").send().await.expect(200);
    });
}

#[test]
fn whatever_is_asked_of_a_control_plane_is_answered_as_its_document_says() {
    let Some(program) = Need::Schemathesis.or_skip(schemathesis()) else { return };
    long_story(WITHIN, async {
        let control = ControlPlane::start_with(None, &[("PLUGIN_DIRS", "/no/such/folder")]).await;
        let admin = control.admin();
        let mut known = make_things(admin).await;
        let edge = admin.post("edges", &json!({"name": "berlin-1", "namespace": "berlin"})).await;
        let edge: u32 = edge["id"].as_str().unwrap().parse().unwrap();
        known["edges"] = json!([edge]);
        let tester = Tester { program, admin, data: control.data_dir(), known };
        tester.run().await;
        tester.check_what_is_left(&["apps"]).await;
    });
}
