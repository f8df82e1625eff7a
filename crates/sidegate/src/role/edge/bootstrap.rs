//! A bootstrap file: what an edge begins with that has nothing yet, and what tells a good file from another where no
//! identity does.

use crate::config::edge::Bootstrap;
use crate::error::Failure;
use sidegate_model::sealing::{Keyring, SealingKey};
use sidegate_sync::edge::{Host, Replica};
use sidegate_sync::{DataKeys, Namespace, PinnedSigners, SignerKey};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::BufReader;
use std::path::Path;

/// What the global namespace is called in the file with keys.
const GLOBAL: &str = "_global";

/// Whose files are taken, and what opens their secrets, for an edge that never joined.
///
/// # Errors
/// Names all that is missing.
pub(super) fn trusted(bootstrap: &Bootstrap) -> Result<(PinnedSigners, DataKeys), Failure> {
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
    let wrong = |what: String| Failure::usage(format!("SIDEGATE_BOOTSTRAP_SIGNER: {what}"));
    let signer = SignerKey::parse(signer).map_err(|error| wrong(error.to_string()))?;
    let signers = PinnedSigners::new([signer]).map_err(|error| wrong(error.to_string()))?;
    Ok((signers, DataKeys::new(read_keys(keys)?)))
}

fn read_keys(path: &Path) -> Result<BTreeMap<Namespace, Keyring>, Failure> {
    let shown = path.display();
    let wrong =
        |what: String| Failure::usage(format!("SIDEGATE_BOOTSTRAP_KEY_FILE: {shown}: {what}"));
    let text = std::fs::read_to_string(path)
        .map_err(|error| wrong(format!("it cannot be read: {error}")))?;
    parse_keys(&text).map_err(wrong)
}

/// Lines of a namespace and a key; of several keys of one namespace the first is the newest. Lines that are empty or
/// begin with # say nothing.
fn parse_keys(text: &str) -> Result<BTreeMap<Namespace, Keyring>, String> {
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
        Failure::failed(format!("SIDEGATE_BOOTSTRAP_SNAPSHOT: {shown}: {error}")).hint(
            "get a new file from the control plane, with the signer and the keys that belong to it",
        )
    };
    let file = File::open(&bootstrap.snapshot).map_err(|error| wrong(&error))?;
    replica.bootstrap(&mut BufReader::new(file), keys).map_err(|error| wrong(&error))?;
    tracing::info!(file = %shown, "this edge begins with a bootstrap file");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    #[test]
    fn an_edge_that_never_joined_is_told_all_that_a_bootstrap_file_needs() {
        let of = |signer: Option<&str>, keys: Option<&str>| {
            let (signer, keys) = (signer.map(str::to_owned), keys.map(PathBuf::from));
            trusted(&Bootstrap { snapshot: "/f".into(), signer, keys }).unwrap_err().message
        };
        let neither = of(None, None);
        assert!(neither.contains("BOOTSTRAP_SIGNER") && neither.contains("KEY_FILE"), "{neither}");
        let no_keys = of(Some("x"), None);
        assert!(!no_keys.contains("BOOTSTRAP_SIGNER") && no_keys.contains("KEY_FILE"), "{no_keys}");
        assert!(of(Some("x"), Some("/k")).starts_with("SIDEGATE_BOOTSTRAP_SIGNER: "));
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
