//! The folder of one gateway below the runtime folder, which holds its private folders. Its lock
//! tells the next gateway whether this one still lives; what dead ones left is swept.

use super::private_dir::has_room;
use super::random::random;
use rustix::fs::{FlockOperation, Mode, OFlags, flock, open};
use rustix::process::geteuid;
use std::fs::{self, DirBuilder, Metadata};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Digits in a folder's name.
const NAME_DIGITS: usize = 6;
/// First letter of a folder whose lock is held from the first moment it is there.
const LOCKED: char = 'g';
/// First letter of one that is being made.
const NEW: char = 'n';
/// Making one takes less than this.
const MAKING: Duration = Duration::from_secs(60);

/// The host cannot start.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// The runtime folder cannot be made or used.
    #[error("runtime folder {path}: {source}", path = path.display())]
    RuntimeDir {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Others could replace what the host writes there.
    #[error("runtime folder {path} can be written by others: choose a folder that only this user can write", path = .0.display())]
    Shared(PathBuf),
    /// No room for sockets below it.
    #[error("runtime folder {path} has too long a path for sockets (107 bytes): choose a shorter one", path = .0.display())]
    PathTooLong(PathBuf),
}

/// This gateway's folder; removed with everything in it when dropped.
#[derive(Debug)]
pub(super) struct RunDir {
    path: PathBuf,
    _lock: OwnedFd,
}

impl RunDir {
    /// Makes a folder below `runtime_dir`, which is made too if it is missing, and sweeps there.
    pub(super) fn take(runtime_dir: &Path) -> Result<Self, HostError> {
        prepare_parent(runtime_dir)?;
        sweep(runtime_dir);
        let failed = |source| HostError::RuntimeDir { path: runtime_dir.to_owned(), source };
        Self::create(runtime_dir).map_err(failed)
    }

    /// It gets its name only when it is locked, so that nobody takes it for a dead one's.
    fn create(parent: &Path) -> io::Result<Self> {
        loop {
            let number = random() % 10u64.pow(NAME_DIGITS as u32);
            let new = parent.join(format!("{NEW}{number:0NAME_DIGITS$}"));
            let path = parent.join(format!("{LOCKED}{number:0NAME_DIGITS$}"));
            match DirBuilder::new().mode(0o700).create(&new) {
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => continue,
                made => made?,
            }
            let Some(lock) = lock(&new)? else { continue };
            // It replaces nothing but an empty folder that nobody has locked.
            if is_held(&path) || fs::rename(&new, &path).is_err() {
                fs::remove_dir(&new)?;
                continue;
            }
            return Ok(Self { path, _lock: lock });
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for RunDir {
    fn drop(&mut self) {
        remove(&self.path);
    }
}

/// Makes the parent of all gateways' folders, or checks the one that is there.
fn prepare_parent(path: &Path) -> Result<(), HostError> {
    let failed = |source| HostError::RuntimeDir { path: path.to_owned(), source };
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(failed)?;
    let found = fs::symlink_metadata(path).map_err(failed)?;
    let private = is_ours(&found) && found.mode() & 0o022 == 0;
    // In a folder like /tmp nobody can rename what belongs to somebody else, but its owner can.
    let sticky = found.mode() & 0o1000 != 0 && (found.uid() == 0 || is_ours(&found));
    if !found.is_dir() || !(private || sticky) {
        return Err(HostError::Shared(path.to_owned()));
    }
    if !has_room(path.as_os_str().len() + "/g".len() + NAME_DIGITS) {
        return Err(HostError::PathTooLong(path.to_owned()));
    }
    Ok(())
}

fn is_ours(found: &Metadata) -> bool {
    found.uid() == geteuid().as_raw()
}

/// Removes the folders of gateways that live no more.
fn sweep(parent: &Path) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let path = entry.path();
        let Some(letter) = entry.file_name().to_str().and_then(letter_of) else { continue };
        // Not through a link: what it leads to is not ours.
        let Ok(found) = fs::symlink_metadata(&path) else { continue };
        if !found.is_dir() || !is_ours(&found) || (letter == NEW && is_young(&found)) {
            continue;
        }
        if let Ok(Some(_lock)) = lock(&path) {
            tracing::info!(path = %path.display(), "a gateway that ended badly left a folder; it is removed");
            remove(&path);
        }
    }
}

/// The first letter of a name that we give.
fn letter_of(name: &str) -> Option<char> {
    let digits = name.strip_prefix([LOCKED, NEW])?;
    let ours = digits.len() == NAME_DIGITS && digits.bytes().all(|b| b.is_ascii_digit());
    name.chars().next().filter(|_| ours)
}

fn is_young(found: &Metadata) -> bool {
    // A clock that was set back makes it young, which only puts off the sweep.
    found.modified().is_ok_and(|at| at.elapsed().map_or(true, |age| age < MAKING))
}

/// Locks a folder; `None` when another holds it. Given back when the descriptor is closed.
fn lock(path: &Path) -> io::Result<Option<OwnedFd>> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let folder = open(path, flags, Mode::empty())?;
    match flock(&folder, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(Some(folder)),
        Err(e) if e == rustix::io::Errno::WOULDBLOCK => Ok(None),
        Err(e) => Err(e.into()),
    }
}

