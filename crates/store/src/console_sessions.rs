//! Sessions of the console and links into it: how they begin, are found and end. It meets only the SHA-256 of their
//! secrets. A session is read with whoever it is for as they are at that moment, so nothing has to be told to it.

use crate::error::StoreError;
use crate::page::{Listing, Page};
use crate::sql::{Fields, Param, Row, Tx, params};
use crate::store::Store;
use crate::view::StoreView;
use sidegate_model::UnixMillis;
use sidegate_model::actor::Who;
use sidegate_model::admin_token::AdminTokenId;
use sidegate_model::audit::Change;
use sidegate_model::console_session::{ConsoleLink, ConsoleSession, ConsoleSessionId, SignedInVia};
use sidegate_model::role::Role;
use sidegate_model::token::TokenHash;
use sidegate_model::user::{Identity, PasswordHash, UserId};
use std::net::IpAddr;

/// How errors call one.
const WHAT: &str = "session";
const LINK: &str = "console link";

/// Most sessions of one user or admin token, and of `root`; the one that was unused for longest makes room.
const MOST_SESSIONS: u32 = 50;
/// Most links that are good at a time.
const MOST_LINKS: u64 = 100;

/// Whose a session or a link is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionHolder {
    /// A user.
    User(UserId),
    /// The holder of an admin token.
    AdminToken(AdminTokenId),
    /// The holder of the root token with this fingerprint.
    Root(TokenHash),
}

impl SessionHolder {
    /// Whose a session is.
    pub fn of(session: &ConsoleSession) -> Option<Self> {
        let user = session.who.user().map(Self::User);
        let token = session.who.admin_token().map(Self::AdminToken);
        user.or(token).or(session.root.map(Self::Root))
    }

    /// As `user_id`, `admin_token_id`, `root_hash`.
    fn columns(self) -> [Param; 3] {
        let (user, token, root) = match self {
            Self::User(id) => (Some(i64::from(id.0)), None, None),
            Self::AdminToken(id) => (None, Some(i64::from(id.0)), None),
            Self::Root(hash) => (None, None, Some(hash.0.to_vec())),
        };
        [Param::Int(user), Param::Int(token), Param::OptionalBlob(root)]
    }
}

/// A session to begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewConsoleSession {
    /// SHA-256 of the secret in its cookie.
    pub hash: TokenHash,
    /// SHA-256 of the key that comes beside the cookie.
    pub key: TokenHash,
    /// Whose it is to be.
    pub holder: SessionHolder,
    /// From which address it begins.
    pub peer: Option<IpAddr>,
    /// When it ends, whatever is done with it.
    pub expires_at: UnixMillis,
    /// Sessions that were last used before this are over, and removed.
    pub idle_since: UnixMillis,
}

/// By what somebody has proved who they are. It is looked at once more when the session begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    /// By the password of which this is kept.
    Password(PasswordHash),
    /// By their admin token.
    AdminToken,
    /// By the link with this hash, which is burnt.
    Link(TokenHash),
    /// By the word of a provider that they are this one there.
    Identity(Identity),
}

/// A link to be saved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewConsoleLink {
    /// SHA-256 of its secret.
    pub hash: TokenHash,
    /// Whom it is to let in.
    pub holder: SessionHolder,
    /// What the audit log calls them.
    pub who: Who,
    /// When it stops to be good.
    pub expires_at: UnixMillis,
    /// When the session that it begins ends at the latest: with the one that made it, where one did.
    pub session_ends_at: Option<UnixMillis>,
}

/// A link that is stored, with whom it lets in as they are now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredLink {
    /// Whom.
    pub holder: SessionHolder,
    /// What the audit log calls them.
    pub who: Who,
    /// When it stops to be good.
    pub expires_at: UnixMillis,
    /// When their admin token ends.
    pub token_expires_at: Option<UnixMillis>,
    /// When the session that it begins ends at the latest.
    pub session_ends_at: Option<UnixMillis>,
}

const INSERT: &str = "INSERT INTO console_sessions (hash, via, user_id, admin_token_id, root_hash, \
     peer, created_at, last_used_at, expires_at, key_hash) \
     VALUES ($1, $2, $3, $4, $5, $6, $7, $7, $8, $9) RETURNING id";

macro_rules! with_holder {
    ($table:literal, $more:literal) => {
        concat!(
            "SELECT s.*, u.name AS user_name, u.role AS user_role, u.is_enabled AS user_is_enabled, \
             u.identity_issuer, \
             t.name AS token_name, t.role AS token_role, t.expires_at AS token_expires_at \
             FROM ",
            $table,
            " s LEFT JOIN users u ON u.id = s.user_id \
             LEFT JOIN admin_tokens t ON t.id = s.admin_token_id ",
            $more
        )
    };
}

