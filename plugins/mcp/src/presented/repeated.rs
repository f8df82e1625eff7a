//! The headers by which arguments of a call are repeated, where a tool wants it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use serde_json::{Map, Value};

use super::lock;
use crate::era::headers;
use crate::fields::Fields;

const MOST_TOOLS: usize = 1024;
const DEEPEST: usize = 16;

/// An argument that is repeated: where it is, and in which header.
type Argument = (Vec<String>, String);

/// What is known of tools that want it.
#[derive(Default)]
pub(crate) struct Tools(Mutex<HashMap<String, Arc<[Argument]>>>);

impl Tools {
    /// Remembers what a tool wants.
    fn learn(&self, name: &str, schema: &Value) {
        let mut all = Vec::new();
        find(schema, &mut Vec::new(), &mut all);
        let mut tools = lock(&self.0);
        if tools.len() < MOST_TOOLS || tools.contains_key(name) {
            tools.insert(name.to_owned(), all.into());
        }
    }

    /// Remembers what all tools of a list want.
    pub(crate) fn learn_list(&self, list: &Fields) {
        for tool in list.get::<Vec<Fields>>("tools").unwrap_or_default() {
            if let Some(name) = tool.text("name") {
                self.learn(&name, &tool.get("inputSchema").unwrap_or_default());
            }
        }
    }

    pub(crate) fn forget(&self, name: &str) {
        lock(&self.0).remove(name);
    }

    pub(crate) fn knows(&self, name: &str) -> bool {
        lock(&self.0).contains_key(name)
    }

    /// The headers of a call, as far as it is known what the tool wants.
    pub(crate) fn headers(&self, name: &str, arguments: &Value) -> Vec<(String, String)> {
        let Some(wanted) = lock(&self.0).get(name).cloned() else { return Vec::new() };
        let header = |(path, header): &Argument| {
            let value = path.iter().try_fold(arguments, |value, key| value.get(key))?;
            Some((format!("mcp-param-{header}"), headers::encode(&text(value)?)))
        };
        wanted.iter().filter_map(header).collect()
    }
}

/// Arguments that are reached by names of properties alone.
fn find(schema: &Value, path: &mut Vec<String>, all: &mut Vec<Argument>) {
    if let Some(header) = schema.get("x-mcp-header").and_then(Value::as_str)
        && is_token(header)
    {
        all.push((path.clone(), header.to_ascii_lowercase()));
    }
    if path.len() >= DEEPEST {
        return;
    }
    let nothing = Map::new();
    let properties = schema.get("properties").and_then(Value::as_object).unwrap_or(&nothing);
    for (name, schema) in properties {
        path.push(name.clone());
        find(schema, path, all);
        path.pop();
    }
}

fn is_token(text: &str) -> bool {
    let is_char = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    !text.is_empty() && text.len() <= 64 && text.bytes().all(is_char)
}

fn text(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Bool(is_true) => Some(is_true.to_string()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn arguments_are_repeated_where_a_tool_wants_it_and_are_there() {
        let tools = Tools::default();
        let schema = json!({"type": "object", "properties": {
            "region": {"type": "string", "x-mcp-header": "Region"},
            "deep": {"type": "object", "properties": {"n": {"type": "integer", "x-mcp-header": "N"}}},
            "list": {"type": "array", "items": {"type": "string", "x-mcp-header": "Item"}},
            "bad": {"type": "string", "x-mcp-header": "a b"},
            "on": {"type": "boolean", "x-mcp-header": "On"},
        }});
        tools.learn("t", &schema);
        let given =
            json!({"region": "é", "deep": {"n": -7}, "list": ["x"], "bad": "y", "on": null});
        let mut headers = tools.headers("t", &given);
        headers.sort();
        let expected = [("mcp-param-n", "-7"), ("mcp-param-region", "=?base64?w6k=?=")];
        assert_eq!(headers, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
        assert!(tools.headers("other", &given).is_empty());
    }
}
