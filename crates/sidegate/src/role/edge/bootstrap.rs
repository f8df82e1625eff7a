//! A bootstrap file: what an edge begins with that has nothing yet, and what tells a good file from another where no
//! identity does.

use crate::config::edge::Bootstrap;
use crate::error::Failure;
use sidegate_model::sealing::{Keyring, SealingKey};
use sidegate_sync::edge::{Host, Replica};
use sidegate_sync::{DataKeys, Namespace, PinnedSigners, SignerKey};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

/// What the global namespace is called in the file with keys.
const GLOBAL: &str = "_global";
/// More than any sensible number of keys.
const MAX_KEY_BYTES: u64 = 64 * 1024;

/// Keys of secrets, by the namespace that these are in.
pub(super) type Keys = BTreeMap<Namespace, Keyring>;

/// Whose files are taken, and what opens their secrets, for an edge that never joined.
///
/// # Errors
/// Names all that is missing.
pub(super) fn trusted(bootstrap: &Bootstrap) -> Result<(PinnedSigners, Keys), Failure> {
    let mut missing = Vec::new();
    if bootstrap.signer.is_none() {
        missing.push("SIDEGATE_BOOTSTRAP_SIGNER, the key of who must have signed it");
    }
    if bootstrap.keys.is_none() {
        missing.push("SIDEGATE_BOOTSTRAP_KEY_FILE, the keys of the secrets in it");
    }
    let (Some(signer), Some(keys)) = (&bootstrap.signer, &bootstrap.keys) else {
        let what = format!(
            "an edge that never joined needs with a bootstrap file: {}",
            missing.join("; ")
        );
        return Err(Failure::usage(what));
    };
    let place = bootstrap.places.of("SIDEGATE_BOOTSTRAP_SIGNER");
    let wrong = |what: String| Failure::usage(format!("{place}: {what}"));
    let signer = SignerKey::parse(signer).map_err(|error| wrong(error.to_string()))?;
    let signers = PinnedSigners::new([signer]).map_err(|error| wrong(error.to_string()))?;
    let keys = read_keys(keys, bootstrap.places.of("SIDEGATE_BOOTSTRAP_KEY_FILE"))?;
    Ok((signers, keys))
}

/// What to say of an edge that is in no namespace by its settings, and has keys of some: it would serve the global part alone.
/// Where one is named, the file may have the keys of the whole fleet.
pub(super) fn unnamed(keys: &Keys, namespace: &Namespace) -> Option<String> {
    let others = keys.keys().filter(|known| !known.is_global());
    let others = names(others);
    (namespace.is_global() && !others.is_empty()).then(|| {
        format!(
            "this edge serves the global namespace alone, and has keys of others ({others}): set EDGE_NAMESPACE to the one that \
             it is in"
        )
    })
}

fn names<'a>(namespaces: impl Iterator<Item = &'a Namespace>) -> String {
    namespaces.map(Namespace::as_str).collect::<Vec<_>>().join(", ")
}

fn read_keys(path: &Path, place: &str) -> Result<Keys, Failure> {
    let shown = path.display();
    let wrong = |what: String| Failure::usage(format!("{place}: {shown}: {what}"));
    let text = read_private(path).map_err(wrong)?;
    parse_keys(&text).map_err(wrong)
}

/// What is in a file that its owner alone may read: whoever else has read it can open what it is for.
fn read_private(path: &Path) -> Result<String, String> {
    let unreadable = |error: std::io::Error| format!("it cannot be read: {error}");
    // Of the path first: to open something else than a file may wait.
    if !std::fs::metadata(path).map_err(unreadable)?.is_file() {
        return Err("it is no file".to_owned());
    }
    let file = File::open(path).map_err(unreadable)?;
    let mode = file.metadata().map_err(unreadable)?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(format!(
            "others than its owner may read or change it (mode {mode:04o}): chmod 0600 {}",
            path.display()
        ));
    }
    let mut text = String::new();
    file.take(MAX_KEY_BYTES + 1).read_to_string(&mut text).map_err(unreadable)?;
    match text.len() as u64 > MAX_KEY_BYTES {
        true => Err(format!("it has more than {MAX_KEY_BYTES} bytes, which no file with keys has")),
        false => Ok(text),
    }
}

