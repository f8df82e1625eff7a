//! Which clients there are: those of the configuration, those that registered themselves (RFC 7591), and those whose id
//! is the address of a document.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::client_document::ClientDocuments;
use crate::clock;
use crate::oauth_error::OAuthError;
use crate::secret_text;
use crate::settings::Settings;
use crate::settings::client::{Client, Registered};
use crate::storage::Records;

const DAY_SECONDS: u64 = 24 * 60 * 60;
/// A client that nobody uses goes after so long.
const UNUSED: Duration = Duration::from_secs(90 * DAY_SECONDS);
/// So many register in that time; a storage has an end.
const MOST: u32 = 1000;
/// So many others may register at the same moment.
const TRIES: usize = 20;
/// What their ids begin with: no configured client is taken for one.
const PREFIX: &str = "dyn.";
const COUNT_KEY: &str = "registrations";

/// A client that registered itself, and when it was last used.
#[derive(Serialize, Deserialize)]
struct ClientRecord {
    client: Registered,
    used: u64,
}

/// How many registered since when.
#[derive(Default, Serialize, Deserialize)]
struct Count {
    since: u64,
    count: u32,
}

/// All clients.
pub(crate) struct Clients {
    records: Records,
    documents: ClientDocuments,
}

impl Clients {
    pub(crate) fn new(records: Records) -> Self {
        Self { records, documents: ClientDocuments::default() }
    }

    /// The client of this id, for whoever asks from an address.
    pub(crate) async fn get(
        &self,
        id: &str,
        caller: &str,
        settings: &Settings,
    ) -> Result<Option<Arc<Client>>, OAuthError> {
        if id.starts_with("https://") && !settings.clients.contains_key(id) {
            return self.documents.get(id, caller, settings).await;
        }
        self.kept(id, settings).await
    }

    /// The client of this id that is configured or registered.
    pub(crate) async fn kept(
        &self,
        id: &str,
        settings: &Settings,
    ) -> Result<Option<Arc<Client>>, OAuthError> {
        if let Some(client) = settings.clients.get(id) {
            return Ok(Some(Arc::clone(client)));
        }
        // Whoever registered while it was switched on is a client as long as it is.
        if !settings.registration || !id.starts_with(PREFIX) || id.len() > 64 {
            return Ok(None);
        }
        let Some(record) = self.records.get::<ClientRecord>(&key(id)).await? else {
            return Ok(None);
        };
        let mut record = record;
        let now = clock::now();
        if now > record.value.used + DAY_SECONDS {
            record.value.used = now;
            self.records.replace(&key(id), &record, UNUSED).await?;
        }
        let scopes = settings.scopes.keys().cloned().collect();
        Ok(Some(Arc::new(Client::registered(id, record.value.client, scopes))))
    }

    /// Keeps a new client; gives its id.
    pub(crate) async fn register(&self, client: Registered) -> Result<String, OAuthError> {
        let now = clock::now();
        self.count(now).await?;
        let id = format!("{PREFIX}{}", secret_text::name()?);
        self.records.put(&key(&id), &ClientRecord { client, used: now }, UNUSED).await?;
        Ok(id)
    }

    /// Counts one more, where there is room.
    async fn count(&self, now: u64) -> Result<(), OAuthError> {
        for _ in 0..TRIES {
            let Some(mut record) = self.records.get::<Count>(COUNT_KEY).await? else {
                let first = Count { since: now, count: 1 };
                if self.records.insert(COUNT_KEY, &first, UNUSED).await? {
                    return Ok(());
                }
                continue;
            };
            if now >= record.value.since + UNUSED.as_secs() {
                record.value = Count { since: now, count: 0 };
            }
            if record.value.count >= MOST {
                let text = "too many clients registered";
                return Err(OAuthError {
                    status: 503,
                    ..OAuthError::new("temporarily_unavailable", text)
                });
            }
            record.value.count += 1;
            if self.records.replace(COUNT_KEY, &record, UNUSED).await? {
                return Ok(());
            }
        }
        Err(OAuthError::temporarily_unavailable(&"too many register at once"))
    }
}

fn key(id: &str) -> String {
    format!("client/{id}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::memory::Memory;

    #[tokio::test]
    async fn no_more_clients_register_than_there_is_room_for() {
        let clients = Clients::new(Records::new(Memory::new()));
        let full = Count { since: 1000, count: MOST - 1 };
        clients.records.insert(COUNT_KEY, &full, UNUSED).await.unwrap();
        assert!(clients.count(2000).await.is_ok());
        assert_eq!(clients.count(2000).await.expect_err("full").status, 503);
        assert!(clients.count(1000 + UNUSED.as_secs()).await.is_ok(), "later there is");
    }
}
