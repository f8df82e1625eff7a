//! The program `sidegate`: the server and the command line that steers it.
//!
//! Reading order: [`arguments`] says what can be asked, [`commands`] does it, [`config`] brings the
//! settings, [`role`] wires the server together. This crate alone reads the environment, settings
//! files and arguments.

mod admin_api;
mod arguments;
mod certificate;
mod client;
mod commands;
mod config;
mod data_dir;
mod declared;
mod edge_door;
mod error;
mod find;
mod inherited;
mod inspection;
mod log_following;
mod logging;
mod newcomers;
mod open_files;
mod orphans;
mod output;
mod pages;
mod pairs;
mod plane;
mod reload;
mod role;
mod secrets_key;
mod server;
mod setting_flags;
mod signals;
mod stderr;
mod stored_keys;
mod succession;
mod takeover;
mod trust;
mod values;

use std::process::ExitCode;

/// Many connections come and go on threads that live long: this allocator keeps such memory dense
/// and gives it back, and takes less time for the small pieces that make up a request.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    // Plugins are started by this program too; see `launcher` in the gateway's settings.
    if let Some(code) = sidegate_plugins::host::reentered(std::env::args_os()) {
        return code;
    }
    match arguments::run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.report(),
    }
}
