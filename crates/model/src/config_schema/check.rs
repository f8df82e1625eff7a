//! Holding a value against a schema, draft 4 to 2020-12: what leads to other schemas and to other
//! values. What is not understood makes the verdict unsure, also where it stands below `not`.

use super::dialect::{Dialect, has_resources};
use super::findings::{Findings, Verdict};
use super::keywords::{Keywords, of_type};
use crate::convert;
use serde_json::{Map, Value};

/// Deepest nesting of schemas that are followed.
const MAX_DEPTH: usize = 64;
/// How far the type of a setting is looked for.
const MAX_TYPE_DEPTH: usize = 8;
/// Work of looking at a value, and at a member of one.
const LOOK: u64 = 50;
const MEMBER: usize = 20;
/// Where the type of a value may be said somewhere below.
const COMBINED: [&str; 5] = ["$ref", "allOf", "anyOf", "oneOf", "if"];

/// One look at a configuration.
pub(super) struct Check<'a> {
    root: &'a Value,
    /// Whether references mean the same everywhere.
    is_one_resource: bool,
    keywords: Keywords<'a>,
}

/// What is wrong with a configuration for certain.
pub(super) struct Outcome {
    pub(super) problems: Vec<String>,
    /// Nothing was left out for the work it makes.
    pub(super) is_complete: bool,
}

/// Where a value is, and how.
#[derive(Clone, Copy)]
pub(super) struct Place<'p> {
    path: &'p str,
    depth: usize,
    /// Its members are settings, each of which a plugin gets as a text.
    of_settings: bool,
}

impl<'p> Place<'p> {
    fn deeper(self) -> Self {
        Self { depth: self.depth + 1, ..self }
    }

    fn at(self, path: &'p str) -> Self {
        Self { path, depth: self.depth + 1, of_settings: false }
    }
}

impl<'a> Check<'a> {
    pub(super) fn new(root: &'a Value, dialect: Dialect) -> Self {
        let is_one_resource = !has_resources(root);
        Self { root, is_one_resource, keywords: Keywords::new(dialect) }
    }

    /// Everything that is wrong with a configuration.
    pub(super) fn outcome(mut self, path: &str, config: &Value) -> Outcome {
        let place = Place { path, depth: 0, of_settings: true };
        let problems = self.look(self.root, config, place).problems;
        Outcome { problems, is_complete: !self.keywords.budget.is_spent() }
    }

    fn verdict(&mut self, schema: &'a Value, value: &Value, place: Place<'_>) -> Verdict {
        self.look(schema, value, place).verdict()
    }

    fn look(&mut self, schema: &'a Value, value: &Value, place: Place<'_>) -> Findings {
        if place.depth > MAX_DEPTH || !self.keywords.budget.spend(LOOK) {
            return Findings::unsure();
        }
        let schema = match schema {
            Value::Bool(true) => return Findings::default(),
            Value::Bool(false) => {
                return Findings::problem("this is not allowed here").under(place.path);
            }
            Value::Object(schema) => schema,
            _ => return Findings::unsure(),
        };
        let Some(reference) = schema.get("$ref") else { return self.words(schema, value, place) };
        let mut found = match self.target(reference) {
            Some(target) => self.look(target, value, place.deeper()),
            None => Findings::unsure(),
        };
        match self.keywords.dialect.reads_beside_ref() {
            Some(true) => found.add(self.words(schema, value, place)),
            None => found.add(self.words(schema, value, place).doubted()),
            Some(false) => {}
        }
        found
    }

