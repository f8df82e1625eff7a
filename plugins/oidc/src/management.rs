//! The page of the provider in the console: users and clients are listed, made, changed and removed. They stay what they
//! are, a part of the plugin's configuration, so that what is done here is in the history and reaches every process that
//! serves; passwords and secrets are made as the command line makes them, and shown once.

mod wishes;

use serde_json::{Map, Value, json};
use sidegate_sdk::{Config, Error, Host, HostError, Result};
use std::sync::{Mutex, PoisonError};
use tokio::sync::Semaphore;

use crate::settings::Settings;
use crate::{client_secret, clock, password_hash, secret_text};
pub(crate) use wishes::{ClientName, NewClient, NewUser, UserChange, UserName};

/// The scope by which a page may change its plugin's configuration.
pub(crate) const NEEDED: &str = "plugins.write";
const USERS: &str = "users";
const CLIENTS: &str = "clients";

/// Users and clients as they are configured.
pub(crate) struct Management {
    host: Host,
    /// As this process knows it.
    config: Mutex<Config>,
    /// Who changes it: one at a time, until the change is served, so that nobody undoes another one's.
    changing: Semaphore,
}

impl Management {
    pub(crate) fn of(config: &Config) -> Self {
        let (host, config) = (config.host().clone(), Mutex::new(config.clone()));
        Self { host, config, changing: Semaphore::new(1) }
    }

