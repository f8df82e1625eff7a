//! From what files say, what there is and what was said last time, to the steps between: pure. A plan has a hash
//! of its steps and of the versions they are made for, so that it can be carried out exactly, or not at all.

use super::applied::{Applied, Memory};
use super::document::{Document, Key};
use super::fields::Kind;
use super::live::{Live, LiveThing};
use super::merge::merged;
use super::names::Names;
use super::steps::{Action, Comparison, Step};
use serde::Serialize;
use serde_json::{Map, Value, json};

/// How far a plan may go.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub(crate) struct Limits {
    /// In whose name; nobody's where there is none.
    pub(crate) owner: Option<String>,
    /// What is the owner's and in no file is deleted.
    pub(crate) prune: bool,
    /// What is another's becomes the owner's.
    pub(crate) take_over: bool,
}

/// Steps, and what they are made for.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Plan {
    /// Tells this form of a plan from later ones.
    format: &'static str,
    /// Another text for other steps, or for the same ones to other versions of things.
    pub(crate) hash: String,
    #[serde(flatten)]
    pub(crate) limits: Limits,
    /// In the order in which they are done.
    pub(crate) steps: Vec<Step>,
    /// How many things are in the files and need nothing.
    pub(crate) unchanged: usize,
    /// What is to be remembered.
    #[serde(skip)]
    pub(crate) memory: Memory,
}

/// The form of plans.
pub(crate) const FORMAT: &str = "sidegate/plan/v1";

impl Plan {
    /// Makes a plan.
    ///
    /// # Errors
    /// Everything that must not be done, or cannot.
    pub(crate) fn make(
        document: &Document,
        live: &Live,
        before: &Applied,
        limits: &Limits,
    ) -> Result<Self, Vec<String>> {
        let mut planner = Planner { live, before, limits, steps: Vec::new(), problems: Vec::new() };
        for (key, declared) in &document.things {
            planner.thing(key, &declared.fields, &declared.place);
        }
        let unchanged = document.things.len() - planner.steps.len().min(document.things.len());
        let deleted = planner.deletions(document);
        if !planner.problems.is_empty() {
            return Err(planner.problems);
        }
        let mut steps = planner.steps;
        steps.extend(deleted);
        let memory = Memory::of(document, live, before, &steps);
        let hash = hash(limits, &steps);
        let limits = limits.clone();
        Ok(Self { format: FORMAT, hash, limits, steps, unchanged, memory })
    }

    /// Whether anything is known to be different.
    pub(crate) fn has_differences(&self) -> bool {
        self.steps.iter().any(|step| step.action != Action::Send)
    }

    /// How many steps there are of a kind.
    pub(crate) fn count(&self, action: Action) -> usize {
        self.steps.iter().filter(|step| step.action == action).count()
    }
}

struct Planner<'a> {
    live: &'a Live,
    before: &'a Applied,
    limits: &'a Limits,
    steps: Vec<Step>,
    problems: Vec<String>,
}

