//! The issuers whose JWTs are taken, as requests need them: for which app each client speaks is found out once.

use crate::issuer_plugin::IssuerPlugin;
use sidegate_model::app::{AppId, MadeFor};
use sidegate_model::issuer::newcomers;
use sidegate_model::issuer::{Issuer, IssuerId};
use sidegate_model::snapshot::Snapshot;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// An issuer as requests need it.
#[derive(Debug)]
pub struct KnownIssuer {
    /// What the operator said of it.
    pub issuer: Arc<Issuer>,
    /// The plugin that it is, if it is one here.
    pub plugin: Option<IssuerPlugin>,
    apps: BTreeMap<String, AppId>,
    /// The apps that were made for clients on first sight, by client.
    made: BTreeMap<String, AppId>,
}

impl KnownIssuer {
    /// The app that a client of it speaks for; `None` where it speaks for none that is there. What an operator says counts
    /// before what was made.
    pub fn app(&self, client: &str) -> Option<AppId> {
        match self.issuer.draft.clients.contains_key(client) {
            true => self.apps.get(client).copied(),
            false => self.made.get(client).copied(),
        }
    }

    /// Whether one more app may be made for a client of it that speaks for none.
    pub fn takes_newcomer(&self, client: &str) -> bool {
        let draft = &self.issuer.draft;
        let has_room = |said: &newcomers::Newcomers| self.made.len() < said.max as usize;
        draft.newcomers.as_ref().is_some_and(has_room) && !draft.clients.contains_key(client)
    }

    /// Whether its JWTs can have this `iss`. Of a plugin it is known for certain only with its keys.
    pub fn can_be(&self, iss: &str) -> bool {
        match &self.plugin {
            Some(plugin) => plugin.can_be(iss),
            None => self.issuer.draft.url == iss,
        }
    }
}

/// All active issuers, of one moment.
#[derive(Debug, Default)]
pub struct IssuerTable {
    by_name: BTreeMap<String, KnownIssuer>,
}

impl IssuerTable {
    /// Of desired state.
    pub(crate) fn new(snapshot: &Snapshot) -> Self {
        let active = || snapshot.issuers.values().filter(|issuer| issuer.draft.is_active);
        let named: BTreeSet<_> =
            active().flat_map(|issuer| issuer.draft.clients.values()).collect();
        let mut numbers = HashMap::new();
        if !named.is_empty() {
            let apps = snapshot.apps.iter().filter(|app| named.contains(&app.name));
            numbers.extend(apps.map(|app| (app.name.clone(), app.id)));
        }
        let mut made_for = made_apps(snapshot);
        let mut known = |issuer: &Arc<Issuer>| {
            let plugin = IssuerPlugin::of(&issuer.draft, snapshot);
            // Where the plugin is gone or switched off the issuer is.
            if plugin.is_none() && issuer.draft.plugin().is_some() {
                return None;
            }
            let clients = issuer.draft.clients.iter();
            let app =
                |(client, app): (&String, &String)| Some((client.clone(), *numbers.get(app)?));
            let apps = clients.filter_map(app).collect();
            // While it says that there are such.
            let made = made_for.remove(&issuer.id).filter(|_| issuer.draft.newcomers.is_some());
            let made = made.unwrap_or_default();
            Some(KnownIssuer { issuer: issuer.clone(), plugin, apps, made })
        };
        let by_name = active().filter_map(|it| Some((it.draft.name.clone(), known(it)?)));
        Self { by_name: by_name.collect() }
    }

    /// Whether all that are plugins still are the very same ones under another desired state.
    pub(crate) fn are_plugins_same(&self, snapshot: &Snapshot) -> bool {
        let active = snapshot.issuers.values().filter(|issuer| issuer.draft.is_active);
        let of_plugins = active.filter(|issuer| issuer.draft.plugin().is_some());
        of_plugins.into_iter().all(|issuer| {
            let known = self.by_name.get(&issuer.draft.name);
            let before = known.and_then(|known| known.plugin.as_ref());
            before == IssuerPlugin::of(&issuer.draft, snapshot).as_ref()
        })
    }

    /// Of those with these names the first with this `iss`.
    pub fn find(&self, names: &BTreeSet<String>, url: &str) -> Option<&KnownIssuer> {
        let is_of_jwts = |known: &&KnownIssuer| !known.issuer.draft.is_of_certificates();
        let mut known = names.iter().filter_map(|name| self.by_name.get(name)).filter(is_of_jwts);
        let is_called_so = |known: &&KnownIssuer| known.issuer.draft.url == url;
        // What an operator says by its letters before what a plugin may be called.
        let said = known.clone().find(is_called_so);
        said.or_else(|| known.find(|known| known.can_be(url)))
    }

    /// Of those with these names the ones whose callers show certificates.
    pub fn of_certificates<'a>(
        &'a self,
        names: &'a BTreeSet<String>,
    ) -> impl Iterator<Item = &'a KnownIssuer> {
        let known = names.iter().filter_map(|name| self.by_name.get(name));
        known.filter(|known| known.issuer.draft.is_of_certificates())
    }

    /// One of them by its number.
    pub fn get(&self, id: IssuerId) -> Option<&KnownIssuer> {
        self.by_name.values().find(|known| known.issuer.id == id)
    }
}

/// The apps that were made for clients on first sight, by issuer and client.
fn made_apps(snapshot: &Snapshot) -> HashMap<IssuerId, BTreeMap<String, AppId>> {
    let mut made: HashMap<IssuerId, BTreeMap<String, AppId>> = HashMap::new();
    if !snapshot.issuers.values().any(|issuer| issuer.draft.newcomers.is_some()) {
        return made;
    }
    for app in snapshot.apps.iter() {
        if let Some(MadeFor { issuer, client }) = &app.made_for {
            made.entry(*issuer).or_default().insert(client.clone(), app.id);
        }
    }
    made
}

#[cfg(test)]
mod tests {
    use super::*;
    use sidegate_model::issuer::IssuerDraft;

    fn issuer(id: u32, name: &str, is_active: bool) -> Issuer {
        let draft = IssuerDraft { is_active, ..IssuerDraft::new(name, "https://id.example") };
        Issuer { id: IssuerId(id), draft, created_at: 0, updated_at: 0 }
    }

    #[test]
    fn an_issuer_is_found_by_name_and_address_while_it_is_active() {
        let snapshot = Snapshot::default()
            .with_issuer(IssuerId(1), Some(issuer(1, "b", true)))
            .with_issuer(IssuerId(2), Some(issuer(2, "a", true)))
            .with_issuer(IssuerId(3), Some(issuer(3, "c", false)));
        let table = IssuerTable::new(&snapshot);
        let find = |names: &[&str], url| {
            let names = names.iter().map(|name| (*name).to_owned()).collect();
            table.find(&names, url).map(|known| known.issuer.id.0)
        };
        assert_eq!(find(&["b", "a"], "https://id.example"), Some(2));
        assert_eq!(find(&["b"], "https://id.example"), Some(1));
        assert_eq!(find(&["b"], "https://id.example/"), None);
        assert_eq!(find(&["c"], "https://id.example"), None);
        assert_eq!(find(&[], "https://id.example"), None);
    }
}
