//! The targets of `fuzz/` as tests: seeds and mutations on stable, wrong implementations that must be
//! found, and that nothing is left out.

#![expect(clippy::unwrap_used, reason = "what a test unwraps is what it asserts")]

mod planted;
mod repository;
mod whatever_comes;
