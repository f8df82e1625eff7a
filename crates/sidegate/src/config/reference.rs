//! The manual of the settings: `docs/config.md`, printed from the table.
//!
//! It knows the table and Markdown, no value of this process.

use super::others;
use super::raw::{SETTINGS, Setting};
use std::fmt::Write as _;

const HEAD: &str = "\
# Settings

Printed by `sidegate config --reference`; a test compares this page with the program.

A setting is looked for in four places, and the later one wins: its default, the settings file
(TOML; `--config PATH` or `SIDEGATE_CONFIG`), the environment, a flag of `sidegate serve`. One name
serves all of them: `ADMIN_PORT` in the environment is `admin_port = 8080` in the file and
`--admin-port 8080` as a flag. An empty variable counts as not set. A key or flag that does not
exist is an error, and all errors are reported at once. `sidegate config` shows every value and
where it came from.

In the environment every setting answers to its name with `SIDEGATE_` in front too, as in
`SIDEGATE_ADMIN_PORT`, and that one wins: bare names such as `HOST`, `PORT` or `DATA_DIR` may be set
by a shell or for another program. Names that begin so in the table have no bare form.

Durations are written as in Go: `300ms`, `90s`, `5m`, `1h30m`, `1.5h`, and also `30d`.

| variable | file | flag | value | default |
|---|---|---|---|---|
";

/// The whole page.
pub(crate) fn page() -> String {
    let mut page = HEAD.to_owned();
    for row in SETTINGS {
        let _ = writeln!(
            page,
            "| [`{}`](#{}) | `{}` | {} | {} | {} |",
            row.variable,
            row.variable.to_lowercase(),
            row.key(),
            flag(row),
            row.kind.describe(),
            shown_default(row),
        );
    }
    for row in SETTINGS {
        let _ = write!(page, "\n## {}\n\n{}\n", row.variable, wrapped(row.doc));
    }
    page.push_str(&others::section());
    page
}

fn flag(row: &Setting) -> String {
    row.flag().map_or_else(|| "none".to_owned(), |flag| format!("`--{flag}`"))
}

fn shown_default(row: &Setting) -> String {
    if row.default.is_empty() { "empty".to_owned() } else { format!("`{}`", row.default) }
}

fn wrapped(text: &str) -> String {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let last = lines.last_mut().expect("there is always a line");
        if !last.is_empty() && last.len() + 1 + word.len() > 100 {
            lines.push(word.to_owned());
        } else {
            if !last.is_empty() {
                last.push(' ');
            }
            last.push_str(word);
        }
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_in_the_docs_is_fresh() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/config.md");
        let committed = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            committed == page(),
            "docs/config.md is stale: cargo run -p sidegate -- config --reference > docs/config.md"
        );
    }
}
