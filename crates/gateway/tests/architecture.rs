//! The borders inside the data plane that no type draws, kept by reading all its sources.

use std::fs;
use std::path::{Path, PathBuf};

/// The crates that a request passes through.
const REQUEST_PATH: [&str; 3] = ["gateway", "plugins", "transport"];

/// What a source says before its tests.
struct Source {
    path: PathBuf,
    product: String,
}

/// All sources of a crate.
fn sources(crate_name: &str) -> Vec<Source> {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("crates lie side by side");
    let (mut found, mut folders) = (Vec::new(), vec![crates.join(crate_name).join("src")]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("the sources are readable") {
            let path = entry.expect("the sources are readable").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let text = fs::read_to_string(&path).expect("the sources are readable");
                let product = text.lines().take_while(|line| *line != "#[cfg(test)]");
                found.push(Source { path, product: product.collect::<Vec<_>>().join("\n") });
            }
        }
    }
    assert!(found.len() > 5, "no sources of {crate_name}");
    found
}

/// Whatever is imported or named from a module: what stands in `use module::{…};` and after
/// `module::` elsewhere.
fn named_from(text: &str, module: &str) -> String {
    let names = text.split(module).skip(1).map(|rest| {
        let end =
            if rest.starts_with('{') { rest.find('}') } else { rest.find([';', '<', '(', ' ']) };
        &rest[..end.unwrap_or(rest.len())]
    });
    names.collect::<Vec<_>>().join(" ")
}

#[test]
fn edge_and_host_never_import_each_other() {
    // The host cannot know the edge: its crate does not depend on the edge's, not even in tests.
    assert!(!include_str!("../../plugins/Cargo.toml").contains("sidegate-gateway"));
    let knows_the_host = sources("gateway").into_iter().filter(|source| {
        source.product.contains("plugins::host") || source.product.contains("plugins::{host")
    });
    let paths: Vec<_> = knows_the_host.map(|source| source.path).collect();
    assert!(
        matches!(paths.as_slice(), [path] if path.ends_with("src/run.rs")),
        "only what puts the parts together may know the host: {paths:?}"
    );
}

#[test]
fn the_data_plane_has_neither_sql_nor_an_admin_api() {
    for manifest in [include_str!("../Cargo.toml"), include_str!("../../plugins/Cargo.toml")] {
        for crate_name in ["sqlx", "rusqlite", "axum", "sidegate-store", "sidegate-control"] {
            assert!(!manifest.contains(crate_name), "{crate_name} is a dependency");
        }
    }
}

#[test]
fn no_async_lock_is_named_on_the_request_path() {
    let locks = |text: &str| {
        let from_tokio = named_from(text, "tokio::sync::");
        ["Mutex", "RwLock"].iter().any(|lock| from_tokio.contains(lock))
            || ["futures_util::lock", "async_lock", "async_mutex"].iter().any(|n| text.contains(n))
    };
    assert!(locks("use tokio::sync::{Notify, RwLock};") && locks("x: tokio::sync::Mutex<u8>"));
    for source in REQUEST_PATH.into_iter().flat_map(sources) {
        assert!(!locks(&source.product), "{} names an async lock", source.path.display());
    }
}

/// Outside its crate nobody can: the publisher is private. Within it, only the host's own task has it.
#[test]
fn nothing_but_the_host_publishes_a_generation() {
    let knows = |source: &Source| source.product.contains("GenerationPublisher");
    let paths: Vec<_> = sources("plugins").into_iter().filter(knows).map(|s| s.path).collect();
    let allowed = ["src/host/host.rs", "src/host/publisher.rs"];
    assert_eq!(paths.len(), allowed.len(), "{paths:?}");
    for path in &paths {
        assert!(allowed.iter().any(|allowed| path.ends_with(allowed)), "{}", path.display());
    }
    let publisher = include_str!("../../plugins/src/host/publisher.rs");
    assert!(publisher.contains("pub(super) struct GenerationPublisher"));
    assert!(publisher.contains("pub(super) fn empty()"));
}
