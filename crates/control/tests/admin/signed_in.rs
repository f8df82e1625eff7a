//! A browser that is signed in: the cookie of its session, the key beside it, and requests with both.

#![expect(clippy::unwrap_used, reason = "a harness fails like the test it serves")]

use crate::harness::{ADMIN_TOKEN, Admin, Answer, send};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

/// What a page of the console has of a session.
pub(crate) struct Session {
    pub(crate) cookie: String,
    pub(crate) key: String,
}

impl Session {
    /// Of the answer to signing in.
    pub(crate) fn of(answer: &Answer) -> Self {
        let cookie = answer.header("set-cookie").split(';').next().unwrap().to_owned();
        let key = answer.attributes()["key"].as_str().unwrap().to_owned();
        Self { cookie, key }
    }

    /// A request as a page of the console makes it.
    pub(crate) fn with(&self, request: RequestBuilder) -> RequestBuilder {
        let request = request.header("cookie", &self.cookie);
        let request = request.header("x-sidegate-session", &self.key);
        request.header("sec-fetch-site", "same-origin")
    }

    /// Asks so, and says JSON.
    pub(crate) async fn ask(&self, admin: &Admin, method: Method, path: &str) -> Answer {
        let request = admin.request(method, path).header("content-type", "application/json");
        send(self.with(request)).await
    }
}

impl Admin {
    /// What a page says that signs in.
    pub(crate) async fn signing_in(&self, with: Value) -> Answer {
        let request = self.request(Method::POST, "/api/v1/session").json(&with);
        send(request.header("sec-fetch-site", "same-origin")).await
    }

    /// A new session of root.
    pub(crate) async fn sign_in(&self) -> Session {
        let answer = self.signing_in(json!({ "admin_token": ADMIN_TOKEN })).await;
        Session::of(&answer.expect(200))
    }
}
