//! How lines of a plugin, and the beginnings and ends of its processes, look to people.
//!
//! It knows the shapes of the admin API, and asks nobody.

use crate::output::{plain, printable, text};
use serde_json::Value;

/// What stands above the lines of a process.
pub(crate) fn title(record: &Value) -> String {
    let pid = record["attributes"]["pid"].as_u64();
    let pid = pid.map_or("no process".to_owned(), |pid| format!("process {pid}"));
    format!("== {pid}, started {}\n", text(record, "started_at"))
}

/// A line with all its fields.
pub(crate) fn shown_line(line: &Value) -> String {
    let [at, level, message] = ["at", "level", "message"].map(|name| plain(&line[name]));
    let known = ["module", "request_id", "trace_id"].map(|name| (name, &line[name]));
    let known = known.into_iter().filter(|(_, value)| !value.is_null());
    let mut shown = format!("{at} {level:5} {}", printable(&message));
    for (name, value) in known {
        shown += &format!(" {name}={}", printable(&plain(value)));
    }
    match &line["fields"] {
        Value::Null => {}
        Value::Object(fields) => {
            for (name, value) in fields {
                // As JSON, so that it is seen where a text ends.
                shown += &format!(" {}={}", printable(name), printable(&value.to_string()));
            }
        }
        cut => shown += &format!(" fields={}", printable(&plain(cut))),
    }
    shown + "\n"
}

/// How a process ended.
pub(crate) fn end_line(record: &Value) -> String {
    let reason = printable(&text(record, "reason"));
    let (at, how) = (text(record, "ended_at"), ending(&record["attributes"]));
    format!("== ended {at}, {how}: {reason}\n")
}

/// How a process ended, in a few words.
pub(crate) fn ending(record: &Value) -> String {
    let exit = match (&record["signal"], &record["signal_name"], &record["exit_code"]) {
        (Value::Null, _, Value::Null) if record["pid"].is_null() => "not started".to_owned(),
        (Value::Null, _, Value::Null) => "ended by the gateway".to_owned(),
        (Value::Null, _, code) => format!("exit code {code}"),
        (number, Value::String(name), _) => format!("{name} ({number})"),
        (number, _, _) => format!("signal {number}"),
    };
    match record["in_flight"].as_u64() {
        None | Some(0) => exit,
        Some(open) => format!("{exit}, with {open} open requests"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_end_is_told_with_the_name_of_its_signal() {
        let killed = json!({"signal": 9, "signal_name": "SIGKILL", "in_flight": 2});
        assert_eq!(ending(&killed), "SIGKILL (9), with 2 open requests");
        assert_eq!(ending(&json!({"exit_code": 4, "in_flight": 0})), "exit code 4");
        assert_eq!(ending(&json!({"signal": 34})), "signal 34");
        assert_eq!(ending(&json!({"pid": 7})), "ended by the gateway");
        assert_eq!(ending(&json!({})), "not started");
    }

    #[test]
    fn a_line_is_shown_with_all_its_fields() {
        let line = json!({
            "at": "T", "level": "error", "message": "the handler failed", "module": "shop",
            "request_id": "req_1", "fields": {"error": "no \"tea\"", "left": 2},
        });
        assert_eq!(
            shown_line(&line),
            "T error the handler failed module=shop request_id=req_1 error=\"no \\\"tea\\\"\" left=2\n"
        );
        let cut = json!({"at": "T", "level": "info", "message": "m", "fields": "{\"a\":\u{1b}…"});
        assert_eq!(shown_line(&cut), "T info  m fields={\"a\":\\u{1b}…\n");
    }
}
