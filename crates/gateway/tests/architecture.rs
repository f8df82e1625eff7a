//! The borders inside the data plane, kept by reading its sources.

use std::fs;
use std::path::{Path, PathBuf};

fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("the sources are readable") {
            let path = entry.expect("the sources are readable").path();
            if path.is_dir() {
                folders.push(path);
            } else {
                let text = fs::read_to_string(&path).expect("the sources are readable");
                found.push((path, text));
            }
        }
    }
    assert!(!found.is_empty(), "no sources in {folder}");
    found
}

fn assert_never_names(folder: &str, names: &[&str]) {
    for (path, text) in sources(folder) {
        let product = text.lines().take_while(|line| *line != "#[cfg(test)]");
        for (number, line) in product.enumerate() {
            let hit = names.iter().find(|name| line.contains(**name));
            assert!(hit.is_none(), "{}:{}: {line}", path.display(), number + 1);
        }
    }
}

#[test]
fn edge_and_host_never_import_each_other() {
    assert_never_names("edge", &["crate::host"]);
    assert_never_names("host", &["crate::edge"]);
}

#[test]
fn the_data_plane_has_neither_sql_nor_an_admin_api() {
    let manifest = include_str!("../Cargo.toml");
    for crate_name in ["sqlx", "rusqlite", "axum", "sidegate-store", "sidegate-control"] {
        assert!(!manifest.contains(crate_name), "{crate_name} is a dependency");
    }
}

#[test]
fn no_async_lock_is_named_on_the_request_path() {
    for folder in ["edge", "identity", "route"] {
        assert_never_names(folder, &["Mutex", "RwLock"]);
    }
}

#[test]
fn nothing_but_the_host_publishes_a_generation() {
    for folder in ["edge", "identity", "route"] {
        assert_never_names(folder, &[".publish("]);
    }
}
