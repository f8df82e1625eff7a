//! What a test needs of the machine besides Rust, and what happens where that is missing.
//!
//! The only way to leave a test out: `xtask tidy` finds others. It does not know how a need is met.

use std::io::Write as _;

/// Something that not every machine has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Go 1.24 or newer, for plugins that are written in it.
    Go,
    /// The right to mount file systems, for disks that are full or can only be read.
    Mount,
    /// The right to make a world of processes, for a gateway that is the first in it.
    Unshare,
    /// The programs of a PostgreSQL server.
    Postgres,
    /// The tester of documented APIs, see `scripts/schemathesis.sh`.
    Schemathesis,
    /// The program `curl`, for pages whose commands are tried as they stand there.
    Curl,
}

impl Need {
    /// Set where a machine on which this is missing is a failure: in CI.
    fn variable(self) -> &'static str {
        match self {
            Self::Go => "SIDEGATE_REQUIRE_GO",
            Self::Mount => "SIDEGATE_REQUIRE_MOUNT",
            Self::Unshare => "SIDEGATE_REQUIRE_UNSHARE",
            Self::Postgres => "SIDEGATE_REQUIRE_POSTGRES",
            Self::Schemathesis => "SIDEGATE_REQUIRE_SCHEMATHESIS",
            Self::Curl => "SIDEGATE_REQUIRE_CURL",
        }
    }

    fn missing(self) -> &'static str {
        match self {
            Self::Go => "Go is not installed",
            Self::Mount => "this machine does not let us mount (root may)",
            Self::Unshare => "this machine does not let us unshare processes (root may)",
            Self::Postgres => "PostgreSQL is not installed",
            Self::Schemathesis => {
                "schemathesis is not installed (scripts/schemathesis.sh --version gets it)"
            }
            Self::Curl => "curl is not installed",
        }
    }

    /// Hands on what was found. Where nothing was, it says in one line that a test is skipped, and
    /// the test has to end.
    ///
    /// # Panics
    /// When nothing was found and the variable of this need is set.
    #[must_use]
    pub fn or_skip<T>(self, found: Option<T>) -> Option<T> {
        if found.is_none() {
            #[expect(clippy::disallowed_methods, reason = "who runs the tests says so there")]
            let is_required = std::env::var_os(self.variable()).is_some();
            let told = self.told(is_required);
            // Past the test program, which shows only what failures print.
            let _ = writeln!(std::io::stderr(), "{told}");
        }
        found
    }

    fn told(self, is_required: bool) -> String {
        let (missing, variable) = (self.missing(), self.variable());
        assert!(!is_required, "{missing}, but {variable} is set");
        let thread = std::thread::current();
        let test = thread.name().unwrap_or("a test");
        format!("SKIPPED {test}: {missing}; with {variable}=1 this is a failure")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_told_with_the_variable_that_forbids_it() {
        assert_eq!(Need::Mount.or_skip(Some(1)), Some(1));
        let told = Need::Go.told(false);
        assert!(
            told.ends_with("Go is not installed; with SIDEGATE_REQUIRE_GO=1 this is a failure")
        );
    }

    #[test]
    #[should_panic(expected = "but SIDEGATE_REQUIRE_UNSHARE is set")]
    fn what_is_required_is_never_skipped() {
        Need::Unshare.told(true);
    }
}
