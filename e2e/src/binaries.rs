//! Where the programs are that stories start: next to the tests, in Cargo's target folder; and where the
//! machine has its own.

use std::ffi::OsString;
use std::path::PathBuf;

/// The path of a program of this workspace.
///
/// # Panics
/// When it was not built, with what to do.
pub fn program(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a running program has a path");
    let folders = test.ancestors().skip(1).take(3);
    let found = folders.map(|folder| folder.join(name)).find(|path| path.is_file());
    found.unwrap_or_else(|| {
        panic!("the program {name} is not built: run 'make test' or cargo build --workspace --bins first")
    })
}

/// Where the machine has its programs; a gateway that is started gets nothing else of our environment.
#[expect(clippy::disallowed_methods, reason = "only this tells")]
pub fn search_path() -> OsString {
    std::env::var_os("PATH").unwrap_or_default()
}

/// What `scripts/schemathesis.sh` got; `None` before it was run.
pub fn schemathesis() -> Option<PathBuf> {
    let test = std::env::current_exe().ok()?;
    let mut folders = test.ancestors().skip(1).take(5);
    let place = "schemathesis/run";
    folders.find_map(|folder| Some(folder.join(place)).filter(|path| path.is_file()))
}

/// The program `curl`, where it is installed.
pub fn curl() -> Option<PathBuf> {
    let path = search_path();
    std::env::split_paths(&path).map(|folder| folder.join("curl")).find(|file| file.is_file())
}
