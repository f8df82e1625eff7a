//! Which settings a schema marks: as secrets those of `format: password`, `writeOnly` or `x-secret`, as an admin's those of
//! `x-admin`. Foreign schemas are walked within bounds and without a fetch; where the walk cannot go on, all that is there
//! counts as marked.

mod ways;

use crate::secret::{MAX_STEPS, SettingPath};
use serde_json::{Map, Value};
use std::collections::{BTreeSet, HashSet, VecDeque};
use ways::{Step, Ways};

/// Most places of a schema that are looked at.
const MAX_VISITS: usize = 20_000;
/// Most settings that are told.
const MAX_SECRETS: usize = 256;

/// The settings that are secrets, or what is around them where there are too many.
pub(super) fn secrets_of(schema: &Value) -> BTreeSet<SettingPath> {
    marked(schema, is_secret).0
}

/// The settings that only an admin changes, in the same way.
pub(super) fn admin_settings_of(schema: &Value) -> BTreeSet<SettingPath> {
    marked(schema, is_of_admins).0
}

/// Whether the walk could not go everywhere, so that more than it says may count as marked.
pub(super) fn is_cut(schema: &Value) -> bool {
    marked(schema, is_secret).1 || marked(schema, is_of_admins).1
}

fn marked(
    schema: &Value,
    is_marked: fn(&Map<String, Value>) -> bool,
) -> (BTreeSet<SettingPath>, bool) {
    let ways = Ways::of(schema, is_marked);
    let mut walk = Walk::default();
    walk.add(&ways, 0, &[]);
    walk.is_cut = ways.is_lost();
    let mut visits = 0;
    while let Some((at, steps)) = walk.waiting.pop_front() {
        visits += 1;
        if visits > MAX_VISITS || walk.found.len() > MAX_SECRETS {
            walk.cut(&steps);
            continue;
        }
        if ways.is_marked(at) {
            walk.found.insert(SettingPath::closest(&steps));
            // All below it is marked with it.
            continue;
        }
        for (step, below) in ways.from(at) {
            match step {
                Step::Same => walk.add(&ways, *below, &steps),
                Step::To(name) => walk.add(&ways, *below, &[&steps, &[name.clone()][..]].concat()),
            }
        }
    }
    let is_cut = walk.is_cut || walk.found.len() > MAX_SECRETS;
    (few(walk.found), is_cut)
}

/// Schemas by their numbers, each with the way from the top of the configuration to what it is about.
#[derive(Default)]
struct Walk {
    found: BTreeSet<SettingPath>,
    seen: HashSet<(usize, Vec<String>)>,
    waiting: VecDeque<(usize, Vec<String>)>,
    is_cut: bool,
}

impl Walk {
    /// Goes on there, where anything is marked.
    fn add(&mut self, ways: &Ways<'_>, schema: usize, steps: &[String]) {
        if !ways.lead_to_a_mark(schema) {
            return;
        }
        // What no path says is not walked further: names may be as long as the document.
        let is_said = steps.is_empty() || SettingPath::of(steps.iter().cloned()).is_some();
        if !is_said || self.waiting.len() >= MAX_VISITS {
            self.cut(&steps[..steps.len().saturating_sub(1)]);
        } else if self.seen.insert((schema, steps.to_vec())) {
            self.waiting.push_back((schema, steps.to_vec()));
        }
    }

    /// Does not go on there: all of it counts as marked.
    fn cut(&mut self, steps: &[String]) {
        self.is_cut = true;
        self.found.insert(SettingPath::closest(steps));
    }
}

