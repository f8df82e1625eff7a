//! The folder of one gateway below the runtime folder, which holds its private folders. Its lock
//! tells the next gateway whether this one still lives; what dead ones left is swept. Where somebody
//! cleans it away, it is made anew.

use super::fault::Fault;
use super::private_dir::{self, PrivateDir, has_room};
use super::random::random;
use rustix::fs::{FlockOperation, Mode, OFlags, flock, fstat, open};
use rustix::process::geteuid;
use sidegate_model::clock;
use std::fs::{self, DirBuilder, Metadata};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
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
    /// Its file system takes no sockets.
    #[error("runtime folder {path} cannot hold sockets: {source}", path = path.display())]
    NoSockets {
        /// The folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// No folder was named.
    #[error("no runtime folder is named")]
    NoStorage,
}

/// Where this gateway's private folders are; removed with everything in it when dropped.
#[derive(Debug)]
pub(super) struct RunDir {
    /// Where it may be, best first.
    parents: Vec<PathBuf>,
    /// What is ours; the last one is in use.
    held: Mutex<Vec<Folder>>,
}

impl RunDir {
    /// Makes a folder below the first of these parents that can hold sockets, and sweeps there. A parent
    /// is made too where it is missing.
    pub(super) fn take(parents: &[PathBuf]) -> Result<Self, HostError> {
        let folder = Folder::below_any(parents)?;
        tracing::info!(folder = %folder.path.display(), "sockets of plugins");
        Ok(Self { parents: parents.to_owned(), held: Mutex::new(vec![folder]) })
    }

    /// A fresh folder for one process. Where ours is gone, or takes no more, another one is made.
    pub(super) fn private_dir(&self) -> Result<PrivateDir, Fault> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let in_use = held.last().filter(|folder| folder.is_there());
        if let Some(Ok(dir)) = in_use.map(|folder| PrivateDir::create(&folder.path)) {
            return Ok(dir);
        }
        let folder =
            Folder::below_any(&self.parents).map_err(|error| Fault::RunDir(error.to_string()))?;
        let dir = PrivateDir::create(&folder.path)?;
        tracing::warn!(
            folder = %folder.path.display(),
            "the folder of plugins' sockets was removed or takes no more; there is another one now"
        );
        held.retain(Folder::is_there);
        held.push(folder);
        Ok(dir)
    }
}

/// A folder that is ours while its lock is held.
#[derive(Debug)]
struct Folder {
    path: PathBuf,
    lock: OwnedFd,
}

impl Folder {
    /// Makes one below the first parent that will do.
    fn below_any(parents: &[PathBuf]) -> Result<Self, HostError> {
        let mut refused = None;
        for parent in parents {
            match Self::below(parent) {
                Ok(folder) => return Ok(folder),
                Err(error) => {
                    tracing::info!(%error, "not a place for sockets of plugins");
                    refused = Some(error);
                }
            }
        }
        Err(refused.unwrap_or(HostError::NoStorage))
    }

    fn below(parent: &Path) -> Result<Self, HostError> {
        prepare_parent(parent)?;
        sweep(parent);
        let failed = |source| HostError::RuntimeDir { path: parent.to_owned(), source };
        let folder = Self::create(parent).map_err(failed)?;
        let no_sockets = |source| HostError::NoSockets { path: parent.to_owned(), source };
        folder.try_socket().map_err(no_sockets)?;
        Ok(folder)
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
            let Some(lock) = lock(&new).inspect_err(|_| remove(&new))? else { continue };
            // It replaces nothing but an empty folder that nobody has locked.
            if is_held(&path) || fs::rename(&new, &path).is_err() {
                fs::remove_dir(&new)?;
                continue;
            }
            return Ok(Self { path, lock });
        }
    }

    /// Some file systems know no sockets.
    fn try_socket(&self) -> io::Result<()> {
        let path = self.path.join("try");
        let listener = UnixListener::bind(&path)?;
        let reached = UnixStream::connect(&path).map(drop);
        drop(listener);
        fs::remove_file(&path)?;
        reached
    }

    /// Whether what has its name is still this very folder.
    fn is_there(&self) -> bool {
        let (Ok(ours), Ok(found)) = (fstat(&self.lock), fs::symlink_metadata(&self.path)) else {
            return false;
        };
        (ours.st_dev, ours.st_ino) == (found.dev(), found.ino())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if self.is_there() {
            remove(&self.path);
        }
    }
}

