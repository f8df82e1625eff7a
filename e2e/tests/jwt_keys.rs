//! Keys of issuers: they come, change and go, and an issuer that is slow, wrong or away costs nobody else anything.

use super::jwt::Scene;
use serde_json::{Value, json};
use sidegate_e2e::{Behaviour, Certificate, Gateway, Issuer, eventually, pause, story, within};
use std::time::{Duration, Instant};

#[test]
fn a_new_key_counts_at_once_and_one_that_is_gone_no_more() {
    story(async {
        let scene = Scene::new().await;
        let old = scene.token().sign();
        assert_eq!(scene.fares(&old).await, 200);
        scene.issuer.add_key("k2");
        let new = scene.token().sign();
        assert_eq!(scene.fares(&new).await, 200, "its key is asked for");
        assert_eq!(scene.fares(&old).await, 200, "both are published");
        let asked = scene.issuer.asked();
        for number in 0..20 {
            assert_eq!(
                scene.fares(&scene.token().head("kid", format!("x{number}")).sign()).await,
                401
            );
        }
        assert_eq!(scene.issuer.asked(), asked, "nobody lets it be asked again and again");
        scene.issuer.remove_key("k1");
        // Another look, as it comes by itself in a while.
        scene.change_issuer(&json!({"keys_max_age": "2s"})).await;
        eventually("a key that is published no more opens nothing", async || {
            (scene.fares(&old).await == 401).then_some(())
        })
        .await;
        assert_eq!(scene.fares(&new).await, 200);
    });
}

#[test]
fn an_issuer_that_is_away_is_missed_only_once_its_keys_are_too_old() {
    story(async {
        let mut scene = Scene::with(json!({"keys_max_age": "4s"})).await;
        let token = scene.token().sign();
        assert_eq!(scene.fares(&token).await, 200);
        scene.issuer.stop().await;
        assert_eq!(scene.fares(&token).await, 200);
        assert_eq!(scene.fares(&scene.token().sign()).await, 200, "also one that was never seen");
        let refused = eventually("the keys are too old", async || {
            let answer = scene.gateway.get("/plugins/r/context").bearer(&token).send().await;
            (answer.status != 200).then_some(answer)
        })
        .await;
        refused.is_error(503, "identity_unavailable", "gateway");
        let own = scene.app.token().create().await;
        assert_eq!(scene.fares(&own).await, 200, "tokens of the gateway's own do not care");
        scene.issuer.start_again().await;
        eventually("the issuer is there again", async || {
            (scene.fares(&token).await == 200).then_some(())
        })
        .await;
    });
}

#[test]
fn a_slow_issuer_holds_up_those_who_wait_for_its_keys_and_nobody_else() {
    story(async {
        let scene = Scene::new().await;
        let token = scene.token().sign();
        assert_eq!(scene.fares(&token).await, 200);
        scene.issuer.behave(Behaviour::Silent);
        scene.issuer.add_key("k2");
        let unknown = scene.token().sign();
        let waits = async {
            let begun = Instant::now();
            let answer = scene.gateway.get("/plugins/r/context").bearer(&unknown).send().await;
            (answer, begun.elapsed())
        };
        let others = async {
            pause(Duration::from_millis(200)).await;
            for _ in 0..50 {
                let fares = within(Duration::from_secs(4), "another request", scene.fares(&token));
                assert_eq!(fares.await, 200);
            }
        };
        let ((answer, lasted), ()) = futures_util::join!(waits, others);
        answer.is_error(503, "identity_unavailable", "gateway");
        assert!(lasted < Duration::from_secs(8), "{lasted:?}");
    });
}

#[test]
fn keys_that_are_too_much_or_elsewhere_are_not_taken() {
    story(async {
        let scene = Scene::new().await;
        let token = scene.token().sign();
        assert_eq!(scene.fares(&token).await, 200);
        for behaviour in [
            Behaviour::Long(64 * 1024),
            Behaviour::Redirect("http://169.254.169.254/".to_owned()),
            Behaviour::Away,
        ] {
            scene.issuer.behave(behaviour.clone());
            // Other sources are looked at anew.
            scene.change_issuer(&json!({"jwks_uri": format!("{}/keys", scene.issuer.url())})).await;
            assert_eq!(scene.fares(&token).await, 503, "{behaviour:?}");
            scene.issuer.behave(Behaviour::Good);
            scene.change_issuer(&json!({"jwks_uri": ""})).await;
            eventually("the keys are known again", async || {
                (scene.fares(&token).await == 200).then_some(())
            })
            .await;
        }
    });
}

#[test]
fn keys_come_over_tls_by_a_private_authority_where_the_machine_trusts_it() {
    story(async {
        let builder = Gateway::builder();
        let (certificate, authority) = Certificate::of_authority(builder.folder());
        let gateway = builder.env("SSL_CERT_FILE", &authority).start().await;
        let elsewhere = tempfile::tempdir().unwrap();
        let (stranger, _) = Certificate::of_authority(elsewhere.path());
        let (good, untrusted) =
            (Issuer::start_tls(&certificate).await, Issuer::start_tls(&stranger).await);
        gateway.app("billing").create().await;
        let registered = |name: &str, issuer: &Issuer, allow_private: bool| {
            json!({
                "name": name, "url": issuer.url(), "allow_private": allow_private,
                "audiences": ["https://gw.example/plugins/{slug}"], "clients": {"svc": "billing"},
            })
        };
        for issuer in [registered("good", &good, true), registered("stranger", &untrusted, true)] {
            let _: Value = gateway.admin().post("issuers", &issuer).await;
        }
        let plugin = gateway.plugin("r").program("e2e-plugin-routes");
        let plugin = plugin.option("issuers", "good,stranger").option("require_auth", "true");
        plugin.ready().await;
        let ask = async |issuer: &Issuer| {
            let token = issuer.token("svc", "https://gw.example/plugins/r").sign();
            gateway.get("/plugins/r/context").bearer(&token).send().await
        };
        assert_eq!(ask(&good).await.expect(200).json()["jwt_issuer"], good.url());
        ask(&untrusted).await.is_error(503, "identity_unavailable", "gateway");
        assert_eq!(untrusted.asked(), 0, "it hears nothing of what is asked");
        let error = async |number: u32| {
            let told: Value = gateway.admin().get(&format!("issuers/{number}")).await;
            told["attributes"]["keys"]["error"].as_str().map(str::to_owned)
        };
        let told = error(2).await.unwrap();
        assert!(told.contains("certificate"), "{told}");
        assert_eq!(error(1).await, None);
        // Trusted or not, it is near.
        gateway.admin().patch("issuers/1", &json!({"allow_private": false})).await;
        ask(&good).await.is_error(503, "identity_unavailable", "gateway");
        let told = eventually("it was asked for", async || error(1).await).await;
        assert!(told.contains("allow_private"), "{told}");
    });
}
