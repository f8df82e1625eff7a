//! What a plugin says of its configuration, for people: its settings, one a line.
//!
//! It knows the words of a JSON Schema that people want to read, and checks nothing.

use crate::output::plain;
use serde_json::Value;

/// Longest description that is shown, in characters.
const MAX_DESCRIPTION: usize = 80;

/// The settings that a plugin's schema names, each with its form and its meaning.
pub(super) fn settings(schema: &Value) -> String {
    let required: Vec<_> = schema["required"].as_array().into_iter().flatten().collect();
    let Some(named) = schema["properties"].as_object() else { return String::new() };
    let line = |(name, setting): (&String, &Value)| {
        let is_required = required.iter().any(|required| *required == name);
        let form = form(setting, is_required);
        let words = setting["description"].as_str().or_else(|| setting["title"].as_str());
        let words = words.and_then(|words| words.lines().next()).unwrap_or_default();
        let mut shown: String = words.chars().take(MAX_DESCRIPTION).collect();
        if shown.len() < words.len() {
            shown.push('…');
        }
        format!("{name}{form}  {shown}").trim_end().to_owned()
    };
    named.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn form(setting: &Value, is_required: bool) -> String {
    let mut words = Vec::new();
    match (&setting["enum"], &setting["type"]) {
        (Value::Array(allowed), _) => {
            words.push(allowed.iter().map(plain).collect::<Vec<_>>().join("|"));
        }
        (_, Value::String(name)) => words.push(name.clone()),
        (_, Value::Array(names)) => {
            words.push(names.iter().map(plain).collect::<Vec<_>>().join("|"));
        }
        _ => {}
    }
    if is_required {
        words.push("required".to_owned());
    }
    if let Some(default) = setting.get("default").filter(|default| !plain(default).is_empty()) {
        words.push(format!("default {}", plain(default)));
    }
    if words.is_empty() { String::new() } else { format!(" ({})", words.join(", ")) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn each_setting_is_a_line_with_its_form_and_its_meaning() {
        let schema = json!({
            "required": ["webhook_secret"],
            "properties": {
                "algorithm": {"enum": ["sha1", "sha256"], "default": "sha256"},
                "port": {"type": ["integer", "null"], "title": "Port\nof it"},
                "webhook_secret": {"type": "string", "description": "Key of the signature."},
                "x": true,
            },
        });
        let expected = "algorithm (sha1|sha256, default sha256)\n\
             port (integer|null)  Port\n\
             webhook_secret (string, required)  Key of the signature.\n\
             x";
        assert_eq!(settings(&schema), expected);
        for none in [json!({}), json!(true), json!(null)] {
            assert_eq!(settings(&none), "");
        }
    }
}
