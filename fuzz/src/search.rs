//! Looks for an input that breaks a promise.

use crate::mutate::Mutator;
use crate::verdict::{Outcome, Verdict};
use std::collections::HashSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

/// Inputs that are kept to be changed further, beside the seeds.
const MAX_KEPT: usize = 4000;
/// No input takes longer; waiting for a busy machine is part of it.
const LONGEST: Duration = Duration::from_secs(20);
/// How long a finding is made smaller.
const SHRINKING: Duration = Duration::from_secs(5);

/// How long is looked for.
#[derive(Debug, Clone, Copy)]
pub struct Budget {
    /// At most so long.
    pub time: Duration,
    /// At most so many inputs.
    pub inputs: u64,
}

/// An input that breaks a promise.
#[derive(Debug)]
pub struct Finding {
    /// The input, made small.
    pub input: Vec<u8>,
    /// What is wrong with it.
    pub says: String,
}

/// Where to begin.
#[derive(Debug)]
pub struct Start<'a> {
    /// Inputs that are known.
    pub seeds: Vec<Vec<u8>>,
    /// Words that belong into inputs.
    pub words: &'a [&'a [u8]],
    /// Which of all searches it is.
    pub number: u64,
}

/// Tries the seeds and what can be made of them; answers how many inputs were tried.
///
/// # Errors
/// The first input that breaks a promise.
pub fn search(
    check: impl Fn(&[u8]) -> Verdict,
    start: Start<'_>,
    budget: Budget,
) -> Result<u64, Finding> {
    let begun = Instant::now();
    let mut known = HashSet::new();
    for seed in &start.seeds {
        known.insert(judged(&check, seed)?);
    }
    let mut tried = start.seeds.len() as u64;
    let mut kept = 0;
    let mut mutator = Mutator::new(start.seeds, start.words, start.number);
    while tried < budget.inputs && begun.elapsed() < budget.time {
        let input = mutator.make();
        let outcome = judged(&check, &input)?;
        if known.insert(outcome) && kept < MAX_KEPT {
            kept += 1;
            mutator.keep(&input);
        }
        tried += 1;
    }
    Ok(tried)
}

fn judged(check: &impl Fn(&[u8]) -> Verdict, input: &[u8]) -> Result<Outcome, Finding> {
    let verdict = judge(check, input);
    verdict.map_err(|says| smaller(check, Finding { input: input.to_vec(), says }))
}

fn judge(check: &impl Fn(&[u8]) -> Verdict, input: &[u8]) -> Verdict {
    let begun = Instant::now();
    let verdict = catch_unwind(AssertUnwindSafe(|| check(input)));
    let verdict = verdict.unwrap_or_else(|_| Err("it panics".into()));
    if begun.elapsed() > LONGEST { Err("it takes too long".into()) } else { verdict }
}

/// Leaves out what can be left out.
fn smaller(check: &impl Fn(&[u8]) -> Verdict, mut found: Finding) -> Finding {
    let begun = Instant::now();
    let mut size = found.input.len() / 2;
    while size > 0 && begun.elapsed() < SHRINKING {
        let mut at = 0;
        while at < found.input.len() && begun.elapsed() < SHRINKING {
            let end = (at + size).min(found.input.len());
            let less = [&found.input[..at], &found.input[end..]].concat();
            match judge(check, &less) {
                Err(says) => found = Finding { input: less, says },
                Ok(_) => at = end,
            }
        }
        size /= 2;
    }
    found
}