/// Makes the parent of all gateways' folders, or checks the one that is there.
fn prepare_parent(path: &Path) -> Result<(), HostError> {
    if path.to_str().is_none_or(|text| text.contains(['|', '\n', '\r'])) {
        let why =
            "a plugin's first line can name no path with '|', a line break or other than UTF-8";
        let source = io::Error::new(io::ErrorKind::InvalidInput, why);
        return Err(HostError::NoSockets { path: path.to_owned(), source });
    }
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
    let age = found.modified().map(|at| clock::now().duration_since(at));
    age.is_ok_and(|age| age.map_or(true, |age| age < MAKING))
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
    if let Err(error) = private_dir::remove(path) {
        tracing::warn!(path = %path.display(), %error, "a folder of plugins stays behind");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    fn take(parent: &Path) -> Result<RunDir, HostError> {
        RunDir::take(&[parent.to_owned()])
    }

    fn in_use(dir: &RunDir) -> PathBuf {
        dir.held.lock().unwrap().last().unwrap().path.clone()
    }

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
        let living = take(parent.path()).unwrap();
        let living_name = in_use(&living).file_name().unwrap().to_str().unwrap().to_owned();
        fs::create_dir_all(parent.path().join("g000000/p1")).unwrap();
        fs::write(parent.path().join("g000000/p1/socket"), "").unwrap();
        let kept = ["g1", "gabcdef", "n000001", "other", "x000000"];
        for name in kept {
            fs::create_dir(parent.path().join(name)).unwrap();
        }
        fs::write(parent.path().join("g000002"), "a file").unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink(elsewhere.path(), parent.path().join("g000003")).unwrap();
        drop(take(parent.path()).unwrap());
        let mut expected: Vec<_> = kept.into_iter().map(str::to_owned).collect();
        expected.extend(["g000002".to_owned(), "g000003".to_owned(), living_name]);
        expected.sort();
        assert_eq!(names(parent.path()), expected);
        assert!(elsewhere.path().exists());
    }

    #[test]
    fn a_folder_goes_with_its_gateway() {
        let parent = tempfile::tempdir().unwrap();
        let dir = take(&parent.path().join("deep/er")).unwrap();
        let path = in_use(&dir);
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o700);
        fs::write(path.join("left"), "").unwrap();
        drop(dir);
        assert!(!path.exists());
    }

    #[test]
    fn a_folder_that_no_plugin_could_name_is_passed_over() {
        let parent = tempfile::tempdir().unwrap();
        let (odd, usual) = (parent.path().join("a|b"), parent.path().join("usual"));
        let dir = RunDir::take(&[odd.clone(), usual.clone()]).unwrap();
        assert!(in_use(&dir).starts_with(&usual));
        assert!(!odd.exists());
        assert!(take(&odd).unwrap_err().to_string().contains("'|'"));
    }

    #[test]
    fn a_folder_without_room_for_sockets_is_refused_with_the_reason() {
        let parent = tempfile::tempdir().unwrap();
        let error = take(&parent.path().join("x".repeat(80))).unwrap_err().to_string();
        assert!(error.contains("107 bytes"), "{error}");
    }

    #[test]
    fn a_folder_that_others_can_write_is_refused() {
        let parent = tempfile::tempdir().unwrap();
        fs::set_permissions(parent.path(), Permissions::from_mode(0o777)).unwrap();
        assert!(matches!(take(parent.path()), Err(HostError::Shared(_))));
    }

    #[test]
    fn the_first_place_that_will_do_is_taken_and_what_cannot_hold_sockets_is_passed_over() {
        let parent = tempfile::tempdir().unwrap();
        let shared = parent.path().join("shared");
        fs::create_dir(&shared).unwrap();
        fs::set_permissions(&shared, Permissions::from_mode(0o777)).unwrap();
        let file = parent.path().join("file");
        fs::write(&file, "").unwrap();
        let (good, better) = (parent.path().join("good"), parent.path().join("better"));
        let places = [parent.path().join("x".repeat(80)), shared, file, good.clone(), better];
        let dir = RunDir::take(&places).unwrap();
        assert!(in_use(&dir).starts_with(&good));
        assert_eq!(names(&in_use(&dir)), [""; 0], "nothing of the trial is left");
    }

    #[test]
    fn a_folder_that_is_cleaned_away_is_made_anew_with_all_above_it() {
        let parent = tempfile::tempdir().unwrap();
        let place = parent.path().join("run");
        let dir = take(&place).unwrap();
        let first = dir.private_dir().unwrap();
        fs::remove_dir_all(&place).unwrap();
        let second = dir.private_dir().unwrap();
        assert!(second.path().is_dir() && !first.path().exists());
        // The folder of another gateway that lives is not ours to remove, even under the same name.
        let others = in_use(&dir);
        fs::remove_dir_all(&others).unwrap();
        fs::create_dir(&others).unwrap();
        let _theirs = lock(&others).unwrap().unwrap();
        let third = dir.private_dir().unwrap();
        assert!(third.path().is_dir());
        drop((first, second, third, dir));
        assert_eq!(names(&place), [others.file_name().unwrap().to_str().unwrap()]);
    }

    #[test]
    fn where_a_folder_cannot_be_made_anew_the_next_place_is_taken() {
        let parent = tempfile::tempdir().unwrap();
        let (one, two) = (parent.path().join("one"), parent.path().join("two"));
        let dir = RunDir::take(&[one.clone(), two.clone()]).unwrap();
        for place in [&one, &two] {
            fs::remove_dir_all(place).unwrap_or_default();
            fs::write(place, "in the way").unwrap();
            if place == &one {
                assert!(dir.private_dir().unwrap().path().starts_with(&two));
            }
        }
        let reason = dir.private_dir().unwrap_err().to_string();
        assert!(reason.contains("two"), "{reason}");
        fs::remove_file(&two).unwrap();
        assert!(dir.private_dir().unwrap().path().starts_with(&two));
    }
}
