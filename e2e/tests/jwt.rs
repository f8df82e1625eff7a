//! JWTs of issuers that an operator trusts: who comes in with one, as which app, and who does not.

use serde_json::{Value, json};
use sidegate_e2e::{App, Gateway, Issuer, JwtBuilder, Plugin, Version, story, within};
use std::time::Duration;

/// A gateway with the plugin `r`, which takes JWTs of one issuer; its client `svc` speaks for the app `billing`.
pub(crate) struct Scene {
    pub(crate) gateway: Gateway,
    pub(crate) issuer: Issuer,
    pub(crate) plugin: Plugin,
    pub(crate) app: App,
    /// The number of the issuer.
    pub(crate) number: String,
}

const PATH: &str = "/plugins/r/context";

impl Scene {
    pub(crate) async fn new() -> Self {
        Self::with(json!({})).await
    }

    /// With other fields of the issuer.
    pub(crate) async fn with(fields: Value) -> Self {
        let (gateway, issuer) = (Gateway::start().await, Issuer::start().await);
        let app = gateway.app("billing").rate_limit(600).create().await;
        let mut attributes = json!({
            "name": "corp", "url": issuer.url(), "allow_private": true,
            "audiences": ["https://gw.example/plugins/{slug}"], "clients": {"svc": "billing"},
        });
        for (name, value) in fields.as_object().unwrap() {
            attributes[name] = value.clone();
        }
        let saved: Value = gateway.admin().post("issuers", &attributes).await;
        let number = saved["id"].as_str().unwrap().to_owned();
        let plugin = gateway.plugin("r").program("e2e-plugin-routes");
        let plugin = plugin.option("issuers", "corp").option("require_auth", "true");
        let plugin = plugin.ready().await;
        Self { gateway, issuer, plugin, app, number }
    }

    pub(crate) fn token(&self) -> JwtBuilder {
        self.issuer.token("svc", "https://gw.example/plugins/r")
    }

    /// How a request with this token fares.
    pub(crate) async fn fares(&self, token: &str) -> u16 {
        self.gateway.get(PATH).bearer(token).send().await.status.as_u16()
    }

    pub(crate) async fn change_issuer(&self, fields: &Value) {
        self.gateway.admin().patch(&format!("issuers/{}", self.number), fields).await;
    }
}

#[test]
fn a_jwt_comes_in_as_the_app_of_its_client_and_the_plugin_learns_who_it_is_of() {
    story(async {
        let scene = Scene::new().await;
        let token = scene.token().claim("scope", "files.read team.a").sign();
        for version in [Version::Http1, Version::Http2] {
            let request = scene.gateway.get(PATH).version(version).bearer(&token);
            let answer = request.send().await.expect(200);
            let seen = answer.json();
            assert_eq!(seen["jwt_issuer"], scene.issuer.url());
            assert_eq!(
                (&seen["jwt_client"], &seen["jwt_subject"]),
                (&json!("svc"), &json!("user-1"))
            );
            assert_eq!(seen["authorization"], "", "it was meant for the gateway");
            assert_eq!(answer.header("ratelimit-limit"), Some("600"), "that of the app");
        }
        let open = json!({"options": {"issuers": "corp", "optional_auth": "true"}});
        scene.plugin.change(&open).await;
        let expired = scene.token().claim("exp", 1_000).sign();
        for token in [&token, &expired] {
            let request = scene.gateway.get(&format!("{PATH}?a=1&token={token}")).bearer(token);
            let seen = request.send().await.expect(200).json();
            assert_eq!((&seen["authorization"], &seen["query"]), (&json!(""), &json!("a=1")));
        }
        scene.plugin.change(&json!({"options": {"issuers": "corp", "pass_token": "true"}})).await;
        let seen = scene.gateway.get(PATH).bearer(&token).send().await.expect(200).json();
        assert_eq!(seen["authorization"], format!("Bearer {token}"));
        let own = scene.app.token().create().await;
        let seen = scene.gateway.get(PATH).bearer(&own).send().await.expect(200).json();
        assert_eq!(seen["jwt_issuer"], "", "a token of the gateway's own has none");
    });
}

