//! Desired state and everything that may be done to it: each change is stored and published in one
//! turn, on behalf of somebody. Knows what a change means for the snapshot, and nothing of HTTP.

use crate::hints::keep_listening;
use crate::named_apps::KnownApps;
use crate::publish::{Published, Publisher};
use crate::sign_ins::SignIns;
use crate::sweeping::{Sweep, keep_swept};
use crate::tasks::{Ended, Tasks};
use crate::token_use::TokenUses;
use sidegate_model::actor::AuditContext;
use sidegate_model::admin_token::{AdminToken, AdminTokenId};
use sidegate_model::app::{App, AppDraft, AppId, MadeFor};
use sidegate_model::applied::{Applied, AppliedThing};
use sidegate_model::plugin::{Plugin, PluginDraft, PluginId};
use sidegate_model::snapshot::{Revision, Snapshot};
use sidegate_model::token::{Token, TokenId};
use sidegate_store::{
    DeletedApp, NewAdminToken, NewTokenRow, Precondition, PublicChange, Rotated, Rotation,
    ScopeChange, Store, StoreError, StoreView,
};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// The control plane of one installation. Copies act on the same state.
#[derive(Clone)]
pub struct Control {
    store: Store,
    view: StoreView,
    publisher: Publisher,
    token_uses: TokenUses,
    sign_ins: SignIns,
    ended: Ended,
    /// What is done beside; ends with the last copy.
    _tasks: Arc<Tasks>,
}

/// The same on behalf of somebody, whom the audit log names with every change: the only way to change what is
/// stored.
pub struct AuditedControl {
    control: Control,
    context: AuditContext,
}

impl AuditedControl {
    /// What changes are stored and published with, and on whose behalf.
    pub(crate) fn into_parts(self) -> (Publisher, AuditContext) {
        (self.control.publisher, self.context)
    }
}

impl AuditedControl {
    /// The store on their behalf, for what is no desired state.
    pub(crate) fn into_store(self) -> Store {
        self.control.store.by(self.context)
    }
}

impl Control {
    /// Reads the desired state and begins to publish it. The receiver has the first snapshot of what a node gets that is
    /// in no namespace.
    ///
    /// # Errors
    /// Fails when the store cannot be read.
    ///
    /// ```
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
    /// let keys = sidegate_model::sealing::Keyring::single([7; 32]);
    /// let store = sidegate_store::Store::open("sqlite::memory:", &keys).await?;
    /// let (_control, desired) = sidegate_control::Control::start(store).await?;
    /// assert_eq!(desired.borrow().revision, 0);
    /// # Ok::<_, sidegate_store::StoreError>(())
    /// # }).unwrap();
    /// ```
    pub async fn start(store: Store) -> Result<(Self, watch::Receiver<Arc<Snapshot>>), StoreError> {
        let publisher = Publisher::start(store.clone()).await?;
        let (desired, view) = (publisher.subscribe_global(), store.view());
        let token_uses = TokenUses::new(store.clone(), publisher.subscribe());
        let ended = Ended::default();
        let mut tasks = Tasks::new(ended.clone());
        let sign_ins = SignIns::new(store.clone());
        let swept = keep_swept(store.clone(), Sweep::ExpiredEntries, Duration::ZERO);
        tasks.spawn("removes what plugins kept long enough", swept);
        tasks.spawn("follows what others store", publisher.clone().follow());
        let listening = keep_listening(store.clone(), publisher.clone());
        tasks.spawn("listens for hints of the database", listening);
        tasks.spawn("notes whom the admin API refused", sign_ins.clone().keep_written());
        let tasks = Arc::new(tasks);
        let control = Self { store, view, publisher, token_uses, sign_ins, ended, _tasks: tasks };
        Ok((control, desired))
    }

    /// Where it is told that a task ended without which nothing goes on.
    pub fn ended(&self) -> &Ended {
        &self.ended
    }

    /// Follows the desired state of all namespaces.
    pub fn subscribe(&self) -> watch::Receiver<Arc<Snapshot>> {
        self.publisher.subscribe()
    }

    /// For changes on behalf of somebody.
    pub fn by(&self, context: AuditContext) -> AuditedControl {
        AuditedControl { control: self.clone(), context }
    }

    /// Reads the desired state anew, after another process may have changed it.
    ///
    /// # Errors
    /// Fails when the store cannot be read.
    pub async fn refresh(&self) -> Result<Revision, StoreError> {
        self.publisher.refresh().await
    }

    /// Whether from now on only tokens and apps are followed where another process changes them: for one
    /// that finishes what it has begun, while another one runs the plugins.
    pub fn follow_callers_only(&self, only: bool) {
        self.publisher.follow_callers_only(only);
    }

    /// Writes now and then, until it is dropped, when tokens were last used.
    pub async fn keep_token_uses_written(self, interval: Duration) {
        self.token_uses.keep_written(interval).await;
    }

    /// Writes when tokens were last used, and whom the admin API refused, at the end.
    ///
    /// # Errors
    /// Fails when the store cannot be written.
    pub async fn write_notes(&self) -> Result<(), StoreError> {
        self.sign_ins.write().await?;
        self.token_uses.write().await.map(drop)
    }

