//! Who is signed in, in which browser. The cookie holds a secret, the storage its digest.

use serde::{Deserialize, Serialize};

use crate::clock;
use crate::oauth_error::OAuthError;
use crate::secret_text;
use crate::settings::Settings;
use crate::settings::user::User;
use crate::storage::Records;

/// Somebody who signed in.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct SessionRecord {
    sub: String,
    stamp: String,
    auth_time: u64,
}

/// A session that counts, with the user whose it is.
pub(crate) struct Session<'a> {
    pub(crate) user: &'a User,
    pub(crate) auth_time: u64,
    /// Its name, which is no secret.
    pub(crate) id: String,
}

/// All sessions.
pub(crate) struct Sessions {
    records: Records,
}

impl Sessions {
    pub(crate) fn new(records: Records) -> Self {
        Self { records }
    }

    /// A new session; gives what the cookie holds.
    pub(crate) async fn begin(
        &self,
        user: &User,
        settings: &Settings,
    ) -> Result<String, OAuthError> {
        let cookie = secret_text::secret()?;
        let (sub, stamp) = (user.sub.clone(), user.stamp());
        let record = SessionRecord { sub, stamp, auth_time: clock::now() };
        let key = key(&secret_text::digest(&cookie));
        self.records.put(&key, &record, settings.lifetimes.session).await?;
        Ok(cookie)
    }

    /// The session of a cookie; none once its user is gone or has another password.
    pub(crate) async fn of_cookie<'a>(
        &self,
        cookie: &str,
        settings: &'a Settings,
    ) -> Result<Option<Session<'a>>, OAuthError> {
        let id = secret_text::digest(cookie);
        let record = self.records.get::<SessionRecord>(&key(&id)).await?;
        let Some(SessionRecord { sub, stamp, auth_time }) = record.map(|record| record.value)
        else {
            return Ok(None);
        };
        let user = settings.user_of(&sub).filter(|user| user.stamp() == stamp);
        Ok(user.map(|user| Session { user, auth_time, id }))
    }

    /// Whether a session of this name goes on.
    pub(crate) async fn is_open(&self, id: &str) -> Result<bool, OAuthError> {
        Ok(self.records.get::<SessionRecord>(&key(id)).await?.is_some())
    }

    pub(crate) async fn end(&self, cookie: &str) -> Result<(), OAuthError> {
        Ok(self.records.delete(&key(&secret_text::digest(cookie))).await?)
    }
}

fn key(id: &str) -> String {
    format!("session/{id}")
}