/// Lines of a namespace and a key; of several keys of one namespace the first is the newest. Lines that are empty or
/// begin with # say nothing.
fn parse_keys(text: &str) -> Result<Keys, String> {
    let mut keys: BTreeMap<Namespace, Vec<SealingKey>> = BTreeMap::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (name, key) = line.split_once(char::is_whitespace).ok_or(format!(
            "line {number}: write a namespace ({GLOBAL} for the global one) and a key"
        ))?;
        let name = if name == GLOBAL { "" } else { name };
        let namespace =
            Namespace::parse(name).map_err(|error| format!("line {number}: {error}"))?;
        let key =
            SealingKey::parse(key.trim()).map_err(|problem| format!("line {number}: {problem}"))?;
        keys.entry(namespace).or_default().push(key);
    }
    let ring = |(namespace, keys): (Namespace, Vec<SealingKey>)| {
        let mut keys = keys.into_iter();
        keys.next().map(|current| (namespace, Keyring::new(current, keys)))
    };
    Ok(keys.into_iter().filter_map(ring).collect())
}

/// Serves by the file.
///
/// # Errors
/// What is wrong with it, or missing.
pub(super) fn begin<H: Host>(
    replica: &mut Replica<H>,
    bootstrap: &Bootstrap,
    keys: &DataKeys,
) -> Result<(), Failure> {
    let shown = bootstrap.snapshot.display();
    let wrong = |error: &dyn std::fmt::Display| {
        let place = bootstrap.places.of("SIDEGATE_BOOTSTRAP_SNAPSHOT");
        Failure::failed(format!("{place}: {shown}: {error}")).hint(
            "get a new file from the control plane, with the signer and the keys that belong to it",
        )
    };
    let file = File::open(&bootstrap.snapshot).map_err(|error| wrong(&error))?;
    let left = replica.bootstrap(&mut BufReader::new(file), keys).map_err(|error| wrong(&error))?;
    tracing::info!(file = %shown, "this edge begins with a bootstrap file");
    if !left.is_empty() {
        tracing::warn!(
            file = %shown,
            namespaces = names(left.iter()),
            "the bootstrap file has more than this edge serves: set EDGE_NAMESPACE where it is in another namespace"
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::edge::Places;
    use std::path::PathBuf;

    #[test]
    fn an_edge_that_never_joined_is_told_all_that_a_bootstrap_file_needs() {
        let of = |signer: Option<&str>, keys: Option<&str>| {
            let (signer, keys) = (signer.map(str::to_owned), keys.map(PathBuf::from));
            let places = Places::default();
            let bootstrap = Bootstrap { snapshot: "/f".into(), signer, keys, places };
            trusted(&bootstrap).unwrap_err().message
        };
        let neither = of(None, None);
        assert!(neither.contains("BOOTSTRAP_SIGNER") && neither.contains("KEY_FILE"), "{neither}");
        let no_keys = of(Some("x"), None);
        assert!(!no_keys.contains("BOOTSTRAP_SIGNER") && no_keys.contains("KEY_FILE"), "{no_keys}");
        assert!(of(Some("x"), Some("/k")).starts_with("SIDEGATE_BOOTSTRAP_SIGNER: "));
    }

    #[test]
    fn a_file_with_keys_that_others_may_read_is_refused_before_a_key_of_it_is_used() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("berlin.keys");
        let key = SealingKey::new([7; 32]).reveal();
        std::fs::write(&path, format!("_global {key}\n")).unwrap();
        let allow = |mode| {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            read_keys(&path, "K").map(|keys| keys.len()).map_err(|failure| failure.message)
        };
        for mode in [0o640, 0o604, 0o660, 0o602, 0o620, 0o644] {
            let told = allow(mode).unwrap_err();
            assert!(told.contains(&format!("(mode {mode:04o}): chmod 0600")), "{told}");
            assert!(!told.contains(&key), "{told}");
        }
        for mode in [0o600, 0o400] {
            assert_eq!(allow(mode), Ok(1));
        }
        let no_file = read_keys(folder.path(), "K").unwrap_err().message;
        assert!(no_file.contains("it is no file"), "{no_file}");
        let fifo = folder.path().join("fifo");
        rustix::fs::mkfifoat(rustix::fs::CWD, &fifo, 0o600.into()).unwrap();
        assert!(read_keys(&fifo, "K").unwrap_err().message.contains("it is no file"));
    }

    #[test]
    fn keys_are_read_by_their_namespace_and_never_told() {
        let key = SealingKey::new([7; 32]).reveal();
        let old = SealingKey::new([8; 32]).reveal();
        let text = format!("# of the fleet\n_global {key}\nshop {key}\nshop   {old}\n\n");
        let keys = parse_keys(&text).unwrap();
        let names: Vec<_> = keys.keys().map(Namespace::as_str).collect();
        assert_eq!(names, ["", "shop"]);
        assert_eq!(keys.values().last().unwrap().keys().count(), 2);
        for wrong in ["shop", "shop hunter2", &format!("Shop! {key}")] {
            let told = parse_keys(wrong).unwrap_err();
            assert!(told.starts_with("line 1: ") && !told.contains("hunter2"), "{told}");
        }
    }
}
