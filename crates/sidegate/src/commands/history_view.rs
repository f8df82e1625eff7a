//! How changes and differences are told to people. Secrets are hidden in what it gets.

use crate::output::{plain, printable};
use serde_json::Value;
use sidegate_api::history::{Difference, FieldChange, RevisionAttributes, ThingChange};
use sidegate_model::diff::ChangeKind;
use sidegate_model::secret::for_people;

/// Longest value that is shown, in characters.
const MAX_VALUE: usize = 200;

/// By which operation, and to where it went back.
pub(super) fn operation(revision: &RevisionAttributes) -> String {
    match revision.rolled_back_to {
        Some(to) => format!("{} to {to}", revision.operation),
        None => revision.operation.clone(),
    }
}

/// What a revision changed, in one line.
pub(super) fn what(revision: &RevisionAttributes) -> String {
    lines(revision).join(", ")
}

/// The same, one thing a line.
pub(super) fn changes(revision: &RevisionAttributes) -> String {
    lines(revision).join("\n")
}

fn lines(revision: &RevisionAttributes) -> Vec<String> {
    let told: Vec<_> = revision.changes.iter().map(told).collect();
    let more = revision.total_changes.saturating_sub(told.len() as u64);
    let more = (more > 0).then(|| format!("{more} more"));
    told.into_iter().chain(more).collect()
}

fn told(change: &ThingChange) -> String {
    let hint = change.hint.as_ref().map_or_else(String::new, |hint| format!(" {hint}…"));
    let kind = kind(change.kind);
    let name = in_brackets(&change.name);
    format!("{kind} {}{name}{hint} {}", change.id, change.change.as_str())
}

/// A name after a number; nothing of a thing without a name, as tokens may be.
pub(super) fn in_brackets(name: &str) -> String {
    if name.is_empty() { String::new() } else { format!(" ({name})") }
}

fn kind(kind: sidegate_api::audit::ThingKind) -> String {
    // Words of a program.
    serde_json::to_value(kind).ok().map_or_else(String::new, |kind| plain(&kind))
}

/// What differs, thing by thing and field by field.
pub(super) fn differences(differences: &[Difference]) -> String {
    differences.iter().map(difference).collect()
}

fn difference(difference: &Difference) -> String {
    let Difference { change, kind: thing, id, name, namespace, fields } = difference;
    let place = match namespace.is_empty() {
        true => String::new(),
        false => format!(" in {namespace}"),
    };
    let (sign, thing) = (sign(*change), kind(*thing));
    let head = printable(&format!("{sign} {thing} {id}{}{place}", in_brackets(name)));
    let fields = fields.iter().map(field).collect::<String>();
    format!("{head}\n{fields}")
}

fn sign(change: ChangeKind) -> char {
    match change {
        ChangeKind::Created => '+',
        ChangeKind::Deleted => '-',
        ChangeKind::Changed | ChangeKind::Found => '~',
    }
}

fn field(change: &FieldChange) -> String {
    let FieldChange { field, before, after, secret_changes } = change;
    let told = match (before.is_null(), after.is_null()) {
        (true, _) => value(after),
        (_, true) => format!("{} →", value(before)),
        _ => format!("{} → {}", value(before), value(after)),
    };
    let secret = if *secret_changes { " (a secret changes)" } else { "" };
    format!("    {}{secret}\n", printable(&format!("{field}: {told}")))
}

fn value(value: &Value) -> String {
    let mut value = value.clone();
    for_people(&mut value);
    let text = match &value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let short: String = text.chars().take(MAX_VALUE).collect();
    if short.len() < text.len() { format!("{short}…") } else { short }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use sidegate_api::audit::ThingKind;

    #[test]
    fn a_difference_is_told_field_by_field_and_a_secret_only_as_changed() {
        let field = |name: &str, before: Value, after: Value, secret_changes: bool| FieldChange {
            field: name.to_owned(),
            before,
            after,
            secret_changes,
        };
        let secret = json!({"$secret": "set"});
        let told = differences(&[Difference {
            change: ChangeKind::Changed,
            kind: ThingKind::Plugin,
            id: "7".to_owned(),
            name: "hooks".to_owned(),
            namespace: "berlin".to_owned(),
            fields: vec![
                field("command", json!("file:///a"), json!("file:///b"), false),
                field("config.api_key", secret.clone(), secret, true),
                field("config.url", Value::Null, json!("x"), false),
                field("config.old", json!([1]), Value::Null, false),
            ],
        }]);
        assert_eq!(
            told,
            "~ plugin 7 (hooks) in berlin\n    command: file:///a → file:///b\n    \
             config.api_key: … → … (a secret changes)\n    config.url: x\n    config.old: [1] →\n"
        );
    }

    #[test]
    fn a_thing_without_a_name_is_told_by_its_number_alone() {
        let told_as = |name: &str| {
            told(&ThingChange {
                change: ChangeKind::Created,
                kind: ThingKind::Token,
                id: "7".to_owned(),
                name: name.to_owned(),
                namespace: String::new(),
                hint: Some("sgt_abcd".to_owned()),
            })
        };
        assert_eq!(told_as(""), "token 7 sgt_abcd… created");
        assert_eq!(told_as("ci"), "token 7 (ci) sgt_abcd… created");
    }
}
