//! The keywords of JSON Schema that are understood, draft 4 to 2020-12, one function for each kind
//! of value.

use crate::convert;
use serde_json::{Map, Number, Value};

/// Most steps of one check; what is left then is permitted.
const MAX_STEPS: usize = 20_000;
/// Deepest nesting of schemas that are followed.
const MAX_DEPTH: usize = 64;
/// Most problems that are told.
const MAX_PROBLEMS: usize = 50;
/// Where the type of a value may be said somewhere below.
const COMBINED: [&str; 5] = ["$ref", "allOf", "anyOf", "oneOf", "if"];
/// Most values of an `enum` that are named.
const MAX_NAMED: usize = 20;

/// One look at a value.
pub(super) struct Check<'a> {
    root: &'a Value,
    steps: usize,
}

/// Where a value is, and how.
#[derive(Clone, Copy)]
struct Place<'p> {
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
    pub(super) fn new(root: &'a Value) -> Self {
        Self { root, steps: 0 }
    }

    /// Everything that is wrong with a configuration.
    pub(super) fn problems(mut self, path: &str, config: &Value) -> Vec<String> {
        let root = self.root;
        let mut problems = self.look(root, config, Place { path, depth: 0, of_settings: true });
        problems.truncate(MAX_PROBLEMS);
        problems
    }

    fn is_valid(&mut self, schema: &Value, value: &Value, place: Place<'_>) -> bool {
        self.look(schema, value, place).is_empty()
    }

    fn look(&mut self, schema: &Value, value: &Value, place: Place<'_>) -> Vec<String> {
        self.steps += 1;
        if self.steps > MAX_STEPS || place.depth > MAX_DEPTH {
            return Vec::new();
        }
        let schema = match schema {
            Value::Bool(false) => return vec![format!("{}: this is not allowed here", place.path)],
            Value::Object(schema) => schema,
            _ => return Vec::new(),
        };
        let mut problems: Vec<_> = own_problems(schema, value)
            .into_iter()
            .map(|problem| format!("{}: {problem}", place.path))
            .collect();
        match value {
            Value::Array(items) => problems.extend(self.items(schema, items, place)),
            Value::Object(members) => problems.extend(self.members(schema, members, place)),
            _ => {}
        }
        problems.extend(self.combined(schema, value, place));
        problems
    }

    fn combined(
        &mut self,
        schema: &Map<String, Value>,
        value: &Value,
        place: Place<'_>,
    ) -> Vec<String> {
        let mut problems = Vec::new();
        let place = place.deeper();
        if let Some(target) = schema.get("$ref").and_then(Value::as_str).and_then(local_pointer)
            && let Some(target) = self.root.pointer(&target)
        {
            problems.extend(self.look(target, value, place));
        }
        for part in list(schema, "allOf") {
            problems.extend(self.look(part, value, place));
        }
        let any = list(schema, "anyOf");
        if !any.is_empty() && !any.iter().any(|part| self.is_valid(part, value, place)) {
            problems.push(format!("{}: fits none of the allowed forms", place.path));
        }
        let one = list(schema, "oneOf");
        let fitting = one.iter().filter(|part| self.is_valid(part, value, place)).count();
        if !one.is_empty() && fitting != 1 && self.steps <= MAX_STEPS {
            let how = if fitting == 0 { "fits none" } else { "fits more than one" };
            problems.push(format!("{}: {how} of the allowed forms", place.path));
        }
        if let Some(not) = schema.get("not")
            && self.is_valid(not, value, place)
            && self.steps <= MAX_STEPS
        {
            problems.push(format!("{}: has a form that is not allowed", place.path));
        }
        if let Some(condition) = schema.get("if") {
            let branch = if self.is_valid(condition, value, place) { "then" } else { "else" };
            if let Some(branch) = schema.get(branch) {
                problems.extend(self.look(branch, value, place));
            }
        }
        problems
    }

    fn items(
        &mut self,
        schema: &Map<String, Value>,
        items: &[Value],
        place: Place<'_>,
    ) -> Vec<String> {
        let tuple = match schema.get("items") {
            Some(Value::Array(tuple)) => &tuple[..],
            _ => list(schema, "prefixItems"),
        };
        let others = match schema.get("items") {
            Some(Value::Array(_)) => schema.get("additionalItems"),
            others => others,
        };
        let mut problems = Vec::new();
        for (index, item) in items.iter().enumerate() {
            if let Some(schema) = tuple.get(index).or(others) {
                let path = format!("{}[{index}]", place.path);
                problems.extend(self.look(schema, item, place.at(&path)));
            }
        }
        problems
    }

    fn members(
        &mut self,
        schema: &Map<String, Value>,
        members: &Map<String, Value>,
        place: Place<'_>,
    ) -> Vec<String> {
        let mut problems = Vec::new();
        let named = schema.get("properties").and_then(Value::as_object);
        let patterns = schema.get("patternProperties").and_then(Value::as_object);
        for (name, member) in members {
            let path = format!("{}.{name}", place.path);
            let own = named.and_then(|named| named.get(name));
            let matching = patterns.into_iter().flatten().filter(|(pattern, _)| {
                // What cannot be read may have been meant for this one.
                matches(pattern, name).unwrap_or(true)
            });
            let mut applying: Vec<_> = own.into_iter().chain(matching.map(|(_, s)| s)).collect();
            if applying.is_empty() {
                applying.extend(schema.get("additionalProperties"));
            }
            for schema in applying {
                if schema == &Value::Bool(false) {
                    problems.push(format!("{path}: there is no such setting"));
                } else if place.of_settings {
                    problems.extend(self.setting(schema, member, place.at(&path)));
                } else {
                    problems.extend(self.look(schema, member, place.at(&path)));
                }
            }
            if let Some(names) = schema.get("propertyNames")
                && !self.is_valid(names, &Value::String(name.clone()), place.deeper())
            {
                problems.push(format!("{path}: a setting cannot be named so"));
            }
        }
        problems
    }

    /// A setting fits when it does in any of the forms that are one text to the plugin.
    fn setting(&mut self, schema: &Value, value: &Value, place: Place<'_>) -> Vec<String> {
        let problems = self.look(schema, value, place);
        if problems.is_empty() {
            return problems;
        }
        let has = |words: &[&str]| words.iter().any(|word| schema.get(word).is_some());
        let is_typed = schema.get("type").is_some();
        let of_other_type =
            wrong_type(schema.get("type"), value).is_some() || has(&["enum", "const"]);
        let other = match value {
            Value::String(text) if of_other_type || (!is_typed && has(&COMBINED)) => {
                serde_json::from_str(text).ok()
            }
            Value::String(_) => None,
            other => of_other_type.then(|| Value::String(convert::text(other, "null"))),
        };
        match other {
            Some(other) if self.is_valid(schema, &other, place) => Vec::new(),
            _ => problems,
        }
    }
}

