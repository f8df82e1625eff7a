//! How long ago an edge knew that it had the newest, also over restarts: a file beside its snapshots says when that was
//! last so. Clocks that are set do not matter while it runs, and the time counts in which the machine sleeps.

use crate::data_dir::write_at_once;
use crate::error::Failure;
use sidegate_model::UnixMillis;
use sidegate_sync::BootTime;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How often it is written while it is so.
const WRITE_EVERY: Duration = Duration::from_secs(10);

/// The age of what is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Age {
    was: Duration,
    at: BootTime,
}

impl Age {
    /// Of something that was known last at this time; what lies in the future counts as now.
    pub(super) fn since(then: UnixMillis, now: (UnixMillis, BootTime)) -> Self {
        let (now, at) = now;
        let was = u64::try_from(now.saturating_sub(then)).unwrap_or_default();
        Self { was: Duration::from_millis(was), at }
    }

    /// Nothing newer was published then, as far as can be known; gives whether that is news.
    pub(super) fn renew(&mut self, as_of: BootTime) -> bool {
        let is_news = self.at(as_of) > Duration::ZERO && self.at <= as_of;
        if is_news {
            *self = Self { was: Duration::ZERO, at: as_of };
        }
        is_news
    }

    /// How old it is.
    pub(super) fn at(&self, now: BootTime) -> Duration {
        self.was + now.since(self.at)
    }
}

/// The file that says when that was last so.
#[derive(Debug)]
pub(super) struct AgeFile {
    path: PathBuf,
    written: Option<BootTime>,
}

impl AgeFile {
    /// In the folder of an edge.
    pub(super) fn new(folder: &Path) -> Self {
        Self { path: folder.join("last-contact"), written: None }
    }

    /// What it says; nothing where it is missing or says something else.
    pub(super) fn read(&self) -> Option<UnixMillis> {
        std::fs::read_to_string(&self.path).ok()?.trim().parse().ok()
    }

    /// What is to be written now, if anything is: every ten seconds is enough.
    pub(super) fn due(&mut self, now: BootTime) -> Option<Note> {
        let is_due = |written| now.since(written) >= WRITE_EVERY;
        if !self.written.is_none_or(is_due) {
            return None;
        }
        self.written = Some(now);
        Some(Note { path: self.path.clone() })
    }
}

/// Something to be written.
#[derive(Debug)]
pub(super) struct Note {
    path: PathBuf,
}

impl Note {
    /// Writes that it is so at this time. Waits for the disk.
    ///
    /// # Errors
    /// Names the file.
    pub(super) fn write(&self, now: UnixMillis) -> Result<(), Failure> {
        write_at_once(&self.path, format!("{now}\n"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn boot(seconds: u64) -> BootTime {
        BootTime::of(Duration::from_secs(seconds))
    }

    #[test]
    fn what_is_known_ages_over_restarts_and_never_by_a_clock_that_is_set() {
        let seconds = Duration::from_secs;
        let mut age = Age::since(1_000, (61_000, boot(100)));
        assert_eq!(age.at(boot(105)), seconds(65));
        assert!(age.renew(boot(110)));
        assert_eq!(age.at(boot(112)), seconds(2));
        let of_the_future = Age::since(99_000, (61_000, boot(100)));
        assert_eq!(of_the_future.at(boot(100)), Duration::ZERO);
    }

    #[test]
    fn what_was_heard_once_makes_nothing_fresh_a_second_time() {
        let mut age = Age::since(0, (0, boot(0)));
        assert!(age.renew(boot(10)));
        // A tick later, or a night: the machine slept, and nothing more was heard.
        for later in [11, 30_000] {
            assert!(!age.renew(boot(10)));
            assert_eq!(age.at(boot(later)), Duration::from_secs(later - 10));
        }
        assert!(!age.renew(boot(9)), "an answer to an earlier question");
        assert_eq!(age.at(boot(12)), Duration::from_secs(2));
    }

    #[test]
    fn the_last_contact_is_written_now_and_then() {
        let folder = tempfile::tempdir().unwrap();
        let mut file = AgeFile::new(folder.path());
        assert_eq!(file.read(), None);
        file.due(boot(50)).unwrap().write(61_000).unwrap();
        assert_eq!(file.read(), Some(61_000));
        assert!(file.due(boot(59)).is_none());
        assert!(file.due(boot(60)).is_some());
        std::fs::write(folder.path().join("last-contact"), "soon").unwrap();
        assert_eq!(file.read(), None);
    }
}
