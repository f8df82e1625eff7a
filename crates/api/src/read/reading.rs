//! What was sent as a type, as far as it could be read, beside what was wrong with the rest.

use super::check::{Checked, checked};
use crate::error::Problem;
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

/// What can be read from a foreign body or query.
pub trait Readable: JsonSchema + DeserializeOwned + Default {}

impl<T: JsonSchema + DeserializeOwned + Default> Readable for T {}

/// What was sent as far as it could be read, and what was wrong with the rest.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading<T> {
    pub(super) fields: T,
    pub(super) wrong: Vec<Problem>,
}

impl<T> Reading<T> {
    /// Something that nobody had to read.
    pub fn of(fields: T) -> Self {
        Self { fields, wrong: Vec::new() }
    }

    /// With problems that were found before.
    #[must_use]
    pub fn with(mut self, before: Vec<Problem>) -> Self {
        self.wrong.splice(0..0, before);
        self
    }

    /// What `make` makes of the fields; all that is wrong with their types and with what they say
    /// is told together.
    ///
    /// A member whose type is wrong counts as not sent, so what `make` says of it is left out.
    ///
    /// # Errors
    /// Every problem, those of types first; never none.
    pub fn settle<U>(
        self,
        make: impl FnOnce(T) -> Result<U, Vec<Problem>>,
    ) -> Result<U, Vec<Problem>> {
        let made = make(self.fields);
        if self.wrong.is_empty() {
            return made;
        }
        let mut problems = self.wrong;
        let is_known = |problem: &Problem| {
            problem.field.is_some() && problems.iter().any(|known| known.field == problem.field)
        };
        let of_absence = |problem: &Problem| {
            let member = problem.member();
            problems.iter().any(|known| known.field.as_deref() == member && member.is_some())
        };
        let more = made.err().unwrap_or_default().into_iter();
        let more: Vec<_> = more.filter(|p| !is_known(p) && !of_absence(p)).collect();
        problems.extend(more);
        Err(problems)
    }
}

/// Reads the members of an object as fields. `path` is how the paths of problems begin, for people.
pub fn read_members<T: Readable>(members: Map<String, Value>, path: &str) -> Reading<T> {
    let schema = schema_of::<T>();
    let Checked { value, mut wrong } = checked(Value::Object(members), schema.as_value());
    let fields = T::deserialize(value).unwrap_or_else(|_| {
        if wrong.is_empty() {
            let detail = "the body cannot be read: compare it with the OpenAPI document";
            wrong.push(Problem::of_request(detail));
        }
        T::default()
    });
    for problem in &mut wrong {
        problem.detail.insert_str(0, path);
    }
    Reading { fields, wrong }
}

