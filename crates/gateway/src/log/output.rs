//! Where lines end up: standard error or a file. Writing may take as long as it wants, for only the
//! log's own thread does it; what cannot be written is lost and counted.

use rustix::fs::OFlags;
use std::fs::File;
use std::io::{self, ErrorKind, Write as _};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::thread::sleep;
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

    /// Writes whole lines; gives how many of them were lost.
    pub(super) fn write(&mut self, lines: &[u8]) -> u64 {
        if self.torn && self.all(b"\n").is_err() {
            return count(lines);
        }
        match self.all(lines) {
            Ok(()) => 0,
            Err(rest) => count(rest),
        }
    }

    /// Writes bytes; gives those that could not be written.
    fn all<'a>(&mut self, mut bytes: &'a [u8]) -> Result<(), &'a [u8]> {
        while !bytes.is_empty() {
            match self.file.write(bytes) {
                Ok(0) => return Err(bytes),
                Ok(length) => {
                    self.torn = bytes[length - 1] != b'\n';
                    bytes = &bytes[length..];
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => sleep(NOT_NOW),
                Err(_) => return Err(bytes),
            }
        }
        Ok(())
    }
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
        assert_eq!(output.write(b"one\ntwo\nthree\n"), 3);
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
        assert_eq!(output.write(b"half a li"), 0);
        assert_eq!(output.write(b"next\n"), 0);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "before\nhalf a li\nnext\n");
    }
}
