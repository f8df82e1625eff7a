//! `mcp-server`: an MCP server of two tools. It reads messages from its stdin and writes answers to its stdout, one in a
//! line, and knows of no gateway: [the plugin for MCP servers](../../../docs/mcp.md) starts it for each session, and gives
//! it an address, sign-in and rules.

use std::io::{self, BufRead as _, Write as _};

use serde_json::{Value, json};

/// Versions of the protocol in which these few messages are alike.
const VERSIONS: [&str; 3] = ["2025-11-25", "2025-06-18", "2025-03-26"];
const INVALID_PARAMS: i32 = -32602;
const UNKNOWN_METHOD: i32 = -32601;

fn main() -> io::Result<()> {
    let mut notes = vec!["Notes last as long as your session.".to_owned()];
    let mut stdout = io::stdout().lock();
    for line in io::stdin().lock().lines() {
        // What is no JSON has no id that could be answered.
        let Ok(message) = serde_json::from_str(&line?) else { continue };
        if let Some(answer) = answer(&message, &mut notes) {
            writeln!(stdout, "{answer}")?;
            stdout.flush()?;
        }
    }
    Ok(())
}

/// The answer to a question; whoever only tells something is told nothing.
fn answer(message: &Value, notes: &mut Vec<String>) -> Option<Value> {
    let id = message.get("id")?;
    let params = &message["params"];
    let outcome = match message["method"].as_str()? {
        "initialize" => Ok(introduction(params)),
        "ping" => Ok(json!({})),
        "tools/list" => Ok(json!({ "tools": tools() })),
        "tools/call" => call(params, notes),
        method => Err((UNKNOWN_METHOD, format!("Method not found: {method}"))),
    };
    Some(match outcome {
        Ok(result) => json!({"jsonrpc": "2.0", "id": id, "result": result}),
        Err((code, text)) => {
            json!({"jsonrpc": "2.0", "id": id, "error": {"code": code, "message": text}})
        }
    })
}

/// The version that the client wants, if it is known here, and what there is.
fn introduction(params: &Value) -> Value {
    let wanted = params["protocolVersion"].as_str().filter(|wanted| VERSIONS.contains(wanted));
    json!({
        "protocolVersion": wanted.unwrap_or(VERSIONS[0]),
        "capabilities": {"tools": {}},
        "serverInfo": {"name": "notes", "version": env!("CARGO_PKG_VERSION")},
    })
}

fn tools() -> Value {
    json!([
        {
            "name": "list_notes",
            "description": "All notes of this session",
            "inputSchema": {"type": "object"},
            "annotations": {"readOnlyHint": true},
        },
        {
            "name": "add_note",
            "description": "Adds a note to this session",
            "inputSchema": {
                "type": "object",
                "properties": {"text": {"type": "string", "description": "The note"}},
                "required": ["text"],
            },
        },
    ])
}

fn call(params: &Value, notes: &mut Vec<String>) -> Result<Value, (i32, String)> {
    match params["name"].as_str().unwrap_or_default() {
        "list_notes" => Ok(said(&notes.join("\n"), false)),
        "add_note" => match params["arguments"]["text"].as_str() {
            Some(text) => {
                notes.push(text.to_owned());
                Ok(said(&format!("There are {} notes now.", notes.len()), false))
            }
            // For the model that called, which can do better; an error of the protocol is for programs.
            None => Ok(said("A note needs a text.", true)),
        },
        name => Err((INVALID_PARAMS, format!("Unknown tool: {name}"))),
    }
}

fn said(text: &str, is_error: bool) -> Value {
    json!({"content": [{"type": "text", "text": text}], "isError": is_error})
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(method: &str, params: &Value, notes: &mut Vec<String>) -> Value {
        let message = json!({"jsonrpc": "2.0", "id": 7, "method": method, "params": params});
        let answer = answer(&message, notes).unwrap();
        assert_eq!(answer["id"], 7);
        answer
    }

    #[test]
    fn a_client_gets_its_version_if_it_is_known_and_else_the_newest() {
        for (wanted, told) in [("2025-06-18", "2025-06-18"), ("1999-01-01", VERSIONS[0])] {
            let answer = asked("initialize", &json!({"protocolVersion": wanted}), &mut Vec::new());
            assert_eq!(answer["result"]["protocolVersion"], told);
        }
    }

    #[test]
    fn a_note_that_was_added_is_listed() {
        let mut notes = Vec::new();
        let call = json!({"name": "add_note", "arguments": {"text": "milk"}});
        asked("tools/call", &call, &mut notes);
        let list = asked("tools/call", &json!({"name": "list_notes"}), &mut notes);
        assert_eq!(list["result"]["content"][0]["text"], "milk");
    }

    #[test]
    fn what_is_not_there_is_an_error_and_a_note_without_text_is_one_of_the_tool() {
        let mut notes = Vec::new();
        assert_eq!(asked("foo", &json!({}), &mut notes)["error"]["code"], UNKNOWN_METHOD);
        let unknown = asked("tools/call", &json!({"name": "foo"}), &mut notes);
        assert_eq!(unknown["error"]["code"], INVALID_PARAMS);
        let empty = asked("tools/call", &json!({"name": "add_note"}), &mut notes);
        assert_eq!(empty["result"]["isError"], true);
    }

    #[test]
    fn who_only_tells_is_told_nothing() {
        let told = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
        assert_eq!(answer(&told, &mut Vec::new()), None);
    }
}
