//! Sessions of the console, where time, the database and the root token are what decides.

use crate::harness::{ADMIN_TOKEN, Admin, Answer, send};
use crate::signed_in::Session;
use http::HeaderMap;
use reqwest::{Method, RequestBuilder};
use serde_json::json;
use sidegate_control::ClientAddresses;
use sidegate_model::actor::Who;
use sidegate_model::clock::now_millis;
use sidegate_model::role::Role;
use sidegate_model::token::TokenHash;
use sidegate_store::{NewConsoleLink, NewUser, Page, SessionHolder};
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

#[tokio::test]
async fn a_session_that_nobody_uses_ends_and_one_that_is_used_goes_on() {
    let admin = Admin::start_with(|settings| {
        settings.console.idle_timeout = Duration::from_secs(60 * 60);
    })
    .await;
    let session = admin.sign_in().await;
    let shown = session.ask(&admin, Method::GET, "/api/v1/session").await.expect(200);
    let before = shown.attributes()["last_used_at"].clone();
    assert_eq!(shown.attributes()["current"], true);
    session.ask(&admin, Method::GET, "/api/v1/session").await.expect(200);
    admin.control.write_notes().await.unwrap();
    let again = session.ask(&admin, Method::GET, "/api/v1/session").await.expect(200);
    assert_eq!(again.attributes()["last_used_at"], before, "not with each request");

    let short = Admin::start_with(|settings| {
        settings.console.idle_timeout = Duration::from_millis(1);
    })
    .await;
    let session = short.sign_in().await;
    // A millisecond has passed by the time of the next request, or of one of those after it.
    let mut last = session.ask(&short, Method::GET, "/api/v1/session").await;
    while last.status == 200 {
        last = session.ask(&short, Method::GET, "/api/v1/session").await;
    }
    assert_eq!(last.expect(401).json["code"], "unauthorized");
}

#[tokio::test]
async fn a_link_that_is_too_old_or_of_another_root_token_lets_nobody_in() {
    let admin = Admin::start().await;
    let rows = [
        (SessionHolder::Root(TokenHash::of("another root token")), now_millis() + 60_000),
        (SessionHolder::Root(TokenHash::of("whichever")), 1),
    ];
    for (number, (holder, expires_at)) in rows.into_iter().enumerate() {
        let secret = format!("sgc_link-{number}");
        let hash = TokenHash::of(&secret);
        let new =
            NewConsoleLink { hash, holder, who: Who::Root, expires_at, session_ends_at: None };
        admin.store.create_console_link(&new).await.unwrap();
        let answer = admin.signing_in(json!({ "link": secret })).await.expect(401);
        assert!(answer.details()[0].contains("sidegate console link"), "{:?}", answer.details());
    }
    let of_jane = admin.store.create_user(&NewUser::new("jane", Role::Viewer)).await.unwrap();
    let secret = "sgc_link-of-jane";
    let who = Who::of_user(of_jane.id, "jane");
    let (holder, expires_at) = (SessionHolder::User(of_jane.id), now_millis() - 1);
    let new = NewConsoleLink {
        hash: TokenHash::of(secret),
        holder,
        who,
        expires_at,
        session_ends_at: None,
    };
    admin.store.create_console_link(&new).await.unwrap();
    admin.signing_in(json!({ "link": secret })).await.expect(401);
    let good = NewConsoleLink { expires_at: now_millis() + 60_000, ..new };
    let good = NewConsoleLink { hash: TokenHash::of("sgc_good"), ..good };
    admin.store.create_console_link(&good).await.unwrap();
    let answer = admin.signing_in(json!({ "link": "sgc_good" })).await.expect(200);
    assert_eq!(
        (&answer.attributes()["user"], &answer.attributes()["role"]),
        (&json!("jane"), &json!("viewer"))
    );
}

