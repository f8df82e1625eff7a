//! What is said to people on stderr: printed, or, once the server's log has started, handed to its
//! writer, so that a reader who stopped holds nobody up.
//!
//! It knows no message.

use sidegate_gateway::log::{LogSender, LogWriter};
use std::sync::OnceLock;
use std::time::Duration;

/// How long the end of the process may wait for its last lines.
pub(crate) const LAST_LINES: Duration = Duration::from_secs(1);

static WRITER: OnceLock<(LogWriter, LogSender)> = OnceLock::new();

/// From now on everything goes through this writer.
pub(crate) fn through(writer: LogWriter, sender: LogSender) {
    // A second start would mean a second server in this process; the first one's writer stays.
    let _ = WRITER.set((writer, sender));
}

/// Says a text as it is, behind what was logged before, and waits for it a second at most.
pub(crate) fn say(text: &str) {
    match WRITER.get() {
        Some((writer, sender)) => {
            sender.send(|out| out.extend_from_slice(text.as_bytes()));
            if !writer.is_stalled() {
                writer.flush(LAST_LINES);
            }
        }
        None => eprint!("{text}"),
    }
}
