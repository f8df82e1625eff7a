//! A database in a file: what only a file can keep or break, and what a disk may do to it.

#![expect(clippy::unwrap_used, reason = "a helper of a test ends the test by panicking")]

mod failing_disk;
mod sealed_secrets;
mod sqlite_file;
mod support;
