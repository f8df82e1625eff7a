//! What is the matter with issuers of JWTs: keys that do not come, and names that lead nowhere.

use super::names::Names;
use super::{KnownPlugin, need, some};
use sidegate_api::need::{NeedAttributes, NeedKind, NeedThingKind};
use sidegate_model::UnixMillis;
use sidegate_model::issuer::Issuer;
use sidegate_model::issuer_keys::IssuerKeysReport;
use std::collections::BTreeSet;

/// Issuers, and what is known of what they name.
#[derive(Default)]
pub(crate) struct KnownIssuers {
    pub(crate) issuers: Vec<Issuer>,
    /// The names of all apps.
    pub(crate) apps: BTreeSet<String>,
    /// What the node beside knows of their keys.
    pub(crate) keys: Vec<IssuerKeysReport>,
}

/// What of issuers waits for an operator. Names are looked for in all namespaces, so that nothing is told that may be well
/// at some edge.
pub(super) fn of_issuers(
    known: &KnownIssuers,
    (plugins, names): (&[KnownPlugin], &Names<'_>),
    time_text: &impl Fn(UnixMillis) -> String,
) -> Vec<NeedAttributes> {
    let unknown = |plugin| unknown_issuers(plugin, names, &known.issuers);
    let mut needs: Vec<_> = plugins.iter().filter_map(unknown).collect();
    let issuers = Names::of(known.issuers.iter().map(|issuer| issuer.draft.name.as_str()));
    let slugs: BTreeSet<_> =
        plugins.iter().filter_map(|plugin| plugin.attributes.slug.as_deref()).collect();
    for issuer in known.issuers.iter().filter(|issuer| issuer.draft.is_active) {
        let id = issuer.id.to_string();
        let (draft, called) = (&issuer.draft, issuers.call(&id, &issuer.draft.name));
        let of = |kind| NeedAttributes {
            command: Some(format!("sidegate issuer show {called}")),
            ..need(kind, (NeedThingKind::Issuer, &id, &draft.name))
        };
        if let Some(slug) = draft.plugin().filter(|slug| !slugs.contains(slug.as_str())) {
            needs.push(NeedAttributes {
                text: format!(
                    "it is plugin:{slug}, and no active plugin has this slug: its JWTs are refused"
                ),
                action: "switch that plugin on, register it, or remove the issuer".to_owned(),
                ..of(NeedKind::IssuerIncomplete)
            });
        }
        let apps: BTreeSet<_> = draft.clients.values().collect();
        let gone: Vec<_> =
            apps.into_iter().filter(|app| !known.apps.contains(*app)).cloned().collect();
        if !gone.is_empty() {
            needs.push(NeedAttributes {
                text: format!("clients of it speak for apps that are not there: {}", some(&gone)),
                action: "make these apps, or name others; until then these clients are refused"
                    .to_owned(),
                ..of(NeedKind::IssuerIncomplete)
            });
        }
        let keys = known.keys.iter().find(|keys| keys.issuer == Some(issuer.id));
        if let Some((keys, error)) = keys.and_then(|it| Some((it, it.error.as_ref()?))) {
            if draft.is_of_certificates() {
                needs.push(NeedAttributes {
                    text: format!("nobody comes in by a certificate: {error}"),
                    action: "say which authorities vouch for clients, or remove the issuer"
                        .to_owned(),
                    ..of(NeedKind::IssuerKeysMissing)
                });
                continue;
            }
            let so_far = match (keys.fetched_at, keys.are_good) {
                (None, _) => "none were fetched yet, and its JWTs are answered with 503",
                (Some(_), true) => "the last ones count for a while",
                (Some(_), false) => "the last ones are too old, and its JWTs are answered with 503",
            };
            needs.push(NeedAttributes {
                since: keys.fetched_at.map(time_text),
                text: format!("its keys cannot be fetched: {error}; {so_far}"),
                action: "see whether it can be reached from here, and what its metadata say"
                    .to_owned(),
                ..of(NeedKind::IssuerKeysMissing)
            });
        }
    }
    needs
}

/// The issuers that a plugin names and that are not there.
fn unknown_issuers(
    plugin: &KnownPlugin,
    names: &Names<'_>,
    issuers: &[Issuer],
) -> Option<NeedAttributes> {
    let KnownPlugin { id, attributes, .. } = plugin;
    let named = attributes.options.get("issuers").filter(|_| attributes.is_active)?.as_str()?;
    let is_there = |name: &&str| issuers.iter().any(|issuer| issuer.draft.name == *name);
    let named = named.split(',').map(str::trim).filter(|name| !name.is_empty());
    let gone: Vec<_> = named.filter(|name| !is_there(name)).map(str::to_owned).collect();
    let called = names.call(id, &attributes.name);
    (!gone.is_empty()).then(|| NeedAttributes {
        text: format!("its option issuers names {}, which is no issuer here", some(&gone)),
        action: "trust that issuer, or name others: JWTs are taken of none that is not there"
            .to_owned(),
        command: Some(format!("sidegate plugin show {called}")),
        ..need(NeedKind::IssuerIncomplete, (NeedThingKind::Plugin, id, &attributes.name))
    })
}
