//! Apps that are made when a client of an issuer first comes: off by default, within bounds, and never by an edge.

use super::jwt::Scene;
use futures_util::future::join_all;
use serde_json::{Value, json};
use sidegate_e2e::{ControlPlane, Gateway, Issuer, eventually, resident_kib, story};

const PATH: &str = "/plugins/r/context";

async fn open(max: u32) -> Scene {
    Scene::with(json!({
        "create_apps": max, "create_apps_owner": "ops@example.com", "create_apps_rate_limit": 7,
    }))
    .await
}

fn token(scene: &Scene, client: &str) -> String {
    scene.issuer.token(client, "https://gw.example/plugins/r").sign()
}

async fn apps(gateway: &Gateway) -> Vec<(String, u64)> {
    let listed: Value = gateway.admin().get("apps?limit=100").await;
    let app = |app: &Value| {
        let attributes = &app["attributes"];
        let name = attributes["name"].as_str().unwrap().to_owned();
        (name, attributes["rate_limit"].as_u64().unwrap())
    };
    listed.as_array().unwrap().iter().map(app).collect()
}

#[test]
fn a_client_that_nobody_bound_gets_an_app_on_first_sight_where_that_is_wanted() {
    story(async {
        let scene = open(10).await;
        let tokens: Vec<_> = (0..8).map(|_| token(&scene, "robot-1")).collect();
        // All at once, and each is answered: the app is made once.
        let answers = join_all(tokens.iter().map(|it| scene.gateway.get(PATH).bearer(it).send()));
        let answers = answers.await;
        let seen: Vec<_> = answers.iter().map(|it| it.status.as_u16()).collect();
        // Its limit is that of the app.
        assert!(seen.iter().all(|status| matches!(status, 200 | 429)), "{seen:?}");
        assert!(seen.contains(&200), "{seen:?}");
        let expected = [("billing".to_owned(), 600), ("corp/robot-1".to_owned(), 7)];
        assert_eq!(apps(&scene.gateway).await, expected);
        let audit = scene.gateway.admin().get("audit?kind=app").await.to_string();
        assert!(audit.contains("create_app_on_first_sight"), "{audit}");
        // It is an app like any other.
        scene.gateway.admin().patch("apps/2", &json!({"is_active": false})).await;
        assert_eq!(scene.fares(&tokens[0]).await, 401);
        assert_eq!(apps(&scene.gateway).await.len(), 2, "and no other one is made");
    });
}

#[test]
fn no_app_is_made_for_a_jwt_that_is_not_good_nor_where_nobody_wants_it() {
    story(async {
        let scene = open(10).await;
        let new = || scene.issuer.token("robot-1", "https://gw.example/plugins/r");
        for wrong in [
            new().claim("aud", "https://gw.example/plugins/other").sign(),
            new().claim("exp", 1_000).sign(),
            new().claim("nbf", 4_000_000_000_u64).sign(),
            new().head("typ", "JWT").sign(),
            new().claim("client_id", "with blank").sign(),
            new().claim("client_id", "x".repeat(300)).sign(),
            new().claim("client_id", "").sign(),
        ] {
            assert_eq!(scene.fares(&wrong).await, 401);
        }
        let asked = json!({"method": "GET", "path": PATH, "token": new().sign()});
        let said = scene.gateway.admin().post("explain", &asked).await.to_string();
        assert!(said.contains("one is made on first sight"), "{said}");
        scene.change_issuer(&json!({"create_apps": 0})).await;
        assert_eq!(scene.fares(&new().sign()).await, 401);
        assert_eq!(apps(&scene.gateway).await.len(), 1);
    });
}

#[test]
fn no_more_apps_are_made_than_may_be_and_those_that_are_there_go_on() {
    story(async {
        let scene = open(2).await;
        for (client, status) in [("a", 200), ("b", 200), ("c", 401), ("a", 200), ("c", 401)] {
            assert_eq!(scene.fares(&token(&scene, client)).await, status, "{client}");
        }
        assert_eq!(apps(&scene.gateway).await.len(), 3);
        // Bound by an operator it is another app, or none that is there.
        scene.change_issuer(&json!({"clients": {"a": "billing", "b": "gone"}})).await;
        let answer = scene.gateway.get(PATH).bearer(&token(&scene, "a")).send().await.expect(200);
        assert_eq!(answer.header("ratelimit-limit"), Some("600"));
        assert_eq!(scene.fares(&token(&scene, "b")).await, 401);
        // None are made any more, and those that were made speak for nobody.
        scene.change_issuer(&json!({"clients": {}, "create_apps": 0})).await;
        assert_eq!(scene.fares(&token(&scene, "b")).await, 401);
        scene
            .change_issuer(&json!({"create_apps": 1, "create_apps_owner": "ops@example.com"}))
            .await;
        assert_eq!(scene.fares(&token(&scene, "b")).await, 200, "it was there before");
        assert_eq!(scene.fares(&token(&scene, "c")).await, 401, "it was not");
    });
}

