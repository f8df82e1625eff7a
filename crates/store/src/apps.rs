//! Apps: how they are kept and found. It knows of tokens only that they go with their app.

use crate::error::StoreError;
use crate::page::{Listing, Page};
use crate::precondition::Precondition;
use crate::revision::{Write, Written};
use crate::sql::{Param, Row, Tx, json_text, params};
use crate::store::Store;
use crate::uniqueness::{self, Noun};
use crate::versions::AppRow;
use sidegate_model::app::{App, AppDraft, AppId, MadeFor};
use sidegate_model::audit::Change;
use sidegate_model::namespace::Namespace;
use sidegate_model::token::TokenHash;

/// An app that was deleted, and the tokens that went with it.
#[derive(Debug, Clone, PartialEq)]
pub struct DeletedApp {
    /// The app as it was.
    pub app: App,
    /// The hashes of its tokens, which are no longer valid.
    pub token_hashes: Vec<TokenHash>,
}

/// Which apps to list; the default is all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AppFilter {
    /// Only the one, or the ones of several namespaces, with exactly this name.
    pub name: Option<String>,
    /// Only those of this namespace.
    pub namespace: Option<Namespace>,
    /// Only those that this one looks after.
    pub managed_by: Option<String>,
}

impl Store {
    /// Saves a new app.
    ///
    /// # Errors
    /// [`StoreError::Invalid`], [`StoreError::Conflict`] when the name is taken.
    pub async fn create_app(&self, draft: &AppDraft) -> Result<Written<App>, StoreError> {
        self.insert_app(draft, None).await
    }

    /// Saves a new app that is made for a client on first sight.
    ///
    /// # Errors
    /// [`StoreError::Invalid`], [`StoreError::Conflict`] when the name is taken, or the client has one.
    pub async fn create_app_for(
        &self,
        draft: &AppDraft,
        made_for: &MadeFor,
    ) -> Result<Written<App>, StoreError> {
        self.insert_app(draft, Some(made_for)).await
    }

    async fn insert_app(
        &self,
        draft: &AppDraft,
        made_for: Option<&MadeFor>,
    ) -> Result<Written<App>, StoreError> {
        draft.validate().map_err(|problems| StoreError::invalid("app", &problems))?;
        let mut write = self.begin_write().await?;
        uniqueness::require_namespace(&mut write.tx, &draft.namespace).await?;
        require_free_name(&mut write.tx, draft, None).await?;
        if let Some(made_for) = made_for {
            require_first(&mut write.tx, made_for).await?;
        }
        let mut params = draft_params(draft);
        params.extend(params![
            write.now,
            draft.namespace.as_str(),
            made_for.map(|it| i64::from(it.issuer.0)),
            made_for.map(|it| it.client.clone()),
        ]);
        let row = write.tx.first(INSERT, params).await?;
        let app = read(row.as_ref().expect("an insert returns its row"))?;
        let change = Change::created(&app);
        write.changed(app, change).await
    }

    /// The app with this number.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn app(&self, id: AppId) -> Result<App, StoreError> {
        require(&mut self.begin_read().await?, id).await
    }

    /// The app with exactly this name; that of the global namespace, or else the oldest, where several have it.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn app_by_name(&self, name: &str) -> Result<App, StoreError> {
        let mut tx = self.begin_read().await?;
        let sql = "SELECT * FROM apps WHERE name = $1 ORDER BY namespace, id LIMIT 1";
        let row = tx.first(sql, params![name]).await?;
        read(&row.ok_or_else(|| StoreError::not_found("app", format!("{name:?}")))?)
    }

    /// One page of the apps that pass `filter`, oldest first.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn list_apps(
        &self,
        filter: &AppFilter,
        page: Page,
    ) -> Result<Listing<App>, StoreError> {
        let mut tx = self.begin_read().await?;
        let total = tx.first(COUNT, filter_params(filter)).await?;
        let total = total.map_or(Ok(0), |row| row.of("app").number("total"))?;
        let mut params = filter_params(filter);
        params.extend(params![page.size(), page.offset()]);
        let rows = tx.all(LIST, params).await?;
        Ok(Listing { items: rows.iter().map(read).collect::<Result<_, _>>()?, total, page })
    }

    /// Gives an app the content of `draft`; equal content changes nothing.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::Invalid`], [`StoreError::Conflict`].
    pub async fn update_app(
        &self,
        id: AppId,
        draft: &AppDraft,
    ) -> Result<Written<App>, StoreError> {
        let amend = |_: &App| Ok::<_, StoreError>(draft.clone());
        self.amend_app(id, &Precondition::None, amend).await
    }

    /// Gives an app the content that `amend` makes of what is stored. Nothing comes between reading
    /// and writing, so that changes at the same time lose nothing.
    ///
    /// # Errors
    /// What `amend` says, [`StoreError::ChangedMeanwhile`], and those of [`Store::update_app`].
    pub async fn amend_app<E, M>(
        &self,
        id: AppId,
        precondition: &Precondition,
        amend: M,
    ) -> Result<Written<App>, E>
    where
        E: From<StoreError>,
        M: FnOnce(&App) -> Result<AppDraft, E>,
    {
        let mut write = self.begin_write().await?;
        let before = require(&mut write.tx, id).await?;
        precondition.check("app", id, &before.version())?;
        let draft = amend(&before)?;
        Ok(replace(write, before, &draft).await?)
    }

    /// Deletes an app and all its tokens.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn delete_app(
        &self,
        id: AppId,
        precondition: &Precondition,
    ) -> Result<Written<DeletedApp>, StoreError> {
        let mut write = self.begin_write().await?;
        let app = require(&mut write.tx, id).await?;
        precondition.check("app", id, &app.version())?;
        let sql = "DELETE FROM tokens WHERE app_id = $1 RETURNING *";
        let rows = write.tx.all(sql, params![id.0]).await?;
        let hash = |row: &Row| row.of("token").hash("hash").map(TokenHash);
        let token_hashes: Vec<_> = rows.iter().map(hash).collect::<Result<_, _>>()?;
        write.tx.all("DELETE FROM apps WHERE id = $1", params![id.0]).await?;
        let tokens = format!("with its tokens: {}", token_hashes.len());
        let change = Change::deleted(&app).detail(&tokens);
        write.changed(DeletedApp { app, token_hashes }, change).await
    }
}