const BY_ID: &str = with_holder!("console_sessions", "WHERE s.id = $1");
const BY_HASH: &str = with_holder!("console_sessions", "WHERE s.hash = $1");
const LIST: &str = with_holder!(
    "console_sessions",
    "WHERE s.expires_at > $1 AND s.last_used_at > $2 ORDER BY s.id DESC LIMIT $3 OFFSET $4"
);
const COUNT: &str = "SELECT count(*) AS total FROM console_sessions \
     WHERE expires_at > $1 AND last_used_at > $2";
const LINK_BY_HASH: &str = with_holder!("console_links", "WHERE s.hash = $1");

const END_ENDED: &str = "DELETE FROM console_sessions WHERE expires_at <= $1 OR last_used_at <= $2";
const MAKE_ROOM: &str = "DELETE FROM console_sessions WHERE id IN (SELECT id FROM console_sessions \
     WHERE user_id = $1 OR admin_token_id = $2 OR root_hash = $3 \
     ORDER BY last_used_at DESC, id DESC LIMIT 1000 OFFSET $4)";
const END_LINKS_OF_HOLDER: &str = "DELETE FROM console_links \
     WHERE user_id = $1 OR admin_token_id = $2 OR root_hash = $3";
const END_OF_HOLDER: &str = "DELETE FROM console_sessions \
     WHERE user_id = $1 OR admin_token_id = $2 OR root_hash = $3";
const NOTE_USE: &str =
    "UPDATE console_sessions SET last_used_at = $2 WHERE id = $1 AND last_used_at < $2";

impl Store {
    /// Begins a session, if what was proved still holds; none where it does not, for example because the link was burnt
    /// or the password became another one meanwhile.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn begin_console_session(
        &self,
        new: &NewConsoleSession,
        proof: &Proof,
    ) -> Result<Option<ConsoleSession>, StoreError> {
        let mut write = self.begin_write().await?;
        if !still_holds(&mut write.tx, new.holder, proof, write.now).await? {
            return Ok(None);
        }
        write.tx.all(END_ENDED, params![write.now, new.idle_since]).await?;
        let [user, token, root] = new.holder.columns();
        let most = Param::from(MOST_SESSIONS - 1);
        write.tx.all(MAKE_ROOM, vec![user, token, root, most]).await?;
        let via = match proof {
            Proof::Password(_) => SignedInVia::Password,
            Proof::AdminToken => SignedInVia::AdminToken,
            Proof::Link(_) => SignedInVia::Link,
            Proof::Identity(_) => SignedInVia::Oidc,
        };
        let [user, token, root] = new.holder.columns();
        let params = vec![
            new.hash.0.into(),
            via.as_str().into(),
            user,
            token,
            root,
            new.peer.map(|peer| peer.to_string()).into(),
            write.now.into(),
            new.expires_at.into(),
            new.key.0.into(),
        ];
        let row = write.tx.first(INSERT, params).await?;
        let id = row.as_ref().expect("an insert returns its row").of(WHAT).number::<u32>("id")?;
        if let SessionHolder::User(user) = new.holder {
            let sql = "UPDATE users SET last_signed_in_at = $2 WHERE id = $1";
            write.tx.all(sql, params![user.0, write.now]).await?;
        }
        let row = write.tx.first(BY_ID, params![id]).await?;
        // Of an admin token or a user that is gone meanwhile there is no session to read.
        let Some(session) = row.as_ref().map(read).transpose()?.flatten() else { return Ok(None) };
        let by = match proof {
            Proof::Identity(identity) => {
                format!("by {}, by way of {}", via.as_str(), identity.issuer)
            }
            _ => format!("by {}", via.as_str()),
        };
        let change = Change::created(&session).detail(&by);
        write.changed_aside(Some(session), change).await
    }

    /// Ends a session, and the links of the same user or admin token.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn end_console_session(&self, id: ConsoleSessionId) -> Result<(), StoreError> {
        let mut write = self.begin_write().await?;
        let row = write.tx.first(BY_ID, params![id.0]).await?;
        let session = row.as_ref().map(read).transpose()?.flatten();
        let session = session.ok_or_else(|| StoreError::not_found(WHAT, id))?;
        write.tx.all("DELETE FROM console_sessions WHERE id = $1", params![id.0]).await?;
        // Whoever had the session may have made a way back.
        if let Some(holder) = SessionHolder::of(&session) {
            write.tx.all(END_LINKS_OF_HOLDER, Vec::from(holder.columns())).await?;
        }
        let change = Change::deleted(&session);
        write.changed_aside((), change).await
    }

    /// Ends every session of the same user or admin token as this one, this one too, and their links.
    ///
    /// # Errors
    /// [`StoreError::NotFound`].
    pub async fn end_console_sessions_like(&self, id: ConsoleSessionId) -> Result<(), StoreError> {
        let mut write = self.begin_write().await?;
        let row = write.tx.first(BY_ID, params![id.0]).await?;
        let session = row.as_ref().map(read).transpose()?.flatten();
        let session = session.ok_or_else(|| StoreError::not_found(WHAT, id))?;
        if let Some(holder) = SessionHolder::of(&session) {
            write.tx.all(END_OF_HOLDER, Vec::from(holder.columns())).await?;
            write.tx.all(END_LINKS_OF_HOLDER, Vec::from(holder.columns())).await?;
        }
        let change = Change::deleted(&session).detail("with all of the same user or admin token");
        write.changed_aside((), change).await
    }

    /// Keeps when sessions were last used. What is kept already and later stays, and what is there no more is left out.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn note_console_session_uses(
        &self,
        uses: &[(ConsoleSessionId, UnixMillis)],
    ) -> Result<(), StoreError> {
        let mut write = self.begin_write().await?;
        for (id, time) in uses {
            write.tx.all(NOTE_USE, params![id.0, *time]).await?;
        }
        write.aside(()).await
    }

    /// Saves a link, and forgets those that are good no more.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] where there are too many.
    pub async fn create_console_link(&self, new: &NewConsoleLink) -> Result<(), StoreError> {
        let mut write = self.begin_write().await?;
        let now = write.now;
        write.tx.all("DELETE FROM console_links WHERE expires_at <= $1", params![now]).await?;
        let row = write.tx.first("SELECT count(*) AS total FROM console_links", params![]).await?;
        let total: u64 = row.map_or(Ok(0), |row| row.of(LINK).number("total"))?;
        if total >= MOST_LINKS {
            let detail = format!("{total} are good now, which is the most; wait some minutes");
            return Err(StoreError::Conflict { what: LINK, detail });
        }
        let sql = "INSERT INTO console_links (hash, user_id, admin_token_id, root_hash, \
             created_at, expires_at, session_ends_at) VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING id";
        let [user, token, root] = new.holder.columns();
        let (hash, expires_at) = (new.hash.0.into(), new.expires_at.into());
        let ends_at = Param::Int(new.session_ends_at);
        let params = vec![hash, user, token, root, now.into(), expires_at, ends_at];
        let row = write.tx.first(sql, params).await?;
        let id = row.as_ref().expect("an insert returns its row").of(LINK).number("id")?;
        let link = ConsoleLink { id, who: new.who.clone(), expires_at: new.expires_at };
        let change = Change::created(&link);
        write.changed_aside((), change).await
    }
}