fn is_held(path: &Path) -> bool {
    lock(path).is_ok_and(|lock| lock.is_none())
}

fn remove(path: &Path) {
    if let Err(error) = fs::remove_dir_all(path)
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::warn!(path = %path.display(), %error, "a folder of plugins stays behind");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    fn names(parent: &Path) -> Vec<String> {
        let entries = fs::read_dir(parent).unwrap();
        let mut names: Vec<_> =
            entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn what_dead_gateways_left_is_swept_and_nothing_else() {
        let parent = tempfile::tempdir().unwrap();
        let living = RunDir::take(parent.path()).unwrap();
        let living_name = living.path().file_name().unwrap().to_str().unwrap().to_owned();
        fs::create_dir_all(parent.path().join("g000000/p1")).unwrap();
        fs::write(parent.path().join("g000000/p1/socket"), "").unwrap();
        let kept = ["g1", "gabcdef", "n000001", "other", "x000000"];
        for name in kept {
            fs::create_dir(parent.path().join(name)).unwrap();
        }
        fs::write(parent.path().join("g000002"), "a file").unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(elsewhere.path(), parent.path().join("g000003")).unwrap();
        drop(RunDir::take(parent.path()).unwrap());
        let mut expected: Vec<_> = kept.into_iter().map(str::to_owned).collect();
        expected.extend(["g000002".to_owned(), "g000003".to_owned(), living_name]);
        expected.sort();
        assert_eq!(names(parent.path()), expected);
        assert!(elsewhere.path().exists());
    }

    #[test]
    fn a_folder_goes_with_its_gateway() {
        let parent = tempfile::tempdir().unwrap();
        let dir = RunDir::take(&parent.path().join("deep/er")).unwrap();
        let path = dir.path().to_owned();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o700);
        fs::write(path.join("left"), "").unwrap();
        drop(dir);
        assert!(!path.exists());
    }

    #[test]
    fn a_folder_without_room_for_sockets_is_refused_with_the_reason() {
        let parent = tempfile::tempdir().unwrap();
        let error = RunDir::take(&parent.path().join("x".repeat(80))).unwrap_err().to_string();
        assert!(error.contains("107 bytes"), "{error}");
    }

    #[test]
    fn a_folder_that_others_can_write_is_refused() {
        let parent = tempfile::tempdir().unwrap();
        fs::set_permissions(parent.path(), Permissions::from_mode(0o777)).unwrap();
        assert!(matches!(RunDir::take(parent.path()), Err(HostError::Shared(_))));
    }
}
