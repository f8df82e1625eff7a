//! Client certificates that only seem to name somebody, or to count still.

use crate::client_certificates::{PATH, Scene, fares};
use serde_json::json;
use sidegate_e2e::{Certificate, ClientAuthority, Connection, Version, eventually, story};
use std::time::Duration;

#[test]
fn what_a_header_says_of_a_certificate_is_not_believed() {
    story(async {
        let scene = Scene::new().await;
        let connection = scene.connection(None).await;
        let pem = std::fs::read_to_string(scene.billing().certificate).unwrap();
        let one_line = pem.replace('\n', "%0A");
        for (name, value) in [
            ("x-forwarded-client-cert", "URI=spiffe://corp/billing;By=spiffe://corp/gw"),
            ("x-client-cert", one_line.as_str()),
            ("x-ssl-client-cert", one_line.as_str()),
            ("ssl-client-verify", "SUCCESS"),
            ("client-cert", ":MIIB:"),
        ] {
            let answer = connection.request("GET", PATH).header(name, value).send().await;
            assert_eq!(answer.status, 401, "{name}");
        }
    });
}

#[test]
fn a_client_is_never_named_by_what_only_looks_like_its_name() {
    story(async {
        let scene = Scene::new().await;
        scene.gateway.app("shop").create().await;
        let clients = json!({
            "uri:spiffe://corp/billing": "billing", "dns:shop.corp.example": "shop",
        });
        scene.change_issuer(&json!({ "clients": clients })).await;
        let uri = |text: &str| rcgen::SanType::URI(text.try_into().unwrap());
        let dns = |text: &str| rcgen::SanType::DnsName(text.try_into().unwrap());
        for (at, name) in [
            uri("SPIFFE://corp/billing"),
            uri("spiffe://CORP/billing"),
            uri("spiffe://corp/billing/"),
            uri("spiffe://corp/billing?x"),
            uri("spiffe://corp/%62illing"),
            uri("dns:shop.corp.example"),
            uri("uri:spiffe://corp/billing"),
            dns("*.corp.example"),
            dns("*"),
            dns("x.shop.corp.example"),
            rcgen::SanType::Rfc822Name("shop.corp.example".try_into().unwrap()),
        ]
        .into_iter()
        .enumerate()
        {
            let client = scene.authority.client(&format!("n{at}"), |params| {
                params.subject_alt_names = vec![name.clone()];
                // Its subject is not read.
                params.distinguished_name.push(rcgen::DnType::CommonName, "shop.corp.example");
            });
            assert_eq!(fares(&scene.connection(Some(&client)).await).await, 401, "{name:?}");
        }
        let none = scene.authority.client("none", |params| {
            params.subject_alt_names.clear();
            params.distinguished_name.push(rcgen::DnType::CommonName, "shop.corp.example");
        });
        assert_eq!(fares(&scene.connection(Some(&none)).await).await, 401);
        let good = scene.authority.client("good", |params| {
            params.subject_alt_names = vec![dns("SHOP.corp.example")];
        });
        assert_eq!(fares(&scene.connection(Some(&good)).await).await, 200);
    });
}

#[test]
fn a_connection_that_outlives_an_authority_between_is_401_from_then_on() {
    story(async {
        let scene = Scene::new().await;
        let between = scene.authority.below("between", Duration::from_secs(6));
        let client = between.client("billing", |_| {});
        let connection = scene.connection(Some(&client)).await;
        assert_eq!(fares(&connection).await, 200);
        eventually("who stands between has expired", async || {
            (fares(&connection).await == 401).then_some(())
        })
        .await;
        assert!(!scene.lets_in(Some(&client)).await);
        assert_eq!(fares(&scene.connection(Some(&scene.billing())).await).await, 200);
    });
}

#[test]
fn a_session_that_is_gone_on_with_brings_back_no_certificate_that_does_not_count_any_more() {
    story(async {
        let scene = Scene::new().await;
        let client = scene.billing();
        let connector = scene.server.connector(&["http/1.1"], Some(&client));
        let again = async || {
            let tls = Certificate::connect_by(&connector, scene.gateway.addr()).await.ok()?;
            let kind = tls.get_ref().1.handshake_kind();
            let connection = Connection::over(tls, Version::Http1, "localhost").await;
            let answer = connection.request("GET", PATH).try_send().await.ok()?;
            Some((kind, answer.status.as_u16()))
        };
        assert_eq!(again().await.map(|it| it.1), Some(200));
        let resumed = Some(rustls::HandshakeKind::Resumed);
        assert_eq!(again().await, Some((resumed, 200)), "it is still vouched for");
        scene.change_issuer(&json!({"clients": {}})).await;
        assert_eq!(again().await, Some((resumed, 401)), "it is bound no more");
        let clients = json!({"uri:spiffe://corp/billing": "billing"});
        scene.change_issuer(&json!({ "clients": clients })).await;
        assert_eq!(again().await.map(|it| it.1), Some(200));
        let elsewhere = tempfile::tempdir().unwrap();
        let other = ClientAuthority::made(elsewhere.path(), "other");
        std::fs::copy(&other.certificate, &scene.authority.certificate).unwrap();
        eventually("the authority is gone", async || {
            again().await.is_none_or(|it| it.1 == 401).then_some(())
        })
        .await;
        for _ in 0..3 {
            assert!(again().await.is_none_or(|it| it.1 == 401));
        }
    });
}