    /// What a reference within the schema itself leads to.
    fn target(&self, reference: &Value) -> Option<&'a Value> {
        let pointer = reference.as_str()?.strip_prefix('#')?;
        let is_plain = (pointer.is_empty() || pointer.starts_with('/')) && !pointer.contains('%');
        (is_plain && self.is_one_resource).then(|| self.root.pointer(pointer)).flatten()
    }

    /// What all keywords but `$ref` say.
    fn words(
        &mut self,
        schema: &'a Map<String, Value>,
        value: &Value,
        place: Place<'_>,
    ) -> Findings {
        let mut found = self.keywords.own(schema, value).under(place.path);
        let size = found.problems.iter().map(String::len).sum();
        self.keywords.budget.spend_size(size);
        match value {
            Value::Array(items) => found.add(self.items(schema, items, place)),
            Value::Object(members) => found.add(self.members(schema, members, place)),
            _ => {}
        }
        found.add(self.combined(schema, value, place.deeper()));
        found
    }

    fn combined(
        &mut self,
        schema: &'a Map<String, Value>,
        value: &Value,
        place: Place<'_>,
    ) -> Findings {
        let mut found = Findings::default();
        for part in parts(schema, "allOf", &mut found) {
            found.add(self.look(part, value, place));
        }
        for word in ["anyOf", "oneOf"] {
            let (mut fitting, mut unsure) = (0, 0);
            let forms = parts(schema, word, &mut found);
            for form in forms {
                match self.verdict(form, value, place) {
                    Verdict::Fits => fitting += 1,
                    Verdict::Unsure => unsure += 1,
                    Verdict::Breaks => {}
                }
            }
            let is_one = word == "oneOf";
            let how = match (fitting, unsure) {
                _ if forms.is_empty() => continue,
                (0, 0) => "fits none",
                (2.., _) if is_one => "fits more than one",
                (1, 0) => continue,
                (1.., _) if !is_one => continue,
                _ => {
                    found.is_unsure = true;
                    continue;
                }
            };
            found.push(format!("{}: {how} of the allowed forms", place.path));
        }
        if let Some(not) = schema.get("not") {
            let verdict = match self.verdict(not, value, place) {
                Verdict::Fits => Verdict::Breaks,
                Verdict::Breaks => Verdict::Fits,
                Verdict::Unsure => Verdict::Unsure,
            };
            let problem = || format!("{}: has a form that is not allowed", place.path);
            found.add(Findings::of(verdict, problem));
        }
        if let Some(condition) = schema.get("if").filter(|_| self.keywords.dialect.has("if")) {
            found.add(self.branches(schema, condition, value, place));
        }
        found
    }

    fn branches(
        &mut self,
        schema: &'a Map<String, Value>,
        condition: &'a Value,
        value: &Value,
        place: Place<'_>,
    ) -> Findings {
        let verdict = self.verdict(condition, value, place);
        let mut branch = |word: &str| {
            schema.get(word).map_or_else(Findings::default, |part| self.look(part, value, place))
        };
        match verdict {
            Verdict::Fits => branch("then"),
            Verdict::Breaks => branch("else"),
            Verdict::Unsure => {
                let mut found = branch("then").doubted();
                found.add(branch("else").doubted());
                found
            }
        }
    }

    fn items(
        &mut self,
        schema: &'a Map<String, Value>,
        items: &[Value],
        place: Place<'_>,
    ) -> Findings {
        let mut found = Findings::default();
        let (tuple, others) = match schema.get("items") {
            Some(Value::Array(tuple)) if self.keywords.dialect.has_lists_of_items() => {
                (&tuple[..], schema.get("additionalItems"))
            }
            others if self.keywords.dialect.has("prefixItems") => {
                (parts(schema, "prefixItems", &mut found), others)
            }
            others => (&[][..], others),
        };
        for (index, item) in items.iter().enumerate() {
            if let Some(schema) = tuple.get(index).or(others) {
                let path = format!("{}[{index}]", place.path);
                self.keywords.budget.spend_size(path.len());
                found.add(self.look(schema, item, place.at(&path)));
            }
        }
        found
    }

    fn members(
        &mut self,
        schema: &'a Map<String, Value>,
        members: &Map<String, Value>,
        place: Place<'_>,
    ) -> Findings {
        let mut found = Findings::default();
        for (name, member) in members {
            let path = format!("{}.{name}", place.path);
            if !self.keywords.budget.spend_size(MEMBER + path.len()) {
                return Findings { is_unsure: true, ..found };
            }
            for schema in self.schemas_of(schema, name, &mut found) {
                found.add(if schema == &Value::Bool(false) {
                    Findings::problem("there is no such setting").under(&path)
                } else if place.of_settings {
                    self.setting(schema, member, place.at(&path))
                } else {
                    self.look(schema, member, place.at(&path))
                });
            }
            let has_names = self.keywords.dialect.has("propertyNames");
            if let Some(names) = schema.get("propertyNames").filter(|_| has_names) {
                let verdict = self.verdict(names, &Value::String(name.clone()), place.deeper());
                let problem = || format!("{path}: a setting cannot be named so");
                found.add(Findings::of(verdict, problem));
            }
        }
        found
    }

    /// The schemas that apply to a member for certain.
    fn schemas_of(
        &mut self,
        schema: &'a Map<String, Value>,
        name: &str,
        found: &mut Findings,
    ) -> Vec<&'a Value> {
        let (named, patterns) = (schema.get("properties"), schema.get("patternProperties"));
        let is_object = |value: Option<&Value>| value.is_none_or(Value::is_object);
        let mut is_sure = is_object(named) && is_object(patterns);
        let mut applying: Vec<_> = named.and_then(|named| named.get(name)).into_iter().collect();
        for (pattern, schema) in patterns.and_then(Value::as_object).into_iter().flatten() {
            match self.keywords.matches(pattern, name) {
                Some(true) => applying.push(schema),
                Some(false) => {}
                // It may have been meant for this one.
                None => is_sure = false,
            }
        }
        if applying.is_empty() && is_sure {
            applying.extend(schema.get("additionalProperties"));
        }
        found.is_unsure |= !is_sure;
        applying
    }

    /// A setting may fit when it does in any of the forms that are one text to the plugin.
    fn setting(&mut self, schema: &'a Value, value: &Value, place: Place<'_>) -> Findings {
        let found = self.look(schema, value, place);
        if found.problems.is_empty() {
            return found;
        }
        match self.other_form(schema, value) {
            Some(other) if self.verdict(schema, &other, place) != Verdict::Breaks => {
                Findings::unsure()
            }
            _ => found,
        }
    }

    /// A text that reads as another value, or the text of a value, where the schema tells them apart.
    fn other_form(&mut self, schema: &'a Value, value: &Value) -> Option<Value> {
        let has = |words: &[&str]| words.iter().any(|word| schema.get(word).is_some());
        let wanted = schema.get("type");
        let is_of_other_type = of_type(wanted, value, self.keywords.dialect).verdict()
            != Verdict::Fits
            || has(&["enum", "const"]);
        let is_combined = wanted.is_none() && has(&COMBINED);
        match value {
            Value::String(text) => {
                let is_read = (is_of_other_type || is_combined)
                    && self.keywords.budget.spend_size(text.len());
                is_read.then(|| serde_json::from_str(text).ok()).flatten()
            }
            // Of a text without a type, limits of numbers say nothing.
            other => (is_of_other_type || (is_combined && self.is_typed(schema, 0)))
                .then(|| Value::String(convert::text(other, "null"))),
        }
    }

    /// Whether a schema says of which type or which values something has to be.
    fn is_typed(&mut self, schema: &'a Value, depth: usize) -> bool {
        let Some(members) = schema.as_object() else { return false };
        if depth > MAX_TYPE_DEPTH || !self.keywords.budget.spend(LOOK) {
            return false;
        }
        let target = members.get("$ref").and_then(|reference| self.target(reference));
        let list = |word: &str| members.get(word).and_then(Value::as_array);
        let listed = ["allOf", "anyOf", "oneOf"].into_iter().filter_map(list).flatten();
        ["type", "enum", "const"].iter().any(|word| members.contains_key(*word))
            || target.into_iter().chain(listed).any(|part| self.is_typed(part, depth + 1))
    }
}

/// The schemas in a list; none where it is no such list.
fn parts<'s>(schema: &'s Map<String, Value>, word: &str, found: &mut Findings) -> &'s [Value] {
    match schema.get(word) {
        None => &[],
        Some(Value::Array(parts)) => parts,
        Some(_) => {
            found.is_unsure = true;
            &[]
        }
    }
}
