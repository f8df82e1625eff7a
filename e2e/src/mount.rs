//! Disks that can be full or read-only: a small file system in memory, and a folder laid under a
//! mount that can only be read. Only root can make them.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// A small disk of its own; gone when dropped.
pub struct SmallDisk(TempDir);

impl SmallDisk {
    /// Mounts one of so many KiB on a new folder; `None` where this machine does not let us mount.
    ///
    /// # Panics
    /// When there is no room for a folder.
    pub fn mount(kib: u32) -> Option<Self> {
        let folder = TempDir::new().expect("a folder for the disk");
        let options = format!("size={kib}k,mode=0700");
        let arguments: [&OsStr; 6] = [
            "-t".as_ref(),
            "tmpfs".as_ref(),
            "-o".as_ref(),
            options.as_ref(),
            "tmpfs".as_ref(),
            folder.path().as_ref(),
        ];
        run("mount", &arguments).then(|| Self(folder))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// Takes all the room that is left; gives it back when dropped.
    ///
    /// # Panics
    /// When something else than the end of the room stops it.
    pub fn fill(&self) -> Filler {
        let path = self.path().join("filler");
        let mut file = File::create(&path).expect("room for one more name");
        loop {
            match file.write(&[0x5a; 4096]) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::StorageFull => return Filler(path),
                Err(error) => panic!("the disk cannot be filled: {error}"),
            }
        }
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        run("umount", &["-l".as_ref(), self.path().as_os_str()]);
    }
}

/// What keeps a disk full.
pub struct Filler(PathBuf);

impl Drop for Filler {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// What keeps a folder read-only, for whoever opens something there from now on.
pub struct ReadOnly(PathBuf);

impl ReadOnly {
    /// Lays it over a folder; `None` where this machine does not let us mount.
    ///
    /// # Panics
    /// When a folder can be covered and yet not be made read-only.
    pub fn over(folder: &Path) -> Option<Self> {
        let folder = folder.as_os_str();
        let covered = run("mount", &["--bind".as_ref(), folder, folder]);
        let covered = covered.then(|| Self(PathBuf::from(folder)))?;
        let options = ["-o".as_ref(), "remount,bind,ro".as_ref(), folder];
        assert!(run("mount", &options), "a cover can be read-only");
        Some(covered)
    }
}

impl Drop for ReadOnly {
    fn drop(&mut self) {
        // Files that were opened beneath it stay usable for whoever has them.
        run("umount", &["-l".as_ref(), self.0.as_os_str()]);
    }
}

fn run(program: &str, arguments: &[&OsStr]) -> bool {
    Command::new(program).args(arguments).output().is_ok_and(|done| done.status.success())
}
