//! Issuers that are plugins here: the real provider's JWTs open another plugin, and its keys are asked inside the gateway.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use sidegate_e2e::{Answer, Connection, Gateway, Plugin, Version, eventually, free_port, story};
use tokio::net::TcpStream;

const SECRET: &str = "a-secret-that-nobody-guesses-at-all";

/// A gateway whose plugin `r` takes JWTs of the provider that is mounted as `oidc`.
struct Scene {
    gateway: Gateway,
    oidc: Plugin,
    r: Plugin,
}

impl Scene {
    async fn new() -> Self {
        // Nobody listens at the address by which clients would know it: no network leads to its keys.
        Self::at(&format!("http://127.0.0.1:{}", free_port())).await
    }

    async fn at(public: &str) -> Self {
        let gateway = Gateway::builder().env("SIDEGATE_PUBLIC_URL", public).start().await;
        gateway.app("billing").rate_limit(600).create().await;
        let digest = URL_SAFE_NO_PAD.encode(Sha256::digest(SECRET));
        let client = json!({"id": "robot", "secret_hash": format!("sha256:{digest}"), "grants": ["client_credentials"], "scopes": ["r.read"]});
        let oidc = gateway.plugin("oidc").config("issuer", public);
        let oidc = oidc.config("scopes", json!([{"name": "r.read", "description": "Read"}]));
        let oidc = oidc.config(
            "resources",
            json!([format!("{public}/plugins/r/*"), format!("{public}/plugins/q/*")]),
        );
        let oidc = oidc.config("clients", json!([client])).granted("kv.readwrite").ready().await;
        let (cli, audience) = (gateway.cli(), format!("{public}/plugins/{{slug}}/*"));
        let client = ["--client", "robot=billing", "--audience", &audience];
        cli.ok(&[&["issuer", "add", "plugin:oidc", "--name", "own"][..], &client[..]].concat())
            .await;
        let r = gateway.plugin("r").program("e2e-plugin-routes").option("issuers", "own");
        let r = r.option("require_auth", "true").option("scopes_required", "r.read").ready().await;
        Self { gateway, oidc, r }
    }

    /// A token of the provider's for something.
    async fn token_for(&self, resource: &str) -> String {
        let host = self.gateway.addr().to_string();
        self.token_at(&host, "/plugins/oidc/token", resource).await
    }

    /// The same, asked for at another host and path.
    async fn token_at(&self, host: &str, path: &str, resource: &str) -> String {
        let basic = STANDARD.encode(format!("robot:{SECRET}"));
        let body = format!("grant_type=client_credentials&scope=r.read&resource={resource}");
        let answer = eventually("the provider gives a token", async || {
            let tcp = TcpStream::connect(self.gateway.addr()).await.unwrap();
            let connection = Connection::over(tcp, Version::Http1, host).await;
            let request = connection.request("POST", path);
            let request = request.header("content-type", "application/x-www-form-urlencoded");
            let request = request.header("authorization", format!("Basic {basic}"));
            let answer = request.body(body.clone()).send().await;
            (answer.status == 200).then_some(answer)
        });
        answer.await.json()["access_token"].as_str().unwrap().to_owned()
    }

    async fn ask(&self, token: &str) -> Answer {
        self.gateway.get("/plugins/r/context").bearer(token).send().await
    }

    async fn fares(&self, token: &str) -> u16 {
        self.ask(token).await.status.as_u16()
    }
}

#[test]
fn the_providers_jwt_opens_another_plugin_and_its_keys_are_asked_inside() {
    story(async {
        let public = format!("http://127.0.0.1:{}", free_port());
        let scene = Scene::at(&public).await;
        let token = scene.token_for(&format!("{public}/plugins/r/context")).await;
        let seen = scene.ask(&token).await.expect(200).json();
        assert_eq!(seen["jwt_issuer"], format!("{public}/plugins/oidc"));
        assert_eq!(seen["jwt_client"], "robot");
        let elsewhere = scene.token_for(&format!("{public}/plugins/q/x")).await;
        scene.ask(&elsewhere).await.is_error(401, "unauthorized", "client");
        // A process that takes the place of another has the same keys.
        let pid = scene.oidc.pid().await;
        scene.oidc.reload().await;
        scene.oidc.wait_other_pid(pid).await;
        assert_eq!(scene.fares(&token).await, 200);
        let new = scene.token_for(&format!("{public}/plugins/r/context")).await;
        assert_eq!(scene.fares(&new).await, 200);
        // One that has gone is missed by nobody who has a token.
        let pid = scene.oidc.pid().await;
        sidegate_e2e::kill(pid);
        assert_eq!(scene.fares(&token).await, 200);
        scene.oidc.wait_other_pid(pid).await;
        let new = scene.token_for(&format!("{public}/plugins/r/context")).await;
        assert_eq!(scene.fares(&new).await, 200);
    });
}