/// What keywords about the value itself say, without its path.
fn own_problems(schema: &Map<String, Value>, value: &Value) -> Vec<String> {
    let mut problems = Vec::new();
    problems.extend(wrong_type(schema.get("type"), value));
    if let Some(allowed) = schema.get("enum").and_then(Value::as_array)
        && !allowed.iter().any(|one| equal(one, value))
    {
        let named: Vec<_> = allowed.iter().take(MAX_NAMED).map(Value::to_string).collect();
        let more = if allowed.len() > MAX_NAMED { " and others" } else { "" };
        problems.push(format!("use one of {}{more}", named.join(", ")));
    }
    if let Some(only) = schema.get("const").filter(|only| !equal(only, value)) {
        problems.push(format!("use {only}"));
    }
    match value {
        Value::Number(number) => problems.extend(number_problems(schema, number)),
        Value::String(text) => problems.extend(text_problems(schema, text)),
        Value::Array(items) => {
            problems.extend(size_problems(schema, ("minItems", "maxItems", "items"), items.len()));
            let repeats = |(i, item)| items[..i].iter().any(|earlier| equal(earlier, item));
            if schema.get("uniqueItems") == Some(&Value::Bool(true))
                && items.len() <= 1000
                && items.iter().enumerate().any(repeats)
            {
                problems.push("has the same item twice".to_owned());
            }
        }
        Value::Object(members) => {
            let words = ("minProperties", "maxProperties", "members");
            problems.extend(size_problems(schema, words, members.len()));
            let missing = list(schema, "required").iter().filter_map(Value::as_str);
            let missing = missing.filter(|name| !members.contains_key(*name));
            problems.extend(missing.map(|name| format!("{name} is missing")));
        }
        _ => {}
    }
    problems
}