/// Ends a write that gives an app the content of `draft`.
async fn replace(
    mut write: Write,
    before: App,
    draft: &AppDraft,
) -> Result<Written<App>, StoreError> {
    draft.validate().map_err(|problems| StoreError::invalid("app", &problems))?;
    uniqueness::require_same_namespace("app", &before.namespace, &draft.namespace)?;
    require_free_name(&mut write.tx, draft, Some(before.id)).await?;
    let mut params = draft_params(draft);
    params.extend(params![write.later_than(before.updated_at), before.id.0]);
    match write.tx.first(UPDATE, params).await? {
        Some(row) => {
            let app = read(&row)?;
            let change = Change::changed(&before, &app);
            write.changed(app, change).await
        }
        None => write.unchanged(before).await,
    }
}

/// Every app, for the snapshot.
pub(crate) async fn all(tx: &mut Tx) -> Result<Vec<App>, StoreError> {
    tx.all("SELECT * FROM apps", params![]).await?.iter().map(read).collect()
}

/// The app with this number, as `tx` sees it.
pub(crate) async fn require(tx: &mut Tx, id: AppId) -> Result<App, StoreError> {
    let row = tx.first("SELECT * FROM apps WHERE id = $1", params![id.0]).await?;
    read(&row.ok_or_else(|| StoreError::not_found("app", id))?)
}

const INSERT: &str = "INSERT INTO apps (name, description, owner_email, is_active, \
     monthly_budget, rate_limit, metadata, max_staleness, managed_by, created_at, updated_at, namespace, \
     made_for_issuer, made_for_client) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10, $11, $12, $13) RETURNING *";

/// Touches the row only when something differs.
const UPDATE: &str = "UPDATE apps SET name = $1, description = $2, owner_email = $3, \
     is_active = $4, monthly_budget = $5, rate_limit = $6, metadata = $7, max_staleness = $8, \
     managed_by = $9, updated_at = $10 \
     WHERE id = $11 AND (name, description, owner_email, is_active, monthly_budget, rate_limit, \
     metadata, max_staleness, managed_by) IS DISTINCT FROM ($1, $2, $3, $4, $5, $6, $7, $8, $9) \
     RETURNING *";

const COUNT: &str = "SELECT count(*) AS total FROM apps WHERE name = coalesce($1, name) \
     AND namespace = coalesce($2, namespace) AND managed_by = coalesce($3, managed_by)";
const LIST: &str = "SELECT * FROM apps WHERE name = coalesce($1, name) \
     AND namespace = coalesce($2, namespace) AND managed_by = coalesce($3, managed_by) \
     ORDER BY id LIMIT $4 OFFSET $5";

/// `$1` to `$3` of [`COUNT`] and [`LIST`].
fn filter_params(filter: &AppFilter) -> Vec<Param> {
    let namespace = filter.namespace.as_ref().map(|namespace| namespace.as_str().to_owned());
    params![filter.name.clone(), namespace, filter.managed_by.clone()]
}

/// `$1` to `$9` of [`INSERT`] and [`UPDATE`].
fn draft_params(draft: &AppDraft) -> Vec<Param> {
    params![
        draft.name.as_str(),
        draft.description.as_str(),
        draft.owner_email.as_str(),
        draft.is_active,
        draft.monthly_budget,
        draft.rate_limit,
        json_text(&draft.metadata),
        draft.max_staleness.map(|millis| i64::try_from(millis).unwrap_or(i64::MAX)),
        draft.managed_by.as_str(),
    ]
}

async fn require_free_name(
    tx: &mut Tx,
    draft: &AppDraft,
    own: Option<AppId>,
) -> Result<(), StoreError> {
    let holders = tx.all(HOLDERS, params![draft.name.as_str()]).await?;
    uniqueness::require_free(&Noun::of_app(draft, own), &holders)
}

/// A client has one app that was made for it.
async fn require_first(tx: &mut Tx, made_for: &MadeFor) -> Result<(), StoreError> {
    let MadeFor { issuer, client } = made_for;
    let Some(row) = tx.first(OF_CLIENT, params![issuer.0, client.as_str()]).await? else {
        return Ok(());
    };
    let app: i64 = row.of("app").get("id")?;
    let detail = format!("app {app} was made for client {client:?} of issuer {issuer}");
    Err(StoreError::Conflict { what: "app", detail })
}

const OF_CLIENT: &str = "SELECT id FROM apps WHERE made_for_issuer = $1 AND made_for_client = $2";

const HOLDERS: &str =
    "SELECT id, namespace, name, NULL AS slug FROM apps WHERE name = $1 ORDER BY id";

/// A row as the app that it is.
pub(crate) fn read(row: &Row) -> Result<App, StoreError> {
    AppRow::read(row)?.app()
}
