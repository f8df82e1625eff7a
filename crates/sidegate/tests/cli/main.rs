//! The program as its users meet it: real processes, real sockets, a data folder of its own for
//! every test. Nothing here knows the inside of the program.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends here")]

mod commands;
mod configuration;
#[path = "../../../../e2e/src/eventually.rs"]
mod eventually;
mod exit_codes;
mod harness;
mod help;
mod left_behind;
mod plugins;
mod serving;
