//! Who gets in, on every route there is.

use crate::harness::{ADMIN_TOKEN, Admin, send};
use reqwest::Method;
use serde_json::Value;
use sidegate_api::document::document;
use sidegate_model::role::Role;
use sidegate_store::Precondition;

/// An operation as the document tells it.
struct Probed {
    method: Method,
    /// With a number in it.
    path: String,
    /// The role that it needs; none for one that needs no token.
    role: Option<Role>,
    /// Whether the document says that it can be refused for a role.
    has_403: bool,
}

/// Every operation of the document.
fn all() -> Vec<Probed> {
    let document = document();
    let either = serde_json::json!([
        { "admin_token": [] }, { "console_session": [], "console_session_key": [] },
    ]);
    assert_eq!(document["security"], either);
    let paths = document["paths"].as_object().expect("paths");
    let operations = paths.iter().flat_map(|(path, methods)| {
        let methods = methods.as_object().expect("methods").iter();
        methods.map(move |(method, operation)| probed(path, method, operation))
    });
    operations.collect()
}

fn probed(path: &str, method: &str, operation: &Value) -> Probed {
    let role = operation["x-sidegate-role"].as_str().map(|role| Role::parse(role).expect("a role"));
    assert_eq!(role.is_none(), operation["security"] == serde_json::json!([]), "{method} {path}");
    Probed {
        method: method.to_uppercase().parse().expect("a method"),
        path: path.replace("{id}", "1").replace("{owner}", "1"),
        role,
        has_403: operation["responses"]["403"].is_object(),
    }
}

#[tokio::test]
async fn every_operation_of_the_document_refuses_whoever_is_not_let_in() {
    let admin = Admin::start().await;
    let (revoked, expired) = (
        admin.admin_token("gone", Role::Admin).await,
        admin.admin_token_until("old", Role::Admin, Some(1)).await,
    );
    let gone = admin.store.admin_token_by_name("gone").await.unwrap().id;
    send(admin.request(Method::GET, "/api/v1/plugins").bearer_auth(&revoked)).await.expect(200);
    admin.store.revoke_admin_token(gone, &Precondition::None).await.unwrap();
    let (open, over) = (admin.sign_in().await, admin.sign_in().await);
    over.ask(&admin, Method::DELETE, "/api/v1/session").await.expect(204);
    let protected: Vec<_> = all().into_iter().filter(|probed| probed.role.is_some()).collect();
    assert!(protected.len() >= 33, "the document is empty?");
    for Probed { method, path, .. } in protected {
        let bearer = |token: &str| format!("Bearer {token}");
        let wrong = [
            String::new(),
            bearer("wrong"),
            bearer("sga_of-nobody-0123456789"),
            "Basic c2dhOng=".to_owned(),
            ADMIN_TOKEN.to_owned(),
            bearer(&expired),
            bearer(&revoked),
        ];
        for value in wrong {
            let mut request = admin.request(method.clone(), &path).body("{not json");
            if !value.is_empty() {
                request = request.header("authorization", &value);
            }
            let answer = send(request).await.expect(401);
            assert!(answer.header("www-authenticate").starts_with("Bearer"), "{method} {path}");
        }
        let request = || admin.request(method.clone(), &path).body("{not json");
        let foreign = request().header("cookie", &open.cookie);
        let without_key =
            request().header("cookie", &open.cookie).header("sec-fetch-site", "same-origin");
        let wrong_key = admin.request(method.clone(), &path).header("cookie", &open.cookie);
        let wrong_key = wrong_key.header("sec-fetch-site", "same-origin");
        let wrong_key = wrong_key.header("x-sidegate-session", &over.key);
        for (request, code) in [
            (foreign, "cross_site"),
            (over.with(request()), "unauthorized"),
            (without_key, "unauthorized"),
            (wrong_key, "unauthorized"),
        ] {
            let answer = send(request).await;
            assert_eq!(answer.json["code"], code, "{method} {path}");
        }
        let by_query = format!("{path}?token={ADMIN_TOKEN}");
        send(admin.request(method.clone(), &by_query)).await.expect(401);
        let answer = admin.call(method.clone(), &path, None).await;
        assert!(![401, 403, 405].contains(&answer.status.as_u16()), "{method} {path}");
    }
}