    /// Removes entries of the audit log once they are as old as this, until it is dropped.
    pub async fn keep_audit_swept(self, retention: Duration) {
        keep_swept(self.store.clone(), Sweep::AuditLog, retention).await;
    }

    /// Who publishes what is stored.
    pub(crate) fn publisher(&self) -> &Publisher {
        &self.publisher
    }

    /// What is stored.
    pub(crate) fn store(&self) -> &Store {
        &self.store
    }

    /// Removes what is older from the history, until it is dropped.
    pub async fn keep_history_swept(self, retention: Duration) {
        keep_swept(self.store.clone(), Sweep::History, retention).await;
    }

    /// Where the admin API notes whom it refused and who came with which token.
    pub(crate) fn sign_ins(&self) -> &SignIns {
        &self.sign_ins
    }

    /// What is stored, for reading: desired state is changed by the methods here only.
    pub(crate) fn view(&self) -> &StoreView {
        &self.view
    }

    /// What shall be, as it was published last.
    pub(crate) fn desired(&self) -> Arc<Snapshot> {
        self.publisher.current()
    }

    /// The apps there are now.
    pub(crate) fn apps(&self) -> KnownApps {
        KnownApps::new(self.publisher.current().apps.clone())
    }
}

impl AuditedControl {
    /// Registers an app.
    ///
    /// # Errors
    /// Those of [`Store::create_app`].
    pub async fn create_app(self, draft: AppDraft) -> Result<Published<App>, StoreError> {
        let write = |store: Store| async move { store.create_app(&draft).await };
        self.control.publisher.change(self.context, write, with_app).await
    }

    /// Registers an app that is made for a client on first sight.
    ///
    /// # Errors
    /// Those of [`Store::create_app_for`].
    pub(crate) async fn create_app_for(
        self,
        draft: AppDraft,
        made_for: MadeFor,
    ) -> Result<Published<App>, StoreError> {
        let write = |store: Store| async move { store.create_app_for(&draft, &made_for).await };
        self.control.publisher.change(self.context, write, with_app).await
    }

    /// Changes an app: `amend` gets what is stored and says what shall be. Nothing comes between
    /// its reading and the writing.
    ///
    /// # Errors
    /// What `amend` says, and those of [`Store::amend_app`].
    pub async fn update_app<E, M>(
        self,
        id: AppId,
        precondition: Precondition,
        amend: M,
    ) -> Result<Published<App>, E>
    where
        E: From<StoreError> + Send + 'static,
        M: FnOnce(&App) -> Result<AppDraft, E> + Send + 'static,
    {
        let write =
            move |store: Store| async move { store.amend_app(id, &precondition, amend).await };
        self.control.publisher.change(self.context, write, with_app).await
    }

    /// Deletes an app and its tokens.
    ///
    /// # Errors
    /// Those of [`Store::delete_app`].
    pub async fn delete_app(
        self,
        id: AppId,
        precondition: Precondition,
    ) -> Result<Published<DeletedApp>, StoreError> {
        let write = move |store: Store| async move { store.delete_app(id, &precondition).await };
        let apply = |snapshot: Snapshot, deleted: &DeletedApp| {
            let mut next = snapshot.with_app(deleted.app.id, None);
            for hash in &deleted.token_hashes {
                next.tokens.remove(hash);
            }
            next
        };
        self.control.publisher.change(self.context, write, apply).await
    }

    /// Keeps a new token.
    ///
    /// # Errors
    /// Those of [`Store::create_token`].
    pub async fn create_token(self, new: NewTokenRow) -> Result<Published<Token>, StoreError> {
        let write = |store: Store| async move { store.create_token(&new).await };
        let apply = |snapshot: Snapshot, token: &Token| snapshot.with_token(token.clone());
        self.control.publisher.change(self.context, write, apply).await
    }

    /// Lets a new token take the place of another one, which ends.
    ///
    /// # Errors
    /// Those of [`Store::rotate_token`].
    pub async fn rotate_token(
        self,
        id: TokenId,
        rotation: Rotation,
        precondition: Precondition,
    ) -> Result<Published<Rotated>, StoreError> {
        let write = move |store: Store| async move {
            store.rotate_token(id, &rotation, &precondition).await
        };
        let apply = |snapshot: Snapshot, rotated: &Rotated| {
            snapshot.with_token(rotated.new.clone()).with_token(rotated.old.clone())
        };
        self.control.publisher.change(self.context, write, apply).await
    }

    /// Makes a token invalid for good.
    ///
    /// # Errors
    /// Those of [`Store::revoke_token`].
    pub async fn revoke_token(
        self,
        id: TokenId,
        precondition: Precondition,
    ) -> Result<Published<Token>, StoreError> {
        let write = move |store: Store| async move { store.revoke_token(id, &precondition).await };
        let apply = |mut snapshot: Snapshot, token: &Token| {
            snapshot.tokens.remove(&token.hash);
            snapshot
        };
        self.control.publisher.change(self.context, write, apply).await
    }

