//! How the schemas of one document lead to each other, and from which of them a mark is reached: only there has a walk to
//! go. References are followed within the document; one that leads nowhere in it counts as a mark.

use serde_json::{Map, Value};
use std::collections::HashMap;

/// Most parts of a document that references can begin at, by their `$id`.
const MAX_PARTS: usize = 32;

/// Keywords whose schemas are of the same value.
const SAME: &[&str] = &["allOf", "anyOf", "oneOf", "if", "then", "else", "not", "contentSchema"];
/// Keywords whose members are schemas of the same value.
const SAME_BY_NAME: &[&str] = &["dependentSchemas", "dependencies"];
/// Keywords that name a schema of the same value.
const REFERENCES: &[&str] = &["$ref", "$dynamicRef", "$recursiveRef"];
/// Keywords whose schemas are of members or entries that are not named.
const EACH: &[&str] = &[
    "items",
    "prefixItems",
    "additionalItems",
    "contains",
    "additionalProperties",
    "unevaluatedProperties",
    "unevaluatedItems",
];

/// From a schema to one below it.
pub(super) enum Step {
    /// Of the same value.
    Same,
    /// Of a member, or of each (`*`).
    To(String),
}

/// The schemas of a document by numbers; the document is the first.
pub(super) struct Ways<'a> {
    names: Names<'a>,
    numbers: HashMap<*const Value, usize>,
    schemas: Vec<&'a Value>,
    from: Vec<Vec<(Step, usize)>>,
    marked: Vec<bool>,
    leading: Vec<bool>,
    is_lost: bool,
}

impl<'a> Ways<'a> {
    pub(super) fn of(root: &'a Value, is_marked: fn(&Map<String, Value>) -> bool) -> Self {
        let mut names = Names::default();
        names.learn(root);
        names.parts.insert(0, root);
        let mut ways = Self {
            names,
            numbers: HashMap::new(),
            schemas: Vec::new(),
            from: Vec::new(),
            marked: Vec::new(),
            leading: Vec::new(),
            is_lost: false,
        };
        ways.number(root);
        let mut at = 0;
        while let Some(schema) = ways.schemas.get(at).copied() {
            let keywords = schema.as_object();
            let (from, is_lost) = keywords.map_or_else(Default::default, |it| ways.below(it));
            ways.is_lost |= is_lost;
            ways.marked.push(is_lost || keywords.is_some_and(is_marked));
            ways.from.push(from);
            at += 1;
        }
        ways.leading = ways.leading();
        ways
    }

    /// Whether a reference leads nowhere in the document.
    pub(super) fn is_lost(&self) -> bool {
        self.is_lost
    }

    pub(super) fn is_marked(&self, schema: usize) -> bool {
        self.marked[schema]
    }

    pub(super) fn lead_to_a_mark(&self, schema: usize) -> bool {
        self.leading[schema]
    }

    pub(super) fn from(&self, schema: usize) -> &[(Step, usize)] {
        &self.from[schema]
    }

    fn number(&mut self, schema: &'a Value) -> usize {
        let next = self.schemas.len();
        let number = *self.numbers.entry(schema).or_insert(next);
        if number == next {
            self.schemas.push(schema);
        }
        number
    }

    /// What a schema leads to, and whether one of its references leads nowhere.
    fn below(&mut self, keywords: &'a Map<String, Value>) -> (Vec<(Step, usize)>, bool) {
        let any = || Step::To("*".to_owned());
        let mut below = Vec::new();
        let mut is_lost = false;
        for reference in REFERENCES.iter().filter_map(|keyword| keywords.get(*keyword)) {
            let referred = reference.as_str().map(|to| self.names.referred(to));
            is_lost |= referred.as_ref().is_some_and(Vec::is_empty);
            below.extend(referred.into_iter().flatten().map(|schema| (Step::Same, schema)));
        }
        for schema in SAME.iter().flat_map(|keyword| schemas(keywords.get(*keyword))) {
            below.push((Step::Same, schema));
        }
        for (_, schema) in SAME_BY_NAME.iter().flat_map(|keyword| object(keywords, keyword)) {
            below.push((Step::Same, schema));
        }
        for (name, schema) in object(keywords, "properties") {
            below.push((Step::To(name.clone()), schema));
        }
        for (_, schema) in object(keywords, "patternProperties") {
            below.push((any(), schema));
        }
        for schema in EACH.iter().flat_map(|keyword| schemas(keywords.get(*keyword))) {
            below.push((any(), schema));
        }
        (below.into_iter().map(|(step, schema)| (step, self.number(schema))).collect(), is_lost)
    }

