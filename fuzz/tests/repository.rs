//! Seeds, and that each target has all that belongs to it.

use crate::planted::PLANTED;
use crate::whatever_comes::TESTED;
use sidegate_fuzz::TARGETS;
use std::fs;
use std::path::{Path, PathBuf};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

/// The known inputs of a target, in the order of their names.
pub(crate) fn seeds(name: &str) -> Vec<Vec<u8>> {
    let files = fs::read_dir(folder("seeds").join(name)).unwrap();
    let mut paths: Vec<PathBuf> = files.map(|file| file.unwrap().path()).collect();
    paths.sort();
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

#[test]
fn every_target_has_seeds_a_test_a_planted_fault_and_a_program_for_libfuzzer() {
    let names: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
    assert_eq!(names, TESTED);
    assert_eq!(names, PLANTED);
    let manifest = fs::read_to_string(folder("cargo-fuzz/Cargo.toml")).unwrap();
    for name in names {
        assert!(seeds(name).len() >= 3, "{name} has too few seeds");
        let program = folder("cargo-fuzz/fuzz_targets").join(format!("{name}.rs"));
        let text = fs::read_to_string(program).unwrap();
        assert!(text.contains(&format!("must_hold(\"{name}\", input)")), "{text}");
        assert!(manifest.contains(&format!("path = \"fuzz_targets/{name}.rs\"")), "{name}");
    }
}
