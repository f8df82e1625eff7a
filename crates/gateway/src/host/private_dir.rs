//! Private folders: one for each plugin process, mode 0700, for its socket and temporary files.

use super::fault::Fault;
use super::random::random;
use rustix::process::geteuid;
use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Bytes a socket's path can have.
const MAX_SOCKET_PATH: usize = 107;
/// Longest name that plugin libraries give their socket: `plugin` and the digits of a number.
const SOCKET_NAME: usize = "/plugin".len() + 20;

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

/// Makes the parent of all private folders, or checks the one that is there.
pub(super) fn prepare_parent(path: &Path) -> Result<(), HostError> {
    let failed = |source| HostError::RuntimeDir { path: path.to_owned(), source };
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(failed)?;
    let found = fs::symlink_metadata(path).map_err(failed)?;
    let ours = found.uid() == geteuid().as_raw() && found.mode() & 0o022 == 0;
    // In a folder like /tmp nobody can rename what belongs to somebody else.
    let sticky = found.mode() & 0o1000 != 0;
    if !found.is_dir() || !(ours || sticky) {
        return Err(HostError::Shared(path.to_owned()));
    }
    if path.as_os_str().len() + "/p".len() + NAME_DIGITS + SOCKET_NAME > MAX_SOCKET_PATH {
        return Err(HostError::PathTooLong(path.to_owned()));
    }
    Ok(())
}

const NAME_DIGITS: usize = 11;

/// A folder of one process; removed with everything in it when dropped.
#[derive(Debug)]
pub(super) struct PrivateDir(PathBuf);

impl PrivateDir {
    /// Makes a fresh folder that only this user can open.
    pub(super) fn create(parent: &Path) -> Result<Self, Fault> {
        let failed = |source| Fault::PrivateDir { path: parent.to_owned(), source };
        loop {
            let number = random() % 10u64.pow(NAME_DIGITS as u32);
            let path = parent.join(format!("p{number:0NAME_DIGITS$}"));
            match DirBuilder::new().mode(0o700).create(&path) {
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => {}
                Err(e) => return Err(failed(e)),
                Ok(()) => {
                    let dir = Self(path);
                    // The process's umask may have taken more than the mode says.
                    fs::set_permissions(&dir.0, Permissions::from_mode(0o700)).map_err(failed)?;
                    return dir.with_room_for_sockets();
                }
            }
        }
    }

    fn with_room_for_sockets(self) -> Result<Self, Fault> {
        if self.0.as_os_str().len() + SOCKET_NAME > MAX_SOCKET_PATH {
            return Err(Fault::PathTooLong(self.0.clone()));
        }
        Ok(self)
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for PrivateDir {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0)
            && error.kind() != io::ErrorKind::NotFound
        {
            tracing::warn!(path = %self.0.display(), %error, "private folder of a plugin stays behind");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_private_folder_is_for_its_owner_only_and_goes_when_dropped() {
        let parent = tempfile::tempdir().unwrap();
        let dir = PrivateDir::create(parent.path()).unwrap();
        let path = dir.path().to_owned();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o700);
        fs::write(path.join("socket"), "").unwrap();
        drop(dir);
        assert!(!path.exists());
    }

    #[test]
    fn a_folder_without_room_for_sockets_is_refused_with_the_reason() {
        let parent = tempfile::tempdir().unwrap();
        let long = parent.path().join("x".repeat(80));
        let error = prepare_parent(&long).unwrap_err().to_string();
        assert!(error.contains("107 bytes"), "{error}");
        let error = PrivateDir::create(&long).unwrap_err().to_string();
        assert!(error.contains("shorter"), "{error}");
        assert_eq!(fs::read_dir(&long).unwrap().count(), 0);
    }

    #[test]
    fn a_folder_that_others_can_write_is_refused() {
        let parent = tempfile::tempdir().unwrap();
        fs::set_permissions(parent.path(), Permissions::from_mode(0o777)).unwrap();
        assert!(matches!(prepare_parent(parent.path()), Err(HostError::Shared(_))));
    }
}
