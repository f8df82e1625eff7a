//! Endpoints that need no token, where the operator has to approve them.

use serde_json::{Value, json};
use sidegate_api::plugin::PluginAttributes;
use sidegate_api::public_endpoints::PublicState;
use sidegate_e2e::{Answer, Cli, Gateway, Plugin, Version, program, story, within};
use std::os::unix::fs::symlink;
use std::time::Duration;

const SETTING: &str = "SIDEGATE_PUBLIC_ENDPOINTS";
/// Within 2 s, and what a busy machine needs beside.
const SOON: Duration = Duration::from_secs(6);

async fn strict() -> Gateway {
    Gateway::builder().env(SETTING, "approve").start().await
}

async fn routes(gateway: &Gateway) -> Plugin {
    gateway.plugin("r").program("e2e-plugin-routes").ready().await
}

async fn get(gateway: &Gateway, path: &str) -> Answer {
    gateway.get(&format!("/plugins/r/{path}")).send().await
}

fn not_approved(answer: &Answer) {
    answer.is_error(401, "not_approved", "client");
}

async fn decide(gateway: &Gateway, plugin: &Plugin, decision: Value) {
    gateway.admin().post(&format!("plugins/{}/public-endpoints", plugin.id), &decision).await;
}

#[test]
fn public_endpoints_are_served_at_once_unless_they_need_approval() {
    story(async {
        let gateway = Gateway::start().await;
        let plugin = routes(&gateway).await;
        get(&gateway, "exact").await.expect(200);
        let status = plugin.status().await;
        assert!(status.summary.warnings.is_empty(), "{:?}", status.summary.warnings);
        let public = status.public_endpoints;
        assert!(public.approved.is_empty() && public.pending.is_empty(), "{public:?}");
        assert!(public.allowed.contains(&"GET /exact".to_owned()), "{public:?}");
        assert!(!public.allowed.iter().any(|it| it.ends_with(" /acl/*")), "{public:?}");
    });
}

#[test]
fn what_is_not_approved_is_401_for_everybody_with_a_code_of_its_own_in_the_log_and_the_status() {
    story(async {
        let gateway = strict().await;
        let plugin = routes(&gateway).await;
        let token = gateway.token().await;
        for version in [Version::Http1, Version::Http2] {
            let request = || gateway.get("/plugins/r/exact").version(version);
            not_approved(&request().send().await);
            not_approved(&request().bearer(&token).send().await);
        }
        // An answer to HEAD has no words.
        let head = gateway.request("HEAD", "/plugins/r/exact").send().await.expect(401);
        assert_eq!(head.header("x-sidegate-error"), Some("client"));
        // What is nowhere and what demands a token is as ever.
        get(&gateway, "nowhere").await.is_error(404, "not_found", "client");
        get(&gateway, "admin/users").await.is_error(401, "unauthorized", "client");
        gateway.get("/plugins/r/admin/users").bearer(&token).send().await.expect(200);
        // Where GET demands a token, nobody has to approve what stands below.
        let raised = gateway.post("/plugins/r/law/app");
        raised.send().await.is_error(401, "unauthorized", "client");
        gateway.logged("not_approved").await;
        let status = plugin.status().await;
        let warning = status.summary.warnings.iter().find(|it| it.contains("wait for approval"));
        let advice = "`sidegate plugin approve-public r` approves them";
        assert!(warning.is_some_and(|it| it.ends_with(advice)), "{:?}", status.summary.warnings);
        let exact = status.endpoints.iter().find(|it| it.path == "/exact").unwrap();
        assert_eq!(exact.public, Some(PublicState::NotApproved));
        let metrics = gateway.get("/metrics").send().await;
        assert!(metrics.text().contains("code=\"not_approved\""), "{}", metrics.text());
    });
}

#[test]
fn what_is_approved_is_served_at_once_by_the_same_process_and_ends_with_the_approval() {
    story(async {
        let gateway = strict().await;
        let plugin = routes(&gateway).await;
        let pid = plugin.pid().await;
        decide(&gateway, &plugin, json!({"approve": ["GET /exact", "/any"]})).await;
        get(&gateway, "exact").await.expect(200);
        gateway.request("HEAD", "/plugins/r/exact").send().await.expect(200);
        gateway.post("/plugins/r/any").send().await.expect(200);
        not_approved(&get(&gateway, "files/a").await);
        decide(&gateway, &plugin, json!({"revoke": ["GET /exact"], "approve": ["/files/*"]})).await;
        not_approved(&get(&gateway, "exact").await);
        get(&gateway, "files/a").await.expect(200);
        decide(&gateway, &plugin, json!({"revoke": ["*"]})).await;
        not_approved(&get(&gateway, "files/a").await);
        assert_eq!(plugin.pid().await, pid);
    });
}

#[test]
fn a_stream_ends_soon_when_its_endpoint_is_approved_no_more() {
    story(async {
        let gateway = strict().await;
        let plugin = gateway.plugin("r").program("sidegate-plugin-lab").ready().await;
        decide(&gateway, &plugin, json!({"approve": ["*"]})).await;
        let path = "/plugins/r/sse?n=inf&interval_ms=20";
        let mut stream = gateway.get(path).open().await;
        stream.read_until("\n\n").await;
        decide(&gateway, &plugin, json!({"revoke": ["GET /sse"]})).await;
        within(SOON, "the end of its stream", stream.rest()).await.expect_err("a clean end");
    });
}

