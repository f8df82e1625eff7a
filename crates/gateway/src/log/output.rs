//! Where lines end up: standard error or a file. Writing may take as long as it wants, for only the
//! log's own thread does it; what cannot be written is lost and counted.

use rustix::fs::OFlags;
use std::fs::File;
use std::io::{self, ErrorKind, Write as _};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::Duration;

/// The pause before a descriptor that others made non-blocking is tried again.
const NOT_NOW: Duration = Duration::from_millis(5);

/// An open place for lines.
#[derive(Debug)]
pub struct Output {
    file: File,
    /// The last line was only begun.
    torn: bool,
}

impl Output {
    /// Standard error. Nobody else has to wait while it is written to, for it is a descriptor of
    /// its own, without the lock of the standard library.
    ///
    /// # Errors
    /// When the process has no descriptor left.
    pub fn stderr() -> io::Result<Self> {
        let copy = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stderr(), 3)?;
        Ok(copy.into())
    }

    /// A file, to the end of which lines are added; made when it is missing, for its owner and
    /// group. A pipe with a name must have a reader: nobody waits here for one.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn file(path: &Path) -> io::Result<Self> {
        use std::os::unix::fs::OpenOptionsExt as _;
        let nobody_waits = OFlags::NONBLOCK.bits().cast_signed();
        let mut options = File::options();
        options.create(true).append(true).mode(0o640).custom_flags(nobody_waits);
        Ok(Self { file: options.open(path)?, torn: false })
    }

    /// Writes whole lines; gives how many of them were lost. Where nobody takes them at the moment it
    /// waits, but not once another output `is_next`.
    ///
    /// # Errors
    /// The lines that are for the next output, from the one on that was only begun here.
    pub(super) fn write<'a>(
        &mut self,
        lines: &'a [u8],
        is_next: impl Fn() -> bool,
    ) -> Result<u64, &'a [u8]> {
        let begun = if self.torn { self.all(b"\n", &is_next) } else { Ok(()) };
        let (left, rest) = match begun.map_err(|(left, _)| (left, lines)) {
            Err(left) => left,
            Ok(()) => match self.all(lines, &is_next) {
                Ok(()) => return Ok(0),
                Err(left) => left,
            },
        };
        if left == Left::Lost {
            return Ok(count(rest));
        }
        let written = &lines[..lines.len() - rest.len()];
        let begin = memchr::memrchr(b'\n', written).map_or(0, |end| end + 1);
        Err(&lines[begin..])
    }

    /// Writes bytes; gives those that were not written, and why.
    fn all<'a>(
        &mut self,
        mut bytes: &'a [u8],
        is_next: impl Fn() -> bool,
    ) -> Result<(), (Left, &'a [u8])> {
        while !bytes.is_empty() {
            match self.file.write(bytes) {
                Ok(0) => return Err((Left::Lost, bytes)),
                Ok(length) => {
                    self.torn = bytes[length - 1] != b'\n';
                    bytes = &bytes[length..];
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    if is_next() {
                        return Err((Left::ForNext, bytes));
                    }
                    #[expect(
                        clippy::disallowed_methods,
                        reason = "the log's own thread has no tasks"
                    )]
                    std::thread::sleep(NOT_NOW);
                }
                Err(_) => return Err((Left::Lost, bytes)),
            }
        }
        Ok(())
    }
}

/// Why bytes were not written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Left {
    /// They cannot be.
    Lost,
    /// Another output takes over, and this one takes nothing now.
    ForNext,
}

impl From<OwnedFd> for Output {
    fn from(descriptor: OwnedFd) -> Self {
        Self { file: descriptor.into(), torn: false }
    }
}

fn count(lines: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', lines).count() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_on_a_disk_is_counted_line_by_line() {
        let mut output = Output::file(Path::new("/dev/full")).unwrap();
        assert_eq!(output.write(b"one\ntwo\nthree\n", || false), Ok(3));
    }

    #[test]
    fn a_pipe_without_a_reader_is_refused_instead_of_waited_for() {
        use rustix::fs::{CWD, FileType, Mode, mknodat};
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pipe");
        mknodat(CWD, &path, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
        assert!(Output::file(&path).is_err());
    }

    #[test]
    fn lines_go_to_the_end_of_a_file_and_a_torn_one_gets_its_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        std::fs::write(&path, "before\n").unwrap();
        let mut output = Output::file(&path).unwrap();
        assert_eq!(output.write(b"half a li", || false), Ok(0));
        assert_eq!(output.write(b"next\n", || false), Ok(0));
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "before\nhalf a li\nnext\n");
    }
}
