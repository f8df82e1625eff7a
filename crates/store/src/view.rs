//! The store for those who only read: what is kept, and nothing that changes it.

use crate::apps::AppFilter;
use crate::audit::{AuditFilter, AuditPage};
use crate::error::StoreError;
use crate::history::{Difference, RevisionEntry, RevisionFilter, RevisionPage};
use crate::issuers::IssuerFilter;
use crate::page::{Listing, Page};
use crate::plugins::PluginFilter;
use crate::precondition::Precondition;
use crate::sql::Tx;
use crate::store::Store;
use crate::tokens::TokenFilter;
use sidegate_model::admin_token::{AdminToken, AdminTokenId};
use sidegate_model::app::{App, AppId};
use sidegate_model::applied::Applied;
use sidegate_model::issuer::{Issuer, IssuerId};
use sidegate_model::namespace::{KnownNamespace, Namespace, NamespaceId};
use sidegate_model::plugin::{Plugin, PluginDraft, PluginId};
use sidegate_model::snapshot::Revision;
use sidegate_model::token::{Token, TokenHash, TokenId};
use std::collections::BTreeMap;

/// Reads apps, tokens, plugins, admin tokens and the audit log. Clones share the store's connections.
///
/// ```compile_fail
/// # async fn f(view: sidegate_store::StoreView) {
/// view.delete_app(sidegate_model::app::AppId(1), &Default::default()).await;
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct StoreView {
    pub(crate) store: Store,
}

impl Store {
    /// The same for those who only read.
    pub fn view(&self) -> StoreView {
        StoreView { store: self.clone() }
    }
}

impl StoreView {
    /// For files of nouns that only read.
    pub(crate) async fn begin_read(&self) -> Result<Tx, StoreError> {
        self.store.begin_read().await
    }

    /// See [`Store::app`].
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::Unavailable`].
    pub async fn app(&self, id: AppId) -> Result<App, StoreError> {
        self.store.app(id).await
    }

    /// See [`Store::app_by_name`].
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::Unavailable`].
    pub async fn app_by_name(&self, name: &str) -> Result<App, StoreError> {
        self.store.app_by_name(name).await
    }

    /// See [`Store::list_apps`].
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn list_apps(
        &self,
        filter: &AppFilter,
        page: Page,
    ) -> Result<Listing<App>, StoreError> {
        self.store.list_apps(filter, page).await
    }

    /// See [`Store::issuer`].
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::Unavailable`].
    pub async fn issuer(&self, id: IssuerId) -> Result<Issuer, StoreError> {
        self.store.issuer(id).await
    }

    /// See [`Store::list_issuers`].
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn list_issuers(
        &self,
        filter: &IssuerFilter,
        page: Page,
    ) -> Result<Listing<Issuer>, StoreError> {
        self.store.list_issuers(filter, page).await
    }

    /// See [`Store::list_namespaces`].
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn list_namespaces(&self) -> Result<Vec<KnownNamespace>, StoreError> {
        self.store.list_namespaces().await
    }

    /// See [`Store::namespace`].
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::Unavailable`].
    pub async fn namespace(&self, id: NamespaceId) -> Result<KnownNamespace, StoreError> {
        self.store.namespace(id).await
    }

    /// See [`Store::revision`].
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn revision(&self) -> Result<Revision, StoreError> {
        self.store.revision().await
    }

    /// See [`Store::heads`].
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn heads(&self) -> Result<BTreeMap<Namespace, Revision>, StoreError> {
        self.store.heads().await
    }

    /// See [`Store::list_revisions`].
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn list_revisions(
        &self,
        filter: &RevisionFilter,
        before: Option<Revision>,
        size: u32,
    ) -> Result<RevisionPage, StoreError> {
        self.store.list_revisions(filter, before, size).await
    }

    /// See [`Store::revision_entry`].
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::Unavailable`].
    pub async fn revision_entry(&self, revision: Revision) -> Result<RevisionEntry, StoreError> {
        self.store.revision_entry(revision).await
    }

    /// See [`Store::diff`].
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::Unavailable`].
    pub async fn diff(
        &self,
        from: Revision,
        to: Revision,
        namespace: Option<&Namespace>,
    ) -> Result<Vec<Difference>, StoreError> {
        self.store.diff(from, to, namespace).await
    }

    /// See [`Store::plan_rollback`].
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::Conflict`], [`StoreError::Unavailable`].
    pub async fn plan_rollback(
        &self,
        revision: Revision,
        namespace: &Namespace,
    ) -> Result<Vec<Difference>, StoreError> {
        self.store.plan_rollback(revision, namespace).await
    }

    /// See [`Store::token`].
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::Unavailable`].
    pub async fn token(&self, id: TokenId) -> Result<Token, StoreError> {
        self.store.token(id).await
    }

    /// See [`Store::list_tokens`].
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn list_tokens(
        &self,
        filter: &TokenFilter,
        page: Page,
    ) -> Result<Listing<Token>, StoreError> {
        self.store.list_tokens(filter, page).await
    }

    /// See [`Store::plugin`].
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::Unavailable`].
    pub async fn plugin(&self, id: PluginId) -> Result<Plugin, StoreError> {
        self.store.plugin(id).await
    }

    /// See [`Store::plan_plugin`].
    ///
    /// # Errors
    /// What `amend` says, [`StoreError::NotFound`], [`StoreError::ChangedMeanwhile`], [`StoreError::Conflict`].
    pub async fn plan_plugin<E, M>(
        &self,
        id: PluginId,
        precondition: &Precondition,
        amend: M,
    ) -> Result<(), E>
    where
        E: From<StoreError>,
        M: FnOnce(&Plugin) -> Result<PluginDraft, E>,
    {
        self.store.plan_plugin(id, precondition, amend).await
    }

    /// See [`Store::plugin_by_name`].
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::Unavailable`].
    pub async fn plugin_by_name(&self, name: &str) -> Result<Plugin, StoreError> {
        self.store.plugin_by_name(name).await
    }

    /// See [`Store::list_plugins`].
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn list_plugins(
        &self,
        filter: &PluginFilter,
        page: Page,
    ) -> Result<Listing<Plugin>, StoreError> {
        self.store.list_plugins(filter, page).await
    }

    /// See [`Store::admin_token`].
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::Unavailable`].
    pub async fn admin_token(&self, id: AdminTokenId) -> Result<AdminToken, StoreError> {
        self.store.admin_token(id).await
    }

    /// See [`Store::admin_token_by_name`].
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::Unavailable`].
    pub async fn admin_token_by_name(&self, name: &str) -> Result<AdminToken, StoreError> {
        self.store.admin_token_by_name(name).await
    }

    /// See [`Store::admin_token_by_hash`].
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn admin_token_by_hash(
        &self,
        hash: TokenHash,
    ) -> Result<Option<AdminToken>, StoreError> {
        self.store.admin_token_by_hash(hash).await
    }

    /// See [`Store::list_admin_tokens`].
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn list_admin_tokens(&self, page: Page) -> Result<Listing<AdminToken>, StoreError> {
        self.store.list_admin_tokens(page).await
    }

    /// See [`Store::applied`].
    ///
    /// # Errors
    /// [`StoreError::NotFound`], [`StoreError::Unavailable`].
    pub async fn applied(&self, owner: &str) -> Result<Applied, StoreError> {
        self.store.applied(owner).await
    }

    /// See [`Store::list_audit`].
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn list_audit(
        &self,
        filter: &AuditFilter,
        before: Option<u64>,
        size: u32,
    ) -> Result<AuditPage, StoreError> {
        self.store.list_audit(filter, before, size).await
    }
}
