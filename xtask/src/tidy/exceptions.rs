//! The one list of exceptions. It may only shrink: an exception that nothing needs any more is
//! itself a finding.
//!
//! A line reads `rule path # reason` or `rule path:item # reason`.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::finding::Finding;

const FILE: &str = "xtask/tidy-exceptions.txt";
const RULE: &str = "exceptions";

/// The exceptions, and what is wrong with the list itself.
#[derive(Debug, Default)]
pub(super) struct Exceptions {
    list: Vec<Exception>,
    findings: Vec<Finding>,
}

#[derive(Debug)]
struct Exception {
    line: usize,
    rule: String,
    path: String,
    item: Option<String>,
}

impl Exception {
    fn covers(&self, finding: &Finding) -> bool {
        self.rule == finding.rule
            && self.path == finding.file
            && (self.item.is_none() || self.item == finding.item)
    }
}

impl Exceptions {
    pub(super) fn read(root: &Path) -> Result<Self> {
        let text = fs::read_to_string(root.join(FILE)).with_context(|| format!("read {FILE}"))?;
        Ok(Self::parse(&text))
    }

    fn parse(text: &str) -> Self {
        let mut exceptions = Self::default();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            match parse_line(index + 1, line) {
                Some(exception) => exceptions.list.push(exception),
                None => exceptions.findings.push(Finding::new(
                    RULE,
                    FILE,
                    index + 1,
                    "expected `rule path[:item] # reason`".to_owned(),
                )),
            }
        }
        exceptions
    }

    /// Takes away what is excepted and adds what is wrong with the exceptions.
    pub(super) fn apply(self, findings: Vec<Finding>) -> Vec<Finding> {
        let mut left = self.findings;
        for exception in &self.list {
            if !findings.iter().any(|finding| exception.covers(finding)) {
                let message = "nothing needs this exception any more; remove it".to_owned();
                left.push(Finding::new(RULE, FILE, exception.line, message));
            }
        }
        let excepted = |finding: &Finding| self.list.iter().any(|one| one.covers(finding));
        left.extend(findings.into_iter().filter(|finding| !excepted(finding)));
        left
    }
}

fn parse_line(line: usize, text: &str) -> Option<Exception> {
    let (place, reason) = text.split_once('#')?;
    let mut words = place.split_whitespace();
    let (rule, path) = (words.next()?, words.next()?);
    if reason.trim().is_empty() || words.next().is_some() {
        return None;
    }
    let (path, item) = match path.split_once(':') {
        Some((path, item)) => (path, Some(item.to_owned())),
        None => (path, None),
    };
    Some(Exception { line, rule: rule.to_owned(), path: path.to_owned(), item })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(file: &str, item: &str) -> Finding {
        Finding::new("parameters", file, 3, "many".to_owned()).of_item(item.to_owned())
    }

    #[test]
    fn an_exception_covers_its_file_or_its_item_only() {
        let list = "# comment\n\nparameters a.rs:f # reason\nparameters b.rs # reason\n";
        let findings = vec![finding("a.rs", "f"), finding("a.rs", "g"), finding("b.rs", "h")];
        assert_eq!(Exceptions::parse(list).apply(findings), [finding("a.rs", "g")]);
    }

    #[test]
    fn an_exception_that_nothing_needs_is_found() {
        let left = Exceptions::parse("parameters a.rs # reason\n").apply(Vec::new());
        assert_eq!(left.len(), 1);
        assert_eq!((left[0].file.as_str(), left[0].line), (FILE, 1));
    }

    #[test]
    fn an_exception_needs_a_reason() {
        for list in
            ["parameters a.rs\n", "parameters a.rs #\n", "parameters # reason\n", "a b c # d\n"]
        {
            assert_eq!(Exceptions::parse(list).apply(Vec::new()).len(), 1, "{list}");
        }
    }
}
