//! The folder in which a gateway keeps everything: its lock, and where the admin token lies.
//!
//! It knows files, not what the database or the token are for.

use crate::config::resolved::Secret;
use crate::error::{Failure, Kind};
use sidegate_model::token::NewToken;
use std::fs::{DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::fs::{
    DirBuilderExt as _, FileExt as _, OpenOptionsExt as _, PermissionsExt as _,
};
use std::path::{Path, PathBuf};

/// Proof that this process alone uses a data folder; given back when it is dropped, and then names
/// nobody any more.
#[derive(Debug)]
pub(crate) struct DataDir {
    lock: File,
}

impl DataDir {
    /// A lock that another gateway handed over; it is not free as long as either holds it.
    pub(crate) fn handed_over(lock: OwnedFd) -> Self {
        Self { lock: lock.into() }
    }

    /// The lock, to be handed over.
    pub(crate) fn lock(&self) -> BorrowedFd<'_> {
        self.lock.as_fd()
    }

    /// Creates the folder if need be and takes its lock.
    ///
    /// # Errors
    /// When the folder cannot be used, or another gateway uses it.
    pub(crate) fn take(folder: &Path) -> Result<Self, Failure> {
        Self::take_if_free(folder)?.map_err(|holder| {
            let shown = folder.display();
            // One that begins or ends just now names nobody.
            let holder = if holder.is_empty() { holder } else { format!(" (process {holder})") };
            Failure::of(
                Kind::Conflict,
                format!("the data folder {shown} is in use by another gateway{holder}"),
            )
            .hint("stop that process, set DATA_DIR to another folder, or take over with --takeover")
        })
    }

    /// The same where another gateway may use it: then its process is told.
    ///
    /// # Errors
    /// When the folder cannot be used.
    pub(crate) fn take_if_free(folder: &Path) -> Result<Result<Self, String>, Failure> {
        let shown = folder.display();
        let cannot = |what: &str, e: std::io::Error| {
            Failure::failed(format!("the data folder {shown} {what}: {e}"))
                .hint("set DATA_DIR to a folder that this user may write")
        };
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)
            .map_err(|e| cannot("cannot be created", e))?;
        let path = folder.join("sidegate.lock");
        let mut lock = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path)
            .map_err(|e| cannot("cannot be written", e))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::Error(e)) => return Err(cannot("cannot be locked", e)),
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                let _ = lock.read_to_string(&mut holder);
                return Ok(Err(holder.trim().to_owned()));
            }
        }
        let taken = Self { lock };
        taken.sign().map_err(|e| cannot("cannot be written", e))?;
        Ok(Ok(taken))
    }

    /// Whether it is this process that is written down; another one may have signed since.
    fn is_signed_by_us(&self) -> bool {
        let signature = signature();
        let mut found = [0; 32];
        self.lock
            .read_at(&mut found, 0)
            .is_ok_and(|length| found[..length] == *signature.as_bytes())
    }

    /// Writes down whose it is.
    ///
    /// # Errors
    /// What the system says.
    pub(crate) fn sign(&self) -> std::io::Result<()> {
        self.lock.set_len(0)?;
        // Whoever was handed the lock shares its position too.
        self.lock.write_all_at(signature().as_bytes(), 0)
    }
}

fn signature() -> String {
    format!("{}\n", std::process::id())
}

impl Drop for DataDir {
    fn drop(&mut self) {
        if self.is_signed_by_us() {
            // A number that stays behind is at worst another process's one day.
            let _ = self.lock.set_len(0);
        }
    }
}

/// Where the generated admin token lies.
pub(crate) fn admin_token_path(folder: &Path) -> PathBuf {
    folder.join("admin.token")
}

/// The admin token of the gateway that holds this folder: the one it made at its first start, or a
/// new one, written readable by the owner only.
///
/// # Errors
/// When the file cannot be read or written, or the system gives no randomness.
pub(crate) fn admin_token_of(_: &DataDir, folder: &Path) -> Result<Secret, Failure> {
    let path = admin_token_path(folder);
    if path.exists() {
        // Somebody may have copied the folder with a careless umask.
        let _ = std::fs::set_permissions(&path, Permissions::from_mode(0o600));
        return read_admin_token(&path);
    }
    let token = NewToken::generate()
        .map_err(|e| Failure::failed(format!("the system gives no randomness: {e}")))?;
    write_at_once(&path, format!("{}\n", token.reveal()))?;
    Ok(Secret::new(token.reveal()))
}

