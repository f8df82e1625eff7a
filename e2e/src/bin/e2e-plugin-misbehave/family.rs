//! Processes below the plugin: children, their children, one that left the group and one whose
//! parent is gone. All are deaf to every polite signal.

use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};

/// Bounded, so that a host that forgets them leaves nothing for long.
const LIFE: &str = "trap '' TERM HUP INT; sleep 120 & wait; sleep 120";
const ORPHAN: &str = "trap '' TERM HUP INT; sleep 120 &";

/// Starts two children with a child each, and an orphan: five processes.
pub(crate) fn found() {
    for (script, leaves_group) in [(LIFE, false), (LIFE, true), (ORPHAN, false)] {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        if leaves_group {
            command.process_group(0);
        }
        if let Err(error) = command.spawn() {
            eprintln!("no child: {error}");
        }
    }
}