impl Planner<'_> {
    fn thing(&mut self, key: &Key, said: &Map<String, Value>, place: &str) {
        let step = match self.live.things.get(key) {
            None => self.created(key, said, place),
            Some(live) if !key.kind.is_managed() => self.lasting(key, live, said, place),
            Some(live) => self.changed(key, live, said, place),
        };
        self.steps.extend(step);
    }

    fn created(&mut self, key: &Key, said: &Map<String, Value>, place: &str) -> Option<Step> {
        let mut comparison = Comparison::default();
        for field in key.kind.fields() {
            if let Some(value) = said.get(field.name) {
                comparison.add(field.name, field.form, None, Some(value));
            }
        }
        let mut body = said.clone();
        body.insert("name".to_owned(), json!(key.name));
        if !key.namespace.is_empty() {
            body.insert("namespace".to_owned(), json!(key.namespace));
        }
        let owner = self.limits.owner.as_ref().filter(|_| key.kind.is_managed());
        body.extend(owner.map(|owner| ("managed_by".to_owned(), json!(owner))));
        self.tell_missing(key, place, &comparison);
        Some(step(Action::Create, key, None, comparison, body))
    }

    /// Of what cannot be changed once it is there.
    fn lasting(
        &mut self,
        key: &Key,
        live: &LiveThing,
        said: &Map<String, Value>,
        place: &str,
    ) -> Option<Step> {
        for (name, value) in
            said.iter().filter(|(name, value)| live.fields.get(*name) != Some(*value))
        {
            self.problems.push(format!(
                "{place}: {key}: {name} cannot become {value}: it is said once, when the {} is made",
                key.kind.noun()
            ));
        }
        None
    }

    fn changed(
        &mut self,
        key: &Key,
        live: &LiveThing,
        said: &Map<String, Value>,
        place: &str,
    ) -> Option<Step> {
        let nothing = Names::default();
        let named = self.before.get(key).unwrap_or(&nothing);
        let wanted = merged(key.kind, &live.fields, said, named);
        let mut comparison = Comparison::default();
        let mut body = Map::new();
        for field in key.kind.fields() {
            let (before, after) = (live.fields.get(field.name), wanted.get(field.name));
            let count = comparison.fields.len();
            comparison.add(field.name, field.form, before, after);
            if comparison.fields.len() > count {
                body.extend(after.map(|value| (field.name.to_owned(), value.clone())));
            }
        }
        with_slug(key.kind, &mut body, &wanted);
        let is_known_to_differ = comparison.fields.iter().any(|field| !field.uncompared);
        self.tell_missing(key, place, &comparison);
        let adopts = self.limits.owner.as_ref().filter(|owner| **owner != live.managed_by);
        if let Some(owner) = adopts {
            let before = (!live.managed_by.is_empty()).then(|| json!(live.managed_by));
            comparison.fields.insert(
                0,
                super::steps::FieldChange {
                    path: "managed_by".to_owned(),
                    before,
                    after: Some(json!(owner)),
                    uncompared: false,
                },
            );
            body.insert("managed_by".to_owned(), json!(owner));
        }
        if comparison.fields.is_empty() {
            return None;
        }
        if !live.managed_by.is_empty()
            && self.limits.owner.as_ref() != Some(&live.managed_by)
            && !self.limits.take_over
        {
            let owner = &live.managed_by;
            self.problems.push(format!(
                "{place}: {key} is managed by {owner}: change it in the files of {owner}, or take it with --take-over"
            ));
            return None;
        }
        let action = match is_known_to_differ || adopts.is_some() {
            true => Action::Change,
            false => Action::Send,
        };
        Some(step(action, key, Some(live), comparison, body))
    }

    fn tell_missing(&mut self, key: &Key, place: &str, comparison: &Comparison) {
        for path in &comparison.missing {
            self.problems.push(format!(
                "{place}: {key}: {path}: {{\"$secret\": \"set\"}} keeps what is stored, but no secret is stored here: \
                 name where it comes from, with {{\"$env\": \"NAME\"}} or {{\"$file\": \"/path\"}}"
            ));
        }
    }

    /// What is the owner's and in no file, plugins before the apps that they name.
    fn deletions(&self, document: &Document) -> Vec<Step> {
        let Some(owner) = self.limits.owner.as_ref().filter(|_| self.limits.prune) else {
            return Vec::new();
        };
        let is_gone = |(key, live): &(&Key, &LiveThing)| {
            live.managed_by == *owner && !document.things.contains_key(*key)
        };
        let gone = self.live.things.iter().filter(is_gone).rev();
        gone.map(|(key, live)| {
            step(Action::Delete, key, Some(live), Comparison::default(), Map::new())
        })
        .collect()
    }
}

/// Slug and configuration are stored together: whoever sends one sends both.
fn with_slug(kind: Kind, body: &mut Map<String, Value>, wanted: &Map<String, Value>) {
    if kind == Kind::Plugin && (body.contains_key("config") || body.contains_key("slug")) {
        for name in ["config", "slug"] {
            body.extend(wanted.get(name).map(|value| (name.to_owned(), value.clone())));
        }
    }
}

fn step(
    action: Action,
    key: &Key,
    live: Option<&LiveThing>,
    comparison: Comparison,
    body: Map<String, Value>,
) -> Step {
    Step {
        action,
        kind: key.kind,
        namespace: key.namespace.clone(),
        name: key.name.clone(),
        id: live.map(|live| live.id.clone()),
        version: live.and_then(|live| live.version.clone()),
        fields: comparison.fields,
        body,
    }
}

fn hash(limits: &Limits, steps: &[Step]) -> String {
    // Members of JSON objects are in the order of their names.
    let text = json!({"format": FORMAT, "limits": limits, "steps": steps}).to_string();
    let digest: [u8; 32] =
        sha2::Digest::finalize(<sha2::Sha256 as sha2::Digest>::new_with_prefix(text)).into();
    sidegate_model::sha256::Sha256(digest).to_string()
}

#[cfg(test)]
mod tests {
    use super::super::document;
    use super::super::sources::Source;
    use super::*;

    fn files(text: &str) -> Document {
        let text = format!("apiVersion: sidegate/v1\nkind: Configuration\n{text}");
        document::read(&[Source { name: "f".to_owned(), text }]).unwrap()
    }

    fn live(rows: &[(Kind, &str, &str, Value)]) -> Live {
        let thing = |(index, (kind, name, owner, fields)): (usize, &(Kind, &str, &str, Value))| {
            let attributes = json!({"name": name, "managed_by": owner});
            let mut attributes = attributes.as_object().unwrap().clone();
            attributes.extend(fields.as_object().unwrap().clone());
            let version = Some(format!("v{index}"));
            super::super::live::thing(*kind, index.to_string(), &Value::Object(attributes), version)
        };
        Live { things: rows.iter().enumerate().map(thing).collect() }
    }