/// The schema of a type, in one piece.
pub(super) fn schema_of<T: JsonSchema>() -> Schema {
    let inline = |settings: &mut SchemaSettings| settings.inline_subschemas = true;
    SchemaSettings::draft2020_12().with(inline).into_generator().into_root_schema_for::<T>()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::AppFields;
    use crate::logging::LoggingFields;
    use crate::plugin::{ApprovalFields, PluginFields, ScopeFields};
    use crate::token::{RotationFields, TokenFields};
    use serde_json::json;

    fn members(value: Value) -> Map<String, Value> {
        let Value::Object(members) = value else { panic!("{value}") };
        members
    }

    fn told<T: Readable>(value: Value) -> Vec<String> {
        let reading = read_members::<T>(members(value), "");
        reading.wrong.into_iter().map(|problem| problem.detail).collect()
    }

    #[test]
    fn every_wrong_type_of_a_body_is_told_with_its_path_in_the_words_of_the_api() {
        let body = json!({
            "name": 5, "is_active": "yes", "config": [], "hook_types": ["a", 1, {}],
            "options": {"a": "1", "b": true}, "command": null, "nam": 1,
        });
        assert_eq!(
            told::<PluginFields>(body),
            [
                "config: this is not an object",
                "hook_types[1]: 1 is not a text: write it in quotes",
                "hook_types[2]: this is not a text: write it in quotes",
                "is_active: \"yes\" is neither true nor false",
                "nam: this field is unknown here",
                "name: 5 is not a text: write it in quotes",
                "options.b: this is not a text: write it in quotes",
            ]
        );
    }

    #[test]
    fn numbers_say_their_range_and_never_the_name_of_a_type() {
        for (value, said) in [
            (json!(-1), "rate_limit: -1 is not a whole number from 0 to 4294967295"),
            (
                json!(4_294_967_296_u64),
                "rate_limit: 4294967296 is not a whole number from 0 to 4294967295",
            ),
            (json!(1.5), "rate_limit: 1.5 is not a whole number from 0 to 4294967295"),
            (json!("6"), "rate_limit: \"6\" is not a whole number from 0 to 4294967295"),
        ] {
            assert_eq!(told::<AppFields>(json!({"rate_limit": value})), [said]);
        }
        let said = told::<AppFields>(json!({"monthly_budget": "much"}));
        assert_eq!(said, ["monthly_budget: \"much\" is not a number"]);
        let said = told::<TokenFields>(json!({"expires_in": true}));
        assert_eq!(said.len(), 1);
        assert!(said[0].starts_with("expires_in: write a duration in quotes"), "{said:?}");
    }

    fn speaks_like_a_program<T: Readable>() {
        let schema = schema_of::<T>();
        let values =
            [json!(-1), json!(1e30), json!("x"), json!(true), json!([[]]), json!({"a": 1})];
        for name in schema.as_value()["properties"].as_object().unwrap().keys() {
            for value in &values {
                for said in told::<T>(Map::from_iter([(name.clone(), value.clone())]).into()) {
                    for word in
                        ["u32", "u64", "i64", "f64", "map", "sequence", "struct", "invalid type"]
                    {
                        assert!(!said.contains(word), "{said}");
                    }
                    assert!(!said.contains("cannot be read"), "type and schema differ: {said}");
                }
            }
        }
    }

    #[test]
    fn no_field_of_any_request_answers_in_the_words_of_a_program() {
        speaks_like_a_program::<PluginFields>();
        speaks_like_a_program::<ScopeFields>();
        speaks_like_a_program::<ApprovalFields>();
        speaks_like_a_program::<AppFields>();
        speaks_like_a_program::<TokenFields>();
        speaks_like_a_program::<RotationFields>();
        speaks_like_a_program::<LoggingFields>();
    }

    #[test]
    fn what_must_be_said_and_is_not_is_told() {
        assert_eq!(told::<ApprovalFields>(json!({})), ["approved: this must be said"]);
        let twice = told::<ApprovalFields>(json!({"approved": 1}));
        assert_eq!(twice, ["approved: 1 is neither true nor false"]);
    }

    #[test]
    fn what_is_right_is_read_whatever_else_is_wrong() {
        let body = json!({"name": "a", "rate_limit": "x", "metadata": {"k": [1, null]}});
        let reading = read_members::<AppFields>(members(body), "data.attributes.");
        assert_eq!(reading.fields.name.as_deref(), Some("a"));
        assert_eq!(reading.fields.rate_limit, None);
        assert_eq!(reading.fields.metadata, Some(members(json!({"k": [1, null]}))));
        let wrong = &reading.wrong[0];
        assert_eq!(wrong.field.as_deref(), Some("rate_limit"));
        assert!(wrong.detail.starts_with("data.attributes.rate_limit: "), "{}", wrong.detail);
    }

    #[test]
    fn broken_rules_are_told_beside_wrong_types_but_not_for_what_could_not_be_read() {
        let body = members(json!({"name": 5, "scopes": ["a b", 2], "app_id": null}));
        let outcome = read_members::<TokenFields>(body, "").settle(|fields| {
            assert_eq!(fields.scopes, Some(vec!["a b".to_owned()]));
            Err::<(), _>(vec![
                Problem::at("name", "give one"),
                Problem::at("app_id", "say for which app"),
                Problem::at("scopes", "no blanks"),
            ])
        });
        let details: Vec<_> = outcome.unwrap_err().into_iter().map(|p| p.detail).collect();
        assert_eq!(
            details,
            [
                "name: 5 is not a text: write it in quotes",
                "scopes[1]: 2 is not a text: write it in quotes",
                "app_id: say for which app",
                "scopes: no blanks",
            ]
        );
    }
}
