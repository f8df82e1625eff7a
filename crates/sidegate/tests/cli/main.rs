//! The program as its users meet it: real processes, real sockets, a data folder of its own for
//! every test. Nothing here knows the inside of the program.

mod commands;
mod configuration;
mod harness;
mod help;
mod serving;