fn wrong_type(wanted: Option<&Value>, value: &Value) -> Option<String> {
    let names: Vec<_> = match wanted? {
        Value::String(name) => vec![name.as_str()],
        Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
        _ => return None,
    };
    let known = ["null", "boolean", "integer", "number", "string", "array", "object"];
    let fits = |name: &&str| match *name {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.as_number().is_some_and(is_whole),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        _ => true,
    };
    if names.is_empty() || names.iter().any(fits) {
        return None;
    }
    let names: Vec<_> = names.into_iter().filter(|name| known.contains(name)).collect();
    Some(format!("this is no {}", names.join(" or ")))
}

fn is_whole(number: &Number) -> bool {
    number.is_i64() || number.is_u64() || number.as_f64().is_some_and(|n| n.fract() == 0.0)
}

fn number_problems(schema: &Map<String, Value>, number: &Number) -> Vec<String> {
    let Some(value) = number.as_f64() else { return Vec::new() };
    let limit = |word: &str| schema.get(word).and_then(Value::as_f64);
    // In draft 4 these say how the others are meant.
    let strict = |word: &str| schema.get(word) == Some(&Value::Bool(true));
    let mut problems = Vec::new();
    if let Some(least) = limit("minimum") {
        if strict("exclusiveMinimum") && value <= least {
            problems.push(format!("use more than {least}"));
        } else if value < least {
            problems.push(format!("use at least {least}"));
        }
    }
    if let Some(most) = limit("maximum") {
        if strict("exclusiveMaximum") && value >= most {
            problems.push(format!("use less than {most}"));
        } else if value > most {
            problems.push(format!("use at most {most}"));
        }
    }
    if let Some(least) = limit("exclusiveMinimum").filter(|least| value <= *least) {
        problems.push(format!("use more than {least}"));
    }
    if let Some(most) = limit("exclusiveMaximum").filter(|most| value >= *most) {
        problems.push(format!("use less than {most}"));
    }
    if let Some(step) = limit("multipleOf").filter(|step| *step >= 1.0 && step.fract() == 0.0)
        && value.rem_euclid(step) != 0.0
    {
        problems.push(format!("use a multiple of {step}"));
    }
    problems
}

fn text_problems(schema: &Map<String, Value>, text: &str) -> Vec<String> {
    let words = ("minLength", "maxLength", "characters");
    let mut problems = size_problems(schema, words, text.chars().count());
    if let Some(pattern) = schema.get("pattern").and_then(Value::as_str)
        && matches(pattern, text) == Some(false)
    {
        problems.push(format!("does not match {pattern}"));
    }
    problems
}

fn size_problems(
    schema: &Map<String, Value>,
    (least, most, what): (&str, &str, &str),
    size: usize,
) -> Vec<String> {
    let limit = |word: &str| {
        let limit = schema.get(word).and_then(Value::as_u64);
        limit.and_then(|limit| usize::try_from(limit).ok())
    };
    let least = limit(least).filter(|least| size < *least);
    let most = limit(most).filter(|most| size > *most);
    let least = least.map(|least| format!("use at least {least} {what}"));
    least.into_iter().chain(most.map(|most| format!("use at most {most} {what}"))).collect()
}

/// Whether a text matches a pattern; `None` where the pattern cannot be read here. Takes time linear
/// in the text.
fn matches(pattern: &str, text: &str) -> Option<bool> {
    let mut builder = regex_lite::RegexBuilder::new(pattern);
    let pattern = builder.size_limit(1 << 20).build().ok()?;
    Some(pattern.is_match(text))
}

/// Numbers are equal when they mean the same.
fn equal(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(a), Value::Number(b)) => a == b || a.as_f64() == b.as_f64(),
        _ => one == other,
    }
}

fn list<'s>(schema: &'s Map<String, Value>, word: &str) -> &'s [Value] {
    schema.get(word).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// The JSON pointer of a reference within the schema itself.
fn local_pointer(reference: &str) -> Option<String> {
    let pointer = reference.strip_prefix('#')?;
    (pointer.is_empty() || pointer.starts_with('/')).then(|| pointer.to_owned())
}
