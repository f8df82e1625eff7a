//! The apps that the policy of a plugin names: whether they are there, where an edge that runs the plugin may see them.
//! Knows neither HTTP nor who calls.

use sidegate_model::app::AppId;
use sidegate_model::namespace::Namespace;
use sidegate_model::policy::PolicyOptions;
use sidegate_model::snapshot::AppTable;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::fmt;
use std::sync::OnceLock;

/// Most apps that one text names.
const MOST_TOLD: usize = 10;

/// All apps there are, at one moment.
pub(crate) struct KnownApps {
    apps: AppTable,
    /// Found out when it is asked for the first time, which most requests do not.
    names: OnceLock<HashMap<String, Vec<Namespace>>>,
}

impl KnownApps {
    /// Of desired state.
    pub(crate) fn new(apps: AppTable) -> Self {
        Self { apps, names: OnceLock::new() }
    }

    /// What is wrong with the apps that these options of a plugin in a namespace name and the ones before did not: what
    /// was accepted once is in the way of no other change.
    pub(crate) fn problem(
        &self,
        namespace: &Namespace,
        options: &BTreeMap<String, String>,
        before: &BTreeMap<String, String>,
    ) -> Option<String> {
        let before: HashSet<_> = named(before).collect();
        let missing = self.missing(namespace, options);
        let told = told(missing.into_iter().filter(|app| !before.contains(app)))?;
        let place = place(namespace);
        Some(format!("there is no app {told}{place}: create it first, or name another one"))
    }

    /// What an operator should know of the apps that these options of a plugin in a namespace name.
    pub(crate) fn warning(
        &self,
        namespace: &Namespace,
        options: &BTreeMap<String, String>,
    ) -> Option<String> {
        let told = told(self.missing(namespace, options).into_iter())?;
        let place = place(namespace);
        Some(format!(
            "option apps names {told}, which does not exist{place}: it lets nobody in until there is such an app; change the option if it is gone for good"
        ))
    }

    fn missing(&self, namespace: &Namespace, options: &BTreeMap<String, String>) -> Vec<NamedApp> {
        named(options).filter(|app| !self.is_there(namespace, app)).collect()
    }

    /// Whether an edge that runs a plugin of this namespace can have the app.
    fn is_there(&self, namespace: &Namespace, app: &NamedApp) -> bool {
        match app {
            NamedApp::Number(number) => {
                let app = self.apps.get(&AppId(*number));
                app.is_some_and(|app| namespace.meets(&app.namespace))
            }
            NamedApp::Name(name) => {
                let places = self.names.get_or_init(|| self.places_by_name()).get(name);
                places.is_some_and(|places| places.iter().any(|place| namespace.meets(place)))
            }
        }
    }

    fn places_by_name(&self) -> HashMap<String, Vec<Namespace>> {
        let mut names = HashMap::<_, Vec<_>>::new();
        for app in self.apps.iter() {
            names.entry(app.name.clone()).or_default().push(app.namespace.clone());
        }
        names
    }
}

/// Where it was looked for, where that is not everywhere.
fn place(namespace: &Namespace) -> String {
    match namespace.is_global() {
        true => String::new(),
        false => format!(" in namespace {namespace} or the global one"),
    }
}

/// An app as an option names it.
#[derive(PartialEq, Eq, Hash)]
enum NamedApp {
    Number(u32),
    Name(String),
}

impl fmt::Display for NamedApp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => number.fmt(f),
            Self::Name(name) => write!(f, "{name:?}"),
        }
    }
}

fn named(options: &BTreeMap<String, String>) -> impl Iterator<Item = NamedApp> {
    let apps = PolicyOptions::read(options).0.apps.unwrap_or_default();
    let numbers: Vec<_> = apps.numbers().map(NamedApp::Number).collect();
    let names: Vec<_> = apps.names().map(|name| NamedApp::Name(name.to_owned())).collect();
    numbers.into_iter().chain(names)
}

