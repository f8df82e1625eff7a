//! Issuers of JWTs: how they are kept and found. It knows of apps only that clients speak for some, by name.

use crate::error::StoreError;
use crate::page::{Listing, Page};
use crate::precondition::Precondition;
use crate::revision::Written;
use crate::sql::{Param, Tx, json_text, params};
use crate::store::Store;
use crate::uniqueness::{self, Noun};
use crate::versions::{PUT_ISSUER, issuer_params, issuer_row};
use sidegate_model::audit::Change;
use sidegate_model::issuer::{Issuer, IssuerDraft, IssuerId};
use sidegate_model::namespace::Namespace;

/// Which issuers to list; the default is all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IssuerFilter {
    /// Only the one, or the ones of several namespaces, with exactly this name.
    pub name: Option<String>,
    /// Only those of this namespace.
    pub namespace: Option<Namespace>,
    /// Only those that this one looks after.
    pub managed_by: Option<String>,
}

const WHAT: &str = "issuer";

const INSERT: &str = "INSERT INTO issuers (namespace, name, content, managed_by, created_at, updated_at) \
     VALUES ($1, $2, $3, $4, $5, $5) RETURNING *";

const COUNT: &str = "SELECT count(*) AS total FROM issuers WHERE name = coalesce($1, name) \
     AND namespace = coalesce($2, namespace) AND managed_by = coalesce($3, managed_by)";
const LIST: &str = "SELECT * FROM issuers WHERE name = coalesce($1, name) \
     AND namespace = coalesce($2, namespace) AND managed_by = coalesce($3, managed_by) \
     ORDER BY id LIMIT $4 OFFSET $5";

const HOLDERS: &str =
    "SELECT id, namespace, name, NULL AS slug FROM issuers WHERE name = $1 ORDER BY id";

impl Store {
    /// Saves a new issuer.
    ///
    /// # Errors
    /// [`StoreError::Invalid`], [`StoreError::Conflict`] when the name is taken.
    pub async fn create_issuer(&self, draft: &IssuerDraft) -> Result<Written<Issuer>, StoreError> {
        draft.validate().map_err(|problems| StoreError::invalid(WHAT, &problems))?;
        let mut write = self.begin_write().await?;
        uniqueness::require_namespace(&mut write.tx, &draft.namespace).await?;
        require_free_name(&mut write.tx, draft, None).await?;
        let params = params![
            draft.namespace.as_str(),
            draft.name.as_str(),
            json_text(draft),
            draft.managed_by.as_str(),
            write.now,
        ];
        let row = write.tx.first(INSERT, params).await?;
        let issuer = issuer_row(row.as_ref().expect("an insert returns its row"))?;
        let change = Change::created(&issuer);
        write.changed(issuer, change).await
    }

    /// The issuer with this number.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn issuer(&self, id: IssuerId) -> Result<Issuer, StoreError> {
        require(&mut self.begin_read().await?, id).await
    }

    /// One page of the issuers that pass `filter`, oldest first.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn list_issuers(
        &self,
        filter: &IssuerFilter,
        page: Page,
    ) -> Result<Listing<Issuer>, StoreError> {
        let mut tx = self.begin_read().await?;
        let total = tx.first(COUNT, filter_params(filter)).await?;
        let total = total.map_or(Ok(0), |row| row.of(WHAT).number("total"))?;
        let mut params = filter_params(filter);
        params.extend(params![page.size(), page.offset()]);
        let rows = tx.all(LIST, params).await?;
        Ok(Listing { items: rows.iter().map(issuer_row).collect::<Result<_, _>>()?, total, page })
    }

    /// Gives an issuer the content that `amend` makes of what is stored, where that is another one. Nothing comes
    /// between reading and writing.
    ///
    /// # Errors
    /// What `amend` says, [`StoreError::NotFound`], [`StoreError::Invalid`], [`StoreError::Conflict`],
    /// [`StoreError::ChangedMeanwhile`].
    pub async fn amend_issuer<E, M>(
        &self,
        id: IssuerId,
        precondition: &Precondition,
        amend: M,
    ) -> Result<Written<Issuer>, E>
    where
        E: From<StoreError>,
        M: FnOnce(&Issuer) -> Result<IssuerDraft, E>,
    {
        let mut write = self.begin_write().await?;
        let before = require(&mut write.tx, id).await?;
        precondition.check(WHAT, id, &before.version())?;
        let draft = amend(&before)?;
        let wrong = |problems: Vec<_>| StoreError::invalid(WHAT, &problems);
        draft.validate().map_err(wrong)?;
        uniqueness::require_same_namespace(WHAT, &before.draft.namespace, &draft.namespace)?;
        if draft == before.draft {
            return Ok(write.unchanged(before).await?);
        }
        require_free_name(&mut write.tx, &draft, Some(id)).await?;
        let updated_at = write.later_than(before.updated_at);
        let issuer = Issuer { draft, updated_at, ..before.clone() };
        write.tx.all(PUT_ISSUER, issuer_params(&issuer)).await?;
        let change = Change::changed(&before, &issuer);
        Ok(write.changed(issuer, change).await?)
    }

    /// Deletes an issuer, whose JWTs are refused from then on.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn delete_issuer(
        &self,
        id: IssuerId,
        precondition: &Precondition,
    ) -> Result<Written<Issuer>, StoreError> {
        let mut write = self.begin_write().await?;
        let issuer = require(&mut write.tx, id).await?;
        precondition.check(WHAT, id, &issuer.version())?;
        write.tx.all("DELETE FROM issuers WHERE id = $1", params![id.0]).await?;
        let change = Change::deleted(&issuer);
        write.changed(issuer, change).await
    }
}

/// Every issuer, for the snapshot.
pub(crate) async fn all(tx: &mut Tx) -> Result<Vec<Issuer>, StoreError> {
    tx.all("SELECT * FROM issuers", params![]).await?.iter().map(issuer_row).collect()
}

async fn require(tx: &mut Tx, id: IssuerId) -> Result<Issuer, StoreError> {
    let row = tx.first("SELECT * FROM issuers WHERE id = $1", params![id.0]).await?;
    issuer_row(&row.ok_or_else(|| StoreError::not_found(WHAT, id))?)
}

async fn require_free_name(
    tx: &mut Tx,
    draft: &IssuerDraft,
    own: Option<IssuerId>,
) -> Result<(), StoreError> {
    let holders = tx.all(HOLDERS, params![draft.name.as_str()]).await?;
    uniqueness::require_free(&Noun::of_issuer(draft, own), &holders)
}

/// `$1` to `$3` of [`COUNT`] and [`LIST`].
fn filter_params(filter: &IssuerFilter) -> Vec<Param> {
    let namespace = filter.namespace.as_ref().map(|namespace| namespace.as_str().to_owned());
    params![filter.name.clone(), namespace, filter.managed_by.clone()]
}
