//! A plan for people: what is made, changed and deleted, and each field before and after.

use super::carry_out::{Done, Outcome};
use super::plan::Plan;
use super::secrets::{Reference, reference};
use super::steps::{Action, FieldChange, Step};
use crate::output::printable;
use serde_json::Value;
use std::fmt::Write as _;

/// Longest value that is shown, in characters.
const MAX_VALUE: usize = 200;

/// The whole plan.
pub(crate) fn text(plan: &Plan) -> String {
    let mut text = String::new();
    for step in &plan.steps {
        let mark = match step.action {
            Action::Create => '+',
            Action::Change => '~',
            Action::Send => '?',
            Action::Delete => '-',
        };
        _ = writeln!(text, "{mark} {}", step.key());
        for field in &step.fields {
            _ = writeln!(text, "    {}", field_line(step, field));
        }
    }
    if !plan.steps.is_empty() {
        text.push('\n');
    }
    text + &summary(plan)
}

fn field_line(step: &Step, field: &FieldChange) -> String {
    let path = printable(&field.path);
    let told = match (&field.before, &field.after) {
        _ if field.uncompared => {
            let from = field.after.as_ref().map_or_else(String::new, from);
            format!("a secret{from}, which cannot be compared: it will be sent")
        }
        (None, Some(after)) => value(after),
        (Some(before), None) => format!("{} -> (gone)", value(before)),
        (Some(before), Some(after)) => format!("{} -> {}", value(before), value(after)),
        (None, None) => String::new(),
    };
    let is_default = step.kind.field(&field.path).is_some_and(|known| {
        field.before.is_some() && field.after.as_ref() == Some(&known.default())
    });
    format!("{path}: {told}{}", if is_default { " (its default)" } else { "" })
}

fn from(value: &Value) -> String {
    match reference(value) {
        Ok(Some(Reference::Env(name))) => {
            format!(" from the environment variable {}", printable(&name))
        }
        Ok(Some(Reference::File(path))) => format!(" from the file {}", printable(&path)),
        _ => String::new(),
    }
}

fn value(value: &Value) -> String {
    match reference(value) {
        Ok(Some(Reference::Kept)) => "a secret".to_owned(),
        Ok(Some(_)) => format!("a secret{}", from(value)),
        _ => {
            let text = printable(&value.to_string());
            match text.char_indices().nth(MAX_VALUE) {
                Some((end, _)) => format!("{}…", &text[..end]),
                None => text,
            }
        }
    }
}

fn summary(plan: &Plan) -> String {
    let counts = [
        (Action::Create, "to create"),
        (Action::Change, "to change"),
        (Action::Send, "with secrets to send"),
        (Action::Delete, "to delete"),
    ];
    let counts: Vec<_> = counts
        .into_iter()
        .map(|(action, words)| (plan.count(action), words))
        .filter(|(count, _)| *count > 0)
        .map(|(count, words)| format!("{count} {words}"))
        .collect();
    if counts.is_empty() {
        return format!("nothing to do: {} as the files say\n", things(plan.unchanged));
    }
    format!("{}; {} unchanged\nplan {}\n", counts.join(", "), things(plan.unchanged), plan.hash)
}

fn things(count: usize) -> String {
    if count == 1 { "1 thing".to_owned() } else { format!("{count} things") }
}

/// What was done, a line for each step.
pub(crate) fn done(steps: &[Done]) -> String {
    let line = |done: &Done| {
        let word = match done.outcome {
            Outcome::Created => "created",
            Outcome::Changed => "changed",
            Outcome::Unchanged => "unchanged",
            Outcome::Deleted => "deleted",
            Outcome::Failed => "failed",
            Outcome::NotDone => "not done",
        };
        let of = if done.namespace.is_empty() {
            String::new()
        } else {
            format!(" in namespace {}", done.namespace)
        };
        format!("{word:<9}  {} {}{of}\n", done.kind, printable(&done.name))
    };
    steps.iter().map(line).collect()
}
