//! What commands print: data on stdout, as a table for people, as JSON for programs, or as bare
//! values for scripts.
//!
//! It knows the envelope of a resource (`type`, `id`, `attributes`), not what is in it.

use crate::error::Failure;
use clap::{Args, ValueEnum};
use serde_json::Value;
use std::io::{ErrorKind, Write as _};

/// The form of the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Form {
    /// Aligned columns, for people.
    Table,
    /// The data as the admin API gives it.
    Json,
}

/// The flags that every command with output has.
#[derive(Debug, Clone, Args)]
pub(crate) struct Output {
    /// Form of the output
    #[arg(long, value_enum, default_value = "table", value_name = "FORM")]
    output: Form,
    /// Print nothing but the id (of a new token: its value), one a line
    #[arg(long, short, conflicts_with = "output")]
    quiet: bool,
}

/// A column of a table: its title and the field it shows.
pub(crate) type Column = (&'static str, fn(&Value) -> String);

impl Output {
    /// Whether only bare values are wanted.
    pub(crate) fn is_quiet(&self) -> bool {
        self.quiet
    }

    /// Whether programs read this.
    pub(crate) fn is_json(&self) -> bool {
        self.output == Form::Json
    }

    /// Whether people read this.
    pub(crate) fn is_table(&self) -> bool {
        !self.quiet && !self.is_json()
    }

    /// Prints many resources, one a row.
    pub(crate) fn list(&self, resources: &[Value], columns: &[Column]) -> Result<(), Failure> {
        if self.quiet {
            let ids: Vec<_> =
                resources.iter().map(|resource| text(resource, "id") + "\n").collect();
            return print(&ids.concat());
        }
        if self.is_json() {
            return json(&Value::Array(resources.to_vec()));
        }
        let mut table = plain_table();
        table.set_header(columns.iter().map(|(title, _)| *title));
        for resource in resources {
            table.add_row(columns.iter().map(|(_, show)| printable(&show(resource))));
        }
        print(&aligned(table))
    }

    /// Prints what was removed: nothing for people, who were told on stderr.
    pub(crate) fn removed(&self, resource: &Value) -> Result<(), Failure> {
        if self.quiet || self.is_json() { self.one(resource, &[]) } else { Ok(()) }
    }

    /// Prints one resource, one field a row; fields without a value are left out.
    pub(crate) fn one(&self, resource: &Value, columns: &[Column]) -> Result<(), Failure> {
        if self.quiet {
            return print(&(text(resource, "id") + "\n"));
        }
        if self.is_json() {
            return json(resource);
        }
        let mut table = plain_table();
        for (title, show) in columns {
            let shown = show(resource);
            if !shown.is_empty() {
                let lines: Vec<_> = shown.split('\n').map(printable).collect();
                table.add_row([(*title).to_owned(), lines.join("\n")]);
            }
        }
        print(&aligned(table))
    }
}

/// A field of a resource: of its attributes, or of the resource itself.
pub(crate) fn field<'a>(resource: &'a Value, name: &str) -> &'a Value {
    match &resource["attributes"][name] {
        Value::Null => &resource[name],
        found => found,
    }
}

/// A field as text: bare for texts, lists with commas, nothing for null and for empty objects.
pub(crate) fn text(resource: &Value, name: &str) -> String {
    plain(field(resource, name))
}

/// A value as text, see [`text`].
pub(crate) fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(plain).collect::<Vec<_>>().join(", "),
        Value::Object(map) if map.is_empty() => String::new(),
        other => other.to_string(),
    }
}

/// Prints JSON for programs.
pub(crate) fn json(value: &Value) -> Result<(), Failure> {
    print(&format!("{value:#}\n"))
}

/// Prints data. A reader that went away, as `head` does, is no failure.
pub(crate) fn print(data: &str) -> Result<(), Failure> {
    let mut stdout = std::io::stdout().lock();
    match stdout.write_all(data.as_bytes()).and_then(|()| stdout.flush()) {
        Err(e) if e.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::failed(format!("stdout cannot be written: {e}")))
        }
        _ => Ok(()),
    }
}

fn plain_table() -> comfy_table::Table {
    let mut table = comfy_table::Table::new();
    table.load_style(comfy_table::presets::NOTHING);
    table
}

fn aligned(mut table: comfy_table::Table) -> String {
    if let Some(first) = table.column_mut(0) {
        first.set_padding((0, 1));
    }
    table.lines().map(|line| line.trim_end().to_owned() + "\n").collect()
}

/// Text of other people must not move the cursor of a terminal.
pub(crate) fn printable(text: &str) -> String {
    let shown = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.into() };
    text.chars().map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_field_is_found_in_the_attributes_or_in_the_resource() {
        let resource = json!({"id": "7", "attributes": {"name": "echo", "scopes": ["a", "b"]}});
        assert_eq!(text(&resource, "id"), "7");
        assert_eq!(text(&resource, "name"), "echo");
        assert_eq!(text(&resource, "scopes"), "a, b");
        assert_eq!(text(&resource, "nothing"), "");
    }

    #[test]
    fn text_of_others_cannot_steer_the_terminal() {
        assert_eq!(printable("a\u{1b}[2Jb\nc"), "a\\u{1b}[2Jb\\nc");
    }
}