#[test]
fn a_provider_that_is_switched_off_renamed_or_deleted_is_no_issuer_any_more() {
    story(async {
        let public = format!("http://127.0.0.1:{}", free_port());
        let scene = Scene::at(&public).await;
        let token = scene.token_for(&format!("{public}/plugins/r/context")).await;
        assert_eq!(scene.fares(&token).await, 200);
        let refused = async || scene.ask(&token).await.is_error(401, "unauthorized", "client");
        scene.oidc.change(&json!({"is_active": false})).await;
        refused().await;
        scene.oidc.change(&json!({"is_active": true})).await;
        eventually("it is an issuer again", async || {
            (scene.fares(&token).await == 200).then_some(())
        })
        .await;
        let path = format!("plugins/{}", scene.oidc.id);
        let config = scene.gateway.admin().get(&path).await["attributes"]["config"].clone();
        let mut renamed = config.clone();
        renamed["slug"] = json!("elsewhere");
        scene.oidc.change(&json!({"config": renamed})).await;
        refused().await;
        // Whoever takes the slug is the issuer, by its own keys and none of another's.
        let usurper =
            scene.gateway.plugin("usurper").slug("oidc").program("e2e-plugin-routes").ready().await;
        assert_ne!(scene.fares(&token).await, 200);
        usurper.remove().await;
        scene.oidc.remove().await;
        refused().await;
        let issuer: Value = scene.gateway.admin().get("issuers/1").await;
        assert_eq!(
            issuer["attributes"]["url"], "plugin:oidc",
            "it stays, and waits for another one"
        );
        scene.r.pid().await;
    });
}

#[test]
fn a_plugin_that_calls_itself_otherwise_is_no_issuer_and_the_log_says_why() {
    story(async {
        let scene = Scene::new().await;
        let path = format!("plugins/{}", scene.oidc.id);
        let config = scene.gateway.admin().get(&path).await["attributes"]["config"].clone();
        let mut other = config;
        other["issuer"] = json!("https://accounts.example.com");
        let pid = scene.oidc.pid().await;
        scene.oidc.change(&json!({"config": other})).await;
        // Whoever serves by the configuration before has the name before.
        scene.oidc.wait_other_pid(pid).await;
        let bad = json!({"url": "plugin:oidc", "name": "x", "audiences": ["a"], "jwks_uri": "https://a.example/k"});
        let (status, said) = scene.gateway.admin().refused("POST", "issuers", &bad).await;
        assert!(status == 400 && said.contains("inside the gateway"), "{said}");
        let more = json!({"url": "plugin:oidc", "name": "again", "audiences": ["a"]});
        let _: Value = scene.gateway.admin().post("issuers", &more).await;
        scene.r.change(&json!({"options": {"issuers": "again", "require_auth": "true"}})).await;
        scene.gateway.logged("which is no address of it here").await;
    });
}

#[test]
fn a_provider_at_its_own_host_is_called_so_and_its_jwts_count_at_once() {
    story(async {
        let port = free_port();
        let public = format!("http://127.0.0.1:{port}");
        let scene = Scene::at(&public).await;
        let resource = format!("{public}/plugins/r/context");
        let token = scene.token_for(&resource).await;
        assert_eq!(scene.fares(&token).await, 200);
        let change = json!({"config": {"issuer": ""}, "options": {"host": "op.example.com"}});
        let path = format!("plugins/{}", scene.oidc.id);
        let fields = scene.gateway.admin().get(&path).await["attributes"]["config"].clone();
        let mut config = fields.as_object().unwrap().clone();
        config.extend(change["config"].as_object().unwrap().clone());
        scene.oidc.change(&json!({"config": config, "options": change["options"]})).await;
        let host = format!("op.example.com:{port}");
        let token = scene.token_at(&host, "/token", &resource).await;
        // Its keys are asked for anew where the first question came before it served.
        let seen = eventually("its JWT is taken", async || {
            let answer = scene.ask(&token).await;
            (answer.status == 200).then(|| answer.json())
        });
        assert_eq!(seen.await["jwt_issuer"], format!("http://{host}"));
    });
}

#[test]
fn another_process_of_a_provider_is_asked_for_its_keys_by_itself() {
    story(async {
        let scene = Scene::new().await;
        let fetched = async || {
            let metrics = scene.gateway.get("/metrics").send().await.expect(200);
            let name =
                "sidegate_issuer_key_fetches_total{issuer=\"own\",outcome=\"fetched\"} ".to_owned();
            let line =
                metrics.text().lines().find_map(|line| line.strip_prefix(&name)?.parse().ok());
            line.unwrap_or(0_u32)
        };
        let before = eventually("its keys are known", async || {
            Some(fetched().await).filter(|count| *count > 0)
        })
        .await;
        // Nobody shows a JWT, and nothing else is due for minutes.
        scene.oidc.reload().await;
        eventually("the new process was asked", async || (fetched().await > before).then_some(()))
            .await;
    });
}
