//! Files that are there as a whole or not at all, readable for their owner only, and errors that say which file,
//! what was tried and what to do. Knows nothing of what is in them.

use std::fs::{DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// Something on the disk that did not work. What was there before is still there.
#[derive(Debug, thiserror::Error)]
#[error("{action} {}: {}", .path.display(), self.problem())]
pub struct DiskError {
    path: PathBuf,
    action: &'static str,
    source: io::Error,
}

impl DiskError {
    fn new(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self { path, action, source }
    }

    pub(super) fn damaged(path: &Path) -> Self {
        let problem = "it was changed or cut off: its bytes are not those of its name";
        Self::new("read", path)(io::Error::new(ErrorKind::InvalidData, problem))
    }

    pub(super) fn missing(path: &Path) -> Self {
        Self::new("read", path)(ErrorKind::NotFound.into())
    }

    pub(super) fn is_not_found(&self) -> bool {
        self.source.kind() == ErrorKind::NotFound
    }

    /// What is wrong, and what to do.
    pub fn problem(&self) -> String {
        let hint = match self.source.kind() {
            ErrorKind::StorageFull => "; free some space",
            ErrorKind::QuotaExceeded => "; raise the quota or free some space",
            ErrorKind::ReadOnlyFilesystem => "; mount the file system so that it can be written",
            ErrorKind::PermissionDenied => "; the folder must belong to the user of the gateway",
            _ => "",
        };
        format!("{}{hint}", self.source)
    }
}

/// Access to files; in tests it can be cut at any step.
#[derive(Debug, Default)]
pub(super) struct Files {
    #[cfg(test)]
    pub(super) faults: super::tests::Faults,
}

impl Files {
    /// Makes a folder with its parents, unless it is there.
    pub(super) fn make_folder(&self, path: &Path) -> Result<(), DiskError> {
        self.step("create", path)?;
        let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
        made.map_err(DiskError::new("create", path))?;
        let is_private = path.metadata().map(|data| data.permissions().mode() & 0o777 == 0o700);
        if !is_private.map_err(DiskError::new("look at", path))? {
            let private = std::fs::set_permissions(path, Permissions::from_mode(0o700));
            private.map_err(DiskError::new("protect", path))?;
        }
        Ok(())
    }

    /// Writes a file as a whole. It is sure to be there once its folder is synced.
    pub(super) fn write(&self, folder: &Path, name: &str, bytes: &[u8]) -> Result<(), DiskError> {
        let (path, draft) = (folder.join(name), folder.join(format!(".{name}.new")));
        let written = self.write_draft(&draft, bytes).and_then(|()| {
            self.step("rename", &path)?;
            std::fs::rename(&draft, &path).map_err(DiskError::new("rename", &path))
        });
        if written.is_err() && self.step("remove", &draft).is_ok() {
            // Of no use to anybody, and it takes room that may be what is missing.
            let _ = std::fs::remove_file(&draft);
        }
        written
    }

    fn write_draft(&self, draft: &Path, bytes: &[u8]) -> Result<(), DiskError> {
        self.step("write", draft)?;
        // A write that was cut may have left one.
        match std::fs::remove_file(draft) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(DiskError::new("remove", draft)(error));
            }
            _ => {}
        }
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(draft);
        let mut file = file.map_err(DiskError::new("create", draft))?;
        let (begin, rest) = bytes.split_at(bytes.len() / 2);
        file.write_all(begin).map_err(DiskError::new("write", draft))?;
        self.step("write", draft)?;
        file.write_all(rest).map_err(DiskError::new("write", draft))?;
        self.step("sync", draft)?;
        file.sync_all().map_err(DiskError::new("sync", draft))
    }

    /// Makes sure that names survive a power cut.
    pub(super) fn sync_folder(&self, folder: &Path) -> Result<(), DiskError> {
        self.step("sync", folder)?;
        let synced = File::open(folder).and_then(|folder| folder.sync_all());
        synced.map_err(DiskError::new("sync", folder))
    }

    /// Reads a file of at most this size.
    pub(super) fn read(&self, path: &Path, most: usize) -> Result<Vec<u8>, DiskError> {
        let wrong = |problem: String| {
            DiskError::new("read", path)(io::Error::new(ErrorKind::InvalidData, problem))
        };
        let file = File::open(path).map_err(DiskError::new("read", path))?;
        let data = file.metadata().map_err(DiskError::new("read", path))?;
        if !data.is_file() {
            return Err(wrong("it is no file".to_owned()));
        }
        let limit = u64::try_from(most).unwrap_or(u64::MAX);
        let mut bytes = Vec::new();
        let read = file.take(limit.saturating_add(1)).read_to_end(&mut bytes);
        read.map_err(DiskError::new("read", path))?;
        match bytes.len() > most {
            true => Err(wrong(format!("it has more than {most} bytes"))),
            false => Ok(bytes),
        }
    }

    /// Names of what is in a folder. A name that is no text is of no interest.
    pub(super) fn list(&self, folder: &Path) -> Result<Vec<String>, DiskError> {
        let listed = std::fs::read_dir(folder).and_then(|entries| {
            entries
                .map(|entry| entry.map(|entry| entry.file_name()))
                .collect::<io::Result<Vec<_>>>()
        });
        let names = listed.map_err(DiskError::new("list", folder))?;
        Ok(names.into_iter().filter_map(|name| name.into_string().ok()).collect())
    }

    /// Removes a file, if it is there.
    pub(super) fn remove(&self, path: &Path) -> Result<(), DiskError> {
        self.step("remove", path)?;
        match std::fs::remove_file(path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Err(DiskError::new("remove", path)(error))
            }
            _ => Ok(()),
        }
    }

    #[cfg(not(test))]
    fn step(&self, _: &'static str, _: &Path) -> Result<(), DiskError> {
        Ok(())
    }

    #[cfg(test)]
    fn step(&self, action: &'static str, path: &Path) -> Result<(), DiskError> {
        self.faults.step().map_err(DiskError::new(action, path))
    }
}