/// Reads the admin token for a command.
///
/// # Errors
/// When it is not there or not readable, with what to do instead.
pub(crate) fn read_admin_token(path: &Path) -> Result<Secret, Failure> {
    let hint = "start the gateway once with `sidegate serve`, set --data-dir (or DATA_DIR) to its \
                data folder, or set SIDEGATE_ADMIN_TOKEN";
    let shown = path.display();
    match std::fs::read_to_string(path) {
        Ok(text) if text.trim().is_empty() => {
            Err(Failure::failed(format!("the admin token file {shown} is empty")).hint(hint))
        }
        Ok(text) => Ok(Secret::new(text.trim())),
        Err(e) if e.kind() == ErrorKind::NotFound => Err(Failure::of(
            Kind::Refused,
            format!("there is no admin token: {shown} does not exist"),
        )
        .hint(hint)),
        Err(e) => {
            Err(Failure::failed(format!("the admin token file {shown} cannot be read: {e}"))
                .hint(hint))
        }
    }
}

/// Writes a file for the owner only, so that a reader sees all of it or nothing.
///
/// # Errors
/// Names the file and what the system said.
pub(crate) fn write_at_once(path: &Path, content: impl AsRef<[u8]>) -> Result<(), Failure> {
    let mut draft = path.as_os_str().to_owned();
    draft.push(format!(".{}.tmp", std::process::id()));
    let draft = PathBuf::from(draft);
    let write = || {
        // A draft that an earlier process left behind may have other permissions.
        let _ = std::fs::remove_file(&draft);
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
        file.write_all(content.as_ref())?;
        file.sync_all()?;
        std::fs::rename(&draft, path)
    };
    write().map_err(|e| {
        Failure::failed(format!("{} cannot be written: {e}", path.display()))
            .hint("name a path in a folder that exists and that this user may write")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_data_folder_belongs_to_one_gateway_at_a_time() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("deep/data");
        let first = DataDir::take(&folder).unwrap();
        let second = DataDir::take(&folder).unwrap_err();
        let pid = std::process::id();
        assert!(second.message.contains(&format!("(process {pid})")), "{}", second.message);
        let written = || std::fs::read_to_string(folder.join("sidegate.lock")).unwrap();
        assert_eq!(written().trim(), pid.to_string());
        drop(first);
        assert_eq!(written(), "", "it names nobody");
        let third = DataDir::take(&folder).unwrap();
        // Another process has signed, as one does that takes over.
        std::fs::write(folder.join("sidegate.lock"), "1\n").unwrap();
        drop(third);
        assert_eq!(written(), "1\n");
    }

    #[test]
    fn a_new_data_folder_is_for_its_owner_only() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("data");
        let _taken = DataDir::take(&folder).unwrap();
        assert_eq!(std::fs::metadata(&folder).unwrap().permissions().mode() & 0o777, 0o700);
    }

    #[test]
    fn the_admin_token_is_made_once_and_for_its_owner_only() {
        let parent = tempfile::tempdir().unwrap();
        let taken = DataDir::take(parent.path()).unwrap();
        let first = admin_token_of(&taken, parent.path()).unwrap();
        let path = admin_token_path(parent.path());
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(admin_token_of(&taken, parent.path()).unwrap(), first);
        assert_eq!(read_admin_token(&path).unwrap(), first);
        std::fs::write(&path, "\n").unwrap();
        assert!(admin_token_of(&taken, parent.path()).is_err());
    }

    #[test]
    fn a_missing_token_says_where_it_was_looked_for() {
        let parent = tempfile::tempdir().unwrap();
        let failure = read_admin_token(&admin_token_path(parent.path())).unwrap_err();
        assert!(failure.message.contains("admin.token"), "{}", failure.message);
        assert!(failure.hint.is_some());
    }
}
