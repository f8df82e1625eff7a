//! Private folders: one for each plugin process, mode 0700, for its socket and temporary files.

use super::fault::Fault;
use super::random::random;
use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Bytes a socket's path can have.
const MAX_SOCKET_PATH: usize = 107;
/// Longest name that plugin libraries give their socket: `plugin` and the digits of a number.
const SOCKET_NAME: usize = "/plugin".len() + 20;
/// Bytes that are added to the path of the parent.
const ADDED: usize = "/p".len() + NAME_DIGITS + SOCKET_NAME;

/// Whether sockets in private folders below a folder with a path of this many bytes can be reached.
pub(super) fn has_room(parent: usize) -> bool {
    parent + ADDED <= MAX_SOCKET_PATH
}

/// Enough for all processes of one gateway: a taken number is not taken twice.
const NAME_DIGITS: usize = 6;

/// A folder of one process; removed with everything in it when dropped.
#[derive(Debug)]
pub(super) struct PrivateDir(PathBuf);

impl PrivateDir {
    /// Makes a fresh folder that only this user can open.
    pub(super) fn create(parent: &Path) -> Result<Self, Fault> {
        let failed = |source| Fault::PrivateDir { path: parent.to_owned(), source };
        if !has_room(parent.as_os_str().len()) {
            return Err(Fault::PathTooLong(parent.to_owned()));
        }
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
                    return Ok(dir);
                }
            }
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for PrivateDir {
    fn drop(&mut self) {
        if let Err(error) = remove(&self.0) {
            tracing::warn!(path = %self.0.display(), %error, "private folder of a plugin stays behind");
        }
    }
}

/// Removes a folder with everything in it, where it is still there.
pub(super) fn remove(path: &Path) -> io::Result<()> {
    // An empty one need not be opened, which a process that has run out of files cannot do.
    let removed = fs::remove_dir(path).or_else(|_| fs::remove_dir_all(path));
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::MetadataExt;

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
        fs::create_dir(&long).unwrap();
        let error = PrivateDir::create(&long).unwrap_err().to_string();
        assert!(error.contains("shorter"), "{error}");
        assert_eq!(fs::read_dir(&long).unwrap().count(), 0);
    }
}