#[tokio::test]
async fn a_cookie_without_its_key_opens_nothing_and_the_audit_log_says_whose_it_was() {
    let admin = Admin::start().await;
    let (session, other) = (admin.sign_in().await, admin.sign_in().await);
    let by = async |keys: &[&str]| {
        let request =
            admin.request(Method::GET, "/api/v1/session").header("cookie", &session.cookie);
        let request = request.header("sec-fetch-site", "same-origin");
        let with_key =
            |request: RequestBuilder, key: &&str| request.header("x-sidegate-session", *key);
        send(keys.iter().fold(request, with_key)).await
    };
    by(&[&session.key]).await.expect(200);
    let nobody =
        Session { cookie: "__Host-sidegate_console=sgc_x".to_owned(), key: "x".to_owned() };
    let of_nobody = nobody.ask(&admin, Method::GET, "/api/v1/session").await.expect(401);
    for keys in [&[][..], &[""], &[&other.key], &[&session.key, &session.key], &[&session.cookie]] {
        let refused = by(keys).await.expect(401);
        assert_eq!(refused.details(), of_nobody.details(), "as of a cookie of nobody");
    }
    // Nor does it end the session where somebody else signs in.
    let request = admin.request(Method::POST, "/api/v1/session").header("cookie", &session.cookie);
    let request = request.json(&json!({ "admin_token": ADMIN_TOKEN }));
    send(request.header("sec-fetch-site", "same-origin")).await.expect(200);
    by(&[&session.key]).await.expect(200);
    admin.control.write_notes().await.unwrap();
    let noted = admin.get("/api/v1/audit?outcome=refused").await.expect(200).json;
    let noted = noted["data"].as_array().unwrap().clone();
    let details: Vec<_> = noted.iter().map(|entry| &entry["attributes"]["detail"]).collect();
    for told in ["without its key", "with a wrong key"] {
        let told = format!("the cookie of a session came {told}");
        assert!(details.iter().any(|detail| **detail == told), "{told}: {details:?}");
    }
}

/// The secret of a new link.
async fn link_of(answer: Answer) -> String {
    let answer = answer.expect(200);
    let url = answer.attributes()["url"].as_str().expect("an address");
    url.split_once("#link=").expect("a secret in it").1.to_owned()
}

#[tokio::test]
async fn a_link_that_a_session_made_gives_no_session_that_outlives_it() {
    let admin = Admin::start().await;
    let kept = async |link: &str| {
        let kept = admin.store.view().console_link_by_hash(TokenHash::of(link)).await.unwrap();
        kept.unwrap().session_ends_at
    };
    let mut session = admin.sign_in().await;
    let path = "/api/v1/session";
    let ends = session.ask(&admin, Method::GET, path).await.attributes()["expires_at"].clone();
    for _ in 0..2 {
        let links = "/api/v1/console-links";
        let link = link_of(session.ask(&admin, Method::POST, links).await).await;
        assert!(kept(&link).await.is_some());
        let begun = admin.signing_in(json!({ "link": link })).await.expect(200);
        assert_eq!(begun.attributes()["expires_at"], ends);
        session = Session::of(&begun);
    }
    let by_token = link_of(admin.post("/api/v1/console-links", json!({})).await).await;
    assert_eq!(kept(&by_token).await, None, "whoever has a token can sign in anew anyway");
    admin.signing_in(json!({ "link": by_token })).await.expect(200);

    let jane = admin.store.create_user(&NewUser::new("jane", Role::Viewer)).await.unwrap();
    let now = now_millis();
    for (number, (ends_at, status)) in [(now - 1, 401), (now + 60_000, 200)].into_iter().enumerate()
    {
        let secret = format!("sgc_link-of-jane-{number}");
        let new = NewConsoleLink {
            hash: TokenHash::of(&secret),
            holder: SessionHolder::User(jane.id),
            who: Who::of_user(jane.id, "jane"),
            expires_at: now + 60_000,
            session_ends_at: Some(ends_at),
        };
        admin.store.create_console_link(&new).await.unwrap();
        let answer = admin.signing_in(json!({ "link": secret })).await.expect(status);
        if status == 200 {
            let session = Session::of(&answer);
            let stored = admin.store.view().list_console_sessions(now, 0, Page::default()).await;
            let stored = stored.unwrap().items.remove(0);
            assert_eq!(stored.expires_at, ends_at);
            session.ask(&admin, Method::GET, path).await.expect(200);
        }
    }
}

#[tokio::test]
async fn what_a_page_asks_by_itself_is_no_use_of_a_session() {
    let admin = Admin::start_with(|settings| {
        settings.console.idle_timeout = Duration::from_secs(2);
    })
    .await;
    let (used, left) = (admin.sign_in().await, admin.sign_in().await);
    let path = "/api/v1/session";
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        used.ask(&admin, Method::GET, path).await.expect(200);
        let request = left.with(admin.request(Method::GET, path));
        let answer = send(request.header("x-sidegate-background", "1")).await;
        if answer.status == 401 {
            break;
        }
        assert!(Instant::now() < deadline, "a page that asks by itself keeps its session");
        admin.control.write_notes().await.unwrap();
    }
}

