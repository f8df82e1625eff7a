//! The admin API as a client sees it: JSON in, JSON out, always with the admin token.

use crate::answer::Answer;
use crate::client::{Connection, Request, Version};
use crate::contract::{self, Asked};
use serde::de::DeserializeOwned;
use serde_json::Value;
use sidegate_api::error::ErrorBody;
use sidegate_api::resource::{Changed, ListOf, Resource, Shown};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

/// A client of the admin API.
#[derive(Clone)]
pub struct Admin {
    addr: SocketAddr,
    token: String,
    secrets: Arc<Mutex<Vec<String>>>,
}

impl Admin {
    pub(crate) fn new(addr: SocketAddr, token: String) -> Self {
        let secrets = Arc::new(Mutex::new(vec![token.clone()]));
        Self { addr, token, secrets }
    }

    /// The same at another address, where it listens after a restart.
    pub(crate) fn at(&self, addr: SocketAddr) -> Self {
        Self { addr, ..self.clone() }
    }

    /// Where it listens.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// The token that it asks with.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Asks a probe on its port, without a token.
    ///
    /// # Panics
    /// When the answer is not as the API's document says.
    pub async fn probe(&self, path: &str) -> Answer {
        let answer = Request::new(self.addr, "GET", path).send().await;
        let asked = Asked { method: "GET", path };
        contract::check(&asked, answer.status, &answer.headers, &answer.body);
        answer
    }

    /// Notes a text that must never show in a log.
    pub fn keep_secret(&self, text: &str) {
        self.secrets.lock().unwrap_or_else(PoisonError::into_inner).push(text.to_owned());
    }

    /// Every text that must never show in a log.
    pub(crate) fn secrets(&self) -> Vec<String> {
        self.secrets.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Asks; gives the status and the body, which is null where there is none. The path is below
    /// `/api/v1/`.
    ///
    /// # Panics
    /// When the answer is not as the API's document says.
    pub async fn call(&self, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
        self.call_as(Some(&self.token), method, path, body).await
    }

    /// The same under another token, or without one.
    ///
    /// # Panics
    /// As [`Admin::call`].
    pub async fn call_as(
        &self,
        token: Option<&str>,
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> (u16, Value) {
        let bearer = token.map(|token| format!("Bearer {token}"));
        let headers: Vec<_> =
            bearer.iter().map(|value| ("authorization", value.as_str())).collect();
        let answer = self.call_with(&headers, method, path, body).await;
        let json = if answer.body.is_empty() { Value::Null } else { answer.json() };
        (answer.status.as_u16(), json)
    }

    /// The same with these headers and nothing that says who asks.
    ///
    /// # Panics
    /// As [`Admin::call`].
    pub async fn call_with(
        &self,
        headers: &[(&str, &str)],
        method: &str,
        path: &str,
        body: Option<&Value>,
    ) -> Answer {
        let connection = Connection::open(self.addr, Version::Http1).await;
        let path = format!("/api/v1/{path}");
        let mut request = connection.request(method, &path);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        let stream = request.try_open().await.expect("the admin API answers");
        let answer = stream.whole().await.expect("the admin API answers completely");
        assert!(answer.headers.contains_key("x-request-id"), "{method} {path}: no request id");
        let asked = Asked { method, path: &path };
        contract::check(&asked, answer.status, &answer.headers, &answer.body);
        answer
    }

    /// Asks for something; gives the `data` of the answer.
    ///
    /// # Panics
    /// When it is refused.
    pub async fn get(&self, path: &str) -> Value {
        self.done("GET", path, None).await
    }

    /// Asks for a thing, as its type.
    ///
    /// # Panics
    /// When it is refused.
    pub async fn show<A: DeserializeOwned>(&self, path: &str) -> Resource<A> {
        let json = self.whole("GET", path, None).await;
        serde_json::from_value::<Shown<A>>(json).expect("a thing of this type").data
    }

    /// Creates something; gives it as its type.
    ///
    /// # Panics
    /// When it is refused.
    pub async fn create<A: DeserializeOwned>(&self, path: &str, body: &Value) -> Resource<A> {
        let json = self.whole("POST", path, Some(body)).await;
        serde_json::from_value::<Changed<A>>(json).expect("a new thing of this type").data
    }

    /// Asks for a list that is on one page, as its type.
    ///
    /// # Panics
    /// When it is refused.
    pub async fn list<A: DeserializeOwned>(&self, path: &str) -> Vec<Resource<A>> {
        let json = self.whole("GET", path, None).await;
        serde_json::from_value::<ListOf<A>>(json).expect("a list of this type").data
    }

    /// Creates something or makes something happen; gives the `data` of the answer.
    ///
    /// # Panics
    /// When it is refused.
    pub async fn post(&self, path: &str, body: &Value) -> Value {
        self.done("POST", path, Some(body)).await
    }

    /// Changes something; gives the `data` of the answer.
    ///
    /// # Panics
    /// When it is refused.
    pub async fn patch(&self, path: &str, body: &Value) -> Value {
        self.done("PATCH", path, Some(body)).await
    }

    /// Deletes something.
    ///
    /// # Panics
    /// When it is refused.
    pub async fn delete(&self, path: &str) {
        self.done("DELETE", path, None).await;
    }

    /// Asks for something that must be refused; gives the status and everything that was said.
    ///
    /// # Panics
    /// When it is done.
    pub async fn refused(&self, method: &str, path: &str, body: &Value) -> (u16, String) {
        let (status, json) = self.call(method, path, Some(body)).await;
        assert!(status >= 400, "{method} {path} was not refused: {json}");
        let body: ErrorBody = serde_json::from_value(json).expect("the body of an error");
        let details: Vec<_> = body.errors.into_iter().map(|error| error.detail).collect();
        (status, details.join("\n"))
    }

    async fn done(&self, method: &str, path: &str, body: Option<&Value>) -> Value {
        self.whole(method, path, body).await["data"].take()
    }

    async fn whole(&self, method: &str, path: &str, body: Option<&Value>) -> Value {
        let (status, json) = self.call(method, path, body).await;
        assert!((200..300).contains(&status), "{method} {path}: {status} {json}");
        json
    }
}
