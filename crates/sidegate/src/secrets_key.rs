//! The file with the key that encrypts secrets in the database: read at the start, and made at the
//! first one. It knows nothing of what is encrypted.

use crate::config::resolved::KeyFile;
use crate::data_dir::write_at_once;
use crate::error::Failure;
use sidegate_model::sealing::{Keyring, SealingKey};
use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

/// More than any sensible number of keys.
const MAX_BYTES: u64 = 64 * 1024;

/// The keys of the file. Where it is missing, nobody chose it and nothing is encrypted yet, it is
/// made.
///
/// # Errors
/// When it cannot be read or written, or holds no key; the text never repeats a part of it.
pub(crate) fn read_or_make(file: &KeyFile, is_needed: bool) -> Result<Keyring, Failure> {
    let KeyFile { path, is_made } = file;
    let shown = path.display();
    let metadata = match std::fs::metadata(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return if *is_made && !is_needed { make(path) } else { Err(missing(file, is_needed)) };
        }
        found => found.map_err(|e| unreadable(path, &e))?,
    };
    if !metadata.is_file() || metadata.len() > MAX_BYTES {
        return Err(Failure::failed(format!("{shown} is no file with keys"))
            .hint("see SIDEGATE_SECRETS_KEY_FILE"));
    }
    if metadata.permissions().mode() & 0o077 != 0 {
        tracing::warn!(file = %shown, "others than its owner may read the key of the secrets: chmod 600");
    }
    let text = std::fs::read_to_string(path).map_err(|e| unreadable(path, &e))?;
    read(&text).map_err(|problem| {
        Failure::failed(format!("{shown}: {problem}")).hint("see SIDEGATE_SECRETS_KEY_FILE")
    })
}

/// Keys, one a line; lines that are empty or begin with # say nothing.
fn read(text: &str) -> Result<Keyring, String> {
    let mut keys = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let key = SealingKey::parse(line).map_err(|problem| format!("line {number}: {problem}"))?;
        keys.push(key);
    }
    let mut keys = keys.into_iter();
    let current =
        keys.next().ok_or("there is no key in it; `openssl rand -base64 32` makes one")?;
    Ok(Keyring::new(current, keys))
}

fn make(path: &Path) -> Result<Keyring, Failure> {
    let key = SealingKey::generate()
        .map_err(|e| Failure::failed(format!("the system gives no randomness: {e}")))?;
    write_at_once(path, format!("{}\n", key.reveal()))?;
    tracing::info!(file = %path.display(), "a key for the secrets in the database was made: keep a copy of it");
    Ok(Keyring::new(key, []))
}

fn missing(file: &KeyFile, is_needed: bool) -> Failure {
    let shown = file.path.display();
    let failure =
        Failure::failed(format!("the key of the secrets is missing: there is no {shown}"));
    if is_needed {
        return failure.hint(
            "the database holds secrets that only this key opens: restore the file from a backup, or name the \
             file that has it with SIDEGATE_SECRETS_KEY_FILE",
        );
    }
    failure.hint(format!("make one: (umask 077; openssl rand -base64 32 > {shown})"))
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::failed(format!("the key of the secrets, {}, cannot be read: {error}", path.display()))
        .hint("see SIDEGATE_SECRETS_KEY_FILE")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(folder: &Path, is_made: bool) -> KeyFile {
        KeyFile { path: folder.join("secrets.key"), is_made }
    }

    #[test]
    fn the_key_is_made_once_for_its_owner_only_and_never_where_secrets_need_another() {
        let folder = tempfile::tempdir().unwrap();
        let file = file(folder.path(), true);
        let refused = read_or_make(&file, true).unwrap_err();
        assert!(refused.message.contains("is missing"), "{}", refused.message);
        assert!(refused.hint.unwrap().contains("restore the file"));
        let made = read_or_make(&file, false).unwrap();
        let mode = std::fs::metadata(&file.path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let again = read_or_make(&file, true).unwrap();
        assert_eq!(again.current().id(), made.current().id());
    }

    #[test]
    fn what_is_no_file_is_refused_and_never_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let fifo = folder.path().join("secrets.key");
        rustix::fs::mkfifoat(rustix::fs::CWD, &fifo, 0o600.into()).unwrap();
        for path in [fifo, folder.path().to_owned(), "/dev/zero".into()] {
            let refused = read_or_make(&KeyFile { path, is_made: true }, false).unwrap_err();
            assert!(refused.message.contains("is no file with keys"), "{}", refused.message);
        }
    }

    #[test]
    fn a_file_that_somebody_chose_is_never_made() {
        let folder = tempfile::tempdir().unwrap();
        let refused = read_or_make(&file(folder.path(), false), false).unwrap_err();
        assert!(refused.hint.unwrap().contains("openssl rand -base64 32"));
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn the_first_key_encrypts_and_the_others_can_be_read() {
        let keys = [1, 2].map(|byte| SealingKey::new([byte; 32]));
        let [new, old] = &keys;
        let text = format!("# of May\n{}\n\n{}\n", new.reveal(), old.reveal());
        let ring = read(&text).unwrap();
        assert_eq!(ring.current().id(), new.id());
        assert!(ring.get(old.id()).is_some());
    }

    #[test]
    fn what_is_no_key_is_named_by_its_line_and_not_repeated() {
        let problem = read("# keys\nhunter2hunter2\n").unwrap_err();
        assert!(problem.starts_with("line 2: write 32 bytes"), "{problem}");
        assert!(!problem.contains("hunter2"));
        assert!(read("\n# nothing\n").unwrap_err().contains("no key in it"));
    }
}
