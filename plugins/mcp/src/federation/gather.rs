//! One answer of many.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use super::names;
use crate::about;
use crate::fields::Fields;
use crate::message::{Message, Outcome};
use crate::refusal::Refusal;
use crate::reply::Content;
use crate::sessions::Part;

/// The member that holds a list, by the method that asks for it.
pub(super) fn member(method: &str) -> Option<&'static str> {
    match method {
        "tools/list" => Some("tools"),
        "resources/list" => Some("resources"),
        "resources/templates/list" => Some("resourceTemplates"),
        "prompts/list" => Some("prompts"),
        _ => None,
    }
}

/// The answer at the end of a reply, where it is a result.
pub(super) async fn result(content: Content) -> Option<Box<RawValue>> {
    match content.answer().await? {
        Message::Answer { outcome: Outcome::Result(result), .. } => Some(result),
        _ => None,
    }
}

/// The answer to something that was told to all: one who took it is enough.
pub(super) fn told(question: &Message, answers: &[Option<Message>]) -> Message {
    let id = question.asks().cloned();
    let is_taken =
        |answer: &Message| matches!(answer, Message::Answer { outcome: Outcome::Result(_), .. });
    match (id, answers.iter().flatten().any(is_taken)) {
        (Some(id), true) => Message::result(id, &json!({})),
        (id, _) => Message::refusal(id, -32601, "Method not found"),
    }
}

/// What each server is asked for a list: its first page, or the next one of those that have one.
pub(super) fn pages<'a>(
    servers: impl Iterator<Item = &'a str>,
    message: &Message,
) -> Result<Vec<(String, Message)>, Refusal> {
    let Message::Request { id, method, params } = message else { return Ok(Vec::new()) };
    let cursor = params.as_ref().and_then(|params| params.text("cursor"));
    let cursors = match &cursor {
        Some(cursor) => Some(read_cursor(cursor).ok_or_else(|| {
            Refusal::new(200, -32602, "Invalid params: the cursor is unknown").answering(Some(id))
        })?),
        None => None,
    };
    let page = |server: &str| {
        let mut params = params.clone().unwrap_or_default();
        if let Some(cursors) = &cursors {
            params.set("cursor", cursors.get(server)?);
        }
        let (id, method) = (id.clone(), method.clone());
        Some((server.to_owned(), Message::Request { id, method, params: Some(params) }))
    };
    Ok(servers.filter_map(page).collect())
}

/// One list of all; a server that has no such list adds nothing.
pub(super) fn list(question: &Message, answers: Vec<(String, Message)>) -> Message {
    let (id, method) = (question.asks().cloned(), question.method().unwrap_or_default());
    let member = member(method).unwrap_or_default();
    let (mut all, mut cursors, mut refused) = (Vec::new(), BTreeMap::new(), None);
    let mut is_answered = false;
    for (server, answer) in answers {
        let Message::Answer { outcome: Outcome::Result(result), .. } = answer else {
            refused = Some(answer);
            continue;
        };
        let Some(fields) = Fields::of(&result) else { continue };
        is_answered = true;
        for mut one in fields.get::<Vec<Fields>>(member).unwrap_or_default() {
            rename(&server, method, &mut one);
            all.push(one);
        }
        if let Some(cursor) = fields.text("nextCursor") {
            cursors.insert(server, cursor);
        }
    }
    match (id, refused) {
        (_, Some(refused)) if !is_answered => refused,
        (Some(id), _) => {
            let mut fields = Fields::default();
            fields.set(member, &all);
            if !cursors.is_empty() {
                fields.set("nextCursor", &write_cursor(&cursors));
            }
            Message::result(id, &fields)
        }
        (None, _) => Message::refusal(None, -32600, "Invalid Request"),
    }
}

fn rename(server: &str, method: &str, one: &mut Fields) {
    let (key, join): (_, fn(&str, &str) -> String) = match method {
        "resources/list" => ("uri", names::join_address),
        "resources/templates/list" => ("uriTemplate", names::join_address),
        _ => ("name", names::join_name),
    };
    if let Some(own) = one.text(key) {
        one.set(key, &join(server, &own));
    }
}

fn write_cursor(cursors: &BTreeMap<String, String>) -> String {
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(cursors).unwrap_or_default())
}

fn read_cursor(text: &str) -> Option<BTreeMap<String, String>> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()
}

/// What the servers are together: the oldest version that all speak, and what any of them can.
pub(super) fn introduction(begun: &[(Part, Fields)]) -> Value {
    let version = begun.iter().filter_map(|(part, _)| part.version.as_deref()).min();
    let mut capabilities = Map::new();
    let mut instructions = Vec::new();
    for (part, result) in begun {
        let own: Map<String, Value> = result.get("capabilities").unwrap_or_default();
        for (name, value) in own {
            // Tasks are of one server, and nothing says here of which.
            if name != "tasks" {
                unite(&mut capabilities, name, value);
            }
        }
        if let Some(text) = result.text("instructions") {
            instructions.push(format!("{}: {text}", part.server));
        }
    }
    let mut introduction = json!({
        "protocolVersion": version,
        "capabilities": capabilities,
        "serverInfo": about::implementation(),
    });
    if !instructions.is_empty() {
        introduction["instructions"] = json!(instructions.join("\n\n"));
    }
    introduction
}

fn unite(all: &mut Map<String, Value>, name: String, value: Value) {
    let known = all.entry(name).or_insert_with(|| json!({}));
    let (Some(known), Value::Object(value)) = (known.as_object_mut(), value) else { return };
    for (option, value) in value {
        let was = known.get(&option) == Some(&Value::Bool(true));
        known.insert(option, if was { Value::Bool(true) } else { value });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::Id;

    fn answer_of(result: &Value) -> Message {
        Message::result(Id::Number(1), result)
    }

    #[test]
    fn lists_are_one_list_and_go_on_where_any_of_them_does() {
        let question = br#"{"jsonrpc":"2.0","id":1,"method":"tools/list"}"#;
        let question = Message::parse(question).unwrap();
        let first = json!({"tools": [{"name": "x"}], "nextCursor": "2"});
        let answers = vec![
            ("a".to_owned(), answer_of(&first)),
            ("b".to_owned(), answer_of(&json!({"tools": [{"name": "x"}]}))),
            ("c".to_owned(), Message::refusal(Some(Id::Number(1)), -32601, "none")),
        ];
        let all: Value = serde_json::from_str(&list(&question, answers).to_json()).unwrap();
        let names = json!([{"name": "a__x"}, {"name": "b__x"}]);
        assert_eq!(all["result"]["tools"], names);
        let mut params = Fields::default();
        params.set("cursor", &all["result"]["nextCursor"]);
        let (id, method) = (Id::Number(2), "tools/list".to_owned());
        let next = Message::Request { id, method, params: Some(params) };
        let pages = pages(["a", "b", "c"].into_iter(), &next).unwrap();
        assert_eq!(pages.len(), 1);
        assert!(pages[0].0 == "a" && pages[0].1.to_json().contains(r#""cursor":"2""#));
    }
}
