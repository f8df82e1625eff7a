//! All parts of the provider together, as handlers share them.

use std::sync::Arc;
use std::time::Duration;

use sidegate_sdk::{Config, Error, Result};

use crate::clients::Clients;
use crate::clock;
use crate::consents::Consents;
use crate::grants::{Grant, Grants};
use crate::keys::{Keys, Ring};
use crate::limits::Limits;
use crate::management::Management;
use crate::oauth_error::OAuthError;
use crate::passwords::Passwords;
use crate::sessions::Sessions;
use crate::settings::Settings;
use crate::settings::client::Client;
use crate::storage::host::HostStorage;
use crate::storage::{Records, Storage};
use crate::tokens::AccessToken;
use crate::upstream_documents::Documents;

/// The provider.
pub struct Provider {
    pub(crate) settings: Settings,
    pub(crate) keys: Keys,
    pub(crate) clients: Clients,
    pub(crate) grants: Grants,
    pub(crate) sessions: Sessions,
    pub(crate) consents: Consents,
    pub(crate) passwords: Passwords,
    /// Of sign-ins that fail.
    pub(crate) limits: Limits,
    /// Of applications that register themselves.
    pub(crate) registrations: Limits,
    /// Other providers at which people sign in.
    pub(crate) upstreams: Documents,
    /// What operators do on the page in the console.
    pub(crate) management: Management,
    records: Records,
}

impl Provider {
    /// The provider of this configuration, with the host's storage.
    pub(crate) async fn start(config: Config) -> Result<Self> {
        let settings = Settings::read(&config)?;
        let management = Management::of(&config);
        let storage = HostStorage::new(config.host().clone());
        let keeping = |error: Error| error.context("keep keys and grants with the host");
        Self::with(settings, management, storage).await.map_err(keeping)
    }

    /// The same with any storage.
    pub(crate) async fn with(
        settings: Settings,
        management: Management,
        storage: Arc<dyn Storage>,
    ) -> Result<Self, Error> {
        let records = Records::new(storage);
        let lifetimes = settings.lifetimes;
        Ok(Self {
            settings,
            keys: Keys::load(records.clone(), lifetimes).await?,
            clients: Clients::new(records.clone()),
            grants: Grants::new(records.clone(), lifetimes),
            sessions: Sessions::new(records.clone()),
            consents: Consents::new(records.clone()),
            passwords: Passwords::default(),
            limits: Limits::default(),
            registrations: Limits::default(),
            upstreams: Documents::default(),
            management,
            records,
        })
    }

    /// What only this provider can open again.
    pub(crate) async fn seal(
        &self,
        clear: Vec<u8>,
        purpose: &'static str,
    ) -> Result<Vec<u8>, OAuthError> {
        let sealed = self.records.seal(clear, purpose).await?;
        sealed.ok_or_else(|| OAuthError::server_error(&"the host does not seal"))
    }

    /// What was sealed; none where it was not.
    pub(crate) async fn open(
        &self,
        sealed: Vec<u8>,
        purpose: &'static str,
    ) -> Result<Option<Vec<u8>>, OAuthError> {
        Ok(self.records.open(sealed, purpose).await?)
    }

    /// The client of this id, for whoever asks from an address.
    pub(crate) async fn client(
        &self,
        id: &str,
        caller: &str,
    ) -> Result<Option<Arc<Client>>, OAuthError> {
        self.clients.get(id, caller, &self.settings).await
    }

    /// Whether tokens of a grant still count: its user is who it was, and the session goes on where it must.
    pub(crate) async fn is_live(&self, grant: &Grant) -> Result<bool, OAuthError> {
        let user = self.settings.user_of(&grant.sub);
        if user.is_none_or(|user| user.stamp() != grant.user_stamp) {
            return Ok(false);
        }
        Ok(grant.offline || self.sessions.is_open(&grant.session).await?)
    }

    /// What an access token of ours says, if it counts now.
    pub(crate) async fn access_token(
        &self,
        token: &str,
        ring: &Ring,
        issuer: &str,
    ) -> Result<Option<AccessToken>, OAuthError> {
        let Some(claims) = AccessToken::verified(token, ring, issuer) else { return Ok(None) };
        if self.records.get::<bool>(&revoked_key(&claims.jti)).await?.is_some() {
            return Ok(None);
        }
        let counts = match &claims.grant_id {
            // Nobody fetches a document for it: such a client has no tokens for itself.
            None => self.clients.kept(&claims.client_id, &self.settings).await?.is_some(),
            Some(id) => match self.grants.get(id).await? {
                None => false,
                Some(grant) => self.is_live(&grant).await?,
            },
        };
        Ok(counts.then_some(claims))
    }

    /// From now on the token does not count here.
    pub(crate) async fn revoke(&self, claims: &AccessToken) -> Result<(), OAuthError> {
        let left = claims.exp.saturating_sub(clock::now()) + 1;
        let key = revoked_key(&claims.jti);
        Ok(self.records.put(&key, &true, Duration::from_secs(left)).await?)
    }
}

fn revoked_key(jti: &str) -> String {
    format!("revoked/{jti}")
}
