//! Apps: how they are kept and found. It knows of tokens only that they go with their app.

use crate::error::StoreError;
use crate::page::{Listing, Page};
use crate::precondition::Precondition;
use crate::revision::{Write, Written};
use crate::sql::{Param, Row, Tx, json_text, params};
use crate::store::Store;
use sidegate_model::app::{App, AppDraft, AppId};
use sidegate_model::audit::Change;
use sidegate_model::token::TokenHash;

/// An app that was deleted, and the tokens that went with it.
#[derive(Debug, Clone, PartialEq)]
pub struct DeletedApp {
    /// The app as it was.
    pub app: App,
    /// The hashes of its tokens, which are no longer valid.
    pub token_hashes: Vec<TokenHash>,
}

impl Store {
    /// Saves a new app.
    ///
    /// # Errors
    /// [`StoreError::Invalid`], [`StoreError::Conflict`] when the name is taken.
    pub async fn create_app(&self, draft: &AppDraft) -> Result<Written<App>, StoreError> {
        draft.validate().map_err(|problems| StoreError::invalid("app", &problems))?;
        let mut write = self.begin_write().await?;
        require_free_name(&mut write.tx, &draft.name, None).await?;
        let mut params = draft_params(draft);
        params.push(write.now.into());
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

    /// The app with exactly this name.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn app_by_name(&self, name: &str) -> Result<App, StoreError> {
        let mut tx = self.begin_read().await?;
        let row = tx.first("SELECT * FROM apps WHERE name = $1", params![name]).await?;
        read(&row.ok_or_else(|| StoreError::not_found("app", format!("{name:?}")))?)
    }

    /// One page of all apps, oldest first.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn list_apps(&self, page: Page) -> Result<Listing<App>, StoreError> {
        let mut tx = self.begin_read().await?;
        let total = tx.first("SELECT count(*) AS total FROM apps", params![]).await?;
        let total = total.map_or(Ok(0), |row| row.of("app").number("total"))?;
        let sql = "SELECT * FROM apps ORDER BY id LIMIT $1 OFFSET $2";
        let rows = tx.all(sql, params![page.size(), page.offset()]).await?;
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
    require_free_name(&mut write.tx, &draft.name, Some(before.id)).await?;
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
     monthly_budget, rate_limit, metadata, created_at, updated_at) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8) RETURNING *";

/// Touches the row only when something differs.
const UPDATE: &str = "UPDATE apps SET name = $1, description = $2, owner_email = $3, \
     is_active = $4, monthly_budget = $5, rate_limit = $6, metadata = $7, updated_at = $8 \
     WHERE id = $9 AND (name, description, owner_email, is_active, monthly_budget, rate_limit, \
     metadata) IS DISTINCT FROM ($1, $2, $3, $4, $5, $6, $7) RETURNING *";

/// `$1` to `$7` of [`INSERT`] and [`UPDATE`].
fn draft_params(draft: &AppDraft) -> Vec<Param> {
    params![
        draft.name.as_str(),
        draft.description.as_str(),
        draft.owner_email.as_str(),
        draft.is_active,
        draft.monthly_budget,
        draft.rate_limit,
        json_text(&draft.metadata),
    ]
}

async fn require_free_name(tx: &mut Tx, name: &str, own: Option<AppId>) -> Result<(), StoreError> {
    let sql = "SELECT id FROM apps WHERE name = $1";
    let Some(row) = tx.first(sql, params![name]).await? else {
        return Ok(());
    };
    let holder = AppId(row.of("app").number("id")?);
    if own == Some(holder) {
        return Ok(());
    }
    let detail = format!("the name {name:?} is taken by app {holder}; choose another");
    Err(StoreError::Conflict { what: "app", detail })
}

fn read(row: &Row) -> Result<App, StoreError> {
    let row = row.of("app");
    Ok(App {
        id: AppId(row.number("id")?),
        name: row.get("name")?,
        description: row.get("description")?,
        owner_email: row.get("owner_email")?,
        is_active: row.get("is_active")?,
        monthly_budget: row.get("monthly_budget")?,
        rate_limit: row.number("rate_limit")?,
        metadata: row.json("metadata")?,
        created_at: row.get("created_at")?,
        updated_at: row.get("updated_at")?,
    })
}
