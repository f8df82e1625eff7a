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
        print(&rows(resources, columns))
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
        print(&fields(resource, columns))
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

/// A table with one resource a row.
fn rows(resources: &[Value], columns: &[Column]) -> String {
    let mut table = plain_table();
    table.set_header(columns.iter().map(|(title, _)| *title));
    for resource in resources {
        table.add_row(columns.iter().map(|(_, show)| printable(&show(resource))));
    }
    aligned(table)
}

/// A table with one field a row; a field may have several lines.
fn fields(resource: &Value, columns: &[Column]) -> String {
    let mut table = plain_table();
    for (title, show) in columns {
        let shown = show(resource);
        if !shown.is_empty() {
            let lines: Vec<_> = shown.split('\n').map(printable).collect();
            table.add_row([(*title).to_owned(), lines.join("\n")]);
        }
    }
    aligned(table)
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

/// Text of other people must not move the cursor of a terminal, turn the order of what stands
/// around it, begin a line, or differ from other text where nobody can see it.
pub(crate) fn printable(text: &str) -> String {
    let shown = |c: char| {
        if c.is_control() || is_unseen(c) { c.escape_default().to_string() } else { c.into() }
    };
    text.chars().map(shown).collect()
}

/// What takes no room of its own: separators of lines and paragraphs, marks of an annotation, and
/// all that Unicode lets a font leave out (`Default_Ignorable_Code_Point`), which includes marks
/// of direction, joiners, variation selectors and tags.
const fn is_unseen(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
        | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{1bca0}'..='\u{1bca3}'
        | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
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

    #[test]
    fn what_nobody_sees_is_shown_by_its_number() {
        let ranges = [
            '\u{ad}'..='\u{ad}',
            '\u{61c}'..='\u{61c}',
            '\u{180e}'..='\u{180e}',
            '\u{200b}'..='\u{200f}',
            '\u{2028}'..='\u{202e}',
            '\u{2060}'..='\u{206f}',
            '\u{feff}'..='\u{feff}',
            '\u{fff9}'..='\u{fffb}',
            '\u{e0001}'..='\u{e007f}',
        ];
        for c in ranges.into_iter().flatten() {
            let number = u32::from(c);
            assert_eq!(printable(&format!("a{c}b")), format!("a\\u{{{number:x}}}b"));
        }
    }

    #[test]
    fn what_people_write_is_shown_as_it_is() {
        let text =
            "Zürich, e\u{301}té, “quoted” … – שלום, سلام, 東京\u{3000}タワー, हिन्दी, 🦀 \\ '\"";
        assert_eq!(printable(text), text);
    }

    #[test]
    fn no_table_shows_text_of_others_as_it_came() {
        let columns: &[Column] =
            &[("ID", |plugin| text(plugin, "id")), ("PATH", |plugin| text(plugin, "path"))];
        let resource = json!({"id": "7\u{200b}", "attributes": {"path": "/a\u{202e}b\u{2028}c"}});
        let row = "7\\u{200b}  /a\\u{202e}b\\u{2028}c";
        assert_eq!(rows(std::slice::from_ref(&resource), columns).lines().last(), Some(row));
        let shown = fields(&resource, columns);
        assert_eq!(shown, "ID    7\\u{200b}\nPATH  /a\\u{202e}b\\u{2028}c\n");
    }
}