impl StoreView {
    /// A session, which may have ended; none where there is none, or nobody whose it could be.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`]: then nothing is known of it.
    pub async fn console_session(
        &self,
        id: ConsoleSessionId,
    ) -> Result<Option<ConsoleSession>, StoreError> {
        let mut tx = self.begin_read().await?;
        let row = tx.first(BY_ID, params![id.0]).await?;
        Ok(row.as_ref().map(read).transpose()?.flatten())
    }

    /// The same by the hash of its secret.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn console_session_by_hash(
        &self,
        hash: TokenHash,
    ) -> Result<Option<ConsoleSession>, StoreError> {
        let mut tx = self.store.begin_read().await?;
        let row = tx.first(BY_HASH, params![hash.0]).await?;
        Ok(row.as_ref().map(read).transpose()?.flatten())
    }

    /// One page of the sessions that end after `now` and were used after `idle_since`, newest first.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn list_console_sessions(
        &self,
        now: UnixMillis,
        idle_since: UnixMillis,
        page: Page,
    ) -> Result<Listing<ConsoleSession>, StoreError> {
        let mut tx = self.store.begin_read().await?;
        let total = tx.first(COUNT, params![now, idle_since]).await?;
        let total = total.map_or(Ok(0), |row| row.of(WHAT).number("total"))?;
        let params = params![now, idle_since, page.size(), page.offset()];
        let rows = tx.all(LIST, params).await?;
        let items: Vec<_> = rows.iter().map(read).collect::<Result<_, _>>()?;
        Ok(Listing { items: items.into_iter().flatten().collect(), total, page })
    }

    /// The link with this hash, which may be good no more.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn console_link_by_hash(
        &self,
        hash: TokenHash,
    ) -> Result<Option<StoredLink>, StoreError> {
        let mut tx = self.store.begin_read().await?;
        let row = tx.first(LINK_BY_HASH, params![hash.0]).await?;
        let Some(row) = row else { return Ok(None) };
        let row = row.of(LINK);
        let Some(held) = held(&row)? else { return Ok(None) };
        let Held { holder, who, token_expires_at, .. } = held;
        let (expires_at, session_ends_at) = (row.get("expires_at")?, row.get("session_ends_at")?);
        Ok(Some(StoredLink { holder, who, expires_at, token_expires_at, session_ends_at }))
    }
}

