//! What users allowed clients before, so that they are not asked again.

use std::collections::BTreeSet;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::oauth_error::OAuthError;
use crate::secret_text;
use crate::storage::Records;

/// Asked again after so long without use.
const REMEMBERED: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// What a user allowed a client.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct ConsentRecord {
    scopes: BTreeSet<String>,
    resources: BTreeSet<String>,
}

/// All consents.
pub(crate) struct Consents {
    records: Records,
}

impl Consents {
    pub(crate) fn new(records: Records) -> Self {
        Self { records }
    }

    /// Whether all of this was allowed before.
    pub(crate) async fn cover(
        &self,
        (sub, client_id): (&str, &str),
        scopes: &[String],
        resources: &[String],
    ) -> Result<bool, OAuthError> {
        let record = self.records.get::<ConsentRecord>(&key(sub, client_id)).await?;
        Ok(record.is_some_and(|record| {
            let ConsentRecord { scopes: known, resources: for_known } = record.value;
            scopes.iter().all(|scope| known.contains(scope))
                && resources.iter().all(|resource| for_known.contains(resource))
        }))
    }

    /// Remembers that this is allowed, beside what was before.
    pub(crate) async fn remember(
        &self,
        (sub, client_id): (&str, &str),
        scopes: &[String],
        resources: &[String],
    ) -> Result<(), OAuthError> {
        let key = key(sub, client_id);
        let record = self.records.get::<ConsentRecord>(&key).await?;
        let mut all = record.map(|record| record.value).unwrap_or_default();
        all.scopes.extend(scopes.iter().cloned());
        all.resources.extend(resources.iter().cloned());
        Ok(self.records.put(&key, &all, REMEMBERED).await?)
    }
}

fn key(sub: &str, client_id: &str) -> String {
    format!("consent/{}", secret_text::digest_of(&[sub, client_id]))
}