    fn config(&self) -> Config {
        self.config.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What there is, without anything that is kept of passwords and secrets.
    pub(crate) fn overview(&self) -> Result<Value> {
        let config = self.config();
        let shown = |key: &str, hidden: &str| -> Result<Vec<Value>> {
            let mut all = list(&config, key)?;
            for one in &mut all {
                let had = one.as_object_mut().and_then(|one| one.remove(hidden)).is_some();
                one["has_secret"] = had.into();
            }
            Ok(all)
        };
        Ok(json!({
            "issuer": config.get("issuer").unwrap_or_default(),
            "users": shown(USERS, "password_hash")?,
            "clients": shown(CLIENTS, "secret_hash")?,
        }))
    }

    /// A new user; gives their password, which is shown this one time.
    pub(crate) async fn add_user(&self, new: NewUser) -> Result<Value> {
        let (password, sub) = (secret_text::name()?, secret_text::name()?);
        let hash = hashed(password.clone()).await?;
        self.change(USERS, |users| {
            require_none(users, "name", &new.name, "user")?;
            users.push(new.configured(&sub, &hash));
            Ok(())
        })
        .await?;
        Ok(json!({ "password": password }))
    }

    /// Another name, mail or group of a user, or whether they may sign in.
    pub(crate) async fn change_user(&self, change: UserChange) -> Result<Value> {
        self.change(USERS, |users| {
            change.apply(find(users, "name", &change.name, "user")?);
            Ok(())
        })
        .await
    }

    /// Another password of a user, which ends their sessions and grants.
    pub(crate) async fn reset_password(&self, user: UserName) -> Result<Value> {
        let password = secret_text::name()?;
        let hash = hashed(password.clone()).await?;
        self.change(USERS, |users| {
            let user = find(users, "name", &user.name, "user")?;
            user.insert("password_hash".to_owned(), hash.into());
            Ok(())
        })
        .await?;
        Ok(json!({ "password": password }))
    }

    /// The end of all sessions and grants of a user.
    pub(crate) async fn end_sessions(&self, user: UserName) -> Result<Value> {
        self.change(USERS, |users| {
            let user = find(users, "name", &user.name, "user")?;
            let before = user.get("signed_out_at").and_then(Value::as_u64).unwrap_or_default();
            // Twice within a second is twice.
            user.insert("signed_out_at".to_owned(), clock::now().max(before + 1).into());
            Ok(())
        })
        .await
    }

    pub(crate) async fn remove_user(&self, user: UserName) -> Result<Value> {
        self.change(USERS, |users| remove(users, "name", &user.name, "user")).await
    }

    /// A new client; gives its secret, where it has one, which is shown this one time.
    pub(crate) async fn add_client(&self, new: NewClient) -> Result<Value> {
        let (secret, hash) = match new.public {
            true => (None, None),
            false => {
                let (secret, hash) = client_secret()?;
                (Some(secret), Some(hash))
            }
        };
        self.change(CLIENTS, |clients| {
            require_none(clients, "id", &new.id, "client")?;
            clients.push(new.configured(hash));
            Ok(())
        })
        .await?;
        Ok(json!({ "secret": secret }))
    }

    /// Another secret of a client in the place of the one before.
    pub(crate) async fn new_secret(&self, client: ClientName) -> Result<Value> {
        let (secret, hash) = client_secret()?;
        self.change(CLIENTS, |clients| {
            let client = find(clients, "id", &client.id, "client")?;
            if !client.contains_key("secret_hash") {
                return Err(Error::new("this client is a public one: it has no secret"));
            }
            client.insert("secret_hash".to_owned(), hash.into());
            Ok(())
        })
        .await?;
        Ok(json!({ "secret": secret }))
    }

    pub(crate) async fn remove_client(&self, client: ClientName) -> Result<Value> {
        self.change(CLIENTS, |clients| remove(clients, "id", &client.id, "client")).await
    }

    /// Changes one of the lists, if the provider takes the configuration that comes of it; answers when it is served.
    async fn change(
        &self,
        key: &str,
        change: impl FnOnce(&mut Vec<Value>) -> Result<()>,
    ) -> Result<Value> {
        let _turn = self.changing.acquire().await;
        let config = self.config();
        let mut all = list(&config, key)?;
        change(&mut all)?;
        let text = serde_json::to_string(&all)?;
        let others = config.iter().filter(|(known, _)| *known != key);
        let next: Config = others.chain([(key, text.as_str())]).collect();
        Settings::read(&next)?;
        // As it was read, which may be a moment ago: another process may be the one that somebody else asks.
        let before = match config.get(key) {
            Some(_) => Value::from(list(&config, key)?),
            None => Value::Null,
        };
        let (change, expected) = (json!({ key: all }), json!({ key: before }));
        let told = self.host.update_config_if(&change, &expected).await;
        let told = told.map_err(|error| match error {
            HostError::Changed(_) => {
                Error::new("somebody else has changed this meanwhile, and nothing of yours was saved; look again, and repeat it")
            }
            error => error.into(),
        })?;
        *self.config.lock().unwrap_or_else(PoisonError::into_inner) = next;
        Ok(json!({ "message": told }))
    }
}

fn list(config: &Config, key: &str) -> Result<Vec<Value>> {
    Ok(config.json(key)?.unwrap_or_default())
}

/// Takes a while, so not where others wait.
async fn hashed(password: String) -> Result<String> {
    tokio::task::spawn_blocking(move || password_hash(&password)).await?
}

fn is_it(one: &Value, key: &str, name: &str) -> bool {
    one[key].as_str() == Some(name)
}

fn require_none(all: &[Value], key: &str, name: &str, what: &str) -> Result<()> {
    match all.iter().any(|one| is_it(one, key, name)) {
        true => Err(Error::new(format!("there is a {what} {name:?} already"))),
        false => Ok(()),
    }
}

fn find<'a>(
    all: &'a mut [Value],
    key: &str,
    name: &str,
    what: &str,
) -> Result<&'a mut Map<String, Value>> {
    let found = all.iter_mut().find(|one| is_it(one, key, name)).and_then(Value::as_object_mut);
    found.ok_or_else(|| Error::new(format!("there is no {what} {name:?} any more")))
}

fn remove(all: &mut Vec<Value>, key: &str, name: &str, what: &str) -> Result<()> {
    find(all, key, name, what)?;
    all.retain(|one| !is_it(one, key, name));
    Ok(())
}

#[cfg(test)]
mod tests;
