//! `lab`, an instrument for operators and tests: shows what reaches a plugin, answers whatever it
//! is told to, and counts what happens to its streams.
//!
//! In reading order: `plugin` describes it, `dispatch` finds the answer for a path, `echo` and
//! `answers` make whole answers, `asks` those for which the host is asked, `streams` and `exact`
//! streamed ones, `stats` keeps what is counted.

mod answers;
mod asks;
mod dispatch;
mod echo;
mod exact;
mod params;
mod plugin;
mod recent;
mod stats;
mod streams;

pub use plugin::plugin;
pub use stats::Lab;
