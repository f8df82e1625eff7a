//! Writing YAML: in blocks, with quotes wherever a reader could take a text for something else.

use super::node::{Content, Node};
use super::yaml::reads_as_number;
use std::fmt::Write as _;

/// A value as YAML, with its members in their order.
pub(crate) fn yaml(node: &Node) -> String {
    let mut text = String::new();
    block(node, 0, &mut text);
    text
}

fn block(node: &Node, indent: usize, text: &mut String) {
    match &node.content {
        Content::Members(members) if !members.is_empty() => {
            for (index, (name, member)) in members.iter().enumerate() {
                if index > 0 || !text.ends_with("- ") {
                    text.push_str(&" ".repeat(indent));
                }
                text.push_str(&scalar(name));
                text.push(':');
                behind(member, indent, text);
            }
        }
        Content::List(items) if !items.is_empty() => {
            for (index, item) in items.iter().enumerate() {
                if index > 0 || !text.ends_with("- ") {
                    text.push_str(&" ".repeat(indent));
                }
                text.push_str("- ");
                block(item, indent + 2, text);
            }
        }
        _ => _ = writeln!(text, "{}", inline(node)),
    }
}

/// What follows the colon of a member.
fn behind(node: &Node, indent: usize, text: &mut String) {
    let is_block = match &node.content {
        Content::Members(members) => !members.is_empty() && !is_mark(members),
        Content::List(items) => !items.is_empty(),
        _ => false,
    };
    if is_block {
        text.push('\n');
        block(node, indent + 2, text);
    } else {
        _ = writeln!(text, " {}", inline(node));
    }
}

/// `{"$secret": "set"}` and the like stay on their line.
fn is_mark(members: &[(String, Node)]) -> bool {
    matches!(members, [(name, Node { content: Content::Text(_), .. })] if name.starts_with('$'))
}

fn inline(node: &Node) -> String {
    match &node.content {
        Content::Text(text) => scalar(text),
        _ => node.value().to_string(),
    }
}

/// A text without quotes where it is one and nothing else, and else as in JSON.
fn scalar(text: &str) -> String {
    let is_plain = text.chars().next().is_some_and(|first| first.is_ascii_alphanumeric() || first == '/')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "_-./@+".contains(c))
        && !reads_as_number(text)
        && !["null", "true", "false", "yes", "no", "on", "off", "y", "n"]
            .contains(&text.to_ascii_lowercase().as_str())
        // Readers of YAML 1.1 know numbers with underscores and in other forms; dates, too.
        && !text.starts_with(|first: char| first.is_ascii_digit());
    if is_plain { text.to_owned() } else { serde_json::Value::from(text).to_string() }
}

#[cfg(test)]
mod tests {
    use super::super::yaml::read;
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    #[test]
    fn it_reads_well() {
        let value = json!({
            "a": {"b": [{"c": "x y", "d": []}, ["e"], {"$env": "F"}], "k": {"$secret": "set"}},
            "num": 1.5, "t": "true", "u": "file:///opt/hooks", "w": "1_0", "z": null,
        });
        let expected = "a:\n  b:\n    - c: \"x y\"\n      d: []\n    - - e\n    - \"$env\": F\n  \
            k: {\"$secret\":\"set\"}\nnum: 1.5\nt: \"true\"\nu: \"file:///opt/hooks\"\nw: \"1_0\"\nz: null\n";
        assert_eq!(yaml(&Node::from(value.clone())), expected);
        assert_eq!(read(expected).unwrap()[0].value(), value);
    }

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            (-1e9..1e9f64).prop_map(Value::from),
            "\\PC{0,12}|[a-z0-9:#~*&!|>'\"%@`{}\\[\\],?_ .\n\t-]{0,12}|[0-9.e_+x-]{1,6}|true|No|~"
                .prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 24, 5, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                proptest::collection::btree_map("[a-z$:# ~1-]{0,5}|\\PC{0,5}", inner, 0..4)
                    .prop_map(|members| Value::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_written_reads_as_what_it_was(value in values()) {
            let value = json!({ "v": value });
            let text = yaml(&Node::from(value.clone()));
            let read = read(&text).map_err(|wrong| TestCaseError::fail(format!("{wrong:?} in {text}")))?;
            prop_assert_eq!(read[0].value(), value);
        }
    }
}
