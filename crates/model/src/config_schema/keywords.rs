//! The keywords about a value itself, one function for each kind of value.

use super::dialect::Dialect;
use super::findings::{Budget, Findings, Verdict};
use super::pattern::Patterns;
use super::same::{compare, equal, has_twins, whole};
use serde_json::{Map, Number, Value};
use std::cmp::Ordering;
use std::fmt::{Display, Write as _};

/// Most values of an `enum` that are named.
const MAX_NAMED: usize = 20;
/// Most bytes of a schema's own words that are repeated.
const MAX_QUOTED: usize = 200;
/// What a text, a list and an object can be demanded to be in ways that are not understood here.
const OF_TEXTS: [&str; 4] = ["format", "contentEncoding", "contentMediaType", "contentSchema"];
const OF_LISTS: [&str; 2] = ["contains", "unevaluatedItems"];
const OF_OBJECTS: [&str; 4] =
    ["dependencies", "dependentRequired", "dependentSchemas", "unevaluatedProperties"];
const OF_ALL: [&str; 2] = ["$dynamicRef", "$recursiveRef"];

/// What looking at values takes.
pub(super) struct Keywords<'a> {
    pub(super) dialect: Dialect,
    pub(super) budget: Budget,
    patterns: Patterns<'a>,
}

impl<'a> Keywords<'a> {
    pub(super) fn new(dialect: Dialect) -> Self {
        Self { dialect, budget: Budget::new(), patterns: Patterns::default() }
    }

    pub(super) fn matches(&mut self, pattern: &'a str, text: &str) -> Option<bool> {
        self.patterns.matches(pattern, text, &mut self.budget)
    }

    /// What keywords about the value itself say, without its path.
    pub(super) fn own(&mut self, schema: &'a Map<String, Value>, value: &Value) -> Findings {
        let lists = [schema.get("type"), schema.get("required")];
        let size = lists.into_iter().flatten().filter_map(Value::as_array).map(Vec::len).sum();
        if !self.budget.spend_size(size) {
            return Findings::unsure();
        }
        let mut found = of_type(schema.get("type"), value, self.dialect);
        found.add(self.among(schema, value));
        let strange = match value {
            Value::Number(number) => {
                found.add(of_number(schema, number, self.dialect));
                &[][..]
            }
            Value::String(text) => {
                found.add(self.of_text(schema, text));
                &OF_TEXTS
            }
            Value::Array(items) => {
                found.add(of_size(schema, &SIZE_OF_LISTS, items.len()));
                found.add(self.of_unique(schema.get("uniqueItems"), items));
                &OF_LISTS
            }
            Value::Object(members) => {
                found.add(of_size(schema, &SIZE_OF_OBJECTS, members.len()));
                found.add(of_required(schema.get("required"), members));
                &OF_OBJECTS
            }
            _ => &[],
        };
        let dialect = self.dialect;
        let is_strange = |word: &&str| dialect.has(word) && schema.contains_key(*word);
        found.is_unsure |= strange.iter().chain(&OF_ALL).any(is_strange);
        found
    }

    fn among(&mut self, schema: &'a Map<String, Value>, value: &Value) -> Findings {
        let mut found = Findings::default();
        if let Some(allowed) = schema.get("enum") {
            let verdict = match allowed.as_array() {
                Some(allowed) => self.is_one_of(allowed, value),
                None => Verdict::Unsure,
            };
            found.add(Findings::of(verdict, || named(allowed)));
        }
        if let Some(only) = schema.get("const").filter(|_| self.dialect.has("const")) {
            let verdict = self.is_one_of(std::slice::from_ref(only), value);
            found.add(Findings::of(verdict, || format!("use {}", quoted(only))));
        }
        found
    }

    fn is_one_of(&mut self, allowed: &[Value], value: &Value) -> Verdict {
        for one in allowed {
            match equal(one, value, &mut self.budget) {
                Some(true) => return Verdict::Fits,
                Some(false) => {}
                None => return Verdict::Unsure,
            }
        }
        Verdict::Breaks
    }

    fn of_text(&mut self, schema: &'a Map<String, Value>, text: &str) -> Findings {
        if !self.budget.spend_size(text.len()) {
            return Findings::unsure();
        }
        let mut found = of_size(schema, &SIZE_OF_TEXTS, text.chars().count());
        found.add(match schema.get("pattern") {
            None => Findings::default(),
            Some(Value::String(pattern)) => {
                let verdict = verdict(self.matches(pattern, text));
                Findings::of(verdict, || format!("does not match {}", quoted(pattern)))
            }
            Some(_) => Findings::unsure(),
        });
        found
    }

    fn of_unique(&mut self, demanded: Option<&Value>, items: &[Value]) -> Findings {
        match demanded {
            None | Some(Value::Bool(false)) => Findings::default(),
            Some(Value::Bool(true)) => {
                let is_unique = has_twins(items, &mut self.budget).map(|twins| !twins);
                Findings::of(verdict(is_unique), || "has the same item twice".to_owned())
            }
            Some(_) => Findings::unsure(),
        }
    }
}

pub(super) fn verdict(fits: Option<bool>) -> Verdict {
    match fits {
        Some(true) => Verdict::Fits,
        Some(false) => Verdict::Breaks,
        None => Verdict::Unsure,
    }
}

