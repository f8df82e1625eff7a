//! Persistence of Sidegate: apps, tokens, plugins, admin tokens, the audit log, the revision that counts their changes, the
//! snapshot of all of it, and what plugins keep for themselves. The only place with SQL; it knows no HTTP, no admin API and no
//! process.
//!
//! Reading order: `store` (transactions), `locked_store` (opening), `keys` (what seals secrets), `apps`, `tokens`, `token_life`, `plugins`, `sealed_draft`, `secret_settings`, `admin_settings`, `public_endpoints`, `admin_tokens`, `users`, `identities`, `console_sessions`, `audit`, `audit_rows`, `applied`, `namespaces`, `uniqueness`, `versions`, `history`, `snapshot`, `kv`, `kv_list`
//! (what is kept, each with its SQL), `fleet` (what is kept for edges), `others` (other processes on the same database), `precondition`, `turns` (how writes of plugins queue), `edge_store` (what the plugins of an edge keep), `copy` (from one database to another), `sql` (how a statement reaches a database), `sqlite`, `postgres`, `dsn`.
//!
//! There is one text of each statement, and it uses only what SQLite and PostgreSQL share. Another database is
//! added as one more variant in `store` and `sql`, a file beside `sqlite` and a folder of migrations.
//!
//! ```
//! use sidegate_model::app::AppDraft;
//! use sidegate_model::sealing::Keyring;
//! use sidegate_store::{Store, StoreError};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! let keys = Keyring::single([7; 32]);
//! let store = Store::open("sqlite::memory:", &keys).await?;
//! let draft = AppDraft::new("billing", "ops@example.com");
//! let created = store.create_app(&draft).await?;
//! assert_eq!(store.app(created.value.id).await?, created.value);
//! assert_eq!(store.load_snapshot().await?.revision, created.revision);
//! # Ok::<_, StoreError>(())
//! # }).unwrap();
//! ```

mod admin_settings;
mod admin_tokens;
mod applied;
mod apps;
mod audit;
mod audit_rows;
mod console_sessions;
mod copy;
#[doc(hidden)]
pub mod damage;
mod dsn;
mod edge_store;
mod error;
mod fleet;
#[doc(hidden)]
pub mod fuzzing;
mod history;
mod identities;
mod issuers;
mod kept_entries;
mod keys;
mod kv;
mod kv_list;
mod locked_store;
mod migrations;
mod namespaces;
mod others;
mod own_hosts;
mod page;
mod plugins;
mod postgres;
mod precondition;
mod public_endpoints;
mod revision;
mod sealed_draft;
mod secret_settings;
mod snapshot;
mod sql;
mod sqlite;
mod store;
#[cfg(test)]
mod suite;
mod token_life;
mod tokens;
mod turns;
mod uniqueness;
mod users;
mod versions;
mod view;

pub use admin_tokens::NewAdminToken;
pub use apps::{AppFilter, DeletedApp};
pub use audit::{AuditFilter, AuditPage, Refusal};
pub use console_sessions::{NewConsoleLink, NewConsoleSession, Proof, SessionHolder, StoredLink};
pub use copy::Copied;
pub use edge_store::EdgeStore;
pub use error::StoreError;
pub use fleet::{
    EdgeFilter, EdgeQuestion, EdgeReport, FleetKey, JoinRefusal, KeyPurpose, KeyState, LastChange,
    MAX_EDGE_ANSWER_BYTES, MAX_QUESTION_BYTES, NewEdge, NewFleetKey, PublishedBlob,
    PublishedManifest, REPLICA_LOST_AFTER_MS, Redeemed, RenewedEdge, Retention,
};
pub use history::{
    Difference, RevisionEntry, RevisionFilter, RevisionPage, RolledBack, ThingChange, ThingFilter,
    Versioned,
};
pub use identities::Vouched;
pub use issuers::IssuerFilter;
pub use kept_entries::{KeptEntry, KeptFilter, KeptPage};
pub use locked_store::LockedStore;
pub use others::{Alone, Chore, Hints, StoredHead};
pub use page::{Listing, Page};
pub use plugins::{PluginFilter, ScopeChange};
pub use precondition::Precondition;
pub use public_endpoints::PublicChange;
pub use revision::{Stamp, Written};
pub use snapshot::SealedSpecs;
pub use store::Store;
pub use token_life::{NewEnd, Rotated, Rotation};
pub use tokens::{NewTokenRow, TokenFilter};
pub use users::{NewUser, UserDraft};
pub use view::StoreView;
