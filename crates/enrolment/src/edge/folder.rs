//! The folder of an identity: files that are there as a whole or not at all, and that nobody but their owner reads.
//! Knows nothing of what is in them.

use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// Largest file that is read, in bytes.
const MAX_BYTES: u64 = 1024 * 1024;

/// Something in the folder that did not work, or is not as it must be.
#[derive(Debug, thiserror::Error)]
#[error("{action} {}: {problem}", .path.display())]
pub struct FolderError {
    path: PathBuf,
    action: &'static str,
    problem: String,
}

/// A folder for one identity.
#[derive(Debug)]
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn new(path: &Path) -> Self {
        Self(path.to_owned())
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Makes it, with its parents, unless it is there.
    pub(super) fn make(&self) -> Result<(), FolderError> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&self.0);
        made.map_err(failed("create", &self.0))?;
        let private = std::fs::set_permissions(&self.0, Permissions::from_mode(0o700));
        private.map_err(failed("protect", &self.0))
    }

    /// Reads a file, if it is there.
    pub(super) fn read(&self, name: &str) -> Result<Option<Vec<u8>>, FolderError> {
        let path = self.path(name);
        let file = match File::open(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            opened => opened.map_err(failed("read", &path))?,
        };
        let data = file.metadata().map_err(failed("read", &path))?;
        if !data.is_file() {
            return Err(wrong(&path, "it is no file".to_owned()));
        }
        let mode = data.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            let problem = format!(
                "others may read or change it (mode {mode:04o}); if nobody did: chmod 0600 {}",
                path.display()
            );
            return Err(wrong(&path, problem));
        }
        let mut bytes = Vec::new();
        let read = file.take(MAX_BYTES + 1).read_to_end(&mut bytes);
        read.map_err(failed("read", &path))?;
        match bytes.len() as u64 > MAX_BYTES {
            true => Err(wrong(&path, format!("it has more than {MAX_BYTES} bytes"))),
            false => Ok(Some(bytes)),
        }
    }

    /// Writes a file as a whole. It survives a power cut when this returns.
    pub(super) fn write(&self, name: &str, bytes: &[u8]) -> Result<(), FolderError> {
        let (path, draft) = (self.path(name), self.path(&format!(".{name}.new")));
        let written = write_draft(&draft, bytes).and_then(|()| {
            std::fs::rename(&draft, &path).map_err(failed("rename", &path))?;
            self.sync()
        });
        if written.is_err() {
            // Of no use to anybody, and a key may be in it.
            let _ = std::fs::remove_file(&draft);
        }
        written
    }

    /// Removes a file, if it is there.
    pub(super) fn remove(&self, name: &str) -> Result<(), FolderError> {
        let path = self.path(name);
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(failed("remove", &path)(error))
            }
            _ => Ok(()),
        }
    }

    /// That what is in it is damaged.
    pub(super) fn damaged(&self, name: &str, problem: &impl ToString) -> FolderError {
        wrong(&self.path(name), problem.to_string())
    }

    fn sync(&self) -> Result<(), FolderError> {
        let synced = File::open(&self.0).and_then(|folder| folder.sync_all());
        synced.map_err(failed("sync", &self.0))
    }
}

fn write_draft(draft: &Path, bytes: &[u8]) -> Result<(), FolderError> {
    // A write that was cut may have left one.
    match std::fs::remove_file(draft) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            return Err(failed("remove", draft)(error));
        }
        _ => {}
    }
    let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(draft);
    let mut file = file.map_err(failed("create", draft))?;
    file.write_all(bytes).map_err(failed("write", draft))?;
    file.sync_all().map_err(failed("sync", draft))
}

fn wrong(path: &Path, problem: String) -> FolderError {
    FolderError { path: path.to_owned(), action: "read", problem }
}

fn failed(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> FolderError {
    let path = path.to_owned();
    move |error| {
        let hint = match error.kind() {
            ErrorKind::StorageFull => "; free some space",
            ErrorKind::QuotaExceeded => "; raise the quota or free some space",
            ErrorKind::ReadOnlyFilesystem => "; mount the file system so that it can be written",
            ErrorKind::PermissionDenied => "; the folder must belong to the user of the gateway",
            _ => "",
        };
        FolderError { path, action, problem: format!("{error}{hint}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::TempDir;

    #[test]
    fn what_is_written_is_there_as_a_whole_and_for_its_owner_only() {
        let above = TempDir::new().unwrap();
        let folder = Folder::new(&above.path().join("edge/identity"));
        folder.make().unwrap();
        assert_eq!(folder.read("a").unwrap(), None);
        folder.write("a", b"one").unwrap();
        folder.write("a", b"two").unwrap();
        assert_eq!(folder.read("a").unwrap().unwrap(), b"two");
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&folder.path("a")), mode(&folder.0)), (0o600, 0o700));
        let files = std::fs::read_dir(&folder.0).unwrap().count();
        assert_eq!(files, 1);
        folder.remove("a").unwrap();
        folder.remove("a").unwrap();
    }

    #[test]
    fn what_others_may_read_is_refused_by_name() {
        let above = TempDir::new().unwrap();
        let folder = Folder::new(above.path());
        folder.write("key", b"k").unwrap();
        std::fs::set_permissions(folder.path("key"), Permissions::from_mode(0o640)).unwrap();
        let told = folder.read("key").unwrap_err().to_string();
        assert!(told.contains("mode 0640") && told.contains("chmod 0600"), "{told}");
    }
}
