//! The places of reports in a page, each between two marks.

/// The part of a page that a report has.
#[derive(Debug, Clone, Copy)]
pub struct Marks {
    /// Stands before it.
    pub begin: &'static str,
    /// Stands behind it.
    pub end: &'static str,
}

impl Marks {
    /// `page` with the report in its place; where the page has none, at its end.
    pub fn put_into(self, page: &str, report: &str) -> String {
        let Self { begin, end } = self;
        let report = report.trim_end();
        let parts = page
            .split_once(begin)
            .and_then(|(before, rest)| rest.split_once(end).map(|(_, after)| (before, after)));
        match parts {
            Some((before, after)) => format!("{before}{begin}\n\n{report}\n\n{end}{after}"),
            None => format!("{page}{begin}\n\n{report}\n\n{end}\n"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_replaces_its_part_of_the_page_and_nothing_else() {
        let marks = Marks { begin: "<begin>", end: "<end>" };
        let page = marks.put_into("# Title\n", "old\n");
        assert_eq!(page, "# Title\n<begin>\n\nold\n\n<end>\n");
        let page = marks.put_into(&format!("{page}rest\n"), "new");
        assert_eq!(page, "# Title\n<begin>\n\nnew\n\n<end>\nrest\n");
        assert_eq!(marks.put_into(&page, "new"), page);
    }
}
