//! How pages are read: their lines outside of listings, sections, rows of tables and words in
//! backticks. It knows nothing of what they say.

/// A line of a page.
#[derive(Clone, Copy)]
pub(super) struct Line<'a> {
    /// Counted from one.
    pub(super) number: usize,
    pub(super) text: &'a str,
}

/// The lines of a page that stand in no listing.
pub(super) fn lines(page: &str) -> impl Iterator<Item = Line<'_>> {
    let mut is_listing = false;
    page.lines().enumerate().filter_map(move |(index, text)| {
        let is_fence = text.trim_start().starts_with("```");
        is_listing ^= is_fence;
        (!is_listing && !is_fence).then_some(Line { number: index + 1, text })
    })
}

/// The lines below a heading of the second level, up to the next one.
pub(super) fn section<'a>(page: &'a str, heading: &str) -> impl Iterator<Item = Line<'a>> {
    let below = lines(page).skip_while(move |line| line.text.trim_end() != heading).skip(1);
    below.take_while(|line| !line.text.starts_with("# ") && !line.text.starts_with("## "))
}

/// The cells of a table's row; nothing for other lines.
pub(super) fn cells(text: &str) -> Option<Vec<&str>> {
    let inside = text.trim().strip_prefix('|')?.strip_suffix('|')?;
    Some(inside.split('|').map(str::trim).collect())
}

/// What stands between backticks.
pub(super) fn code_words(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listings_are_left_out_and_lines_keep_their_numbers() {
        let found: Vec<(usize, &str)> =
            lines("a\n```sh\nb\n```\nc\n").map(|line| (line.number, line.text)).collect();
        assert_eq!(found, [(1, "a"), (5, "c")]);
    }

    #[test]
    fn a_section_ends_at_the_next_heading_of_its_level() {
        let page = "## A\nb\n### C\nd\n## E\nf\n";
        let found: Vec<&str> = section(page, "## A").map(|line| line.text).collect();
        assert_eq!(found, ["b", "### C", "d"]);
    }

    #[test]
    fn rows_have_cells_and_cells_have_words() {
        assert_eq!(cells("| `a` | b |"), Some(vec!["`a`", "b"]));
        assert_eq!(cells("a | b"), None);
        assert_eq!(code_words("`a` b `c`, d").collect::<Vec<_>>(), ["a", "c"]);
    }
}