/// Ends all sessions and links of a user but for one session.
pub(crate) async fn end_all_of(
    tx: &mut Tx,
    user: UserId,
    but: Option<ConsoleSessionId>,
) -> Result<(), StoreError> {
    let but = but.map_or(-1, |id| i64::from(id.0));
    let sql = "DELETE FROM console_sessions WHERE user_id = $1 AND id <> $2";
    tx.all(sql, params![user.0, but]).await?;
    tx.all("DELETE FROM console_links WHERE user_id = $1", params![user.0]).await.map(drop)
}

/// Whether what was proved before still holds in this transaction. It burns a link.
async fn still_holds(
    tx: &mut Tx,
    holder: SessionHolder,
    proof: &Proof,
    now: UnixMillis,
) -> Result<bool, StoreError> {
    match (proof, holder) {
        (Proof::Password(PasswordHash(kept)), SessionHolder::User(id)) => {
            let sql = "SELECT is_enabled FROM users WHERE id = $1 AND password = $2";
            let row = tx.first(sql, params![id.0, kept.as_str()]).await?;
            row.map_or(Ok(false), |row| row.of("user").get("is_enabled"))
        }
        (Proof::Identity(Identity { issuer, subject }), SessionHolder::User(id)) => {
            let sql = "SELECT is_enabled FROM users \
                 WHERE id = $1 AND identity_issuer = $2 AND identity_subject = $3";
            let row = tx.first(sql, params![id.0, issuer.as_str(), subject.as_str()]).await?;
            row.map_or(Ok(false), |row| row.of("user").get("is_enabled"))
        }
        (Proof::Password(_) | Proof::Identity(_), _) => Ok(false),
        (Proof::AdminToken, SessionHolder::AdminToken(id)) => {
            let sql = "SELECT id FROM admin_tokens WHERE id = $1";
            Ok(tx.first(sql, params![id.0]).await?.is_some())
        }
        (Proof::AdminToken, _) => Ok(true),
        (Proof::Link(hash), _) => {
            let sql = "DELETE FROM console_links WHERE hash = $1 AND expires_at > $2 RETURNING id";
            Ok(tx.first(sql, params![hash.0, now]).await?.is_some())
        }
    }
}

/// Whoever a session or a link is for, as they are now.
struct Held {
    holder: SessionHolder,
    who: Who,
    role: Role,
    root: Option<TokenHash>,
    token_expires_at: Option<UnixMillis>,
}

/// None where they are gone, or may not sign in.
fn held(row: &Fields<'_>) -> Result<Option<Held>, StoreError> {
    if row.get::<Option<i64>>("user_id")?.is_some() {
        let is_enabled: Option<bool> = row.get("user_is_enabled")?;
        if is_enabled != Some(true) {
            return Ok(None);
        }
        let (id, name) = (UserId(row.number("user_id")?), row.get::<String>("user_name")?);
        return Ok(Some(Held {
            holder: SessionHolder::User(id),
            who: Who::of_user(id, &name),
            role: row.word("user_role", Role::parse)?,
            root: None,
            token_expires_at: None,
        }));
    }
    if row.get::<Option<i64>>("admin_token_id")?.is_some() {
        let Some(name) = row.get::<Option<String>>("token_name")? else { return Ok(None) };
        let id = AdminTokenId(row.number("admin_token_id")?);
        return Ok(Some(Held {
            holder: SessionHolder::AdminToken(id),
            who: Who::AdminToken { id, name },
            role: row.word("token_role", Role::parse)?,
            root: None,
            token_expires_at: row.get("token_expires_at")?,
        }));
    }
    let root = TokenHash(row.hash("root_hash")?);
    Ok(Some(Held {
        holder: SessionHolder::Root(root),
        who: Who::Root,
        role: Role::Admin,
        root: Some(root),
        token_expires_at: None,
    }))
}

fn read(row: &Row) -> Result<Option<ConsoleSession>, StoreError> {
    let row = row.of(WHAT);
    let Some(Held { who, role, root, token_expires_at, .. }) = held(&row)? else { return Ok(None) };
    Ok(Some(ConsoleSession {
        id: ConsoleSessionId(row.number("id")?),
        who,
        role,
        root,
        token_expires_at,
        key: TokenHash(row.hash("key_hash")?),
        via: row.word("via", SignedInVia::parse)?,
        issuer: row.get("identity_issuer")?,
        peer: row.optional_word("peer", |text| text.parse().ok())?,
        created_at: row.get("created_at")?,
        last_used_at: row.get("last_used_at")?,
        expires_at: row.get("expires_at")?,
    }))
}
