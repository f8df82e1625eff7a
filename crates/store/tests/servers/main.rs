//! A database of a PostgreSQL server: what a server may do to those who use it, and what several of them may do
//! to each other.

#![expect(clippy::unwrap_used, reason = "a helper of a test ends the test by panicking")]

mod failing_server;
mod opening;
mod sharing;
mod support;