/// Whether a value has one of the types that a schema names.
pub(super) fn of_type(wanted: Option<&Value>, value: &Value, dialect: Dialect) -> Findings {
    let names: Option<Vec<_>> = match wanted {
        None => return Findings::default(),
        Some(Value::String(name)) => Some(vec![name.as_str()]),
        Some(Value::Array(names)) => names.iter().map(Value::as_str).collect(),
        Some(_) => None,
    };
    let Some(names) = names.filter(|names| !names.is_empty()) else { return Findings::unsure() };
    let is = |name: &str| match name {
        "null" => Some(value.is_null()),
        "boolean" => Some(value.is_boolean()),
        "integer" => is_integer(value, dialect),
        "number" => Some(value.is_number()),
        "string" => Some(value.is_string()),
        "array" => Some(value.is_array()),
        "object" => Some(value.is_object()),
        _ => None,
    };
    let answers: Vec<_> = names.iter().map(|name| is(name)).collect();
    let fits = if answers.contains(&Some(true)) {
        Some(true)
    } else {
        (!answers.contains(&None)).then_some(false)
    };
    Findings::of(verdict(fits), || format!("this is no {}", names.join(" or ")))
}

fn is_integer(value: &Value, dialect: Dialect) -> Option<bool> {
    let Value::Number(number) = value else { return Some(false) };
    if number.as_f64().is_some_and(|float| float.fract() != 0.0) {
        return Some(false);
    }
    // In draft 4, 1.0 is none; others do not tell it from 1.
    (dialect != Dialect::Draft4 || !number.is_f64()).then_some(true)
}

fn of_number(schema: &Map<String, Value>, number: &Number, dialect: Dialect) -> Findings {
    let mut found = Findings::default();
    for (word, exclusive, beyond, words) in [
        ("minimum", "exclusiveMinimum", Ordering::Less, ["at least", "more than"]),
        ("maximum", "exclusiveMaximum", Ordering::Greater, ["at most", "less than"]),
    ] {
        let (limit, strict_limit) = (schema.get(word), schema.get(exclusive));
        // In draft 4 the one says how the other is meant.
        let flag = strict_limit.and_then(Value::as_bool);
        found.is_unsure |= flag.is_some() && !dialect.has_exclusive_flags();
        let is_strict = flag == Some(true) && dialect.has_exclusive_flags();
        let strict_limit = strict_limit.filter(|_| flag.is_none());
        for (limit, is_strict) in [(limit, is_strict), (strict_limit, true)] {
            let Some(limit) = limit else { continue };
            let order = limit.as_number().and_then(|limit| compare(number, limit));
            let fits = order.map(|order| order != beyond && !(is_strict && order.is_eq()));
            let word = words[usize::from(is_strict)];
            found.add(Findings::of(verdict(fits), || format!("use {word} {limit}")));
        }
    }
    if let Some(step) = schema.get("multipleOf") {
        let fits = match step.as_number().and_then(whole).filter(|step| *step > 0) {
            // A fraction is no multiple of a whole number; what is huge may be one.
            Some(step) if number.as_f64().is_some_and(|float| float.fract() == 0.0) => {
                whole(number).map(|number| number % step == 0)
            }
            Some(_) => Some(false),
            None => None,
        };
        found.add(Findings::of(verdict(fits), || format!("use a multiple of {step}")));
    }
    found
}

/// The keywords that bound the size of one kind of value.
struct SizeKeywords {
    least: &'static str,
    most: &'static str,
    /// What is counted, in words for people.
    unit: &'static str,
}

const SIZE_OF_TEXTS: SizeKeywords =
    SizeKeywords { least: "minLength", most: "maxLength", unit: "characters" };
const SIZE_OF_LISTS: SizeKeywords =
    SizeKeywords { least: "minItems", most: "maxItems", unit: "items" };
const SIZE_OF_OBJECTS: SizeKeywords =
    SizeKeywords { least: "minProperties", most: "maxProperties", unit: "members" };

fn of_size(schema: &Map<String, Value>, keywords: &SizeKeywords, size: usize) -> Findings {
    let SizeKeywords { least, most, unit } = *keywords;
    let mut found = Findings::default();
    let size = Number::from(size);
    for (word, beyond, words) in
        [(least, Ordering::Less, "at least"), (most, Ordering::Greater, "at most")]
    {
        let Some(limit) = schema.get(word) else { continue };
        let order = limit.as_number().and_then(|limit| compare(&size, limit));
        let fits = order.map(|order| order != beyond);
        found.add(Findings::of(verdict(fits), || format!("use {words} {limit} {unit}")));
    }
    found
}

fn of_required(required: Option<&Value>, members: &Map<String, Value>) -> Findings {
    let Some(required) = required else { return Findings::default() };
    let Some(names) = required.as_array() else { return Findings::unsure() };
    let mut found = Findings::default();
    for name in names {
        match name.as_str() {
            Some(name) if members.contains_key(name) => {}
            Some(name) => found.push(format!("{} is missing", quoted(name))),
            None => found.is_unsure = true,
        }
    }
    found
}

fn named(allowed: &Value) -> String {
    let allowed = allowed.as_array().map_or(&[][..], Vec::as_slice);
    let named: Vec<_> = allowed.iter().take(MAX_NAMED).map(quoted).collect();
    let more = if allowed.len() > MAX_NAMED { " and others" } else { "" };
    format!("use one of {}{more}", named.join(", "))
}

/// The beginning of what a schema says.
fn quoted(words: impl Display) -> String {
    let mut beginning = Beginning(String::new());
    match write!(beginning, "{words}") {
        Ok(()) => beginning.0,
        Err(_) => beginning.0 + "…",
    }
}

/// Takes some text, and refuses more.
struct Beginning(String);

impl std::fmt::Write for Beginning {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        let end = text.floor_char_boundary(MAX_QUOTED - self.0.len());
        self.0.push_str(&text[..end]);
        if end == text.len() { Ok(()) } else { Err(std::fmt::Error) }
    }
}
