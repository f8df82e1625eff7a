//! The core knows no runtime: all that is compiled for it is looked through.

use std::collections::BTreeSet;
use std::process::Command;

#[test]
fn the_model_is_compiled_without_a_runtime() {
    let arguments =
        ["tree", "--package", "sidegate-model", "--edges", "normal", "--prefix", "none"];
    let output = Command::new(env!("CARGO"))
        .args(arguments)
        .arg("--offline")
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs, as it does for this test");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let tree = String::from_utf8_lossy(&output.stdout);
    let names: BTreeSet<&str> =
        tree.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert!(names.contains("sidegate-wire") && names.contains("prost"), "{tree}");
    for runtime in ["tokio", "tonic", "hyper", "h2", "tower", "futures-util"] {
        assert!(!names.contains(runtime), "{runtime} is compiled for the model:\n{tree}");
    }
}
