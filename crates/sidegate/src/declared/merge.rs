//! Three ways to one: what a file named last time, what there is now, and what the file says. What it says counts;
//! what it named and names no more goes back to its default; all else stays as others set it.
//!
//! Pure, and lawful: doing it twice is doing it once.

use super::fields::{Field, Kind};
use super::names::{Names, at, inner};
use serde_json::{Map, Value};

/// What the fields of a thing become.
pub(crate) fn merged(
    kind: Kind,
    live: &Map<String, Value>,
    said: &Map<String, Value>,
    named: &Names,
) -> Map<String, Value> {
    let become_one = |field: &Field| {
        let live = live.get(field.name).cloned().unwrap_or_else(|| field.default());
        (field.name.to_owned(), one(field, live, said.get(field.name), named))
    };
    kind.fields().iter().map(become_one).collect()
}

fn one(field: &Field, live: Value, said: Option<&Value>, named: &Names) -> Value {
    if field.form.is_merged() {
        let mut value = live;
        for path in named.below(field.name) {
            let below = &path[1..];
            if said.and_then(|said| at(said, below)).is_none() {
                forget(&mut value, below, said);
            }
        }
        if let Some(said) = said {
            lay(&mut value, said);
        }
        return value;
    }
    match said {
        Some(said) => said.clone(),
        None if !field.required && named.below(field.name).next().is_some() => field.default(),
        None => live,
    }
}

/// Removes what is at a path, and objects around it that are empty then, unless they are said.
fn forget(value: &mut Value, path: &[String], said: Option<&Value>) {
    let Some((last, before)) = path.split_last() else { return };
    let Some(around) = walk(value, before) else { return };
    if around.remove(last).is_none() || !around.is_empty() {
        return;
    }
    let is_said = said.and_then(|said| at(said, before)).is_some();
    if !before.is_empty() && !is_said {
        forget(value, before, said);
    }
}

fn walk<'a>(value: &'a mut Value, path: &[String]) -> Option<&'a mut Map<String, Value>> {
    let found = path.iter().try_fold(value, |value, step| value.as_object_mut()?.get_mut(step))?;
    found.as_object_mut()
}

