//! Asking the control plane what an owner's files named last, and letting it remember what they name now.

use super::applied::Applied;
use super::document::Key;
use super::fields::Kind;
use super::names::Names;
use crate::client::AdminApi;
use crate::error::Failure;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use sidegate_api::applied::{AppliedAttributes, AppliedFields, AppliedKind, AppliedThing};
use sidegate_api::resource::Resource;

fn record_path(owner: &str) -> String {
    format!("applied/{}", utf8_percent_encode(owner, NON_ALPHANUMERIC))
}

/// What this owner's files named last time.
///
/// # Errors
/// When it cannot be asked for.
pub(crate) async fn applied(api: &AdminApi, owner: Option<&str>) -> Result<Applied, Failure> {
    let Some(owner) = owner else { return Ok(Applied::new()) };
    let found: Option<Resource<AppliedAttributes>> = api.get_if_there(&record_path(owner)).await?;
    let thing = |thing: AppliedThing| {
        let kind = match thing.kind {
            AppliedKind::App => Kind::App,
            AppliedKind::Issuer => Kind::Issuer,
            AppliedKind::Plugin => Kind::Plugin,
        };
        let key = Key { kind, namespace: thing.namespace, name: thing.name };
        (key, Names::read(thing.fields))
    };
    Ok(found.into_iter().flat_map(|found| found.attributes.things).map(thing).collect())
}

/// Lets the control plane remember what an owner's files name.
///
/// # Errors
/// When it cannot.
pub(crate) async fn remember(
    api: &AdminApi,
    owner: &str,
    applied: &Applied,
) -> Result<(), Failure> {
    let thing = |(key, names): (&Key, &Names)| {
        let kind = match key.kind {
            Kind::App => AppliedKind::App,
            Kind::Issuer => AppliedKind::Issuer,
            Kind::Plugin => AppliedKind::Plugin,
            Kind::Namespace => return None,
        };
        let (namespace, name) = (key.namespace.clone(), key.name.clone());
        Some(AppliedThing { kind, namespace, name, fields: names.pointers() })
    };
    let fields = AppliedFields { things: applied.iter().filter_map(thing).collect() };
    api.put::<AppliedAttributes>(&record_path(owner), &fields).await.map(drop)
}