/// The first of them in words; `None` where there are none.
fn told(apps: impl Iterator<Item = NamedApp>) -> Option<String> {
    let mut words: Vec<_> = apps.map(|app| app.to_string()).collect();
    let more = words.len().saturating_sub(MOST_TOLD);
    words.truncate(MOST_TOLD);
    let last = words.pop()?;
    let last = if more == 0 { last } else { format!("{last} or {more} more") };
    Some(match words.as_slice() {
        [] => last,
        _ if more > 0 => format!("{}, {last}", words.join(", ")),
        _ => format!("{} or {last}", words.join(", ")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use sidegate_model::app::App;

    fn known(apps: &[(u32, &str)]) -> KnownApps {
        let app = |(id, name): &(u32, &str)| app(*id, name, "");
        KnownApps::new(apps.iter().map(app).collect())
    }

    fn app(id: u32, name: &str, namespace: &str) -> App {
        App {
            id: AppId(id),
            name: name.to_owned(),
            description: String::new(),
            owner_email: "o@example.com".to_owned(),
            is_active: false,
            monthly_budget: 0.0,
            rate_limit: 0,
            metadata: serde_json::Map::new(),
            namespace: Namespace::parse(namespace).unwrap(),
            max_staleness: None,
            managed_by: String::new(),
            made_for: None,
            created_at: 0,
            updated_at: 0,
        }
    }

    #[test]
    fn a_plugin_names_apps_that_its_edges_can_have_and_no_others() {
        let apps = [app(1, "everywhere", ""), app(2, "shop", "berlin"), app(3, "shop", "oslo")];
        let known = KnownApps::new(apps.into_iter().chain([app(4, "ski", "oslo")]).collect());
        let none = BTreeMap::new();
        let problem = |namespace: &str, apps: &str| {
            known.problem(&Namespace::parse(namespace).unwrap(), &options(apps), &none)
        };
        for (namespace, fine) in
            [("berlin", "shop,2,everywhere,1"), ("oslo", "shop,ski,3,4"), ("", "1,2,ski")]
        {
            assert_eq!(problem(namespace, fine), None, "{namespace}: {fine}");
        }
        let said = "there is no app 3 or \"ski\" in namespace berlin or the global one: create it first, or name another one";
        assert_eq!(problem("berlin", "shop,ski,3").as_deref(), Some(said));
        let told = known.warning(&Namespace::parse("berlin").unwrap(), &options("ski")).unwrap();
        assert!(told.contains("\"ski\", which does not exist in namespace berlin or"), "{told}");
    }

    fn options(apps: &str) -> BTreeMap<String, String> {
        [("apps".to_owned(), apps.to_owned())].into()
    }

    #[test]
    fn apps_that_do_not_exist_are_told_unless_they_were_named_before() {
        let known = known(&[(1, "a"), (2, "b")]);
        let here = Namespace::global();
        let problem =
            |apps: &str, before: &str| known.problem(&here, &options(apps), &options(before));
        for fine in ["*", "a", "1", "a,b,2", "not,readable,"] {
            assert_eq!(problem(fine, "*"), None, "{fine}");
        }
        let said = "there is no app \"c\": create it first, or name another one";
        assert_eq!(problem("a,c", "*").as_deref(), Some(said));
        assert_eq!(problem("c", "a,c"), None);
        assert!(problem("3,c", "c").unwrap().starts_with("there is no app 3: "));
        assert!(problem("3,c,d", "*").unwrap().starts_with("there is no app 3, \"c\" or \"d\": "));
    }

    #[test]
    fn a_warning_names_what_is_gone_and_not_too_much_of_it() {
        let (known, here) = (known(&[(1, "a")]), Namespace::global());
        assert_eq!(known.warning(&here, &options("a,1")), None);
        assert_eq!(known.warning(&here, &BTreeMap::new()), None);
        let said = known.warning(&here, &options("a,b")).unwrap();
        assert!(said.starts_with("option apps names \"b\", which does not exist: "), "{said}");
        let many: Vec<_> = (2..=14).map(|n: u32| n.to_string()).collect();
        let said = known.warning(&here, &options(&many.join(","))).unwrap();
        let begins = "option apps names 2, 3, 4, 5, 6, 7, 8, 9, 10, 11 or 3 more, which ";
        assert!(said.starts_with(begins), "{said}");
    }
}
