//! What is a message, and what is not.

use super::*;

fn code(text: &str) -> i32 {
    Message::parse(text.as_bytes()).unwrap_err().code
}

#[test]
fn a_message_goes_on_as_it_came() {
    for text in [
        r#"{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{"name":"a","arguments":{"n":1e400}}}"#,
        r#"{"jsonrpc":"2.0","id":"x","method":"ping"}"#,
        r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#,
        r#"{"jsonrpc":"2.0","id":7,"result":{"tools":[{"name":"é"}]}}"#,
        r#"{"jsonrpc":"2.0","id":null,"error":{"code":-32700,"message":"?"}}"#,
    ] {
        assert_eq!(Message::parse(text.as_bytes()).unwrap().to_json(), text);
    }
}

#[test]
fn what_two_readers_could_read_differently_is_no_message() {
    for text in [
        r#"{"jsonrpc":"2.0","id":1,"method":"ping","method":"tools/call"}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"a","name":"b"}}"#,
        r#"{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"ping","result":{}}"#,
        r#"{"jsonrpc":"2.0","id":1.5,"method":"ping"}"#,
        r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#,
        r#"{"jsonrpc":"2.0","id":1,"method":"ping","params":[1]}"#,
        r#"{"jsonrpc":"1.0","id":1,"method":"ping"}"#,
        r#"[{"jsonrpc":"2.0","id":1,"method":"ping"}]"#,
        r#"{"id":1,"method":"ping"}"#,
        "17",
    ] {
        assert_eq!(code(text), -32600, "{text}");
    }
    assert_eq!(code(r#"{"jsonrpc":"2.0","id":1,"#), -32700);
    assert_eq!(code(r#"{"jsonrpc":"2.0","id":1,"method":"ping"} {}"#), -32700);
}

#[test]
fn depth_has_an_end_and_brackets_in_texts_do_not_count() {
    let nested = |depth: usize| {
        let (open, close) = ("[".repeat(depth), "]".repeat(depth));
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"m","params":{{"a":{open}{close}}}}}"#)
    };
    assert!(Message::parse(nested(DEEPEST - 2).as_bytes()).is_ok());
    assert_eq!(code(&nested(DEEPEST)), -32600);
    assert_eq!(code(&nested(200_000)), -32600);
    let text =
        format!(r#"{{"jsonrpc":"2.0","method":"m","params":{{"a":"\"{}"}}}}"#, "[".repeat(99));
    assert!(Message::parse(text.as_bytes()).is_ok());
}
