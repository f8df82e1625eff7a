//! What somebody granted to a client: one record from the code to the last refresh, so that everything which must
//! happen once is one change of it.
//!
//! A code and each refresh token is good once. One that comes again ends the grant, and all tokens with it: two have
//! it, and nobody knows which of them is the thief.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use sidegate_sdk::{Result, tracing};

use crate::keys::Ring;
use crate::oauth_error::OAuthError;
use crate::secret_text;
use crate::settings::Lifetimes;
use crate::storage::Records;

/// A token may be looked up a little after it expired.
const MARGIN: Duration = Duration::from_secs(60);

/// What was granted, and how far it is.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Grant {
    pub(crate) client_id: String,
    pub(crate) sub: String,
    /// Of the password with which the user signed in.
    pub(crate) user_stamp: String,
    pub(crate) scopes: Vec<String>,
    pub(crate) resources: Vec<String>,
    pub(crate) auth_time: u64,
    /// The session in which it was granted; it ends the grant unless `offline`.
    pub(crate) session: String,
    pub(crate) offline: bool,
    pub(crate) nonce: Option<String>,
    pub(crate) redirect_uri: String,
    pub(crate) challenge: String,
    /// The digest of the code's secret.
    pub(crate) code: String,
    pub(crate) is_redeemed: bool,
    /// Which refresh token is the good one.
    pub(crate) generation: u64,
}

/// A grant and its name.
pub(crate) struct Granted {
    pub(crate) id: String,
    pub(crate) grant: Grant,
}

/// All grants.
pub(crate) struct Grants {
    records: Records,
    lifetimes: Lifetimes,
}

impl Grants {
    pub(crate) fn new(records: Records, lifetimes: Lifetimes) -> Self {
        Self { records, lifetimes }
    }

    /// Keeps a grant; gives its code.
    pub(crate) async fn begin(&self, mut grant: Grant) -> Result<String, OAuthError> {
        let (id, secret) = (secret_text::name()?, secret_text::secret()?);
        grant.code = secret_text::digest(&secret);
        self.records.put(&key(&id), &grant, self.lifetimes.code).await?;
        Ok(format!("{id}.{secret}"))
    }

    /// Takes a code, which is good once, where the grant fits to whoever has it.
    pub(crate) async fn redeem(
        &self,
        code: &str,
        fits: impl Fn(&Grant) -> Result<(), OAuthError>,
    ) -> Result<Granted, OAuthError> {
        let refused = || OAuthError::invalid_grant("the code is unknown, expired or used");
        let (id, secret) = code.split_once('.').ok_or_else(refused)?;
        let record = self.records.get::<Grant>(&key(id)).await?;
        let mut record = record.ok_or_else(refused)?;
        if !secret_text::same(&record.value.code, &secret_text::digest(secret)) {
            return Err(refused());
        }
        fits(&record.value)?;
        let is_first = !record.value.is_redeemed && {
            record.value.is_redeemed = true;
            let lifetime = self.lifetime(&record.value);
            self.records.replace(&key(id), &record, lifetime).await?
        };
        if is_first {
            return Ok(Granted { id: id.to_owned(), grant: record.value });
        }
        tracing::warn!(client = record.value.client_id, "a code came twice; its grant ends");
        self.end(id).await?;
        Err(refused())
    }

    /// The refresh token of the grant as it is now.
    pub(crate) fn refresh_token(granted: &Granted, ring: &Ring) -> String {
        let (id, generation) = (&granted.id, granted.grant.generation.to_string());
        let mark = ring.mark(&["refresh", id, &generation]);
        format!("{id}.{generation}.{mark}")
    }

    /// The grant of a refresh token of ours, whether it is still good or not.
    pub(crate) async fn of_refresh_token(
        &self,
        token: &str,
        ring: &Ring,
    ) -> Result<Option<(Granted, bool)>, OAuthError> {
        let Some((id, generation)) = read(token, ring) else { return Ok(None) };
        let Some(record) = self.records.get::<Grant>(&key(id)).await? else { return Ok(None) };
        let is_good = record.value.is_redeemed && record.value.generation == generation;
        Ok(Some((Granted { id: id.to_owned(), grant: record.value }, is_good)))
    }

    /// Takes a refresh token, which is good once, where the grant fits to whoever has it.
    pub(crate) async fn refresh(
        &self,
        token: &str,
        ring: &Ring,
        fits: impl Fn(&Grant) -> Result<(), OAuthError>,
    ) -> Result<Granted, OAuthError> {
        let refused = || OAuthError::invalid_grant("the refresh token is unknown, expired or used");
        let (id, generation) = read(token, ring).ok_or_else(refused)?;
        let record = self.records.get::<Grant>(&key(id)).await?;
        let mut record = record.ok_or_else(refused)?;
        fits(&record.value)?;
        let is_good = record.value.generation == generation && {
            record.value.generation += 1;
            let lifetime = self.lifetime(&record.value);
            self.records.replace(&key(id), &record, lifetime).await?
        };
        if is_good {
            return Ok(Granted { id: id.to_owned(), grant: record.value });
        }
        tracing::warn!(
            client = record.value.client_id,
            "a refresh token came twice; its grant ends"
        );
        self.end(id).await?;
        Err(refused())
    }

    /// The grant of this name, if it has not ended.
    pub(crate) async fn get(&self, id: &str) -> Result<Option<Grant>, OAuthError> {
        let record = self.records.get::<Grant>(&key(id)).await?;
        Ok(record.map(|record| record.value).filter(|grant| grant.is_redeemed))
    }

    /// Ends it, and all its tokens.
    pub(crate) async fn end(&self, id: &str) -> Result<(), OAuthError> {
        Ok(self.records.delete(&key(id)).await?)
    }

    fn lifetime(&self, grant: &Grant) -> Duration {
        let token = self.lifetimes.access_token + MARGIN;
        if grant.offline { self.lifetimes.refresh_token.max(token) } else { token }
    }
}

fn key(id: &str) -> String {
    format!("grant/{id}")
}

/// The name and number in a refresh token that nobody but us has made.
fn read<'a>(token: &'a str, ring: &Ring) -> Option<(&'a str, u64)> {
    let mut parts = token.split('.');
    let (id, generation, mark) = (parts.next()?, parts.next()?, parts.next()?);
    let is_ours = secret_text::same(&ring.mark(&["refresh", id, generation]), mark);
    if parts.next().is_some() || !is_ours {
        return None;
    }
    Some((id, generation.parse().ok()?))
}
