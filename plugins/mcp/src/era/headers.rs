//! The headers that repeat what a body says, as values of HTTP can carry it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::fields::Fields;

const OPEN: &str = "=?base64?";
const CLOSE: &str = "?=";

/// The name that belongs into `Mcp-Name`, where a method has one.
pub(crate) fn name_of(method: &str, params: Option<&Fields>) -> Option<String> {
    let key = match method {
        "tools/call" | "prompts/get" => "name",
        "resources/read" => "uri",
        "tasks/get" | "tasks/update" | "tasks/cancel" => "taskId",
        _ => return None,
    };
    params?.text(key)
}

/// A text as the value of a header.
pub(crate) fn encode(text: &str) -> String {
    let is_plain = text.bytes().all(|byte| matches!(byte, b'\t' | b' '..=b'~'));
    let is_padded = text.starts_with([' ', '\t']) || text.ends_with([' ', '\t']);
    let is_marked = text.starts_with(OPEN) && text.ends_with(CLOSE);
    if is_plain && !is_padded && !is_marked && !text.is_empty() {
        return text.to_owned();
    }
    format!("{OPEN}{}{CLOSE}", STANDARD.encode(text))
}

/// The text that the value of a header stands for; `None` where it stands for none.
pub(crate) fn decode(value: &str) -> Option<String> {
    match value.strip_prefix(OPEN).and_then(|rest| rest.strip_suffix(CLOSE)) {
        Some(encoded) => String::from_utf8(STANDARD.decode(encoded).ok()?).ok(),
        None => Some(value.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_comes_back_from_a_header_that_can_be_sent() {
        for text in [
            "us-west1",
            "Hello, 世界",
            " padded ",
            "line1\nline2",
            "=?base64?literal?=",
            "",
            "a\tb",
            "\u{7f}",
        ] {
            let value = encode(text);
            assert!(value.bytes().all(|byte| matches!(byte, b'\t' | b' '..=b'~')), "{value}");
            assert_eq!(decode(&value).as_deref(), Some(text));
        }
        assert_eq!(encode(" padded "), "=?base64?IHBhZGRlZCA=?=");
        assert_eq!(encode("us-west1"), "us-west1");
        assert_eq!(decode("=?base64?%%?="), None);
    }
}
