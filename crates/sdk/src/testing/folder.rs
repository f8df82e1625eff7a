//! A private folder for the socket of a test. Knows nothing of what is put there.

use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

/// A folder that is removed, with what is in it, when this is dropped.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Result<Self> {
        let number = getrandom::u64().map_err(|error| Error::new(error.to_string()))?;
        let path = std::env::temp_dir().join(format!("sidegate-{number:016x}"));
        std::fs::DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Self(path))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // A folder that is gone already is no loss.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