#[test]
fn what_a_token_of_the_app_is_refused_a_jwt_is_refused_likewise() {
    story(async {
        let scene = Scene::new().await;
        let token = scene.token().claim("scp", json!(["files.read"])).sign();
        let options = |more: Value| {
            let mut options = json!({"issuers": "corp", "require_auth": "true"});
            options.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            json!({ "options": options })
        };
        for (more, status) in [
            (json!({"apps": "billing", "scopes_required": "files.read"}), 200),
            (json!({"apps": "other"}), 403),
            (json!({"scopes_required": "files.read,team.a"}), 403),
        ] {
            if more["apps"] == "other" {
                scene.gateway.app("other").create().await;
            }
            scene.plugin.change(&options(more)).await;
            assert_eq!(scene.fares(&token).await, status);
        }
        let answer = scene.gateway.get(PATH).bearer(&token).send().await;
        answer.is_error(403, "insufficient_scope", "client");
        let challenge =
            "Bearer realm=\"sidegate\", error=\"insufficient_scope\", scope=\"files.read team.a\"";
        assert_eq!(answer.header("www-authenticate"), Some(challenge));
        scene.plugin.change(&options(json!({}))).await;
        assert_eq!(scene.fares(&token).await, 200);
        scene.app.change(&json!({"is_active": false})).await;
        assert_eq!(scene.fares(&token).await, 401);
        scene.app.change(&json!({"is_active": true, "rate_limit": 1})).await;
        let mut statuses = vec![scene.fares(&token).await, scene.fares(&token).await];
        statuses.push(scene.fares(&scene.app.token().create().await).await);
        assert!(statuses[1..].contains(&429), "one count for tokens and JWTs: {statuses:?}");
        scene.app.change(&json!({"rate_limit": 0})).await;
        scene.change_issuer(&json!({"clients": {"svc": "gone"}})).await;
        assert_eq!(scene.fares(&token).await, 401);
    });
}

#[test]
fn a_jwt_of_anybody_else_or_for_anything_else_is_401_without_a_question_to_anybody() {
    story(async {
        let scene = Scene::new().await;
        assert_eq!(scene.fares(&scene.token().sign()).await, 200);
        let other = Issuer::start().await;
        let asked = scene.issuer.asked();
        let foreign = other.token("svc", "https://gw.example/plugins/r");
        let wrong = [
            foreign.sign(),
            other
                .token("svc", "https://gw.example/plugins/r")
                .claim("iss", scene.issuer.url())
                .sign(),
            scene.token().claim("iss", "https://id.example").sign(),
            scene.token().claim("aud", "https://gw.example/plugins/other").sign(),
            scene.token().claim("client_id", "other").sign(),
            scene.token().claim("exp", 1_000).sign(),
            scene.token().claim("nbf", 4_000_000_000_u64).sign(),
            scene.token().head("typ", "JWT").sign(),
            scene.token().head("alg", "none").sign(),
            scene.token().head("alg", "HS256").sign(),
            scene.token().head("crit", json!(["exp"])).sign(),
            scene.token().claim("pad", "x".repeat(9_000)).sign(),
            "a.b.c".to_owned(),
        ];
        for token in &wrong {
            let answer = scene.gateway.get(PATH).bearer(token).send().await;
            answer.is_error(401, "unauthorized", "client");
            let challenge = answer.header("www-authenticate").unwrap();
            assert!(challenge.contains("error=\"invalid_token\""), "{challenge}");
        }
        assert_eq!((scene.issuer.asked(), other.asked()), (asked, 0));
        let token = scene.token().sign();
        let query = format!("{PATH}?token={token}");
        scene.gateway.get(&query).send().await.is_error(401, "unauthorized", "client");
        let own = scene.app.token().create().await;
        let query = format!("{PATH}?token={own}");
        scene.gateway.get(&query).send().await.expect(200);
        let options = json!({"issuers": "corp", "require_auth": "true", "query_token": "false"});
        scene.plugin.change(&json!({ "options": options })).await;
        scene.gateway.get(&query).send().await.is_error(401, "unauthorized", "client");
        assert_eq!(scene.fares(&own).await, 200);
        let log = scene.gateway.log();
        assert!(wrong.iter().chain([&token]).all(|token| !log.contains(token.as_str())));
    });
}

#[test]
fn a_stream_ends_with_what_its_jwt_stands_on() {
    story(async {
        let scene = Scene::new().await;
        let token = scene.token().sign();
        let open = async || {
            let mut stream = scene.gateway.get("/plugins/r/stream").bearer(&token).open().await;
            stream.read_until("begun").await;
            stream
        };
        let mut stream = open().await;
        scene.change_issuer(&json!({"leeway": "10s"})).await;
        scene.change_issuer(&json!({"is_active": false})).await;
        let soon = Duration::from_secs(6);
        within(soon, "an issuer that is switched off", stream.rest())
            .await
            .expect_err("a clean end");
        scene.change_issuer(&json!({"is_active": true})).await;
        let mut stream = open().await;
        scene.app.change(&json!({"is_active": false})).await;
        within(soon, "an app that is switched off", stream.rest()).await.expect_err("a clean end");
    });
}

#[test]
fn an_operator_is_told_why_a_jwt_is_not_taken() {
    story(async {
        let scene = Scene::new().await;
        let (good, bad) = (scene.token().sign(), scene.token().claim("aud", "x").sign());
        assert_eq!(scene.fares(&good).await, 200);
        for (token, told) in [
            (good, "a JWT of issuer corp, whose client \"svc\" speaks for app billing"),
            (bad, "its aud is nothing that stands for this plugin"),
        ] {
            let asked = json!({"method": "GET", "path": PATH, "token": token});
            let said = scene.gateway.admin().post("explain", &asked).await.to_string();
            let told = told.replace('"', "\\\"");
            assert!(said.contains(&told) && !said.contains(&token), "{said}");
        }
    });
}