#[test]
fn a_preflight_of_what_is_not_approved_never_reaches_the_plugin() {
    story(async {
        let gateway = strict().await;
        let plugin = routes(&gateway).await;
        let preflight = async |path: &str| {
            let request = gateway.request("OPTIONS", &format!("/plugins/r/{path}"));
            let request = request.header("origin", "https://app.example");
            request.header("access-control-request-method", "GET").send().await
        };
        let answer = preflight("optioned").await.expect(204);
        assert_eq!(answer.header("x-handler"), None);
        let plain = gateway.request("OPTIONS", "/plugins/r/optioned").send().await;
        not_approved(&plain);
        decide(&gateway, &plugin, json!({"approve": ["OPTIONS /optioned"]})).await;
        assert_eq!(preflight("optioned").await.expect(200).header("x-handler"), Some("options"));
    });
}

#[test]
fn what_another_program_adds_waits_while_the_others_go_on() {
    story(async {
        let gateway = strict().await;
        let link = gateway.folder().join("current");
        let install = |name: &str| {
            let _ = std::fs::remove_file(&link);
            symlink(program(name), &link).unwrap();
        };
        install("e2e-plugin-routes");
        let command = format!("file://{}", link.display());
        let plugin = gateway.plugin("r").command(&command).ready().await;
        decide(&gateway, &plugin, json!({"approve": ["*"]})).await;
        get(&gateway, "exact").await.expect(200);
        let pid = plugin.pid().await;
        plugin.change(&json!({"config": {"slug": "r", "catch_all": "true"}})).await;
        plugin.wait_other_pid(pid).await;
        get(&gateway, "exact").await.expect(200);
        not_approved(&get(&gateway, "new").await);
        assert_eq!(plugin.status().await.public_endpoints.pending, ["GET /*"]);

        // Its GET has the same name; all its other methods are new.
        install("sidegate-plugin-echo");
        decide(&gateway, &plugin, json!({"approve": ["GET /*"]})).await;
        let pid = plugin.pid().await;
        let told = gateway.cli().run(&["plugin", "reload", "r"]).await;
        assert_eq!(told.code, Some(0), "{}", told.stderr);
        let added = "+POST /*  needs no token, waits for approval: \
             `sidegate plugin approve-public r \"POST /*\"` approves it";
        assert!(told.stderr.contains(added), "{}", told.stderr);
        plugin.wait_other_pid(pid).await;
        get(&gateway, "exact").await.expect(200);
        not_approved(&gateway.post("/plugins/r/exact").send().await);
    });
}

#[test]
fn approvals_last_and_hold_in_both_modes() {
    story(async {
        let gateway = strict().await;
        let plugin = routes(&gateway).await;
        decide(&gateway, &plugin, json!({"approve": ["GET /exact"]})).await;
        let mut gateway = gateway.restart().await;
        gateway.plugin_by_id(1).wait_ready().await;
        get(&gateway, "exact").await.expect(200);
        not_approved(&get(&gateway, "files/a").await);
        gateway.env(SETTING, "allow");
        let mut gateway = gateway.restart().await;
        let plugin = gateway.plugin_by_id(1);
        plugin.wait_ready().await;
        get(&gateway, "files/a").await.expect(200);
        assert_eq!(plugin.status().await.public_endpoints.approved, ["GET /exact"]);
        gateway.env(SETTING, "approve");
        let gateway = gateway.restart().await;
        gateway.plugin_by_id(1).wait_ready().await;
        not_approved(&get(&gateway, "files/a").await);
    });
}

#[test]
fn the_command_line_shows_what_is_public_and_approves_it() {
    story(async {
        let gateway = strict().await;
        let (cli, echo) = (gateway.cli(), program("sidegate-plugin-echo"));
        let command = format!("file://{}", echo.display());
        let add = ["plugin", "add", "--name", "r", "--slug", "r", "--command", &command];
        let added = cli.ok(&add).await;
        let waits = "(`sidegate plugin approve-public r` approves it)";
        let line = added.lines().find(|line| line.starts_with("public ")).unwrap_or_default();
        assert!(line.contains("waits for approval: GET /*, ") && line.ends_with(waits), "{added}");
        assert!(added.contains("/plugins/r/*  (waits for approval)"), "{added}");
        assert!(cli.ok(&["routes"]).await.contains("not approved"));
        let wrong = cli.fails(2, &["plugin", "approve-public", "r", "GET /x"]).await;
        assert!(wrong.contains("\"GET /x\" names no endpoint that the plugin offers"), "{wrong}");
        cli.ok(&["plugin", "approve-public", "r", "GET /*"]).await;
        get(&gateway, "x").await.expect(200);
        not_approved(&gateway.post("/plugins/r/x").send().await);
        cli.ok(&["plugin", "approve-public", "r"]).await;
        gateway.post("/plugins/r/x").send().await.expect(200);
        let shown = cli.ok(&["plugin", "show", "r"]).await;
        assert!(shown.contains("no token needed: GET /*, ") && !shown.contains("waits"), "{shown}");
        let revoke = ["plugin", "approve-public", "r", "--revoke", "/*"];
        let plugin: PluginAttributes =
            serde_json::from_value(cli.json(&revoke).await["attributes"].clone()).unwrap();
        assert!(plugin.public_endpoints.approved.is_empty(), "{:?}", plugin.public_endpoints);
        not_approved(&get(&gateway, "x").await);
        let cli = Cli::with(&[(SETTING, "maybe"), ("DATA_DIR", "/nonexistent")]);
        let said = cli.fails(2, &["serve"]).await;
        assert!(said.contains("use one of allow, approve"), "{said}");
    });
}
