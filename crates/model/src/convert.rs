//! From stored JSON to what a plugin receives: strings in maps, and the app message.

use crate::app::App;
use crate::plugin::PluginId;
use serde_json::{Map, Number, Value};
use sidegate_wire::plugin as wire;
use std::collections::HashMap;
use std::fmt::Write as _;

/// The configuration map of Initialize: every top-level value as text, and the reserved keys.
///
/// Whole numbers are written plainly (`1000000`), where the existing system writes `1e+06`.
///
/// ```
/// # use serde_json::{json, Value};
/// # use sidegate_model::{convert::plugin_config, plugin::PluginId};
/// let Value::Object(config) = json!({"n": 1000000, "list": [1, "<"]}) else { unreachable!() };
/// let sent = plugin_config(PluginId(7), &config);
/// assert_eq!(sent["n"], "1000000");
/// assert_eq!(sent["list"], r#"[1,"\u003c"]"#);
/// assert_eq!(sent["_plugin_id"], "7");
/// ```
pub fn plugin_config(id: PluginId, config: &Map<String, Value>) -> HashMap<String, String> {
    let mut sent: HashMap<_, _> =
        config.iter().map(|(key, value)| (key.clone(), text(value, "null"))).collect();
    sent.insert("_plugin_id".to_owned(), id.to_string());
    sent
}

/// The app as a plugin sees it.
pub fn app(app: &App) -> wire::App {
    wire::App {
        id: app.id.0,
        name: app.name.clone(),
        description: app.description.clone(),
        owner_email: app.owner_email.clone(),
        is_active: app.is_active,
        monthly_budget: app.monthly_budget,
        rate_limit: i32::try_from(app.rate_limit).unwrap_or(i32::MAX),
        metadata: app.metadata.iter().map(|(k, v)| (k.clone(), text(v, ""))).collect(),
        plugin_resources: Vec::new(),
    }
}

/// A setting as a plugin gets it; `null` is what stands for null.
pub(crate) fn text(value: &Value, null: &str) -> String {
    match value {
        Value::Null => null.to_owned(),
        Value::Bool(flag) => flag.to_string(),
        Value::Number(number) => number_text(number),
        Value::String(text) => text.clone(),
        Value::Array(_) | Value::Object(_) => {
            let mut out = String::new();
            write_json(value, &mut out);
            out
        }
    }
}

fn number_text(number: &Number) -> String {
    match number.as_f64() {
        _ if number.is_i64() || number.is_u64() => number.to_string(),
        Some(float) if float.fract() == 0.0 && float.abs() < 1e21 => format!("{float:.0}"),
        Some(float) => shortest_general(float),
        None => number.to_string(),
    }
}

/// The shortest form with an exponent below -4 or from 21 on, as Go prints a float.
fn shortest_general(float: f64) -> String {
    let scientific = format!("{float:e}");
    let Some((digits, exponent)) = scientific.split_once('e') else {
        return scientific;
    };
    let exponent: i32 = exponent.parse().unwrap_or_default();
    if (-4..21).contains(&exponent) {
        return format!("{float}");
    }
    let sign = if exponent < 0 { '-' } else { '+' };
    format!("{digits}e{sign}{:02}", exponent.abs())
}

/// Compact JSON with sorted keys and `<`, `>`, `&` escaped.
fn write_json(value: &Value, out: &mut String) {
    match value {
        Value::Array(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                write_json(item, out);
            }
            out.push(']');
        }
        Value::Object(map) => {
            let mut entries: Vec<_> = map.iter().collect();
            entries.sort_by_key(|(key, _)| *key);
            out.push('{');
            for (i, (key, item)) in entries.into_iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                write_json(&Value::String(key.clone()), out);
                out.push(':');
                write_json(item, out);
            }
            out.push('}');
        }
        Value::String(text) => {
            for c in Value::String(text.clone()).to_string().chars() {
                match c {
                    '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
                        let _ = write!(out, "\\u{:04x}", u32::from(c));
                    }
                    c => out.push(c),
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {
            let _ = write!(out, "{value}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_become_the_texts_plugins_expect() {
        let rows = [
            (json!("as is"), "as is"),
            (json!(true), "true"),
            (json!(30), "30"),
            (json!(0.5), "0.5"),
            (json!(1_000_000), "1000000"),
            (json!(1e6), "1000000"),
            (json!(-0.1), "-0.1"),
            (json!(0.00001), "1e-05"),
            (json!(1e-7), "1e-07"),
            (json!(null), "null"),
            (json!({"b": [1.5, null], "a": "<&>"}), r#"{"a":"\u003c\u0026\u003e","b":[1.5,null]}"#),
        ];
        for (value, expected) in rows {
            assert_eq!(text(&value, "null"), expected);
        }
        assert_eq!(text(&Value::Null, ""), "");
    }
}
