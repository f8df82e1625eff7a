//! Apps and their tokens through the admin API.

use crate::admin::Admin;
use serde_json::{Value, json};
use sidegate_api::app::AppAttributes;
use sidegate_api::resource::Resource;
use sidegate_api::token::TokenAttributes;

/// An app that is being registered.
#[must_use = "an app is registered by create"]
pub struct AppBuilder {
    admin: Admin,
    fields: Value,
}

impl AppBuilder {
    pub(crate) fn new(admin: Admin, name: &str) -> Self {
        let fields = json!({"name": name, "owner_email": "owner@example.com"});
        Self { admin, fields }
    }

    /// Sets a field.
    pub fn field(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.fields[name] = value.into();
        self
    }

    /// Requests a minute.
    pub fn rate_limit(self, limit: u32) -> Self {
        self.field("rate_limit", limit)
    }

    /// The operator's values.
    pub fn metadata(self, metadata: Value) -> Self {
        self.field("metadata", metadata)
    }

    /// Registers it.
    ///
    /// # Panics
    /// When it is refused.
    pub async fn create(self) -> App {
        let app: Resource<AppAttributes> = self.admin.create("apps", &self.fields).await;
        App { id: app.id.parse().expect("an app has a number"), admin: self.admin }
    }
}

/// A registered app.
pub struct App {
    /// Its number.
    pub id: u32,
    admin: Admin,
}

impl App {
    /// Begins a token.
    pub fn token(&self) -> TokenBuilder {
        TokenBuilder { admin: self.admin.clone(), fields: json!({"app_id": self.id}) }
    }

    /// Changes fields of it.
    pub async fn change(&self, fields: &Value) {
        self.admin.patch(&format!("apps/{}", self.id), fields).await;
    }

    /// Deletes it.
    pub async fn delete(&self) {
        self.admin.delete(&format!("apps/{}", self.id)).await;
    }
}

/// A token that is being made.
#[must_use = "a token is made by create"]
pub struct TokenBuilder {
    admin: Admin,
    fields: Value,
}

impl TokenBuilder {
    /// What it allows.
    pub fn scopes(mut self, scopes: &[&str]) -> Self {
        self.fields["scopes"] = json!(scopes);
        self
    }

    /// For how long it is valid, as in `24h`.
    pub fn expires_in(mut self, duration: &str) -> Self {
        self.fields["expires_in"] = json!(duration);
        self
    }

    /// Makes it and gives its text.
    ///
    /// # Panics
    /// When it is refused.
    pub async fn create(self) -> String {
        self.create_with_id().await.0
    }

    /// Makes it and gives its text and its number.
    ///
    /// # Panics
    /// When it is refused.
    pub async fn create_with_id(self) -> (String, u32) {
        let token: Resource<TokenAttributes> = self.admin.create("tokens", &self.fields).await;
        let text = token.attributes.token.expect("a new token shows its text");
        self.admin.keep_secret(&text);
        (text, token.id.parse().expect("a token has a number"))
    }
}
