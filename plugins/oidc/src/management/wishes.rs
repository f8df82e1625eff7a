//! What the page asks for, and what becomes of it in the configuration.

use serde::Deserialize;
use serde_json::{Map, Value, json};

/// A user by name.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct UserName {
    pub(crate) name: String,
}

/// A client by id.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ClientName {
    pub(crate) id: String,
}

/// A user to be made.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewUser {
    pub(crate) name: String,
    #[serde(default)]
    display_name: String,
    #[serde(default)]
    email: String,
    #[serde(default)]
    groups: Vec<String>,
}

impl NewUser {
    /// With a `sub` that nobody had before: whoever gets a name again is not who had it.
    pub(super) fn configured(&self, sub: &str, password_hash: &str) -> Value {
        let mut user = Map::new();
        user.insert("name".to_owned(), self.name.clone().into());
        user.insert("sub".to_owned(), sub.into());
        user.insert("password_hash".to_owned(), password_hash.into());
        put_text(&mut user, "display_name", &self.display_name);
        put_text(&mut user, "email", &self.email);
        put_list(&mut user, "groups", &self.groups);
        user.into()
    }
}

/// What becomes different of a user; what is not said stays.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct UserChange {
    pub(crate) name: String,
    display_name: Option<String>,
    email: Option<String>,
    groups: Option<Vec<String>>,
    disabled: Option<bool>,
}

impl UserChange {
    pub(super) fn apply(&self, user: &mut Map<String, Value>) {
        if let Some(text) = &self.display_name {
            put_text(user, "display_name", text);
        }
        if let Some(text) = &self.email {
            if user.get("email").and_then(Value::as_str) != Some(text) {
                // Nobody has looked at the new one.
                user.remove("email_verified");
            }
            put_text(user, "email", text);
        }
        if let Some(groups) = &self.groups {
            put_list(user, "groups", groups);
        }
        match self.disabled {
            Some(true) => drop(user.insert("disabled".to_owned(), true.into())),
            Some(false) => drop(user.remove("disabled")),
            None => {}
        }
    }
}

/// A client to be made.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewClient {
    pub(crate) id: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    pub(crate) public: bool,
    #[serde(default)]
    redirect_uris: Vec<String>,
    #[serde(default)]
    first_party: bool,
    /// For programs that ask for themselves, and sign in nobody.
    #[serde(default)]
    machine: bool,
}

impl NewClient {
    pub(super) fn configured(&self, secret_hash: Option<String>) -> Value {
        let mut client = Map::new();
        client.insert("id".to_owned(), self.id.clone().into());
        put_text(&mut client, "name", &self.name);
        put_list(&mut client, "redirect_uris", &self.redirect_uris);
        if let Some(hash) = secret_hash {
            client.insert("secret_hash".to_owned(), hash.into());
        }
        if self.machine {
            client.insert("grants".to_owned(), json!(["client_credentials"]));
        }
        if self.first_party {
            client.insert("first_party".to_owned(), true.into());
        }
        client.into()
    }
}

/// An empty text is none.
fn put_text(into: &mut Map<String, Value>, key: &str, text: &str) {
    match text.trim() {
        "" => drop(into.remove(key)),
        text => drop(into.insert(key.to_owned(), text.into())),
    }
}

/// Without empty ones, each once; an empty list is none.
fn put_list(into: &mut Map<String, Value>, key: &str, texts: &[String]) {
    let mut list: Vec<&str> = Vec::new();
    for text in texts.iter().map(|text| text.trim()).filter(|text| !text.is_empty()) {
        if !list.contains(&text) {
            list.push(text);
        }
    }
    match list.is_empty() {
        true => drop(into.remove(key)),
        false => drop(into.insert(key.to_owned(), json!(list))),
    }
}