#[tokio::test]
async fn sessions_are_listed_for_admins_and_ended_by_them() {
    let admin = Admin::start().await;
    let (first, second) = (admin.sign_in().await, admin.sign_in().await);
    let listed = second.ask(&admin, Method::GET, "/api/v1/sessions").await.expect(200);
    let sessions = listed.json["data"].as_array().unwrap();
    let current: Vec<_> = sessions.iter().map(|one| &one["attributes"]["current"]).collect();
    assert_eq!(current, [true, false]);
    let (secret, told) = (first.cookie.split_once('=').unwrap().1, listed.json.to_string());
    assert!(!told.contains(secret) && !told.contains(&first.key) && !told.contains("\"key\""));
    let other = sessions[1]["id"].as_str().unwrap();
    let path = format!("/api/v1/sessions/{other}");
    second.ask(&admin, Method::DELETE, &path).await.expect(204);
    first.ask(&admin, Method::GET, "/api/v1/session").await.expect(401);
    admin.delete(&path).await.expect(404);
    admin.get("/api/v1/session").await.expect(404);
}

#[tokio::test]
async fn whoever_signs_in_says_how_and_only_so() {
    let admin = Admin::start().await;
    for wrong in [
        json!({}),
        json!({"name": "jane"}),
        json!({"admin_token": ADMIN_TOKEN, "link": "x"}),
        json!({"name": "jane", "password": "x", "admin_token": ADMIN_TOKEN}),
    ] {
        admin.signing_in(wrong).await.expect(400);
    }
    for wrong in ["sga_nobody", "sgt_nobody", "", ADMIN_TOKEN.trim_start_matches("sga_")] {
        let answer = admin.signing_in(json!({ "admin_token": wrong })).await.expect(401);
        assert!(!answer.headers.contains_key("set-cookie"));
    }
}

/// Believes whoever connects.
struct ByHeader;

impl ClientAddresses for ByHeader {
    fn client(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let told = headers.get("x-forwarded-for").and_then(|text| text.to_str().ok());
        told.and_then(|text| text.parse().ok()).unwrap_or(peer)
    }
}

#[tokio::test]
async fn whoever_fails_under_a_name_locks_nobody_out_but_themselves() {
    let admin = Admin::start_with(|settings| settings.clients = Some(Arc::new(ByHeader))).await;
    let right = "correct horse battery";
    let body = json!({"name": "jane", "role": "viewer", "password": right});
    admin.post("/api/v1/users", body).await.expect(201);
    let try_from = async |from: &str, password: &str| {
        let request = admin.request(Method::POST, "/api/v1/session");
        let request = request.json(&json!({"name": "jane", "password": password}));
        let request = request.header("x-forwarded-for", from);
        send(request.header("sec-fetch-site", "same-origin")).await
    };
    let mut failed = 0;
    while try_from("192.0.2.1", "not the password").await.status == 401 {
        failed += 1;
        // One more is forgiven now and then, however long these take.
        assert!(failed < 100, "there is a limit");
    }
    assert!(failed >= 10, "{failed}");
    let barred = try_from("192.0.2.1", right).await.expect(429);
    assert!(barred.header("retry-after").parse::<u32>().unwrap() >= 1);
    try_from("192.0.2.2", right).await.expect(200);
    try_from("2001:db8::7", right).await.expect(200);
    try_from("192.0.2.1", right).await.expect(429);
}

#[tokio::test]
async fn a_password_is_in_no_answer() {
    let admin = Admin::start().await;
    let body = json!({"name": "jane", "role": "viewer", "password": "correct horse battery"});
    let made = admin.post("/api/v1/users", body).await.expect(201);
    assert_eq!(made.attributes()["has_password"], true);
    for path in ["/api/v1/users", "/api/v1/users/1", "/api/v1/audit"] {
        let shown = admin.get(path).await.expect(200).json.to_string();
        assert!(!shown.contains("horse") && !shown.contains("argon2"), "{shown}");
    }
    let short = json!({"name": "joe", "role": "viewer", "password": "hunter2"});
    let refused = admin.post("/api/v1/users", short).await.expect(400);
    assert!(!refused.json.to_string().contains("hunter2"));
}
