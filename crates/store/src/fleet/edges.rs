//! Edges: how they are kept, found, barred and forgotten. It never meets the text of a join token.

use crate::error::StoreError;
use crate::fleet::reports::{self, REPLICA_LOST_AFTER_MS};
use crate::page::{Listing, Page};
use crate::precondition::Precondition;
use crate::revision::Write;
use crate::sql::{Param, Row, Tx, params};
use crate::store::Store;
use sidegate_model::UnixMillis;
use sidegate_model::audit::Change;
use sidegate_model::clock::now_millis;
use sidegate_model::edge::{Edge, EdgeId, EdgeState, JoinToken, Joined, check_name};
use sidegate_model::namespace::Namespace;
use sidegate_model::sha256::Sha256;

/// How errors call one.
pub(crate) const WHAT: &str = "edge";

/// An edge to be saved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEdge {
    /// Unique name, see [`check_name`].
    pub name: String,
    /// What it gets beside the global namespace.
    pub namespace: Namespace,
    /// By which it joins.
    pub join_token: JoinToken,
}

/// An edge that got another join token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenewedEdge {
    /// As it was at that moment: by this is known whether somebody joined as it.
    pub before: Edge,
    /// As it is since.
    pub edge: Edge,
}

/// Which edges to list; the default is all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EdgeFilter {
    /// Only those of this namespace.
    pub namespace: Option<Namespace>,
    /// Only those in this state.
    pub state: Option<EdgeState>,
}

const INSERT: &str = "INSERT INTO edges (name, namespace, created_at, join_token_id, \
     join_token_hash, join_token_expires_at, certificates_after, last_version) \
     VALUES ($1, $2, $3, $4, $5, $6, $3, '') RETURNING *";

/// Where an edge is in its life; `$1` is when a process was seen that is still there.
macro_rules! with_state {
    ($select:literal, $then:literal) => {
        concat!(
            "SELECT ",
            $select,
            " FROM (SELECT edges.*, CASE WHEN revoked_at IS NOT NULL THEN 'revoked' \
             WHEN joined_at IS NULL THEN 'waiting' WHEN EXISTS (SELECT 1 FROM edge_reports AS r \
             JOIN replicas AS p ON p.name = r.replica WHERE r.edge = edges.name AND r.is_here \
             AND p.seen_at >= $1) THEN 'connected' ELSE 'offline' END AS state FROM edges) AS e \
             WHERE namespace = coalesce($2, namespace) AND state = coalesce($3, state)",
            $then
        )
    };
}

const COUNT: &str = with_state!("count(*) AS total", "");
const LIST: &str = with_state!("*", " ORDER BY id LIMIT $4 OFFSET $5");

const NEW_TOKEN: &str = "UPDATE edges SET join_token_id = $2, join_token_hash = $3, \
     join_token_expires_at = $4, joined_key = NULL, joined_at = NULL, revoked_at = NULL, \
     certificates_after = $5 WHERE id = $1 RETURNING *";

const REVOKE: &str = "UPDATE edges SET revoked_at = $2, certificates_after = $2, \
     join_token_id = NULL, join_token_hash = NULL, join_token_expires_at = NULL \
     WHERE id = $1 RETURNING *";

const NOTE_SEEN: &str = "UPDATE edges SET last_seen_at = $2, last_version = $3 \
     WHERE name = $1 AND (last_seen_at IS NULL OR last_seen_at <= $2)";

impl Store {
    /// Saves a new edge, which can join by its token.
    ///
    /// # Errors
    /// [`StoreError::Invalid`], [`StoreError::Conflict`] when the name is taken.
    pub async fn create_edge(&self, new: &NewEdge) -> Result<Edge, StoreError> {
        check_name(&new.name).map_err(|e| StoreError::invalid(WHAT, &[format!("name: {e}")]))?;
        let mut write = self.begin_write().await?;
        let sql = "SELECT id FROM edges WHERE name = $1";
        if let Some(row) = write.tx.first(sql, params![new.name.as_str()]).await? {
            let holder: u32 = row.of(WHAT).number("id")?;
            let name = &new.name;
            let detail = format!("the name {name:?} is taken by edge {holder}; choose another");
            return Err(StoreError::Conflict { what: WHAT, detail });
        }
        let token = &new.join_token;
        let params = params![
            new.name.as_str(),
            new.namespace.as_str(),
            write.now,
            token.id.as_str(),
            token.secret_hash.0,
            token.expires_at,
        ];
        let row = write.tx.first(INSERT, params).await?;
        let edge = read(row.as_ref().expect("an insert returns its row"))?;
        let change = Change::created(&edge);
        write.changed_fleet(edge, change).await
    }

