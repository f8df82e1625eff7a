//! JSON objects as bytes, equal ones always as the same bytes: sorted keys, no blanks. What is in them is
//! not looked at.

use serde_json::{Map, Number, Value};

/// The bytes of an object.
pub fn write(object: &Map<String, Value>) -> Vec<u8> {
    let mut out = Vec::new();
    put_object(object, &mut out);
    out
}

/// Reads an object; no bytes are an empty one.
///
/// # Errors
/// Why it is none.
pub fn read(bytes: &[u8]) -> Result<Map<String, Value>, String> {
    if bytes.is_empty() {
        return Ok(Map::new());
    }
    serde_json::from_slice(bytes).map_err(|error| {
        // The position only: the text of an error can quote a value, which may be a secret.
        format!("no JSON object at column {}", error.column())
    })
}

/// It nests no deeper than what was read as JSON can.
fn put(value: &Value, out: &mut Vec<u8>) {
    match value {
        Value::Null => out.extend(b"null"),
        Value::Bool(flag) => out.extend(flag.to_string().bytes()),
        Value::Number(number) => put_number(number, out),
        Value::String(text) => put_text(text, out),
        Value::Array(items) => {
            out.push(b'[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push(b',');
                }
                put(item, out);
            }
            out.push(b']');
        }
        Value::Object(members) => put_object(members, out),
    }
}

/// Sorts by itself: whether the map is sorted is decided by a feature that any crate can switch.
fn put_object(members: &Map<String, Value>, out: &mut Vec<u8>) {
    let mut members: Vec<_> = members.iter().collect();
    members.sort_unstable_by_key(|(name, _)| *name);
    out.push(b'{');
    for (at, (name, value)) in members.into_iter().enumerate() {
        if at > 0 {
            out.push(b',');
        }
        put_text(name, out);
        out.push(b':');
        put(value, out);
    }
    out.push(b'}');
}

fn put_text(text: &str, out: &mut Vec<u8>) {
    serde_json::to_writer(out, text).expect("a text is written to memory");
}

/// Minus zero equals zero.
fn put_number(number: &Number, out: &mut Vec<u8>) {
    let text = match number.as_f64() {
        Some(zero) if number.is_f64() && zero == 0.0 => "0.0".to_owned(),
        _ => number.to_string(),
    };
    out.extend(text.bytes());
}
