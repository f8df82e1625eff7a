//! An app as it lies in its table, which is what history keeps of it.

use crate::error::StoreError;
use crate::sql::{Fields, Param, Row, params};
use crate::versions::damaged;
use serde::{Deserialize, Serialize};
use sidegate_model::UnixMillis;
use sidegate_model::app::{App, AppId, MadeFor};
use sidegate_model::issuer::IssuerId;
use sidegate_model::namespace::Namespace;

const WHAT: &str = "app";

/// A row of `apps`. Columns that come later need a default here, for versions of before.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct AppRow {
    pub(crate) id: u32,
    pub(crate) namespace: Namespace,
    pub(crate) name: String,
    pub(crate) description: String,
    pub(crate) owner_email: String,
    pub(crate) is_active: bool,
    #[serde(with = "exact")]
    pub(crate) monthly_budget: f64,
    pub(crate) rate_limit: u32,
    /// JSON, as it was written.
    pub(crate) metadata: String,
    pub(crate) max_staleness: Option<u64>,
    pub(crate) managed_by: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) made_for: Option<MadeFor>,
    pub(crate) created_at: UnixMillis,
    pub(crate) updated_at: UnixMillis,
}

/// A number as a text: read as a number it would not always be the same.
mod exact {
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(number: &f64, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(number)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Puts a row in the place of the one with its number, or adds it. For whom it was made never changes.
pub(crate) const PUT_APP: &str = "INSERT INTO apps (id, namespace, name, description, owner_email, \
     is_active, monthly_budget, rate_limit, metadata, max_staleness, managed_by, created_at, updated_at, \
     made_for_issuer, made_for_client) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) \
     ON CONFLICT (id) DO UPDATE SET name = excluded.name, description = excluded.description, \
     owner_email = excluded.owner_email, is_active = excluded.is_active, \
     monthly_budget = excluded.monthly_budget, rate_limit = excluded.rate_limit, \
     metadata = excluded.metadata, max_staleness = excluded.max_staleness, \
     managed_by = excluded.managed_by, updated_at = excluded.updated_at";

impl AppRow {
    pub(crate) fn read(row: &Row) -> Result<Self, StoreError> {
        let row = row.of(WHAT);
        let max_staleness: Option<i64> = row.get("max_staleness")?;
        Ok(Self {
            id: row.number("id")?,
            namespace: row.word("namespace", |text| Namespace::parse(text).ok())?,
            name: row.get("name")?,
            description: row.get("description")?,
            owner_email: row.get("owner_email")?,
            is_active: row.get("is_active")?,
            monthly_budget: row.get("monthly_budget")?,
            rate_limit: row.number("rate_limit")?,
            metadata: row.get("metadata")?,
            max_staleness: max_staleness.map(|_| row.number("max_staleness")).transpose()?,
            managed_by: row.get("managed_by")?,
            made_for: read_made_for(&row)?,
            created_at: row.get("created_at")?,
            updated_at: row.get("updated_at")?,
        })
    }

    /// The app that it is.
    pub(crate) fn app(&self) -> Result<App, StoreError> {
        let row = self.clone();
        let metadata = serde_json::from_str(&row.metadata);
        Ok(App {
            id: AppId(row.id),
            namespace: row.namespace,
            name: row.name,
            description: row.description,
            owner_email: row.owner_email,
            is_active: row.is_active,
            monthly_budget: row.monthly_budget,
            rate_limit: row.rate_limit,
            metadata: metadata.map_err(|e| damaged(WHAT, row.id, "metadata", e))?,
            max_staleness: row.max_staleness,
            managed_by: row.managed_by,
            made_for: row.made_for,
            created_at: row.created_at,
            updated_at: row.updated_at,
        })
    }

    /// Those of [`PUT_APP`].
    pub(crate) fn params(&self) -> Vec<Param> {
        params![
            self.id,
            self.namespace.as_str(),
            self.name.as_str(),
            self.description.as_str(),
            self.owner_email.as_str(),
            self.is_active,
            self.monthly_budget,
            self.rate_limit,
            self.metadata.as_str(),
            self.max_staleness.map(|millis| i64::try_from(millis).unwrap_or(i64::MAX)),
            self.managed_by.as_str(),
            self.created_at,
            self.updated_at,
            self.made_for.as_ref().map(|made_for| i64::from(made_for.issuer.0)),
            self.made_for.as_ref().map(|made_for| made_for.client.clone()),
        ]
    }
}

fn read_made_for(row: &Fields<'_>) -> Result<Option<MadeFor>, StoreError> {
    let client: Option<String> = row.get("made_for_client")?;
    let made_for = client
        .map(|client| Ok(MadeFor { issuer: IssuerId(row.number("made_for_issuer")?), client }));
    made_for.transpose()
}
