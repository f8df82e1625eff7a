//! Issuers of JWTs: how they are changed, and what that means for the snapshot.

use crate::control::AuditedControl;
use crate::publish::Published;
use sidegate_model::issuer::{Issuer, IssuerDraft, IssuerId};
use sidegate_model::snapshot::Snapshot;
use sidegate_store::{Precondition, Store, StoreError};

impl AuditedControl {
    /// Registers an issuer.
    ///
    /// # Errors
    /// Those of [`Store::create_issuer`].
    pub async fn create_issuer(self, draft: IssuerDraft) -> Result<Published<Issuer>, StoreError> {
        let write = |store: Store| async move { store.create_issuer(&draft).await };
        let (publisher, context) = self.into_parts();
        publisher.change(context, write, with_issuer).await
    }

    /// Changes an issuer, as [`AuditedControl::update_app`] does an app.
    ///
    /// # Errors
    /// What `amend` says, and those of [`Store::amend_issuer`].
    pub async fn update_issuer<E, M>(
        self,
        id: IssuerId,
        precondition: Precondition,
        amend: M,
    ) -> Result<Published<Issuer>, E>
    where
        E: From<StoreError> + Send + 'static,
        M: FnOnce(&Issuer) -> Result<IssuerDraft, E> + Send + 'static,
    {
        let write =
            move |store: Store| async move { store.amend_issuer(id, &precondition, amend).await };
        let (publisher, context) = self.into_parts();
        publisher.change(context, write, with_issuer).await
    }

    /// Deletes an issuer.
    ///
    /// # Errors
    /// Those of [`Store::delete_issuer`].
    pub async fn delete_issuer(
        self,
        id: IssuerId,
        precondition: Precondition,
    ) -> Result<Published<Issuer>, StoreError> {
        let write = move |store: Store| async move { store.delete_issuer(id, &precondition).await };
        let apply = |snapshot: Snapshot, issuer: &Issuer| snapshot.with_issuer(issuer.id, None);
        let (publisher, context) = self.into_parts();
        publisher.change(context, write, apply).await
    }
}

pub(crate) fn with_issuer(snapshot: Snapshot, issuer: &Issuer) -> Snapshot {
    snapshot.with_issuer(issuer.id, Some(issuer.clone()))
}