    /// The edge with this number.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn edge(&self, id: EdgeId) -> Result<Edge, StoreError> {
        require(&mut self.begin_read().await?, id).await
    }

    /// The edge with exactly this name.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn edge_by_name(&self, name: &str) -> Result<Edge, StoreError> {
        let mut tx = self.begin_read().await?;
        let row = tx.first("SELECT * FROM edges WHERE name = $1", params![name]).await?;
        read(&row.ok_or_else(|| StoreError::not_found(WHAT, format!("{name:?}")))?)
    }

    /// One page of the edges that pass `filter`, oldest first, each with where it is in its life.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn list_edges(
        &self,
        filter: &EdgeFilter,
        page: Page,
    ) -> Result<Listing<(Edge, EdgeState)>, StoreError> {
        let mut tx = self.begin_read().await?;
        let total = tx.first(COUNT, filter_params(filter)).await?;
        let total = total.map_or(Ok(0), |row| row.of(WHAT).number("total"))?;
        let mut params = filter_params(filter);
        params.extend(params![page.size(), page.offset()]);
        let rows = tx.all(LIST, params).await?;
        let edge = |row: &Row| Ok((read(row)?, row.of(WHAT).word("state", EdgeState::parse)?));
        Ok(Listing {
            items: rows.iter().map(edge).collect::<Result<_, StoreError>>()?,
            total,
            page,
        })
    }

    /// Every edge that counts, by what a handshake asks: to be kept in memory.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn all_edges(&self) -> Result<Vec<Edge>, StoreError> {
        let mut tx = self.begin_read().await?;
        tx.all("SELECT * FROM edges ORDER BY id", params![]).await?.iter().map(read).collect()
    }

    /// Gives an edge another join token: whoever held a certificate of it holds one no more, and it is barred no more.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::ChangedMeanwhile`].
    pub async fn renew_join_token(
        &self,
        id: EdgeId,
        token: &JoinToken,
        precondition: &Precondition,
    ) -> Result<RenewedEdge, StoreError> {
        let (mut write, before) = self.begin_change(id, precondition).await?;
        let params = params![
            id.0,
            token.id.as_str(),
            token.secret_hash.0,
            token.expires_at,
            write.later_than(before.certificates_after),
        ];
        let row = write.tx.first(NEW_TOKEN, params).await?;
        let edge = end_change(write, &before, row.as_ref()).await?;
        Ok(RenewedEdge { before, edge })
    }

    /// Bars an edge: no certificate and no join token of it counts any more. What is so already changes nothing.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::ChangedMeanwhile`].
    pub async fn revoke_edge(
        &self,
        id: EdgeId,
        precondition: &Precondition,
    ) -> Result<Edge, StoreError> {
        let (mut write, before) = self.begin_change(id, precondition).await?;
        if before.revoked_at.is_some() {
            return Ok(before);
        }
        let params = params![id.0, write.later_than(before.certificates_after)];
        let row = write.tx.first(REVOKE, params).await?;
        end_change(write, &before, row.as_ref()).await
    }

    /// Forgets an edge, which is barred by that, and returns what it was.
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::ChangedMeanwhile`].
    pub async fn delete_edge(
        &self,
        id: EdgeId,
        precondition: &Precondition,
    ) -> Result<Edge, StoreError> {
        let (mut write, before) = self.begin_change(id, precondition).await?;
        write.tx.all("DELETE FROM edges WHERE id = $1", params![id.0]).await?;
        reports::forget(&mut write.tx, &before.name).await?;
        let change = Change::deleted(&before);
        write.changed_fleet(before, change).await
    }

    /// Keeps when edges, by their names, were last there, and with which version.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn note_edges_seen(
        &self,
        seen: &[(String, UnixMillis, String)],
    ) -> Result<(), StoreError> {
        let mut write = self.begin_write().await?;
        for (name, at, version) in seen {
            write.tx.all(NOTE_SEEN, params![name.as_str(), *at, version.as_str()]).await?;
        }
        write.aside(()).await
    }

    async fn begin_change(
        &self,
        id: EdgeId,
        precondition: &Precondition,
    ) -> Result<(Write, Edge), StoreError> {
        let mut write = self.begin_write().await?;
        let before = require(&mut write.tx, id).await?;
        precondition.check(WHAT, id, &before.version())?;
        Ok((write, before))
    }
}

async fn end_change(write: Write, before: &Edge, row: Option<&Row>) -> Result<Edge, StoreError> {
    let edge = read(row.ok_or_else(|| StoreError::not_found(WHAT, before.id))?)?;
    let change = Change::changed(before, &edge);
    write.changed_fleet(edge, change).await
}

/// `$1` to `$3` of [`COUNT`] and [`LIST`].
fn filter_params(filter: &EdgeFilter) -> Vec<Param> {
    params![
        now_millis().saturating_sub(REPLICA_LOST_AFTER_MS),
        filter.namespace.as_ref().map(|namespace| namespace.as_str().to_owned()),
        filter.state.map(|state| state.as_str().to_owned()),
    ]
}

async fn require(tx: &mut Tx, id: EdgeId) -> Result<Edge, StoreError> {
    let row = tx.first("SELECT * FROM edges WHERE id = $1", params![id.0]).await?;
    read(&row.ok_or_else(|| StoreError::not_found(WHAT, id))?)
}

pub(crate) fn read(row: &Row) -> Result<Edge, StoreError> {
    let row = row.of(WHAT);
    let token: Option<String> = row.get("join_token_id")?;
    let join_token = match token {
        Some(id) => Some(JoinToken {
            id,
            secret_hash: Sha256(row.hash("join_token_hash")?),
            expires_at: row.get("join_token_expires_at")?,
        }),
        None => None,
    };
    let joined_at: Option<UnixMillis> = row.get("joined_at")?;
    let joined = match joined_at {
        Some(at) => Some(Joined { key: Sha256(row.hash("joined_key")?), at }),
        None => None,
    };
    Ok(Edge {
        id: EdgeId(row.number("id")?),
        name: row.get("name")?,
        namespace: row.word("namespace", |text| Namespace::parse(text).ok())?,
        created_at: row.get("created_at")?,
        join_token,
        joined,
        certificates_after: row.get("certificates_after")?,
        revoked_at: row.get("revoked_at")?,
        last_seen_at: row.get("last_seen_at")?,
        last_version: row.get("last_version")?,
    })
}