    fn owner(name: &str) -> Limits {
        Limits { owner: Some(name.to_owned()), ..Limits::default() }
    }

    fn actions(plan: &Plan) -> Vec<(Action, String)> {
        plan.steps.iter().map(|step| (step.action, step.name.clone())).collect()
    }

    #[test]
    fn apps_come_before_plugins_and_deletions_last_the_other_way_round() {
        let live = live(&[
            (Kind::App, "old", "o", json!({"owner_email": "e"})),
            (Kind::Plugin, "old", "o", json!({"command": "c", "config": {}})),
            (Kind::Plugin, "theirs", "them", json!({"command": "c", "config": {}})),
        ]);
        let document =
            files("plugins: [{name: p, command: c}]\napps: [{name: a, owner_email: e}]\n");
        let limits = Limits { prune: true, ..owner("o") };
        let plan = Plan::make(&document, &live, &Applied::new(), &limits).unwrap();
        let expected = [
            (Action::Create, "a"),
            (Action::Create, "p"),
            (Action::Delete, "old"),
            (Action::Delete, "old"),
        ];
        assert_eq!(actions(&plan), expected.map(|(action, name)| (action, name.to_owned())));
        assert_eq!([plan.steps[2].kind, plan.steps[3].kind], [Kind::Plugin, Kind::App]);
    }

    #[test]
    fn an_empty_set_plans_nothing_without_prune_and_forgets_nothing() {
        let live = live(&[(Kind::App, "a", "o", json!({"owner_email": "e"}))]);
        let before = Applied::from([(
            Key { kind: Kind::App, namespace: String::new(), name: "a".to_owned() },
            Names::read(["/rate_limit"]),
        )]);
        let plan = Plan::make(&Document::default(), &live, &before, &owner("o")).unwrap();
        assert_eq!(actions(&plan), []);
        assert_eq!(plan.memory.after, before);
    }

    #[test]
    fn what_is_anothers_is_refused_unless_it_is_taken_over_and_only_where_it_would_change() {
        let live = live(&[(Kind::App, "a", "them", json!({"owner_email": "e", "rate_limit": 1}))]);
        let same = files("apps: [{name: a, owner_email: e}]\n");
        let other = files("apps: [{name: a, owner_email: f}]\n");
        let make = |document, limits: &Limits| Plan::make(document, &live, &Applied::new(), limits);
        assert_eq!(make(&same, &Limits::default()).unwrap().steps.len(), 0);
        for (document, limits) in
            [(&other, Limits::default()), (&same, owner("o")), (&other, owner("o"))]
        {
            let problems = make(document, &limits).unwrap_err();
            assert!(problems[0].contains("f:3: app a is managed by them"), "{problems:?}");
        }
        let plan = make(&same, &Limits { take_over: true, ..owner("o") }).unwrap();
        assert_eq!(plan.steps[0].body, *json!({"managed_by": "o"}).as_object().unwrap());
    }

    #[test]
    fn secrets_alone_are_sent_and_are_no_difference() {
        let secret = json!({"$secret": "set"});
        let live = live(&[(
            Kind::Plugin,
            "p",
            "",
            json!({"command": "c", "config": {"slug": "s", "api_key": secret}}),
        )]);
        let document = files("plugins: [{name: p, command: c, config: {api_key: {$env: K}}}]\n");
        let plan = Plan::make(&document, &live, &Applied::new(), &Limits::default()).unwrap();
        assert_eq!(actions(&plan), [(Action::Send, "p".to_owned())]);
        assert!(!plan.has_differences());
        assert_eq!(
            plan.steps[0].body,
            *json!({"config": {"api_key": {"$env": "K"}}, "slug": "s"}).as_object().unwrap()
        );
    }

    #[test]
    fn the_hash_is_another_one_for_other_steps_and_other_versions() {
        let rows = [(Kind::App, "a", "", json!({"owner_email": "e"}))];
        let mut one = live(&rows);
        let plan = |live: &Live, text: &str| {
            Plan::make(&files(text), live, &Applied::new(), &Limits::default()).unwrap().hash
        };
        let first = plan(&one, "apps: [{name: a, owner_email: f}]\n");
        assert_eq!(plan(&one, "apps: [{name: a, owner_email: f}]\n"), first);
        assert_ne!(plan(&one, "apps: [{name: a, owner_email: g}]\n"), first);
        one.things.values_mut().for_each(|thing| thing.version = Some("v9".to_owned()));
        assert_ne!(plan(&one, "apps: [{name: a, owner_email: f}]\n"), first);
    }
}
