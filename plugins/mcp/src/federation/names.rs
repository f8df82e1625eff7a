//! Names of several servers beside each other. Those of a server never have the separator that follows them here, so
//! that what is joined can be taken apart in one way only.

use serde_json::value::RawValue;

use crate::fields::Fields;
use crate::message::{Id, Message, Outcome};

/// Between a server and a name of its own.
const NAME: &str = "__";
/// Between a server and an address of its own: together they are an address, too.
const ADDRESS: char = '+';
/// Between a server and ids of its own.
const ID: char = ':';

/// Methods that name something of one server.
pub(super) const NAMED: &[&str] = &[
    "tools/call",
    "prompts/get",
    "resources/read",
    "resources/subscribe",
    "resources/unsubscribe",
    "completion/complete",
];

pub(super) fn join_name(server: &str, name: &str) -> String {
    format!("{server}{NAME}{name}")
}

pub(super) fn join_address(server: &str, address: &str) -> String {
    format!("{server}{ADDRESS}{address}")
}

pub(super) fn join_event(server: &str, id: &str) -> String {
    format!("{server}{ID}{id}")
}

pub(super) fn split_event(id: &str) -> Option<(&str, &str)> {
    id.split_once(ID)
}

/// The server that a client's message is for, and the message as that one knows it.
pub(super) fn inward(message: Message) -> Option<(String, Message)> {
    match message {
        Message::Request { id, method, params } => {
            let mut params = params?;
            let server = match method.as_str() {
                "tools/call" | "prompts/get" => take(&mut params, "name", |it| it.split_once(NAME)),
                "completion/complete" => {
                    let mut reference = params.object("ref")?;
                    let server = match reference.text("type")?.as_str() {
                        "ref/prompt" => take(&mut reference, "name", |it| it.split_once(NAME)),
                        _ => take(&mut reference, "uri", |it| it.split_once(ADDRESS)),
                    };
                    params.set("ref", &reference);
                    server
                }
                known if NAMED.contains(&known) => {
                    take(&mut params, "uri", |it| it.split_once(ADDRESS))
                }
                _ => None,
            };
            Some((server?, Message::Request { id, method, params: Some(params) }))
        }
        Message::Answer { id: Some(Id::Text(joined)), outcome } => {
            let (server, id) = joined.split_once(ID)?;
            let id = serde_json::from_str(id).ok()?;
            Some((server.to_owned(), Message::Answer { id: Some(id), outcome }))
        }
        _ => None,
    }
}

fn take(
    fields: &mut Fields,
    key: &str,
    split: impl Fn(&str) -> Option<(&str, &str)>,
) -> Option<String> {
    let joined = fields.text(key)?;
    let (server, own) = split(&joined)?;
    fields.set(key, &own);
    Some(server.to_owned())
}

/// A server's message as the client knows it.
pub(super) fn outward(server: &str, message: Message) -> Message {
    match message {
        Message::Request { id, method, params } => {
            Message::Request { id: join_id(server, &id), method, params }
        }
        Message::Notification { method, params } => {
            let params = params.map(|mut params| {
                if let Some(id) = params.get::<Id>("requestId") {
                    params.set("requestId", &join_id(server, &id));
                }
                prefix_address(server, &mut params);
                params
            });
            Message::Notification { method, params }
        }
        Message::Answer { id, outcome: Outcome::Result(result) } => {
            Message::Answer { id, outcome: Outcome::Result(result_outward(server, result)) }
        }
        other => other,
    }
}

fn join_id(server: &str, id: &Id) -> Id {
    let id = serde_json::to_string(id).unwrap_or_default();
    Id::Text(format!("{server}{ID}{id}"))
}

/// Addresses of resources that a result has, so that the client can ask for them.
fn result_outward(server: &str, result: Box<RawValue>) -> Box<RawValue> {
    let Some(mut fields) = Fields::of(&result) else { return result };
    for list in ["contents", "content", "messages"] {
        let Some(mut all) = fields.get::<Vec<Fields>>(list) else { continue };
        for one in &mut all {
            contents_outward(server, one);
            if let Some(mut inner) = one.object("content") {
                contents_outward(server, &mut inner);
                one.set("content", &inner);
            }
        }
        fields.set(list, &all);
    }
    fields.to_raw()
}

fn contents_outward(server: &str, one: &mut Fields) {
    prefix_address(server, one);
    if let Some(mut resource) = one.object("resource") {
        prefix_address(server, &mut resource);
        one.set("resource", &resource);
    }
}

fn prefix_address(server: &str, fields: &mut Fields) {
    if let Some(uri) = fields.text("uri") {
        fields.set("uri", &join_address(server, &uri));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(text: &str) -> Message {
        Message::parse(text.as_bytes()).unwrap()
    }

    #[test]
    fn what_is_for_a_server_is_told_by_its_name_and_reaches_it_under_the_servers_own() {
        for (method, joined, own) in [
            (
                "tools/call",
                r#"{"name":"a__b__c","arguments":{"name":"x__y"}}"#,
                r#"{"name":"b__c","arguments":{"name":"x__y"}}"#,
            ),
            ("resources/read", r#"{"uri":"a+file:///x+y"}"#, r#"{"uri":"file:///x+y"}"#),
            (
                "completion/complete",
                r#"{"ref":{"type":"ref/prompt","name":"a__p"}}"#,
                r#"{"ref":{"type":"ref/prompt","name":"p"}}"#,
            ),
        ] {
            let text = |params: &str| {
                format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{params}}}"#)
            };
            let (server, inward) = inward(message(&text(joined))).unwrap();
            assert_eq!((server.as_str(), inward.to_json()), ("a", text(own)));
        }
        assert!(
            inward(message(
                r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"b"}}"#
            ))
            .is_none()
        );
    }

    #[test]
    fn a_question_of_a_server_comes_back_to_it_with_its_own_id() {
        for id in ["7", r#""7""#, r#""a:b""#] {
            let asked = outward(
                "a",
                message(&format!(r#"{{"jsonrpc":"2.0","id":{id},"method":"roots/list"}}"#)),
            );
            let joined = serde_json::to_string(asked.asks().unwrap()).unwrap();
            let answer = message(&format!(r#"{{"jsonrpc":"2.0","id":{joined},"result":{{}}}}"#));
            let (server, answer) = inward(answer).unwrap();
            assert_eq!(server, "a");
            assert_eq!(answer.to_json(), format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{{}}}}"#));
        }
    }

    #[test]
    fn addresses_in_results_are_those_that_can_be_asked_for() {
        let result = r#"{"content":[{"type":"text","text":"t"},{"type":"resource_link","uri":"u"},{"type":"resource","resource":{"uri":"v"}}]}"#;
        let answer =
            outward("a", message(&format!(r#"{{"jsonrpc":"2.0","id":1,"result":{result}}}"#)));
        let text = answer.to_json();
        assert!(text.contains(r#""uri":"a+u""#) && text.contains(r#""uri":"a+v""#), "{text}");
    }
}
