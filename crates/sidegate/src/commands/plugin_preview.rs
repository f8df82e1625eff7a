//! What `sidegate plugin update --dry-run` prints: what would become of a plugin, and of its processes.

use crate::error::{Failure, Kind};
use crate::output::{Column, Output, plain};
use serde_json::Value;
use sidegate_api::plugin_preview::{ChangeEffect, PluginPreviewAttributes};
use sidegate_api::resource::Resource;

const FIELDS: &[Column<Resource<PluginPreviewAttributes>>] = &[
    ("changes", |preview| changes(&preview.attributes)),
    ("effect", |preview| effect(preview.attributes.effect)),
    ("problems", |preview| problems(&preview.attributes)),
];

fn changes(preview: &PluginPreviewAttributes) -> String {
    let line = |path: &str, from: &Value, to: &Value| match (from, to) {
        (Value::Null, to) => format!("{path}: becomes {}", plain(to)),
        (from, Value::Null) => format!("{path}: no more {}", plain(from)),
        (from, to) => format!("{path}: {} becomes {}", plain(from), plain(to)),
    };
    let lines = preview.changes.iter().map(|change| line(&change.path, &change.from, &change.to));
    let lines = lines.collect::<Vec<_>>().join("\n");
    if lines.is_empty() { "none".to_owned() } else { lines }
}

fn effect(effect: ChangeEffect) -> String {
    let meaning = match effect {
        ChangeEffect::None => "nothing happens to its processes",
        ChangeEffect::Live => "its processes go on, by what is new",
        ChangeEffect::Reload => "a new process takes over once it serves, and no request is lost",
        ChangeEffect::Start => "a process is started",
        ChangeEffect::Stop => "its processes finish their requests and end",
    };
    format!("{}: {meaning}", effect.as_str())
}

fn problems(preview: &PluginPreviewAttributes) -> String {
    let details = preview.problems.iter().map(|problem| problem.detail.as_str());
    details.collect::<Vec<_>>().join("\n")
}

/// Prints what would be; fails as the change would.
pub(super) fn show(
    preview: &Resource<PluginPreviewAttributes>,
    output: &Output,
) -> Result<(), Failure> {
    output.one(preview, FIELDS)?;
    match preview.attributes.problems.len() {
        0 => Ok(()),
        _ => Err(Failure::of(Kind::Usage, "the change would be refused; nothing was changed")),
    }
}