#[test]
fn a_new_client_is_never_taken_for_that_of_another_issuer_or_for_an_app_of_another_name() {
    story(async {
        let scene = open(10).await;
        let nested = json!({
            "name": "corp/a", "url": "https://id.example", "audiences": ["a"], "create_apps": 5,
            "create_apps_owner": "ops@example.com",
        });
        let (status, said) = scene.gateway.admin().refused("POST", "issuers", &nested).await;
        assert!(status == 400 && said.contains("without `/`"), "{status} {said}");
        for client in ["billing", "a/b", "../billing", "/billing", "CORP/x", "1"] {
            assert_eq!(scene.fares(&token(&scene, client)).await, 200, "{client}");
        }
        for client in [
            "robot\u{200b}",
            "r\u{43e}bot",
            "robot\u{0}",
            "robot\n",
            " robot",
            "\u{202e}tobor",
            "robot\u{301}",
        ] {
            assert_eq!(scene.fares(&token(&scene, client)).await, 401, "{client:?}");
        }
        let mut names: Vec<_> = apps(&scene.gateway).await.into_iter().map(|it| it.0).collect();
        names.sort();
        let expected = [
            "billing",
            "corp/../billing",
            "corp//billing",
            "corp/1",
            "corp/CORP/x",
            "corp/a/b",
            "corp/billing",
        ];
        assert_eq!(names, expected);
    });
}

#[test]
fn an_app_of_an_operators_is_never_taken_by_a_client_that_is_called_like_it() {
    story(async {
        let scene = open(10).await;
        scene.gateway.app("corp/robot-1").rate_limit(99).create().await;
        assert_eq!(scene.fares(&token(&scene, "robot-1")).await, 401);
        scene.gateway.logged("has the name that its client's would have: bind the client").await;
        for (client, fate) in [
            ("robot-1", "has the name that its client's would have: bind the client"),
            ("robot-2", "one is made on first sight"),
        ] {
            let asked = json!({"method": "GET", "path": PATH, "token": token(&scene, client)});
            let said = scene.gateway.admin().post("explain", &asked).await.to_string();
            assert!(said.contains(fate), "{client}: {said}");
        }
        scene.change_issuer(&json!({"clients": {"robot-1": "corp/robot-1"}})).await;
        let bound = token(&scene, "robot-1");
        let answer = scene.gateway.get(PATH).bearer(&bound).send().await.expect(200);
        assert_eq!(answer.header("ratelimit-limit"), Some("99"), "bound by the operator it is");
        let listed = scene.gateway.admin().get("apps?limit=100").await;
        assert!(!listed.to_string().contains("made_for"), "{listed}");
    });
}

#[test]
fn an_app_that_was_made_stays_its_clients_whatever_it_and_the_issuer_are_called() {
    story(async {
        let scene = open(1).await;
        assert_eq!(scene.fares(&token(&scene, "robot-1")).await, 200);
        let made: Value = scene.gateway.admin().get("apps/2").await;
        let mark = json!({"issuer": scene.number, "client": "robot-1"});
        assert_eq!(made["attributes"]["made_for"], mark, "{made}");
        let shown = scene.gateway.cli().ok(&["app", "show", "corp/robot-1"]).await;
        assert!(shown.contains("client robot-1 of issuer 1"), "{shown}");
        let forged = json!({"name": "own", "owner_email": "a@b", "made_for": mark});
        let (status, said) = scene.gateway.admin().refused("POST", "apps", &forged).await;
        assert!(status == 400 && said.contains("made_for"), "{status} {said}");
        scene.gateway.admin().patch("apps/2", &json!({"name": "robot", "rate_limit": 8})).await;
        scene.change_issuer(&json!({"name": "corp-2"})).await;
        scene
            .plugin
            .change(&json!({"options": {"issuers": "corp-2", "require_auth": "true"}}))
            .await;
        let again = token(&scene, "robot-1");
        let answer = scene.gateway.get(PATH).bearer(&again).send().await.expect(200);
        assert_eq!(answer.header("ratelimit-limit"), Some("8"));
        assert_eq!(apps(&scene.gateway).await.len(), 2);
        // Gone back to, it is what it was; another issuer of the old name has nothing of it.
        scene.gateway.admin().delete("apps/2").await;
        let history = scene.gateway.cli().json(&["history", "list", "--limit", "2"]).await;
        let before = history[1]["id"].as_str().unwrap();
        scene.gateway.cli().ok(&["history", "rollback", before]).await;
        assert_eq!(scene.fares(&token(&scene, "robot-1")).await, 200);
        let made: Value = scene.gateway.admin().get("apps/2").await;
        assert_eq!(made["attributes"]["made_for"], mark, "{made}");
    });
}