    /// Registers a plugin; an active one is started by whoever follows the snapshots.
    ///
    /// # Errors
    /// Those of [`Store::create_plugin`].
    pub async fn create_plugin(self, draft: PluginDraft) -> Result<Published<Plugin>, StoreError> {
        let write = |store: Store| async move { store.create_plugin(&draft).await };
        self.control.publisher.change(self.context, write, with_plugin).await
    }

    /// Changes a plugin, as [`AuditedControl::update_app`] does an app.
    ///
    /// # Errors
    /// What `amend` says, and those of [`Store::amend_plugin`].
    pub async fn update_plugin<E, M>(
        self,
        id: PluginId,
        precondition: Precondition,
        amend: M,
    ) -> Result<Published<Plugin>, E>
    where
        E: From<StoreError> + Send + 'static,
        M: FnOnce(&Plugin) -> Result<PluginDraft, E> + Send + 'static,
    {
        let write =
            move |store: Store| async move { store.amend_plugin(id, &precondition, amend).await };
        self.control.publisher.change(self.context, write, with_plugin).await
    }

    /// Grants scopes to a plugin or takes them back; its process stays.
    ///
    /// # Errors
    /// Those of [`Store::change_scopes`].
    pub async fn change_scopes(
        self,
        id: PluginId,
        change: ScopeChange,
        precondition: Precondition,
    ) -> Result<Published<Plugin>, StoreError> {
        let write = move |store: Store| async move {
            store.change_scopes(id, &change, &precondition).await
        };
        self.control.publisher.change(self.context, write, with_plugin).await
    }

    /// Approves public endpoints of a plugin or takes that back; its process stays.
    ///
    /// # Errors
    /// Those of [`Store::change_public_endpoints`].
    pub async fn change_public_endpoints(
        self,
        id: PluginId,
        change: PublicChange,
        precondition: Precondition,
    ) -> Result<Published<Plugin>, StoreError> {
        let write = move |store: Store| async move {
            store.change_public_endpoints(id, &change, &precondition).await
        };
        self.control.publisher.change(self.context, write, with_plugin).await
    }

    /// Asks for a new instance of a plugin.
    ///
    /// # Errors
    /// Those of [`Store::bump_reload`].
    pub async fn reload_plugin(
        self,
        id: PluginId,
        precondition: Precondition,
    ) -> Result<Published<Plugin>, StoreError> {
        let write = move |store: Store| async move { store.bump_reload(id, &precondition).await };
        self.control.publisher.change(self.context, write, with_plugin).await
    }

    /// Deletes a plugin.
    ///
    /// # Errors
    /// Those of [`Store::delete_plugin`].
    pub async fn delete_plugin(
        self,
        id: PluginId,
        precondition: Precondition,
    ) -> Result<Published<Plugin>, StoreError> {
        let write = move |store: Store| async move { store.delete_plugin(id, &precondition).await };
        let apply = |snapshot: Snapshot, plugin: &Plugin| {
            snapshot.with_plugin(plugin.id, None).with_registered(plugin.id, None)
        };
        self.control.publisher.change(self.context, write, apply).await
    }

    /// Notes in the audit log what is done that changes nothing that is stored.
    ///
    /// # Errors
    /// Those of [`Store::note_done`].
    pub async fn note_done(self, detail: &str) -> Result<(), StoreError> {
        self.control.store.by(self.context).note_done(detail).await
    }

    /// Keeps what the files of an owner name now.
    ///
    /// # Errors
    /// Those of [`Store::keep_applied`].
    pub async fn keep_applied(
        self,
        owner: &str,
        things: &[AppliedThing],
    ) -> Result<Applied, StoreError> {
        self.control.store.by(self.context).keep_applied(owner, things).await
    }

    /// Keeps a new admin token, which counts at once.
    ///
    /// # Errors
    /// Those of [`Store::create_admin_token`].
    pub async fn create_admin_token(self, new: &NewAdminToken) -> Result<AdminToken, StoreError> {
        self.control.store.by(self.context).create_admin_token(new).await
    }

    /// Makes an admin token invalid for good, at once.
    ///
    /// # Errors
    /// Those of [`Store::revoke_admin_token`].
    pub async fn revoke_admin_token(
        self,
        id: AdminTokenId,
        precondition: &Precondition,
    ) -> Result<AdminToken, StoreError> {
        self.control.store.by(self.context).revoke_admin_token(id, precondition).await
    }
}

pub(crate) fn with_app(snapshot: Snapshot, app: &App) -> Snapshot {
    snapshot.with_app(app.id, Some(app.clone()))
}

/// An inactive plugin is stored, but not part of what shall run.
pub(crate) fn with_plugin(snapshot: Snapshot, plugin: &Plugin) -> Snapshot {
    let spec = plugin.draft.is_active.then(|| plugin.spec());
    let (id, namespace) = (plugin.id, &plugin.draft.namespace);
    let registered = snapshot.with_registered(id, Some(plugin.created_at));
    registered.with_namespace(id, namespace).with_plugin(id, spec)
}
