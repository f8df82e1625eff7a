//! What a look at a value found, and how much looking is left.

use std::fmt::Display;

/// Work of one check, in units of a few nanoseconds: well below a second. What is left then is not
/// looked at.
const WORK: u64 = 10_000_000;

/// Whether a value is as a schema wants it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Fits,
    Breaks,
    /// The schema says something that is not understood here, or looking has to end.
    Unsure,
}

/// What is wrong for certain, and whether anything else may be.
#[derive(Debug, Default)]
pub(super) struct Findings {
    pub(super) problems: Vec<String>,
    pub(super) is_unsure: bool,
}

impl Findings {
    pub(super) fn unsure() -> Self {
        Self { problems: Vec::new(), is_unsure: true }
    }

    pub(super) fn problem(problem: impl Into<String>) -> Self {
        Self { problems: vec![problem.into()], is_unsure: false }
    }

    pub(super) fn of(verdict: Verdict, problem: impl FnOnce() -> String) -> Self {
        match verdict {
            Verdict::Fits => Self::default(),
            Verdict::Breaks => Self::problem(problem()),
            Verdict::Unsure => Self::unsure(),
        }
    }

    pub(super) fn add(&mut self, other: Self) {
        self.problems.extend(other.problems);
        self.is_unsure |= other.is_unsure;
    }

    pub(super) fn push(&mut self, problem: impl Into<String>) {
        self.problems.push(problem.into());
    }

    /// The same, where it is not certain that what was looked at counts.
    pub(super) fn doubted(self) -> Self {
        let is_unsure = self.verdict() != Verdict::Fits;
        Self { problems: Vec::new(), is_unsure }
    }

    pub(super) fn under(mut self, path: impl Display) -> Self {
        for problem in &mut self.problems {
            *problem = format!("{path}: {problem}");
        }
        self
    }

    /// One problem is enough, whatever else may be wrong.
    pub(super) fn verdict(&self) -> Verdict {
        match (self.problems.is_empty(), self.is_unsure) {
            (false, _) => Verdict::Breaks,
            (true, true) => Verdict::Unsure,
            (true, false) => Verdict::Fits,
        }
    }
}

/// The work that is left of one check, in the units of [`WORK`].
pub(super) struct Budget(u64);

impl Budget {
    pub(super) fn new() -> Self {
        Self(WORK)
    }

    /// Takes what something costs; `false` where it must not be begun.
    pub(super) fn spend(&mut self, cost: u64) -> bool {
        self.0 = self.0.saturating_sub(cost);
        !self.is_spent()
    }

    /// The same for what grows with a text or a list.
    pub(super) fn spend_size(&mut self, size: usize) -> bool {
        self.spend(u64::try_from(size).unwrap_or(u64::MAX))
    }

    pub(super) fn is_spent(&self) -> bool {
        self.0 == 0
    }
}
