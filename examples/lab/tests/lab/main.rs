//! The lab through the SDK's host in a box, theme by theme.

mod answers;
mod asks;
mod echo;
mod ends;
mod stats;
mod streams;

use sidegate_sdk::testing::{AnswerStream, Host};
use sidegate_sdk::{Config, Request, Result};

/// A lab without configuration.
async fn lab() -> Result<Host> {
    Host::start(sidegate_plugin_lab::plugin(), Config::default()).await
}

/// Opens a stream with `GET`.
async fn open(lab: &Host, path: &str) -> AnswerStream {
    lab.stream(Request::builder().path(path)).await
}
