//! How lines of a plugin, and the beginnings and ends of its processes, look to people.
//!
//! It knows the shapes of the admin API, and asks nobody.

use crate::output::{optional, plain, printable};
use serde_json::Value;
use sidegate_api::record::{LineAttributes, RecordAttributes};

/// What stands above the lines of a process.
pub(crate) fn title(record: &RecordAttributes) -> String {
    let pid = record.pid.map_or("no process".to_owned(), |pid| format!("process {pid}"));
    format!("== {pid}, started {}\n", record.started_at)
}

/// A line with all its fields.
pub(crate) fn shown_line(line: &LineAttributes) -> String {
    let known =
        [("module", &line.module), ("request_id", &line.request_id), ("trace_id", &line.trace_id)];
    let mut shown = format!("{} {:5} {}", line.at, line.level, printable(&line.message));
    for (name, value) in known {
        if let Some(value) = value {
            shown += &format!(" {name}={}", printable(value));
        }
    }
    match &line.fields {
        None | Some(Value::Null) => {}
        Some(Value::Object(fields)) => {
            for (name, value) in fields {
                // As JSON, so that it is seen where a text ends.
                shown += &format!(" {}={}", printable(name), printable(&value.to_string()));
            }
        }
        Some(cut) => shown += &format!(" fields={}", printable(&plain(cut))),
    }
    shown + "\n"
}

/// How a process ended.
pub(crate) fn end_line(record: &RecordAttributes) -> String {
    let reason = printable(&optional(record.reason.as_ref()));
    let (at, how) = (optional(record.ended_at.as_ref()), ending(record));
    format!("== ended {at}, {how}: {reason}\n")
}

/// How a process ended, in a few words.
pub(crate) fn ending(record: &RecordAttributes) -> String {
    let exit = match (record.signal, &record.signal_name, record.exit_code) {
        (None, _, None) if record.pid.is_none() => "not started".to_owned(),
        (None, _, None) => "ended by the gateway".to_owned(),
        (None, _, Some(code)) => format!("exit code {code}"),
        (Some(number), Some(name), _) => format!("{name} ({number})"),
        (Some(number), None, _) => format!("signal {number}"),
    };
    match record.in_flight {
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
        let record = RecordAttributes::default;
        let killed = RecordAttributes {
            signal: Some(9),
            signal_name: Some("SIGKILL".to_owned()),
            in_flight: Some(2),
            ..record()
        };
        assert_eq!(ending(&killed), "SIGKILL (9), with 2 open requests");
        let exited = RecordAttributes { exit_code: Some(4), in_flight: Some(0), ..record() };
        assert_eq!(ending(&exited), "exit code 4");
        assert_eq!(ending(&RecordAttributes { signal: Some(34), ..record() }), "signal 34");
        assert_eq!(ending(&RecordAttributes { pid: Some(7), ..record() }), "ended by the gateway");
        assert_eq!(ending(&record()), "not started");
    }

    #[test]
    fn a_line_is_shown_with_all_its_fields() {
        let line = LineAttributes {
            at: "T".to_owned(),
            level: "error".to_owned(),
            message: "the handler failed".to_owned(),
            module: Some("shop".to_owned()),
            request_id: Some("req_1".to_owned()),
            fields: Some(json!({"error": "no \"tea\"", "left": 2})),
            ..LineAttributes::default()
        };
        assert_eq!(
            shown_line(&line),
            "T error the handler failed module=shop request_id=req_1 error=\"no \\\"tea\\\"\" left=2\n"
        );
        let cut = LineAttributes {
            at: "T".to_owned(),
            level: "info".to_owned(),
            message: "m".to_owned(),
            fields: Some(json!("{\"a\":\u{1b}…")),
            ..LineAttributes::default()
        };
        assert_eq!(shown_line(&cut), "T info  m fields={\"a\":\\u{1b}…\n");
    }
}
