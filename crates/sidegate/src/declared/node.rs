//! A value of a file that knows the line where it stands. Knows no syntax and no meaning.

use serde_json::{Map, Number, Value};

/// A value and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Node {
    /// The line, from 1.
    pub(crate) line: usize,
    /// What stands there.
    pub(crate) content: Content,
}

/// What can stand in a file.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Content {
    Null,
    Bool(bool),
    Number(Number),
    Text(String),
    List(Vec<Node>),
    /// Members in the order of the file; no two of one name.
    Members(Vec<(String, Node)>),
}

impl Node {
    /// The value without its lines.
    pub(crate) fn value(&self) -> Value {
        match &self.content {
            Content::Null => Value::Null,
            Content::Bool(is_so) => Value::Bool(*is_so),
            Content::Number(number) => Value::Number(number.clone()),
            Content::Text(text) => Value::String(text.clone()),
            Content::List(items) => items.iter().map(Self::value).collect(),
            Content::Members(members) => members
                .iter()
                .map(|(name, member)| (name.clone(), member.value()))
                .collect::<Map<_, _>>()
                .into(),
        }
    }

    /// What it is, in a word for people.
    pub(crate) fn kind(&self) -> &'static str {
        match &self.content {
            Content::Null => "nothing",
            Content::Bool(_) => "true or false",
            Content::Number(_) => "a number",
            Content::Text(_) => "a text",
            Content::List(_) => "a list",
            Content::Members(_) => "an object",
        }
    }
}

/// A value to be written; it stands in no file yet.
impl From<Value> for Node {
    fn from(value: Value) -> Self {
        let content = match value {
            Value::Null => Content::Null,
            Value::Bool(is_so) => Content::Bool(is_so),
            Value::Number(number) => Content::Number(number),
            Value::String(text) => Content::Text(text),
            Value::Array(items) => Content::List(items.into_iter().map(Self::from).collect()),
            Value::Object(members) => Content::Members(
                members.into_iter().map(|(name, value)| (name, Self::from(value))).collect(),
            ),
        };
        Self { line: 0, content }
    }
}