#[tokio::test]
async fn every_operation_of_the_document_takes_a_session_of_a_page_and_changes_by_json_only() {
    let admin = Admin::start().await;
    for Probed { method, path, role, .. } in all() {
        if role.is_none() {
            continue;
        }
        let session = admin.sign_in().await;
        let request = || session.with(admin.request(method.clone(), &path));
        if method != Method::GET {
            let plain = request().header("content-type", "text/plain").body("{}");
            send(plain).await.expect(415);
            send(request()).await.expect(415);
        }
        let json = request().header("content-type", "application/json").body("{not json");
        let answer = send(json).await;
        let status = answer.status.as_u16();
        assert!(![401, 403, 405, 415].contains(&status), "{method} {path}: {:?}", answer.json);
    }
}

#[tokio::test]
async fn every_operation_of_the_document_is_for_its_role_and_every_stronger_one_only() {
    let admin = Admin::start().await;
    let mut tokens = Vec::new();
    for role in Role::ALL {
        tokens.push((role, admin.admin_token(role.as_str(), role).await));
    }
    let mut refused = 0;
    for Probed { method, path, role, has_403 } in all() {
        let Some(needed) = role else { continue };
        for (role, token) in &tokens {
            // The token itself is what is asked about first.
            let path = path.replace("admin-tokens/1", "admin-tokens/99");
            let request = admin.request(method.clone(), &path).bearer_auth(token);
            let answer = send(request.body("{not json")).await;
            let shown = format!("{method} {path} as {role}: {:?}", answer.json);
            if role.covers(needed) {
                assert!(![401, 403, 405].contains(&answer.status.as_u16()), "{shown}");
                continue;
            }
            refused += 1;
            assert_eq!((answer.status.as_u16(), has_403), (403, true), "{shown}");
            assert_eq!(answer.json["code"], "insufficient_role", "{shown}");
            let told = format!("needs the role {needed}, and this token has {role}");
            assert!(answer.details()[0].contains(&told), "{shown}");
        }
    }
    assert!(refused >= 26, "{refused}");
    assert_eq!(admin.snapshot().revision, 0, "nothing happened");
}

#[tokio::test]
async fn probes_stay_open_to_everybody() {
    let admin = Admin::start().await;
    let is_open = |probed: &Probed| probed.role.is_none() && probed.method == Method::GET;
    let open: Vec<_> = all().into_iter().filter(is_open).collect();
    assert_eq!(open.len(), 5);
    for Probed { method, path, .. } in open {
        for token in [None, Some("wrong"), Some(ADMIN_TOKEN)] {
            let mut request = admin.request(method.clone(), &path);
            if let Some(token) = token {
                request = request.bearer_auth(token);
            }
            let status = request.send().await.unwrap().status();
            assert_eq!(status, 200, "{path} with {token:?}");
        }
    }
}

#[tokio::test]
async fn only_probes_are_open_and_unknown_addresses_tell_strangers_nothing() {
    let admin = Admin::start().await;
    let health = send(admin.request(Method::GET, "/api/v1/health")).await.expect(200);
    assert_eq!(health.json, serde_json::json!({ "status": "ok" }));
    for path in ["/api", "/api/v1", "/api/v1/nothing", "/api/v1/plugins/1/x", "/healthy"] {
        send(admin.request(Method::GET, path)).await.expect(401);
        admin.get(path).await.expect(404);
    }
}

#[tokio::test]
async fn a_clients_request_id_comes_back() {
    let admin = Admin::start().await;
    let request = admin.request(Method::GET, "/api/v1/health").header("x-request-id", "mine-1");
    assert_eq!(send(request).await.header("x-request-id"), "mine-1");
    let request = admin.request(Method::GET, "/api/v1/health").header("x-request-id", "not <mine>");
    assert_ne!(send(request).await.header("x-request-id"), "not <mine>");
}
