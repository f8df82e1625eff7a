//! Who may do what, in every spelling.

use serde_json::json;

use super::*;
use crate::message::Message;

fn policy(tools: serde_json::Value) -> Policy {
    let access = serde_json::from_value(tools).unwrap();
    Policy { server: "files".to_owned(), tools: access, open: true, ..Policy::default() }
}

fn caller(metadata: &[(&str, &str)]) -> Caller {
    let pairs = metadata.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    Caller { metadata: pairs.collect(), ..Caller::default() }
}

fn passes(policy: &Policy, caller: &Caller, name: &str) -> bool {
    policy.lets_through(caller, Kind::Tool, name)
}

#[test]
fn no_spelling_of_a_name_passes_what_holds_it_back() {
    let denied = policy(json!({"deny": ["delete_*"]}));
    let allowed = policy(json!({"allow": ["read_*"]}));
    let by_app = (policy(json!({})), caller(&[("mcp_tools", "read_*, list")]));
    for name in [
        "delete_file",
        "Delete_File",
        "DELETE_FILE",
        " delete_file",
        "delete_file\n",
        "delete\u{200b}_file",
        "ｄelete_file",
        "delete_fi\u{301}le",
        "",
    ] {
        assert!(!passes(&denied, &Caller::default(), name), "{name:?}");
        assert!(!passes(&allowed, &Caller::default(), name), "{name:?}");
        assert!(!passes(&by_app.0, &by_app.1, name), "{name:?}");
    }
    assert!(passes(&denied, &Caller::default(), "read_file"));
    assert!(passes(&by_app.0, &by_app.1, "list"));
    assert!(!passes(&by_app.0, &by_app.1, "List"));
}

#[test]
fn an_app_gets_what_its_metadata_say_of_this_server_and_never_more_than_the_configuration() {
    let policy = policy(json!({"allow": ["read_*"]}));
    let other = caller(&[("mcp_tools", "read_a"), ("mcp_tools.files", "read_b,write")]);
    assert!(passes(&policy, &other, "read_b"));
    assert!(!passes(&policy, &other, "read_a") && !passes(&policy, &other, "write"));
    assert!(!passes(&policy, &caller(&[("mcp_tools", "")]), "read_a"));
    assert!(policy.admits(&caller(&[])) && policy.admits(&caller(&[("mcp_servers", "a,files")])));
    assert!(!policy.admits(&caller(&[("mcp_servers", "a")])));
    let closed = Policy { open: false, ..policy };
    assert!(!passes(&closed, &caller(&[]), "read_a"));
    assert!(passes(&closed, &caller(&[("mcp_tools", "*")]), "read_a"));
}

#[test]
fn names_in_every_script_pass_where_nothing_is_held_back() {
    assert!(passes(&policy(json!({})), &Caller::default(), "löschen"));
    assert!(passes(&policy(json!({"allow": ["*"]})), &caller(&[("mcp_tools", "*")]), "löschen"));
}

#[test]
fn a_scope_is_asked_of_those_who_may_use_the_tool_at_all() {
    let rule = ScopeRule { tool: "write_*".to_owned(), scope: "files.write".to_owned() };
    let policy = Policy { scopes: vec![rule], ..policy(json!({"deny": ["write_all"]})) };
    let needs = Verdict::NeedsScope("files.write".to_owned());
    assert_eq!(policy.judge(&Caller::default(), Kind::Tool, "Write_a"), needs);
    assert_eq!(policy.judge(&Caller::default(), Kind::Tool, "write_all"), Verdict::Deny);
    let with = Caller { scopes: vec!["files.write".to_owned()], ..Caller::default() };
    assert_eq!(policy.judge(&with, Kind::Tool, "write_a"), Verdict::Pass);
}

#[test]
fn a_message_is_about_what_it_names_and_unknown_methods_are_not_guessed() {
    let subject = |text: &str| Subject::of(&Message::parse(text.as_bytes()).unwrap());
    let request = |method: &str, params: &str| {
        subject(&format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{params}}}"#))
    };
    let tool = Subject::Thing(Kind::Tool, "a".to_owned());
    assert_eq!(request("tools/call", r#"{"n\u0061me":"a"}"#), tool);
    assert_eq!(request("tools/call", r#"{"name":["a"]}"#), Subject::Unnamed);
    assert_eq!(request("Tools/Call", r#"{"name":"a"}"#), Subject::Unknown);
    assert_eq!(request("tools/call/", r#"{"name":"a"}"#), Subject::Unknown);
    let told = r#"{"jsonrpc":"2.0","method":"tools/call","params":{"name":"a"}}"#;
    assert_eq!(subject(told), Subject::Unknown);
    let reference = r#"{"ref":{"type":"ref/resource","uri":"a"}}"#;
    assert_eq!(
        request("completion/complete", reference),
        Subject::Thing(Kind::Resource, "a".to_owned())
    );
}

#[test]
fn a_list_has_what_can_be_called_and_is_not_for_caches() {
    let policy = policy(json!({"deny": ["b"]}));
    let list = r#"{"tools":[{"name":"a","x":1.0},{"name":"b"},{"name":"B"},{"title":"?"}],"ttlMs":5,"nextCursor":"n"}"#;
    let raw = || serde_json::from_str(list).unwrap();
    for result in [
        filter(&policy, &Caller::default(), "tools/list", raw()),
        filter_any(&policy, &Caller::default(), raw()),
    ] {
        assert_eq!(
            result.unwrap().get(),
            r#"{"tools":[{"name":"a","x":1.0}],"ttlMs":0,"nextCursor":"n"}"#
        );
    }
    let same = filter(&policy, &Caller::default(), "tools/call", raw()).unwrap();
    assert_eq!(same.get(), list);
}
