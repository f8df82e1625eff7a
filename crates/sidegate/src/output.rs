//! What commands print: data on stdout, as a table for people, as JSON for programs, or as bare
//! values for scripts.
//!
//! It knows that a thing has an id, not what else is in it.

use crate::error::Failure;
use clap::{Args, ValueEnum};
use serde::Serialize;
use serde_json::{Map, Value};
use sidegate_api::resource::Resource;
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

/// Something that is printed.
pub(crate) trait Printed: Serialize {
    /// What scripts call it.
    fn id(&self) -> &str;
}

impl<A: Serialize> Printed for Resource<A> {
    fn id(&self) -> &str {
        &self.id
    }
}

/// A column of a table: its title and what it shows of a thing.
pub(crate) type Column<T> = (&'static str, fn(&T) -> String);

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

    /// Prints many things, one a row.
    pub(crate) fn list<T: Printed>(
        &self,
        things: &[T],
        columns: &[Column<T>],
    ) -> Result<(), Failure> {
        if self.quiet {
            let ids: Vec<_> = things.iter().map(|thing| format!("{}\n", thing.id())).collect();
            return print(&ids.concat());
        }
        if self.is_json() {
            return json(&things);
        }
        print(&rows(things, columns))
    }

    /// Prints what was removed: nothing for people, who were told on stderr.
    pub(crate) fn removed<T: Printed>(&self, thing: &T) -> Result<(), Failure> {
        if self.quiet || self.is_json() { self.one(thing, &[]) } else { Ok(()) }
    }

    /// Prints one thing, one field a row; fields without a value are left out.
    pub(crate) fn one<T: Printed>(&self, thing: &T, columns: &[Column<T>]) -> Result<(), Failure> {
        if self.quiet {
            return print(&format!("{}\n", thing.id()));
        }
        if self.is_json() {
            return json(thing);
        }
        print(&fields(thing, columns))
    }
}

/// What may be missing, as text: nothing where it is.
pub(crate) fn optional(value: Option<&impl ToString>) -> String {
    value.map_or_else(String::new, ToString::to_string)
}

/// Names with commas between.
pub(crate) fn listed<T: AsRef<str>>(names: impl IntoIterator<Item = T>) -> String {
    names.into_iter().map(|name| name.as_ref().to_owned()).collect::<Vec<_>>().join(", ")
}

/// An object as text; nothing where it is empty.
pub(crate) fn object_text(members: &Map<String, Value>) -> String {
    if members.is_empty() { String::new() } else { Value::Object(members.clone()).to_string() }
}

/// A value of somebody else as text: bare for texts, lists with commas, nothing for null and for
/// empty objects.
pub(crate) fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) => listed(items.iter().map(plain)),
        Value::Object(map) if map.is_empty() => String::new(),
        other => other.to_string(),
    }
}

/// Prints JSON for programs, with members in the order of their names.
pub(crate) fn json(value: &impl Serialize) -> Result<(), Failure> {
    let value = serde_json::to_value(value)
        .map_err(|error| Failure::failed(format!("this cannot be written as JSON: {error}")))?;
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

/// A table with one thing a row.
fn rows<T>(things: &[T], columns: &[Column<T>]) -> String {
    let mut table = plain_table();
    table.set_header(columns.iter().map(|(title, _)| *title));
    for thing in things {
        table.add_row(columns.iter().map(|(_, show)| printable(&show(thing))));
    }
    aligned(table)
}

/// A table with one field a row; a field may have several lines.
fn fields<T>(thing: &T, columns: &[Column<T>]) -> String {
    let mut table = plain_table();
    for (title, show) in columns {
        let shown = show(thing);
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
    fn values_of_others_are_shown_as_people_write_them() {
        assert_eq!(plain(&json!("echo")), "echo");
        assert_eq!(plain(&json!(["a", 1, null])), "a, 1, ");
        assert_eq!(plain(&json!({})), "");
        assert_eq!(object_text(&Map::new()), "");
        assert_eq!(optional(Some(&7)), "7");
        assert_eq!(optional(None::<&u32>), "");
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
        struct Shown(&'static str, &'static str);
        let columns: &[Column<Shown>] =
            &[("ID", |shown| shown.0.to_owned()), ("PATH", |shown| shown.1.to_owned())];
        let resource = Shown("7\u{200b}", "/a\u{202e}b\u{2028}c");
        let row = "7\\u{200b}  /a\\u{202e}b\\u{2028}c";
        assert_eq!(rows(std::slice::from_ref(&resource), columns).lines().last(), Some(row));
        let shown = fields(&resource, columns);
        assert_eq!(shown, "ID    7\\u{200b}\nPATH  /a\\u{202e}b\\u{2028}c\n");
    }
}