/// Puts what is said over what there is.
fn lay(value: &mut Value, said: &Value) {
    let is_empty = said.as_object().is_some_and(Map::is_empty);
    if is_empty && value.is_object() && (inner(value).is_some() || *value == *said) {
        return;
    }
    let Some(members) = inner(said) else {
        *value = said.clone();
        return;
    };
    if inner(value).is_none() {
        *value = Value::Object(Map::new());
    }
    if let Value::Object(value) = value {
        for (name, said) in members {
            lay(value.entry(name.clone()).or_insert(Value::Null), said);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::names::Path;
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    /// Whether one path is the beginning of the other.
    fn overlap(a: &[String], b: &[String]) -> bool {
        a.starts_with(b) || b.starts_with(a)
    }

    fn members(value: Value) -> Map<String, Value> {
        let Value::Object(members) = value else { panic!("{value}") };
        members
    }

    fn plugin(live: Value, said: Value, named: &[&str]) -> Value {
        let (live, said) = (members(live), members(said));
        let mut result = merged(Kind::Plugin, &live, &said, &Names::read(named));
        for field in Kind::Plugin.fields() {
            if result.get(field.name) == Some(&field.default()) {
                result.remove(field.name);
            }
        }
        result.into()
    }

    #[test]
    fn what_is_said_counts_what_was_named_goes_and_what_others_set_stays() {
        let live = json!({
            "command": "c", "description": "d", "is_active": false, "service_scopes": ["kv.readwrite"],
            "config": {"url": "a", "old": 1, "theirs": 2, "db": {"host": "h", "port": 1}},
        });
        let said = json!({"command": "c", "config": {"url": "b", "db": {"user": "u"}}});
        let named = ["/command", "/description", "/config/url", "/config/old", "/config/db/port"];
        let expected = json!({
            "command": "c", "is_active": false, "service_scopes": ["kv.readwrite"],
            "config": {"url": "b", "theirs": 2, "db": {"host": "h", "user": "u"}},
        });
        assert_eq!(plugin(live, said, &named), expected);
    }

    #[test]
    fn objects_that_only_the_file_filled_go_with_their_last_member() {
        let live = json!({"command": "c", "config": {"a": {"b": {"c": 1}}, "k": 1}});
        let said = json!({"command": "c"});
        let expected = json!({"command": "c", "config": {"k": 1}});
        assert_eq!(plugin(live, said, &["/command", "/config/a/b/c"]), expected);
    }

    #[test]
    fn what_must_be_said_never_goes_back_to_a_default() {
        let live = json!({"command": "c"});
        assert_eq!(plugin(live.clone(), json!({}), &["/command"]), live);
    }

    #[test]
    fn a_secret_that_is_hidden_is_one_value() {
        let live = json!({"command": "c", "config": {"api_key": {"$secret": "set"}}});
        let said = json!({"command": "c", "config": {"api_key": {"$env": "KEY"}}});
        assert_eq!(plugin(live.clone(), said.clone(), &[]), said);
        assert_eq!(plugin(live.clone(), live.clone(), &[]), live);
        let gone = plugin(live, json!({"command": "c"}), &["/config/api_key"]);
        assert_eq!(gone, json!({"command": "c"}));
    }

    fn config() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            (0..3i64).prop_map(Value::from),
            Just(json!([1])),
            Just(json!({"$secret": "set"})),
            Just(json!({"$env": "X"})),
            Just(json!({})),
        ];
        let value = leaf.prop_recursive(3, 12, 3, |inner| {
            proptest::collection::btree_map("[abc]", inner, 1..3)
                .prop_map(|members| Value::Object(members.into_iter().collect()))
        });
        proptest::collection::btree_map("[abc]", value, 0..4)
            .prop_map(|members| Value::Object(members.into_iter().collect()))
    }

    fn fields() -> impl Strategy<Value = Map<String, Value>> {
        (config(), config(), proptest::option::of("[xy]")).prop_map(|(config, options, text)| {
            let mut fields = members(json!({"command": "c", "config": config, "options": options}));
            fields.extend(text.map(|text| ("description".to_owned(), Value::from(text))));
            fields
        })
    }

    fn leaf<'a>(fields: &'a Map<String, Value>, path: &[String]) -> Option<&'a Value> {
        at(fields.get(&path[0])?, &path[1..])
    }

    fn all_paths(fields: &Map<String, Value>) -> Vec<Path> {
        let pointers = Names::of(fields).pointers();
        let names = Names::read(&pointers);
        fields.keys().flat_map(|field| names.below(field).cloned().collect::<Vec<_>>()).collect()
    }

    proptest! {
        #[test]
        fn doing_it_twice_is_doing_it_once(live in fields(), said in fields(), before in fields()) {
            let once = merged(Kind::Plugin, &live, &said, &Names::of(&before));
            let twice = merged(Kind::Plugin, &once, &said, &Names::of(&said));
            prop_assert_eq!(&twice, &once);
            let interrupted = Names::of(&before).and(&Names::of(&said));
            prop_assert_eq!(&merged(Kind::Plugin, &once, &said, &interrupted), &once);
        }

        #[test]
        fn what_is_said_is_there_afterwards(live in fields(), said in fields(), before in fields()) {
            let result = merged(Kind::Plugin, &live, &said, &Names::of(&before));
            for path in all_paths(&said) {
                let (said, found) = (leaf(&said, &path).unwrap(), leaf(&result, &path));
                let is_there = found == Some(said) || (*said == json!({}) && found.is_some_and(Value::is_object));
                prop_assert!(is_there, "{path:?} {said} {found:?}");
            }
        }

        #[test]
        fn what_nobody_named_stays(live in fields(), said in fields(), before in fields()) {
            let result = merged(Kind::Plugin, &live, &said, &Names::of(&before));
            let (said, before) = (all_paths(&said), all_paths(&before));
            for path in all_paths(&live) {
                if !said.iter().chain(&before).any(|named| overlap(named, &path)) {
                    prop_assert_eq!(leaf(&result, &path), leaf(&live, &path));
                }
            }
        }

        #[test]
        fn what_is_exported_changes_nothing(live in fields(), before in fields()) {
            let live = merged(Kind::Plugin, &live, &Map::new(), &Names::default());
            prop_assert_eq!(&merged(Kind::Plugin, &live, &live, &Names::of(&before)), &live);
        }
    }
}
