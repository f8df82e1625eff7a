//! From the query of an address to a type, as strictly as a body is read.

use super::check::{checked, expected, type_of};
use super::reading::{Readable, Reading, schema_of};
use crate::error::Problem;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value};

/// The query of an address that takes none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
pub struct NoQuery {}

/// Reads decoded pairs of names and values.
pub fn read_query<T: Readable>(pairs: impl IntoIterator<Item = (String, String)>) -> Reading<T> {
    let schema = schema_of::<T>();
    let mut wrong = Vec::new();
    let mut members = Map::new();
    for (name, text) in pairs {
        let told = |what: String| Problem {
            field: Some(name.clone()),
            detail: format!("query: {name}: {what}"),
        };
        let Some(own) = schema.as_value()["properties"].get(&name) else {
            wrong.push(told("this parameter is unknown here".to_owned()));
            continue;
        };
        if members.contains_key(&name) {
            wrong.push(told("say it once".to_owned()));
            continue;
        }
        let value = value_of(&text, own);
        let fit = checked(value, own);
        match fit.wrong.is_empty() {
            true => drop(members.insert(name, fit.value)),
            false => wrong.push(told(expected(&Value::String(text), own))),
        }
    }
    let fields = T::deserialize(Value::Object(members)).unwrap_or_default();
    Reading { fields, wrong }
}

/// A text as the type that is wanted, as far as it is one.
fn value_of(text: &str, schema: &Value) -> Value {
    let number = || text.parse::<u64>().ok().map(Value::from);
    let truth = || text.parse::<bool>().ok().map(Value::from);
    let value = match type_of(schema) {
        Some("integer") => number(),
        Some("boolean") => truth(),
        _ => None,
    };
    value.unwrap_or_else(|| text.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugin::{ChangeQuery, PluginQuery, SchemaCheck};

    fn read(pairs: &[(&str, &str)]) -> Result<PluginQuery, Vec<String>> {
        let pairs = pairs.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned()));
        let settled = read_query::<PluginQuery>(pairs).settle(Ok);
        settled.map_err(|wrong| wrong.into_iter().map(|problem| problem.detail).collect())
    }

    #[test]
    fn parameters_are_read_by_their_types() {
        let pairs = [("page", "2"), ("name", "7"), ("is_active", "false")];
        let expected = PluginQuery {
            page: Some(2),
            name: Some("7".to_owned()),
            is_active: Some(false),
            ..PluginQuery::default()
        };
        assert_eq!(read(&pairs), Ok(expected));
        let word = [("schema".to_owned(), "ignore".to_owned())];
        let expected = ChangeQuery { schema: Some(SchemaCheck::Ignore), ..ChangeQuery::default() };
        assert_eq!(read_query::<ChangeQuery>(word).settle(Ok), Ok(expected));
    }

    #[test]
    fn where_no_query_is_taken_every_parameter_is_unknown() {
        let pairs = [("page", "1"), ("x", "")].map(|(name, text)| (name.into(), text.into()));
        let wrong = read_query::<NoQuery>(pairs).settle(Ok).unwrap_err();
        let fields: Vec<_> = wrong.iter().filter_map(|problem| problem.field.as_deref()).collect();
        assert_eq!(fields, ["page", "x"]);
        assert_eq!(read_query::<NoQuery>([]).settle(Ok), Ok(NoQuery {}));
    }

    #[test]
    fn every_wrong_parameter_is_told() {
        let pairs = [("page", "-1"), ("is_active", "maybe"), ("x", "1"), ("secrets", "show")];
        assert_eq!(
            read(&pairs).unwrap_err(),
            [
                "query: page: \"-1\" is not a whole number from 0 to 4294967295",
                "query: is_active: \"maybe\" is neither true nor false",
                "query: x: this parameter is unknown here",
                "query: secrets: this parameter is unknown here",
            ]
        );
        let word = [("schema".to_owned(), "all".to_owned())];
        let wrong = read_query::<ChangeQuery>(word).settle(Ok).unwrap_err();
        assert_eq!(wrong[0].detail, "query: schema: \"all\" is not one of check, ignore");
        assert_eq!(
            read(&[("page", "1"), ("page", "2")]).unwrap_err(),
            ["query: page: say it once"]
        );
    }
}