#[test]
fn a_flood_of_new_clients_is_slowed_down_and_holds_up_nobody() {
    story(async {
        let scene = open(1000).await;
        let known = scene.token().sign();
        let tokens: Vec<_> = (0..40).map(|number| token(&scene, &format!("n{number}"))).collect();
        let flood = join_all(tokens.iter().map(|it| scene.fares(it)));
        let (seen, known) = tokio::join!(flood, scene.fares(&known));
        assert_eq!(known, 200);
        let count = |wanted| seen.iter().filter(|status| **status == wanted).count();
        // One whose app is not there in time is told to come again.
        assert!(count(200) <= 20 && count(200) + count(503) == 40, "{seen:?}");
        let made = async || (apps(&scene.gateway).await.len() == 21).then_some(());
        eventually("twenty apps are made, and no more", made).await;
    });
}

#[test]
fn an_issuer_that_uses_up_its_apps_takes_nothing_from_other_issuers_tokens_or_memory() {
    story(async {
        const MAX: u32 = 20;
        let (scene, other) = (open(MAX).await, Issuer::start().await);
        let (known, own) = (scene.token().sign(), scene.app.token().create().await);
        let attributes = json!({
            "name": "other", "url": other.url(), "allow_private": true, "create_apps": 2,
            "audiences": ["https://gw.example/plugins/{slug}"], "create_apps_owner": "ops@example.com",
        });
        let _: Value = scene.gateway.admin().post("issuers", &attributes).await;
        let options = json!({"issuers": "corp,other", "require_auth": "true"});
        scene.plugin.change(&json!({ "options": options })).await;
        let theirs = |client: &str| other.token(client, "https://gw.example/plugins/r").sign();
        // Keys of both are there from here on.
        assert_eq!(scene.fares(&theirs("b0")).await, 200);
        assert_eq!((scene.fares(&known).await, scene.fares(&own).await), (200, 200));
        let memory = resident_kib(scene.gateway.pid());
        let (mut made, mut refused) = (0, 0);
        for round in 0..12 {
            let new = |number: u32| token(&scene, &format!("a{}", round * 50 + number));
            let flood: Vec<_> = (0..50).map(new).collect();
            let flood = join_all(flood.iter().map(|it| scene.fares(it)));
            let beside = [&known, &own].map(|it| scene.fares(it));
            let (flood, beside) = tokio::join!(flood, join_all(beside));
            assert_eq!(beside, [200, 200], "round {round}");
            made += flood.iter().filter(|status| **status == 200).count();
            refused += flood.iter().filter(|status| **status == 401).count();
            assert!(flood.iter().all(|it| matches!(it, 200 | 401 | 503)), "{flood:?}");
            if round == 0 {
                assert_eq!(scene.fares(&theirs("b1")).await, 200, "another issuer's is made");
            }
        }
        assert!(made <= MAX as usize, "{made}");
        assert!(refused > 500, "{refused}");
        let grown = resident_kib(scene.gateway.pid()).saturating_sub(memory);
        assert!(grown < 48 * 1024, "{grown} KiB more");
        // Each bound is its issuer's own.
        assert_eq!(scene.fares(&theirs("b2")).await, 401);
        assert_eq!(scene.fares(&theirs("b0")).await, 200);
        assert_eq!(apps(&scene.gateway).await.len(), 1 + MAX as usize + 2);
    });
}

#[test]
fn at_a_control_plane_apps_are_not_made_on_first_sight_and_it_says_so() {
    story(async {
        let control = ControlPlane::start_with(None, &[]).await;
        let issuer = json!({
            "name": "corp", "url": "https://id.example", "audiences": ["a"], "create_apps": 5,
            "create_apps_owner": "ops@example.com",
        });
        let (status, said) = control.admin().refused("POST", "issuers", &issuer).await;
        assert_eq!(status, 400, "{said}");
        assert!(said.contains("edges never change desired state"), "{said}");
    });
}
