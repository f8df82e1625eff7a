//! How much of everything a run does, and which cases.

use crate::load::Span;
use std::path::PathBuf;
use std::time::Duration;

/// The plan of a run.
#[derive(Debug, Clone)]
pub struct Plan {
    /// How often each contestant has its turn.
    pub rounds: usize,
    /// The same for the cases in which a difference of a hundredth counts; their turns are short.
    pub fine_rounds: usize,
    /// One turn.
    pub span: Span,
    /// One turn of those cases.
    pub fine_span: Span,
    /// How many streams without events are opened.
    pub idle_streams: u64,
    /// How many sessions of MCP are begun.
    pub mcp_sessions: u64,
    /// How many events each stream of a flood has.
    pub flood_events: u64,
    /// How many events the stream has that a stalled neighbour must not harm.
    pub innocent_events: u64,
    /// How many tokens are many.
    pub many_tokens: u32,
    /// Parts of names of cases; none is all of them.
    pub only: Vec<String>,
    /// Everything that is written while it runs is below this folder.
    pub folder: PathBuf,
}

impl Plan {
    /// A look in less than three minutes, or the whole in less than fifteen.
    pub fn new(is_quick: bool, folder: PathBuf) -> Self {
        let span = |warm_up, measured| Span {
            warm_up: Duration::from_millis(warm_up),
            measured: Duration::from_millis(measured),
        };
        let (quick, full) = (is_quick, !is_quick);
        Self {
            rounds: if quick { 3 } else { 7 },
            fine_rounds: if quick { 10 } else { 40 },
            span: if quick { span(100, 400) } else { span(300, 1200) },
            fine_span: span(50, 250),
            idle_streams: if full { 7000 } else { 2000 },
            mcp_sessions: if full { 1000 } else { 300 },
            flood_events: if full { 1500 } else { 600 },
            innocent_events: if full { 1400 } else { 400 },
            many_tokens: if full { 100_000 } else { 10_000 },
            only: Vec::new(),
            folder,
        }
    }

    /// Whether a case is part of it.
    pub fn wants(&self, case: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|part| case.contains(part.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_picks_cases_by_a_part_of_their_name() {
        let mut plan = Plan::new(true, PathBuf::new());
        assert!(plan.wants("sse-paced"));
        plan.only = vec!["sse".to_owned(), "idle".to_owned()];
        assert!(plan.wants("sse-paced") && plan.wants("idle") && !plan.wants("get-c64"));
    }
}
