//! What is the only one of its name in all that one edge can see, and which namespaces there are to be in. It is
//! asked within writes, of which there is one at a time.

use crate::error::StoreError;
use crate::sql::{Fields, Row, Tx, params};
use sidegate_model::app::{AppDraft, AppId};
use sidegate_model::issuer::{IssuerDraft, IssuerId};
use sidegate_model::namespace::Namespace;
use sidegate_model::plugin::{PluginDraft, PluginId};

/// What a thing is to be called, and where.
pub(crate) struct Noun<'a> {
    what: &'static str,
    namespace: &'a Namespace,
    name: &'a str,
    slug: Option<&'a str>,
    /// Its own number, where it has one.
    own: Option<u32>,
}

impl<'a> Noun<'a> {
    pub(crate) fn new(
        what: &'static str,
        namespace: &'a Namespace,
        name: &'a str,
        slug: Option<&'a str>,
    ) -> Self {
        Self { what, namespace, name, slug, own: None }
    }

    pub(crate) fn of_app(draft: &'a AppDraft, own: Option<AppId>) -> Self {
        let own = own.map(|id| id.0);
        Self { what: "app", namespace: &draft.namespace, name: &draft.name, slug: None, own }
    }

    pub(crate) fn of_issuer(draft: &'a IssuerDraft, own: Option<IssuerId>) -> Self {
        let own = own.map(|id| id.0);
        Self { what: "issuer", namespace: &draft.namespace, name: &draft.name, slug: None, own }
    }

    pub(crate) fn of_plugin(
        draft: &'a PluginDraft,
        slug: Option<&'a str>,
        own: Option<PluginId>,
    ) -> Self {
        let own = own.map(|id| id.0);
        Self { what: "plugin", namespace: &draft.namespace, name: &draft.name, slug, own }
    }
}

/// Refuses a name or slug that one of `holders` has where one edge would see both.
pub(crate) fn require_free(noun: &Noun<'_>, holders: &[Row]) -> Result<(), StoreError> {
    for holder in holders {
        let row = holder.of(noun.what);
        let id: u32 = row.number("id")?;
        let its = namespace(&row)?;
        if noun.own == Some(id) || !noun.namespace.meets(&its) {
            continue;
        }
        let its_name: &str = row.get("name")?;
        let Noun { what, name, slug, .. } = noun;
        let place = place(noun.namespace, &its);
        let detail = if its_name == *name {
            format!("the name {name:?} is taken by {what} {id}{place}; choose another")
        } else {
            let slug = slug.unwrap_or_default();
            format!(
                "the slug {slug:?} is taken by {what} {id} ({its_name:?}){place}; choose another"
            )
        };
        return Err(StoreError::Conflict { what: noun.what, detail });
    }
    Ok(())
}

/// Where a holder is, as far as that is not where one looks anyway.
pub(crate) fn place(own: &Namespace, its: &Namespace) -> String {
    match its.is_global() {
        _ if own == its && own.is_global() => String::new(),
        true => " of the global namespace, which every edge sees".to_owned(),
        false => format!(" of the namespace {:?}", its.as_str()),
    }
}

/// Refuses a namespace that is not there.
pub(crate) async fn require_namespace(
    tx: &mut Tx,
    namespace: &Namespace,
) -> Result<(), StoreError> {
    let sql = "SELECT id FROM namespaces WHERE name = $1";
    if namespace.is_global() || tx.first(sql, params![namespace.as_str()]).await?.is_some() {
        return Ok(());
    }
    let name = namespace.as_str();
    let problem = format!(
        "namespace: there is no namespace {name:?}; create it first: sidegate namespace create {name}"
    );
    Err(StoreError::invalid("namespace", &[problem]))
}

/// Refuses that a thing moves.
pub(crate) fn require_same_namespace(
    what: &'static str,
    before: &Namespace,
    after: &Namespace,
) -> Result<(), StoreError> {
    if before == after {
        return Ok(());
    }
    let problem = format!(
        "namespace: it is {:?} for life; create the {what} anew in the other namespace",
        before.as_str()
    );
    Err(StoreError::invalid(what, &[problem]))
}

/// The namespace of a row.
pub(crate) fn namespace(row: &Fields<'_>) -> Result<Namespace, StoreError> {
    row.word("namespace", |text| Namespace::parse(text).ok())
}
