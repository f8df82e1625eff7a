//! Whatever is written, and in whatever order: each revision can be gone back to. See the parent for all other promises.

use super::namespaces::made;
use super::{app, page, plugin};
use crate::{AppFilter, Difference, PluginFilter, Precondition, Store, Versioned};
use serde_json::{Map, Value, json};
use sidegate_model::app::AppDraft;
use sidegate_model::audit::Audited;
use sidegate_model::namespace::Namespace;
use sidegate_model::plugin::PluginDraft;
use std::collections::{BTreeMap, BTreeSet};

/// Few, so that they meet: what is refused is no change.
const NAMES: [&str; 4] = ["a", "b", "c", "d"];
const WRITES: usize = 60;

/// A generator of numbers that is repeated by its seed.
struct Random(u64);

impl Random {
    fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % below as u64).unwrap()
    }
}

/// Of each thing in a namespace what it is, as far as one goes back to it.
type State = BTreeMap<(&'static str, u32), Map<String, Value>>;

fn comparable(thing: &impl Audited) -> Map<String, Value> {
    let mut content = thing.content();
    content.remove("reloads");
    content
}

async fn state(store: &Store, namespace: &Namespace) -> State {
    let namespace = Some(namespace.clone());
    let filter = PluginFilter { namespace: namespace.clone(), ..<_>::default() };
    let plugins = store.list_plugins(&filter, page(1, 100)).await.unwrap().items;
    let filter = AppFilter { namespace, ..<_>::default() };
    let apps = store.list_apps(&filter, page(1, 100)).await.unwrap().items;
    let plugins = plugins.iter().map(|plugin| (("plugin", plugin.id.0), comparable(plugin)));
    let apps = apps.iter().map(|app| (("app", app.id.0), comparable(app)));
    plugins.chain(apps).collect()
}

fn plugin_draft(random: &mut Random, namespace: &Namespace) -> PluginDraft {
    let slug = NAMES[random.next(4)];
    let mut draft = plugin(NAMES[random.next(4)], [None, Some(slug)][random.next(2)]);
    draft.namespace = namespace.clone();
    draft.config.insert("api_key".to_owned(), json!(random.next(3)));
    draft
}

fn app_draft(random: &mut Random, namespace: &Namespace) -> AppDraft {
    let max_staleness = [None, Some(5)][random.next(2)];
    let monthly_budget = 0.1 * f64::from(u32::try_from(random.next(4)).unwrap());
    let namespace = namespace.clone();
    AppDraft { namespace, max_staleness, monthly_budget, ..app(NAMES[random.next(4)]) }
}

/// Makes a random change; what is refused is none.
async fn change(store: &Store, random: &mut Random, namespace: &Namespace) {
    let there: Vec<_> = state(store, namespace).await.into_keys().collect();
    let some = (!there.is_empty()).then(|| there[random.next(there.len())]);
    let any = &Precondition::None;
    match (random.next(8), some) {
        (0 | 1, _) | (_, None) => drop(store.create_plugin(&plugin_draft(random, namespace)).await),
        (2, _) => drop(store.create_app(&app_draft(random, namespace)).await),
        (3, Some(("plugin", id))) => {
            drop(store.delete_plugin(sidegate_model::plugin::PluginId(id), any).await);
        }
        (3, Some((_, id))) => drop(store.delete_app(sidegate_model::app::AppId(id), any).await),
        (4, _) => drop(store.rotate_data_keys(std::slice::from_ref(namespace)).await.unwrap()),
        (5, Some(("plugin", id))) => {
            drop(store.bump_reload(sidegate_model::plugin::PluginId(id), any).await.unwrap());
        }
        (_, Some(("plugin", id))) => {
            let draft = plugin_draft(random, namespace);
            drop(store.update_plugin(sidegate_model::plugin::PluginId(id), &draft).await);
        }
        (_, Some((_, id))) => {
            let draft = app_draft(random, namespace);
            drop(store.update_app(sidegate_model::app::AppId(id), &draft).await);
        }
    }
}

/// The keys of what differs, but for what only was reloaded.
fn keys_of(differences: &[Difference]) -> BTreeSet<(&'static str, u32)> {
    let content = |thing: &Versioned| match thing {
        Versioned::Plugin(plugin) => comparable(&**plugin),
        Versioned::App(app) => comparable(&**app),
        Versioned::Issuer(issuer) => comparable(&**issuer),
    };
    let key = |difference: &Difference| {
        let Difference { before, after } = difference;
        let thing = after.as_ref().or(before.as_ref())?;
        let kind = if matches!(thing, Versioned::Plugin(_)) { "plugin" } else { "app" };
        (before.as_ref().map(content) != after.as_ref().map(content))
            .then(|| (kind, thing.thing().id))
    };
    differences.iter().filter_map(key).collect()
}

pub(super) async fn whatever_was_written_can_be_gone_back_to(store: &Store) {
    let seed = sidegate_model::clock::now_millis().unsigned_abs() | 1;
    eprintln!("seed {seed}");
    let mut random = Random(seed);
    let namespaces = [Namespace::global(), made(store, "berlin").await, made(store, "oslo").await];
    // What was in each namespace at each revision.
    let mut known: BTreeMap<u64, [State; 3]> = BTreeMap::new();
    for _ in 0..WRITES {
        let namespace = namespaces[random.next(3)].clone();
        change(store, &mut random, &namespace).await;
        let revision = store.revision().await.unwrap();
        let mut states = [const { BTreeMap::new() }; 3];
        for (state_of, namespace) in states.iter_mut().zip(&namespaces) {
            *state_of = state(store, namespace).await;
        }
        known.insert(revision, states);
        if random.next(4) == 0 {
            let (at, back) = (random.next(known.len()), random.next(3));
            let (to, states) =
                known.iter().nth(at).map(|(to, states)| (*to, states.clone())).unwrap();
            if store.roll_back(to, &namespaces[back]).await.is_ok() {
                let now = state(store, &namespaces[back]).await;
                assert_eq!(
                    now, states[back],
                    "seed {seed}: back to {to} of {:?}",
                    namespaces[back]
                );
                let newest = store.revision().await.unwrap();
                let again = store.roll_back(to, &namespaces[back]).await.unwrap();
                assert_eq!(
                    (again.revision, again.value.differences.len()),
                    (newest, 0),
                    "seed {seed}"
                );
            }
        }
    }
    let revisions: Vec<_> = known.keys().copied().collect();
    for _ in 0..20 {
        let [a, b] = [(); 2].map(|()| revisions[random.next(revisions.len())]);
        for (at, namespace) in namespaces.iter().enumerate() {
            let (before, after) = (&known[&a][at], &known[&b][at]);
            let differs = |key: &&(&'static str, u32)| before.get(*key) != after.get(*key);
            let expected: BTreeSet<_> =
                before.keys().chain(after.keys()).filter(differs).copied().collect();
            let found = store.diff(a, b, Some(namespace)).await.unwrap();
            assert_eq!(keys_of(&found), expected, "seed {seed}: {a} to {b} of {namespace:?}");
        }
        assert!(store.diff(a, a, None).await.unwrap().is_empty());
    }
}
