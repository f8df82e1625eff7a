//! A process that takes no hint: signals that can be caught are, and nothing follows from them.

use tokio::signal::unix::{SignalKind, signal};

/// From now on only what cannot be caught ends the process.
pub(crate) fn begin() {
    for kind in [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::hangup()] {
        match signal(kind) {
            // Once caught, a signal stays caught, also when nobody listens.
            Ok(_) => eprintln!("deaf to signal {}", kind.as_raw_value()),
            Err(error) => eprintln!("not deaf: {error}"),
        }
    }
}
