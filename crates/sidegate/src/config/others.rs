//! Environment variables that this program heeds although they are no settings. Each answers to its name
//! with the product's prefix too, and that one wins, as with settings.
//!
//! It knows their names and their manual, not who reads them. What belongs to the system is read by
//! libraries and has one name only.

use super::raw::{PREFIX, variables};
use std::fmt::Write as _;

/// Which role the process is to have, in environment files of other gateways of this kind.
pub(crate) const ROLE: &str = "GATEWAY_MODE";
/// Whether the log is written without colours.
pub(crate) const NO_COLOUR: &str = "NO_COLOR";
/// Where the service manager made a folder for sockets.
pub(crate) const RUNTIME_FOLDER: &str = "RUNTIME_DIRECTORY";
/// The settings file.
pub(crate) const SETTINGS_FILE: &str = "SIDEGATE_CONFIG";

/// Each with its manual.
const MANUAL: &[(&str, &str)] = &[
    (SETTINGS_FILE, "The settings file, where `--config` names none."),
    (
        ROLE,
        "The role of this process in environment files of other gateways of this kind. It must say what \
         `SIDEGATE_ROLE` says, or is an error, so that nobody waits for configuration from elsewhere.",
    ),
    (NO_COLOUR, "Whatever it says, the log has no colours on a terminal either."),
    (
        RUNTIME_FOLDER,
        "Where [sockets of plugins](operations.md#processes) are tried first; systemd sets it \
         for `RuntimeDirectory=`.",
    ),
];

/// Their part of the manual, in Markdown.
pub(super) fn section() -> String {
    let mut section = format!(
        "\n## Variables that are no settings\n\n\
         They are in the environment only. With `{PREFIX}` in front they win over their bare names, too.\n\n\
         | variable | meaning |\n|---|---|\n"
    );
    for (variable, doc) in MANUAL {
        let names: Vec<_> = variables(variable).iter().map(|name| format!("`{name}`")).collect();
        let _ = writeln!(section, "| {} | {doc} |", names.join(", "));
    }
    section.push_str(
        "\nWhat belongs to the system has its usual name alone: `LISTEN_FDS`, `LISTEN_PID` and `LISTEN_FDNAMES`\n\
         ([sockets of a service manager](operations.md#restarting-without-a-gap)), and `TMPDIR`.\n",
    );
    section
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::raw::SETTINGS;
    use std::collections::BTreeSet;

    #[test]
    fn each_has_a_name_with_the_products_prefix_that_no_setting_has() {
        let settings: BTreeSet<_> =
            SETTINGS.iter().flat_map(|row| variables(row.variable)).collect();
        for (variable, _) in MANUAL {
            let names = variables(variable);
            assert!(names[0].starts_with(PREFIX), "{names:?}");
            assert!(names.iter().all(|name| !settings.contains(name)), "{names:?}");
        }
    }
}
