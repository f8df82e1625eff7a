//! What the stories of the console share: a browser at its pages, and who signs in.

use serde_json::{Value, json};
use sidegate_e2e::{Admin, Answer, Connection, Gateway, Version};

pub(crate) const SAME_ORIGIN: (&str, &str) = ("sec-fetch-site", "same-origin");
pub(crate) const JSON: (&str, &str) = ("content-type", "application/json");
pub(crate) const KEY: &str = "x-sidegate-session";
/// What a page says of what it asks by itself.
pub(crate) const BACKGROUND: (&str, &str) = ("x-sidegate-background", "1");

/// A browser at a page of the console, with the cookie and the key that it was given.
pub(crate) struct Browser {
    pub(crate) admin: Admin,
    pub(crate) cookie: String,
    pub(crate) key: String,
}

/// What stands in no browser yet, in the place of a key.
pub(crate) const NO_KEY: &str = "none";

impl Browser {
    /// Signs in; gives the answer and what can be done with its cookie.
    pub(crate) async fn sign_in(
        admin: &Admin,
        with: &Value,
        before: Option<(&str, &str)>,
    ) -> (Answer, Self) {
        let mut headers = vec![SAME_ORIGIN];
        headers.extend(before.map(|(cookie, _)| ("cookie", cookie)));
        headers.extend(before.map(|(_, key)| (KEY, key)));
        let answer = admin.call_with(&headers, "POST", "session", Some(with)).await;
        let cookie = answer.header("set-cookie").unwrap_or_default();
        let cookie = cookie.split(';').next().unwrap_or_default().to_owned();
        if let Some((_, secret)) = cookie.split_once('=') {
            admin.keep_secret(secret);
        }
        let key = match answer.status.as_u16() {
            200 => answer.json()["data"]["attributes"]["key"].as_str().unwrap().to_owned(),
            _ => NO_KEY.to_owned(),
        };
        if key != NO_KEY {
            admin.keep_secret(&key);
        }
        (answer, Self { admin: admin.clone(), cookie, key })
    }

    /// What a page of the console sends along.
    pub(crate) fn headers(&self) -> [(&'static str, &str); 3] {
        [SAME_ORIGIN, ("cookie", &*self.cookie), (KEY, &*self.key)]
    }

    /// The same where it must succeed.
    pub(crate) async fn signed_in(admin: &Admin, with: &Value) -> Self {
        let (answer, browser) = Self::sign_in(admin, with, None).await;
        answer.expect(200);
        browser
    }

    pub(crate) async fn ask(&self, method: &str, path: &str, body: Option<&Value>) -> Answer {
        self.admin.call_with(&self.headers(), method, path, body).await
    }

    pub(crate) async fn ask_json(&self, method: &str, path: &str) -> Answer {
        let headers = [&self.headers()[..], &[JSON]].concat();
        self.admin.call_with(&headers, method, path, None).await
    }

    pub(crate) async fn sign_out(&self, path: &str) -> Answer {
        self.ask_json("DELETE", path).await
    }
}

/// The code of a refusal of this status.
pub(crate) fn code(answer: Answer, status: u16) -> String {
    answer.expect(status).json()["code"].as_str().unwrap().to_owned()
}

/// Makes a user; gives what they sign in with.
pub(crate) async fn user(gateway: &Gateway, name: &str, role: &str) -> Value {
    let made = gateway.cli().ok(&["user", "create", name, "--role", role, "--quiet"]).await;
    let password = made.trim().to_owned();
    gateway.admin().keep_secret(&password);
    json!({ "name": name, "password": password })
}

/// A new link's secret, which stands after the `#` of its address.
pub(crate) async fn link(gateway: &Gateway) -> String {
    let url = gateway.cli().ok(&["console", "link", "--quiet"]).await;
    let (page, secret) = url.trim().split_once("/console/sign-in#link=").unwrap();
    assert_eq!(page, format!("http://{}", gateway.admin().addr()));
    gateway.admin().keep_secret(secret);
    secret.to_owned()
}

/// A page of the admin port, as a browser opens it.
pub(crate) async fn gateway_page(gateway: &Gateway, path: &str) -> Answer {
    let connection = Connection::open(gateway.admin().addr(), Version::Http1).await;
    connection.request("GET", path).send().await
}
