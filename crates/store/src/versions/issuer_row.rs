//! An issuer as it lies in its table. History keeps it as the model has it.

use crate::error::StoreError;
use crate::sql::{Param, Row, json_text, params};
use sidegate_model::issuer::{Issuer, IssuerDraft, IssuerId};
use sidegate_model::namespace::Namespace;

/// Puts a row in the place of the one with its number, or adds it.
pub(crate) const PUT_ISSUER: &str = "INSERT INTO issuers (id, namespace, name, content, managed_by, created_at, \
     updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (id) DO UPDATE SET name = excluded.name, \
     content = excluded.content, managed_by = excluded.managed_by, updated_at = excluded.updated_at";

/// Those of [`PUT_ISSUER`].
pub(crate) fn issuer_params(issuer: &Issuer) -> Vec<Param> {
    let draft = &issuer.draft;
    params![
        issuer.id.0,
        draft.namespace.as_str(),
        draft.name.as_str(),
        json_text(draft),
        draft.managed_by.as_str(),
        issuer.created_at,
        issuer.updated_at,
    ]
}

/// A row as the issuer that it is.
pub(crate) fn issuer_row(row: &Row) -> Result<Issuer, StoreError> {
    let row = row.of("issuer");
    let draft: IssuerDraft = row.json("content")?;
    Ok(Issuer {
        id: IssuerId(row.number("id")?),
        draft: IssuerDraft {
            namespace: row.word("namespace", |text| Namespace::parse(text).ok())?,
            name: row.get("name")?,
            managed_by: row.get("managed_by")?,
            ..draft
        },
        created_at: row.get("created_at")?,
        updated_at: row.get("updated_at")?,
    })
}
