//! Users of the console who are people of an OpenID Connect provider: found by who they are there, made at their first
//! sign-in, and given at each one the role that the provider's word comes to.

use crate::console_sessions;
use crate::error::StoreError;
use crate::sql::{Tx, params};
use crate::store::Store;
use crate::users::{MOST, WHAT, read, total};
use sidegate_model::audit::Change;
use sidegate_model::role::Role;
use sidegate_model::token::TokenHash;
use sidegate_model::user::{Identity, User, check_name};

/// Somebody whom a provider vouches for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vouched {
    /// Who they are there.
    pub identity: Identity,
    /// What they are called here, if nobody is yet: see [`check_name`]. Who is known keeps their name.
    pub name: String,
    /// What they may do.
    pub role: Role,
}

const BY_IDENTITY: &str =
    "SELECT * FROM users WHERE identity_issuer = $1 AND identity_subject = $2";
const INSERT: &str = "INSERT INTO users (name, role, is_enabled, identity_issuer, \
     identity_subject, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $6) RETURNING *";
const SET_ROLE: &str = "UPDATE users SET role = $2, updated_at = $3 WHERE id = $1 RETURNING *";

impl Store {
    /// The user who is this one at their provider: made where there is none, with the role that they have now. One who may
    /// not sign in stays so, which is for whoever asks to look at.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] for a name that is none, [`StoreError::Conflict`] where there are too many users.
    pub async fn vouched_user(&self, vouched: &Vouched) -> Result<User, StoreError> {
        let Vouched { identity, name, role } = vouched;
        let mut write = self.begin_write().await?;
        if let Some(before) = by_identity(&mut write.tx, identity).await? {
            if before.role == *role || !before.is_enabled {
                return write.aside(before).await;
            }
            let now = write.later_than(before.updated_at);
            let row = write.tx.first(SET_ROLE, params![before.id.0, role.as_str(), now]).await?;
            let user = read(row.as_ref().expect("it was there a moment ago"))?;
            let change = Change::changed(&before, &user).detail("by the word of their provider");
            return write.changed_aside(user, change).await;
        }
        check_name(name).map_err(|problem| StoreError::Invalid {
            what: WHAT,
            problems: vec![format!("name: {problem}")],
        })?;
        let there = total(&mut write.tx).await?;
        if there >= MOST {
            let detail = format!("there are {there} already, which is the most; delete some");
            return Err(StoreError::Conflict { what: WHAT, detail });
        }
        let name = free_name(&mut write.tx, name, identity).await?;
        let params = params![
            name,
            role.as_str(),
            true,
            identity.issuer.as_str(),
            identity.subject.as_str(),
            write.now,
        ];
        let row = write.tx.first(INSERT, params).await?;
        let user = read(row.as_ref().expect("an insert returns its row"))?;
        let detail = format!("with the role {role}, by the word of their provider");
        let change = Change::created(&user).detail(&detail);
        write.changed_aside(user, change).await
    }

    /// Ends all sessions of whoever is this one at their provider, who may come in no more, and says who it is; none where
    /// nobody is known here.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn end_sessions_of(&self, identity: &Identity) -> Result<Option<User>, StoreError> {
        let mut write = self.begin_write().await?;
        let Some(user) = by_identity(&mut write.tx, identity).await? else {
            return write.aside(None).await;
        };
        console_sessions::end_all_of(&mut write.tx, user.id, None).await?;
        let change = Change::touched(&user).detail("their sessions ended");
        write.changed_aside(Some(user), change).await
    }
}

async fn by_identity(tx: &mut Tx, identity: &Identity) -> Result<Option<User>, StoreError> {
    let params = params![identity.issuer.as_str(), identity.subject.as_str()];
    tx.first(BY_IDENTITY, params).await?.as_ref().map(read).transpose()
}

/// The name itself, or where somebody has it already one that tells the two apart: whoever chooses a name at a provider
/// takes nobody's place here.
async fn free_name(tx: &mut Tx, name: &str, identity: &Identity) -> Result<String, StoreError> {
    let sql = "SELECT id FROM users WHERE name = $1";
    if tx.first(sql, params![name]).await?.is_none() {
        return Ok(name.to_owned());
    }
    let hash = TokenHash::of(&format!("{}\n{}", identity.issuer, identity.subject));
    let mark: String = hash.0.iter().take(4).map(|byte| format!("{byte:02x}")).collect();
    let (own, at) = name.rsplit_once('@').unwrap_or((name, ""));
    let room = 64_usize.saturating_sub(at.len() + mark.len() + 2);
    // Names are ASCII.
    let own = &own[..own.len().min(room)];
    let told = format!("{own}.{mark}@{at}").trim_end_matches('@').to_owned();
    match tx.first(sql, params![told.as_str()]).await? {
        None => Ok(told),
        Some(_) => {
            let detail = format!("the names {name:?} and {told:?} are taken; rename one of them");
            Err(StoreError::Conflict { what: WHAT, detail })
        }
    }
}