    /// Which schemas a mark is reached from.
    fn leading(&self) -> Vec<bool> {
        let mut above = vec![Vec::new(); self.schemas.len()];
        for (at, below) in self.from.iter().enumerate() {
            below.iter().for_each(|(_, schema)| above[*schema].push(at));
        }
        let mut leading = self.marked.clone();
        let marked = self.marked.iter().enumerate().filter(|(_, is_marked)| **is_marked);
        let mut open: Vec<_> = marked.map(|(at, _)| at).collect();
        while let Some(at) = open.pop() {
            for above in &above[at] {
                if !std::mem::replace(&mut leading[*above], true) {
                    open.push(*above);
                }
            }
        }
        leading
    }
}

/// What references can name in a document.
#[derive(Default)]
struct Names<'a> {
    /// Where pointers begin: the document, and what has an `$id` of its own.
    parts: Vec<&'a Value>,
    by_id: HashMap<&'a str, Vec<&'a Value>>,
    by_anchor: HashMap<&'a str, Vec<&'a Value>>,
    are_too_many: bool,
}

impl<'a> Names<'a> {
    /// Also of what is no schema: more is found by that, and nothing less. What was parsed is not deep.
    fn learn(&mut self, value: &'a Value) {
        match value {
            Value::Array(items) => items.iter().for_each(|item| self.learn(item)),
            Value::Object(members) => {
                self.learn_keywords(value, members);
                members.values().for_each(|member| self.learn(member));
            }
            _ => {}
        }
    }

    fn learn_keywords(&mut self, schema: &'a Value, keywords: &'a Map<String, Value>) {
        let text = |name: &str| keywords.get(name).and_then(Value::as_str);
        for anchor in ["$anchor", "$dynamicAnchor"].into_iter().filter_map(text) {
            self.by_anchor.entry(anchor).or_default().push(schema);
        }
        for id in ["$id", "id"].into_iter().filter_map(text) {
            match id.strip_prefix('#') {
                // So older drafts write anchors.
                Some(anchor) => self.by_anchor.entry(anchor).or_default().push(schema),
                None if self.parts.len() < MAX_PARTS => {
                    self.by_id.entry(id.trim_end_matches('#')).or_default().push(schema);
                    self.parts.push(schema);
                }
                None => self.are_too_many = true,
            }
        }
    }

    /// The schemas that a reference may mean; none where that is not in the document, or cannot be told.
    fn referred(&self, reference: &str) -> Vec<&'a Value> {
        if self.are_too_many {
            return Vec::new();
        }
        let (base, fragment) = reference.split_once('#').unwrap_or((reference, ""));
        let parts = match base {
            "" => self.parts.as_slice(),
            base => self.by_id.get(base).map_or(&[][..], Vec::as_slice),
        };
        let fragments = [Some(fragment.to_owned()), percent_decoded(fragment)];
        let mut found = Vec::new();
        for fragment in fragments.iter().flatten() {
            match fragment.as_str() {
                "" => found.extend(parts),
                pointer if pointer.starts_with('/') => {
                    found.extend(parts.iter().filter_map(|part| part.pointer(pointer)));
                }
                anchor if !parts.is_empty() => {
                    found.extend(self.by_anchor.get(anchor).into_iter().flatten());
                }
                _ => {}
            }
        }
        found
    }
}

/// A text with `%20` and its like as what they stand for; `None` where it has none.
fn percent_decoded(text: &str) -> Option<String> {
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    if !rest.contains(&b'%') {
        return None;
    }
    while let Some((first, after)) = rest.split_first() {
        let digits = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        let byte = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match byte.filter(|_| *first == b'%') {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(*first);
                rest = after;
            }
        }
    }
    String::from_utf8(bytes).ok()
}

/// The schemas of a keyword that takes one or several.
fn schemas(value: Option<&Value>) -> &[Value] {
    match value {
        Some(Value::Array(schemas)) => schemas,
        Some(schema) => std::slice::from_ref(schema),
        None => &[],
    }
}

fn object<'a>(
    keywords: &'a Map<String, Value>,
    name: &str,
) -> impl Iterator<Item = (&'a String, &'a Value)> {
    keywords.get(name).and_then(Value::as_object).into_iter().flatten()
}