/// The same by no more paths than are told: where there are too many, what is around them.
fn few(found: BTreeSet<SettingPath>) -> BTreeSet<SettingPath> {
    if found.len() <= MAX_SECRETS {
        return found;
    }
    let cut_to = |most: usize| -> BTreeSet<_> {
        let steps = found.iter().map(SettingPath::steps);
        steps.map(|steps| SettingPath::closest(&steps[..steps.len().min(most)])).collect()
    };
    let fits = |paths: &BTreeSet<_>| paths.len() <= MAX_SECRETS;
    let cut = (1..MAX_STEPS).rev().map(cut_to).find(fits);
    cut.unwrap_or_else(|| BTreeSet::from([SettingPath::everything()]))
}

fn says(keywords: &Map<String, Value>, name: &str) -> bool {
    keywords.get(name) == Some(&Value::Bool(true))
}

fn is_of_admins(keywords: &Map<String, Value>) -> bool {
    says(keywords, "x-admin")
}

fn is_secret(keywords: &Map<String, Value>) -> bool {
    let is_password = keywords.get("format").and_then(Value::as_str) == Some("password");
    is_password || says(keywords, "x-secret") || says(keywords, "writeOnly")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn found(schema: &Value) -> Vec<String> {
        secrets_of(schema).iter().map(SettingPath::to_string).collect()
    }

    #[test]
    fn a_secret_is_found_wherever_the_schema_says_it() {
        let schema = json!({
            "$defs": {"login": {"properties": {"pin": {"x-secret": true}, "name": {}}}},
            "properties": {
                "dsn": {"type": "string", "format": "password"},
                "cert": {"writeOnly": true},
                "login": {"$ref": "#/$defs/login"},
                "users": {"type": "array", "items": {"$ref": "#/$defs/login"}},
                "plain": {"type": "string", "x-secret": false},
                "a/b": {"oneOf": [{"format": "password"}, {"type": "null"}]},
            },
            "patternProperties": {"^x-": {"format": "password"}},
            "if": {"properties": {"mode": {}}},
            "then": {"properties": {"mode": {"x-secret": true}}},
        });
        let expected = ["/*", "/a~1b", "/cert", "/dsn", "/login/pin", "/mode", "/users/*/pin"];
        assert_eq!(found(&schema), expected);
        assert_eq!(found(&json!(true)), [""; 0]);
        assert_eq!(found(&json!({"x-secret": true})), ["/*"], "all of it is every setting");
    }

    #[test]
    fn a_schema_that_refers_to_itself_ends() {
        let schema = json!({
            "properties": {"a": {"$ref": "#"}, "b": {"$ref": "#/properties/a"}, "k": {"x-secret": true}},
            "allOf": [{"$ref": "#"}],
        });
        let found = found(&schema);
        assert!(found.contains(&"/k".to_owned()) && found.contains(&"/a/b/k".to_owned()));
        assert!(found.len() <= MAX_SECRETS);
    }

    /// What is left to admins, and whether the walk was cut.
    fn of_admins(schema: &Value) -> (Vec<String>, bool) {
        let found = admin_settings_of(schema).iter().map(SettingPath::to_string).collect();
        (found, is_cut(schema))
    }

    #[test]
    fn a_property_without_a_name_marks_what_is_around_it() {
        let unnamed = json!({"properties": {"": {"x-admin": true}}});
        assert_eq!(of_admins(&unnamed).0, ["/*"]);
        assert_eq!(of_admins(&json!({"properties": {"db": unnamed}})).0, ["/db"]);
        let secret = json!({"properties": {"db": {"properties": {"": {"x-secret": true}}}}});
        assert_eq!(found(&secret), ["/db"]);
    }

    #[test]
    fn marks_are_found_behind_every_reference_within_the_document() {
        let mark = json!({"x-admin": true});
        for (schema, expected) in [
            (json!({"$ref": "#a", "$defs": {"x": {"$anchor": "a", "x-admin": true}}}), "/p"),
            (json!({"$dynamicRef": "#a", "x": {"$dynamicAnchor": "a", "x-admin": true}}), "/p"),
            (json!({"$ref": "#a", "definitions": {"x": {"$id": "#a", "x-admin": true}}}), "/p"),
            (json!({"$ref": "#/$defs/w%20x"}), "/p"),
            (json!({"$ref": "#/$defs/%C3%A4"}), "/p"),
            (json!({"$ref": "part#/$defs/x", "y": {"$id": "part", "$defs": {"x": mark}}}), "/p"),
            (json!({"$id": "part", "$ref": "#/$defs/own", "$defs": {"own": mark}}), "/p"),
            (json!({"dependentSchemas": {"a": {"properties": {"b": mark}}}}), "/p/b"),
            (json!({"dependencies": {"a": {"properties": {"b": mark}}, "c": ["d"]}}), "/p/b"),
        ] {
            let defs = json!({"w x": mark, "ä": mark});
            let whole = json!({"$defs": defs, "properties": {"p": schema, "other": {}}});
            assert_eq!(of_admins(&whole), (vec![expected.to_owned()], false), "{schema}");
        }
    }

    #[test]
    fn where_a_reference_leads_nowhere_all_that_is_there_is_marked() {
        for reference in ["#/$defs/gone", "#gone", "https://example.com/s.json", "other#/a"] {
            let schema =
                json!({"properties": {"db": {"properties": {"o": {"$ref": reference}}}, "p": {}}});
            assert_eq!(of_admins(&schema), (vec!["/db/o".to_owned()], true), "{reference}");
            assert_eq!(found(&schema), ["/db/o"]);
            assert_eq!(of_admins(&json!({"allOf": [{"$ref": reference}]})).0, ["/*"]);
        }
    }

    #[test]
    fn where_there_is_too_much_to_mark_what_is_around_it_is_marked() {
        let many = |count: usize| -> Value {
            (0..count).map(|n| (format!("n{n:03}"), json!({"x-admin": true}))).collect()
        };
        let schema = json!({"properties": {"db": {"properties": many(300)}, "p": {}}});
        assert_eq!(of_admins(&schema), (vec!["/db".to_owned()], true));
        assert_eq!(of_admins(&json!({"properties": many(300)})), (vec!["/*".to_owned()], true));
        assert_eq!(of_admins(&json!({"properties": many(256)})).0.len(), 256);
        let mut deep = json!({"x-admin": true, "x-secret": true});
        for _ in 0..MAX_STEPS + 3 {
            deep = json!({"properties": {"a": deep}});
        }
        assert_eq!(of_admins(&deep), (vec!["/a".repeat(MAX_STEPS)], true));
        assert_eq!(found(&deep), ["/a".repeat(MAX_STEPS)]);
        // As many ways as there are visits and more.
        let tree: Value = (0..12).map(|n| (format!("m{n}"), json!({"$ref": "#"}))).collect();
        let schema = json!({"properties": tree, "dependentSchemas": {"a": {"properties": {"k": {"x-admin": true}}}}});
        let found = admin_settings_of(&schema);
        assert!(found.len() <= MAX_SECRETS && is_cut(&schema));
        let deep = json!({"m3": {"m4": {"m5": {"k": 1}}}});
        let is_touched =
            |path: &&SettingPath| !path.is_same_in(deep.as_object().unwrap(), &Map::new());
        assert!(found.iter().any(|path| is_touched(&path)), "{found:?}");
    }

    #[test]
    fn a_schema_that_is_large_and_marks_nothing_leaves_nothing_to_admins() {
        let tree: Value = (0..12).map(|n| (format!("m{n}"), json!({"$ref": "#"}))).collect();
        assert_eq!(of_admins(&json!({ "properties": tree })), (Vec::new(), false));
    }

    #[test]
    fn what_has_a_name_too_long_to_be_said_is_not_walked_further() {
        let long = "n".repeat(2000);
        let below = json!({"properties": {"k": {"x-admin": true}}});
        let schema = json!({"properties": {"db": {"properties": {&*long: below}}}});
        assert_eq!(of_admins(&schema), (vec!["/db".to_owned()], true));
    }
}
