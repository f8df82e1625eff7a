//! What differs between two revisions.

use super::content::{self, Content};
use crate::error::StoreError;
use crate::keys::DataKeys;
use crate::sql::Tx;
use crate::store::Store;
use crate::versions::AppRow;
use sidegate_model::app::App;
use sidegate_model::audit::{Audited, Thing};
use sidegate_model::issuer::Issuer;
use sidegate_model::namespace::Namespace;
use sidegate_model::plugin::Plugin;
use sidegate_model::snapshot::Revision;
use std::collections::BTreeSet;

/// A plugin, an app or an issuer as it was, with its secrets in clear: not to be shown as it is.
#[derive(Debug, Clone, PartialEq)]
pub enum Versioned {
    /// A plugin.
    Plugin(Box<Plugin>),
    /// An app.
    App(Box<App>),
    /// An issuer.
    Issuer(Box<Issuer>),
}

impl Versioned {
    /// How it is told.
    pub fn thing(&self) -> Thing {
        match self {
            Self::Plugin(plugin) => plugin.thing(),
            Self::App(app) => app.thing(),
            Self::Issuer(issuer) => issuer.thing(),
        }
    }

    /// Where it is.
    pub fn namespace(&self) -> &Namespace {
        match self {
            Self::Plugin(plugin) => &plugin.draft.namespace,
            Self::App(app) => &app.namespace,
            Self::Issuer(issuer) => &issuer.draft.namespace,
        }
    }
}

/// A thing that is not the same before and after.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// What it was; none for one that was not there.
    pub before: Option<Versioned>,
    /// What it is; none for one that is not there any more.
    pub after: Option<Versioned>,
}

impl Store {
    /// What is not the same at two revisions, in one namespace or in all. Tokens are no part of it.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] for a revision that never was, or is not kept any more.
    pub async fn diff(
        &self,
        from: Revision,
        to: Revision,
        namespace: Option<&Namespace>,
    ) -> Result<Vec<Difference>, StoreError> {
        let mut tx = self.begin_read().await?;
        let keys = self.keys.seen_by(&mut tx).await?;
        let namespaces = match namespace {
            Some(namespace) => vec![namespace.clone()],
            None => content::namespaces(&mut tx).await?,
        };
        let mut differences = Vec::new();
        for namespace in &namespaces {
            differences.extend(of_namespace(&mut tx, &keys, namespace, (from, to)).await?);
        }
        Ok(differences)
    }
}

async fn of_namespace(
    tx: &mut Tx,
    keys: &DataKeys,
    namespace: &Namespace,
    (from, to): (Revision, Revision),
) -> Result<Vec<Difference>, StoreError> {
    content::require_kept(tx, namespace, from).await?;
    content::require_kept(tx, namespace, to).await?;
    let range = (from.min(to), from.max(to));
    let before = content::changed_within(tx, namespace, from, range).await?;
    let after = content::changed_within(tx, namespace, to, range).await?;
    between(&before, &after, keys)
}

/// What is not the same, plugins first. A secret is the same whichever key sealed it.
pub(super) fn between(
    before: &Content,
    after: &Content,
    keys: &DataKeys,
) -> Result<Vec<Difference>, StoreError> {
    let mut differences = Vec::new();
    let ids: BTreeSet<_> = before.plugins.keys().chain(after.plugins.keys()).collect();
    for id in ids {
        let (before, after) = (before.plugins.get(id), after.plugins.get(id));
        if before == after {
            continue;
        }
        let before = before.map(|row| row.plugin(keys)).transpose()?;
        let after = after.map(|row| row.plugin(keys)).transpose()?;
        if content_of(before.as_ref()) != content_of(after.as_ref()) {
            let versioned = |plugin: Option<Plugin>| plugin.map(Box::new).map(Versioned::Plugin);
            differences.push(Difference { before: versioned(before), after: versioned(after) });
        }
    }
    let ids: BTreeSet<_> = before.apps.keys().chain(after.apps.keys()).collect();
    for id in ids {
        let (before, after) = (before.apps.get(id), after.apps.get(id));
        if before == after {
            continue;
        }
        let before = before.map(AppRow::app).transpose()?;
        let after = after.map(AppRow::app).transpose()?;
        if content_of(before.as_ref()) != content_of(after.as_ref()) {
            let versioned = |app: Option<App>| app.map(Box::new).map(Versioned::App);
            differences.push(Difference { before: versioned(before), after: versioned(after) });
        }
    }
    let ids: BTreeSet<_> = before.issuers.keys().chain(after.issuers.keys()).collect();
    for id in ids {
        let (before, after) = (before.issuers.get(id), after.issuers.get(id));
        if content_of(before) != content_of(after) {
            let versioned = |it: Option<&Issuer>| it.cloned().map(Box::new).map(Versioned::Issuer);
            differences.push(Difference { before: versioned(before), after: versioned(after) });
        }
    }
    Ok(differences)
}

fn content_of(thing: Option<&impl Audited>) -> Option<serde_json::Map<String, serde_json::Value>> {
    thing.map(Audited::content)
}
