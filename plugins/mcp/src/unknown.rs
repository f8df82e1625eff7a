//! What is held back and what is not there have one answer, so that none of them tells of the other.

use serde_json::json;

use crate::fields::Fields;
use crate::message::{Message, Outcome};
use crate::policy::{Kind, Subject};
use crate::refusal::Refusal;

/// The codes of an error that can say that something is not there.
const CODES: [i32; 4] = [-32602, -32002, -32601, 0];
/// By what the SDK for JavaScript begins the text of an error.
const PREFIX: &str = "MCP error ";
/// Servers say it shortly.
const LONGEST: usize = 256;

/// A thing is not there, or must look so.
pub(crate) fn refusal(kind: Kind, name: &str, is_stateless: bool) -> Refusal {
    let (code, what) = match kind {
        Kind::Tool => (-32602, "Unknown tool"),
        Kind::Prompt => (-32602, "Unknown prompt"),
        Kind::Resource if is_stateless => (-32602, "Resource not found"),
        Kind::Resource => (-32002, "Resource not found"),
    };
    let refusal = Refusal::new(200, code, format!("{what}: {name}"));
    match kind {
        Kind::Resource => refusal.with_data(json!({"uri": name})),
        Kind::Tool | Kind::Prompt => refusal,
    }
}

/// What answers a server's answer in its place, where that says, in whichever words, that the thing is not there.
pub(crate) fn in_our_words(
    about: &Subject,
    answer: &Message,
    is_stateless: bool,
) -> Option<Message> {
    let Subject::Thing(kind, name) = about else { return None };
    let Message::Answer { id, outcome } = answer else { return None };
    let text = match outcome {
        Outcome::Error(error) => {
            let error = Fields::of(error)?;
            CODES.contains(&error.get("code")?).then(|| error.text("message"))??
        }
        Outcome::Result(result) if *kind == Kind::Tool => {
            let is_short = result.get().len() <= LONGEST * 4 + name.len() * 2;
            let result = is_short.then(|| failed(result)).flatten()?;
            let [only] = &result.get::<Vec<Fields>>("content")?[..] else { return None };
            only.text("text")?
        }
        Outcome::Result(_) => return None,
    };
    says_so(*kind, name, &text)
        .then(|| refusal(*kind, name, is_stateless).answering(id.as_ref()).message())
}

/// A result that says of itself that it is an error.
pub(crate) fn failed(result: &serde_json::value::RawValue) -> Option<Fields> {
    if !result.get().contains("isError") {
        return None;
    }
    Fields::of(result).filter(|fields| fields.get("isError") == Some(true))
}

/// Whether these are the words that SDKs have for what is not there.
fn says_so(kind: Kind, name: &str, text: &str) -> bool {
    if text.len() > LONGEST + name.len() {
        return false;
    }
    let text = match text.strip_prefix(PREFIX).and_then(|rest| rest.split_once(": ")) {
        Some((_, rest)) => rest,
        None => text,
    };
    // What is compared in any letter case are the words around the name, which can be a part of one of them.
    let mut around = text.match_indices(name).map(|(at, _)| {
        let (before, after) = (&text[..at], &text[at + name.len()..]);
        format!("{before}{after}")
    });
    are_words_for_it(kind, text) || around.any(|words| are_words_for_it(kind, &words))
}

fn are_words_for_it(kind: Kind, text: &str) -> bool {
    let text = text.to_ascii_lowercase().replace(['"', '\'', '`', ':', '.'], "");
    let words: Vec<&str> = text.split_ascii_whitespace().collect();
    let what = match kind {
        Kind::Tool => "tool",
        Kind::Resource => "resource",
        Kind::Prompt => "prompt",
    };
    let is_what = |word: &str| word == what;
    match &words[..] {
        ["unknown", it] | ["no", "such", it] | [it, "not", "found"] => is_what(it),
        [it, "does", "not", "exist"] | [it, "is", "not", "known"] => is_what(it),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(method: &str, name: &str, outcome: &str) -> Option<String> {
        let key = if method == "resources/read" { "uri" } else { "name" };
        let asked = format!(
            r#"{{"jsonrpc":"2.0","id":7,"method":"{method}","params":{{"{key}":{name:?}}}}}"#
        );
        let about = Subject::of(&Message::parse(asked.as_bytes()).unwrap());
        let answer = format!(r#"{{"jsonrpc":"2.0","id":7,{outcome}}}"#);
        let answer = Message::parse(answer.as_bytes()).unwrap();
        in_our_words(&about, &answer, false).map(|message| message.to_json())
    }

    #[test]
    fn what_is_not_there_is_answered_as_what_is_held_back_whichever_words_a_server_has_for_it() {
        let ours =
            r#"{"jsonrpc":"2.0","id":7,"error":{"code":-32602,"message":"Unknown tool: Gone"}}"#;
        for text in [
            "Unknown tool: Gone",
            "MCP error -32602: Tool Gone not found",
            "MCP error -32602: Unknown tool: Gone",
            r#"unknown tool \"Gone\""#,
            "tool not found",
            "Tool 'Gone' does not exist.",
        ] {
            let error = format!(r#""error":{{"code":-32602,"message":"{text}"}}"#);
            assert_eq!(answered("tools/call", "Gone", &error).as_deref(), Some(ours), "{text}");
            let content = format!(r#"[{{"type":"text","text":"{text}"}}]"#);
            let result = format!(r#""result":{{"content":{content},"isError":true}}"#);
            assert_eq!(answered("tools/call", "Gone", &result).as_deref(), Some(ours), "{text}");
        }
        let error =
            r#""error":{"code":-32602,"message":"MCP error -32602: Resource a:b not found"}"#;
        let answer = answered("resources/read", "a:b", error).unwrap();
        assert!(answer.contains(r#""code":-32002"#) && answer.contains(r#"{"uri":"a:b"}"#));
        let error = r#""error":{"code":-32602,"message":"Unknown prompt: p"}"#;
        assert!(answered("prompts/get", "p", error).is_some());
    }

    #[test]
    fn all_else_is_the_servers_word() {
        for outcome in [
            r#""error":{"code":-32602,"message":"Invalid arguments for tool Gone"}"#,
            r#""error":{"code":-32602,"message":"Unknown prompt: Gone"}"#,
            r#""error":{"code":-32000,"message":"Unknown tool: Gone"}"#,
            r#""result":{"content":[{"type":"text","text":"Unknown tool: Gone"}]}"#,
            r#""result":{"content":[{"type":"text","text":"user not found"}],"isError":true}"#,
        ] {
            assert_eq!(answered("tools/call", "Gone", outcome), None, "{outcome}");
        }
    }
}
