//! What gateway, guard and stub say to each other: arguments, and one line for each event.
//!
//! The gateway says nothing: the end of its side of the socket is the order to end the plugin.

use crate::host::exit::Exit;
use crate::host::sealed::LaunchRefusal;
use sidegate_model::sha256::Sha256;
use std::io;

/// First argument of the guard; then the program, its checksum, the folder to remove and how many files
/// the program may hold open.
pub(in crate::host) const GUARD: &str = "__guard-plugin";
/// First argument of the stub; then the guard's process id, the program, its checksum and how many files
/// it may hold open.
pub(super) const STUB: &str = "__start-plugin";
/// Instead of a checksum or a number: any will do.
const ANY: &str = "any";

/// Writes it as [`read_checksum`] reads it.
pub(in crate::host) fn checksum_argument(checksum: Option<Sha256>) -> String {
    checksum.map_or_else(|| ANY.to_owned(), |checksum| checksum.to_string())
}

/// The argument as a checksum; the outer `None` stands for an argument that is none.
pub(super) fn read_checksum(word: &str) -> Option<Option<Sha256>> {
    if word == ANY { Some(None) } else { Sha256::parse(word).map(Some) }
}

/// Writes it as [`read_number`] reads it.
pub(in crate::host) fn number_argument(number: Option<u64>) -> String {
    number.map_or_else(|| ANY.to_owned(), |number| number.to_string())
}

/// The argument as a number; the outer `None` stands for an argument that is none.
pub(super) fn read_number(word: &str) -> Option<Option<u64>> {
    if word == ANY { Some(None) } else { word.parse().ok().map(Some) }
}

/// What the guard tells the gateway.
#[derive(Debug)]
pub(in crate::host) enum Report {
    /// The program runs, with this process id.
    Started(u32),
    /// It was not started.
    Refused(LaunchRefusal),
    /// It ended.
    Ended(Exit),
}

impl Report {
    /// The line, with its end.
    pub(super) fn line(&self) -> String {
        match self {
            Self::Started(pid) => format!("started {pid}\n"),
            Self::Refused(refusal) => format!("refused {}\n", write_refusal(refusal)),
            Self::Ended(Exit { code: Some(code), .. }) => format!("exited {code}\n"),
            Self::Ended(Exit { signal, .. }) => format!("killed {}\n", signal.unwrap_or_default()),
        }
    }

    /// Reads a line without its end.
    pub(in crate::host) fn parse(line: &str) -> Option<Self> {
        let (word, rest) = line.split_once(' ')?;
        Some(match word {
            "started" => Self::Started(rest.parse().ok()?),
            "refused" => Self::Refused(read_refusal(rest)?),
            "exited" => Self::Ended(Exit { code: Some(rest.parse().ok()?), signal: None }),
            "killed" => Self::Ended(Exit { code: None, signal: Some(rest.parse().ok()?) }),
            _ => return None,
        })
    }
}

/// A refusal as the stub writes it.
pub(super) fn write_refusal(refusal: &LaunchRefusal) -> String {
    let number = |error: &io::Error| {
        error.raw_os_error().unwrap_or_else(|| rustix::io::Errno::IO.raw_os_error())
    };
    match refusal {
        LaunchRefusal::Exec(error) => format!("exec {}", number(error)),
        LaunchRefusal::Copy(error) => format!("copy {}", number(error)),
        LaunchRefusal::Checksum(found) => format!("checksum {found}"),
        LaunchRefusal::Script => "script -".to_owned(),
    }
}

/// Reads what the stub wrote.
pub(super) fn read_refusal(words: &str) -> Option<LaunchRefusal> {
    let (word, rest) = words.split_once(' ')?;
    let error = || rest.parse().ok().map(io::Error::from_raw_os_error);
    Some(match word {
        "exec" => LaunchRefusal::Exec(error()?),
        "copy" => LaunchRefusal::Copy(error()?),
        "checksum" => LaunchRefusal::Checksum(Sha256::parse(rest)?),
        "script" => LaunchRefusal::Script,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_report_reads_as_it_was_written() {
        let missing = || io::Error::from_raw_os_error(2);
        for report in [
            Report::Started(7),
            Report::Refused(LaunchRefusal::Exec(missing())),
            Report::Refused(LaunchRefusal::Copy(missing())),
            Report::Refused(LaunchRefusal::Checksum(Sha256([9; 32]))),
            Report::Refused(LaunchRefusal::Script),
            Report::Ended(Exit { code: Some(3), signal: None }),
            Report::Ended(Exit { code: None, signal: Some(9) }),
        ] {
            let line = report.line();
            let read = Report::parse(line.trim_end()).unwrap();
            assert_eq!(format!("{read:?}"), format!("{report:?}"));
        }
        for nonsense in ["", "started", "started x", "refused exec", "hello 1"] {
            assert!(Report::parse(nonsense).is_none(), "{nonsense}");
        }
    }

    #[test]
    fn a_checksum_is_given_or_not_and_never_misread() {
        let checksum = Some(Sha256([1; 32]));
        assert_eq!(read_checksum(&checksum_argument(checksum)), Some(checksum));
        assert_eq!(read_checksum(&checksum_argument(None)), Some(None));
        assert_eq!(read_checksum(""), None);
    }
}
