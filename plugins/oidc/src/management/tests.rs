//! What the page does, as the console asks for it.

use serde_json::{Value, json};
use sidegate_sdk::testing::Host;
use sidegate_sdk::{Config, Result};

use crate::plugin;
use crate::settings::Settings;

async fn console() -> Result<Host> {
    let config = [("slug", "id"), ("issuer", "https://login.example.com")];
    Host::start(plugin(), config).granting(["kv.readwrite", "plugins.write"]).in_console().await
}

fn text(answer: &Value, key: &str) -> String {
    answer[key].as_str().unwrap_or_default().to_owned()
}

/// What the provider makes of what is configured now.
fn settings(host: &Host) -> Settings {
    let configured = |key: &str| host.configured(key).unwrap_or_else(|| json!([])).to_string();
    let users = ("users".to_owned(), configured("users"));
    let clients = ("clients".to_owned(), configured("clients"));
    let config: Config =
        [("slug".to_owned(), "id".to_owned()), users, clients].into_iter().collect();
    Settings::read(&config).unwrap()
}

#[tokio::test]
async fn a_user_is_made_changed_switched_off_and_removed() -> Result<()> {
    let host = console().await?;
    let new = json!({"name": "ann", "email": "ann@example.com", "groups": ["ops", "", "ops"]});
    let password = text(&host.call("add_user", new.clone()).await?, "password");
    assert_eq!(password.len(), 22);
    let ann = settings(&host).users["ann"].clone();
    assert_eq!(ann.groups, ["ops"]);
    let again = host.call("add_user", new).await.expect_err("twice").to_string();
    assert!(again.contains("already"), "{again}");

    let reset = text(&host.call("reset_password", json!({"name": "ann"})).await?, "password");
    assert_ne!(reset, password);
    let after_reset = settings(&host).users["ann"].stamp();
    assert_ne!(after_reset, ann.stamp());
    host.call("end_sessions", json!({"name": "ann"})).await?;
    let ended = settings(&host).users["ann"].stamp();
    host.call("end_sessions", json!({"name": "ann"})).await?;
    let twice = settings(&host).users["ann"].stamp();
    assert!(after_reset != ended && ended != twice, "each time all of theirs ends");

    host.call("change_user", json!({"name": "ann", "disabled": true, "groups": []})).await?;
    assert!(!settings(&host).users.contains_key("ann"));
    host.call("change_user", json!({"name": "ann", "disabled": false})).await?;
    let users = settings(&host).users;
    assert_eq!((users["ann"].stamp(), users["ann"].groups.len()), (twice, 0));
    host.call("remove_user", json!({"name": "ann"})).await?;
    assert!(settings(&host).users.is_empty());
    assert!(host.call("remove_user", json!({"name": "ann"})).await.is_err());
    Ok(())
}

#[tokio::test]
async fn what_another_admin_changed_meanwhile_is_not_lost() -> Result<()> {
    let host = console().await?;
    host.call("add_user", json!({"name": "ann"})).await?;
    let theirs = json!([{"name": "bob", "identities": [{"issuer": "https://a", "sub": "b"}]}]);
    host.configure("users", theirs.clone());
    let refused = host.call("add_user", json!({"name": "eve"})).await.expect_err("too late");
    assert!(refused.to_string().contains("changed this meanwhile"), "{refused}");
    assert_eq!(host.configured("users"), Some(theirs));
    // Lists are apart.
    host.call("add_client", json!({"id": "robot", "machine": true})).await?;
    Ok(())
}

#[tokio::test]
async fn a_client_has_a_secret_that_is_shown_once_or_none() -> Result<()> {
    let host = console().await?;
    let uris = json!(["https://shop.example.com/cb"]);
    let shop = json!({"id": "shop", "name": "The shop", "redirect_uris": uris});
    let secret = text(&host.call("add_client", shop).await?, "secret");
    assert!(settings(&host).clients["shop"].has_secret(&secret));
    let other = text(&host.call("new_secret", json!({"id": "shop"})).await?, "secret");
    let client = settings(&host).clients["shop"].clone();
    assert!(client.has_secret(&other) && !client.has_secret(&secret));

    let page = json!({"id": "page", "public": true, "redirect_uris": uris});
    assert_eq!(host.call("add_client", page).await?["secret"], Value::Null);
    assert!(settings(&host).clients["page"].is_public());
    assert!(host.call("new_secret", json!({"id": "page"})).await.is_err());
    let wrong = json!({"id": "evil", "redirect_uris": ["javascript:alert(1)"]});
    let refused = host.call("add_client", wrong).await.expect_err("no address").to_string();
    assert!(refused.contains("redirect"), "{refused}");
    assert_eq!(settings(&host).clients.len(), 2);
    host.call("remove_client", json!({"id": "page"})).await?;
    assert_eq!(settings(&host).clients.len(), 1);
    Ok(())
}

#[tokio::test]
async fn nothing_that_is_kept_of_a_password_or_secret_is_shown() -> Result<()> {
    let host = console().await?;
    host.call("add_user", json!({"name": "ann"})).await?;
    host.call("add_client", json!({"id": "robot", "machine": true})).await?;
    let shown = host.call("overview", json!({})).await?;
    assert_eq!(shown["users"][0]["name"], "ann");
    assert_eq!(shown["clients"][0]["grants"], json!(["client_credentials"]));
    assert_eq!(shown["clients"][0]["has_secret"], true);
    let text = shown.to_string();
    assert!(!text.contains("argon2id") && !text.contains("sha256:"), "{text}");
    Ok(())
}

#[tokio::test]
async fn without_its_scope_the_page_says_what_is_missing() -> Result<()> {
    let host = Host::start(plugin(), [("slug", "id")]).granting(["kv.readwrite"]);
    let host = host.in_console().await?;
    let refused = host.call("add_user", json!({"name": "ann"})).await.expect_err("no scope");
    assert!(refused.to_string().contains("`plugins.write`"), "{refused}");
    Ok(())
}
