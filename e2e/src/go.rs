//! Programs in Go: built once from `e2e/go`, with the libraries of today and with old ones, and run
//! in plaintext and over TLS. Knows nothing of what they do.

use crate::gateway::Gateway;
use crate::need::Need;
use crate::plugin::PluginBuilder;
use crate::story::story;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// Which go-plugin and which gRPC a program is built with. The versions are in `e2e/go/*.mod`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Library {
    /// go-plugin 1.7.
    Today,
    /// go-plugin 1.4, from before it knew of folders for sockets and of multiplexing.
    Old,
}

impl Library {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Today, Self::Old];

    fn folder(self) -> &'static str {
        match self {
            Self::Today => "go-1.7",
            Self::Old => "go-1.4",
        }
    }

    fn modfile(self) -> &'static str {
        match self {
            Self::Today => "go.mod",
            Self::Old => "go-1.4.mod",
        }
    }
}

/// One way of running a plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flavour {
    /// What it is built with.
    pub built_with: Library,
    /// Whether gateway and plugin encrypt what they say.
    pub mtls: bool,
}

impl Flavour {
    /// Every combination.
    pub const ALL: [Self; 4] = [
        Self { built_with: Library::Today, mtls: false },
        Self { built_with: Library::Today, mtls: true },
        Self { built_with: Library::Old, mtls: false },
        Self { built_with: Library::Old, mtls: true },
    ];

    /// A name that no other combination has, fit for a plugin.
    pub fn name(self) -> String {
        let transport = if self.mtls { "mtls" } else { "plain" };
        format!("{}-{transport}", self.built_with.folder().replace('.', "-"))
    }
}

/// The programs, built.
#[derive(Clone, Copy)]
pub struct Go {
    folder: &'static Path,
}

impl Go {
    /// The path of a program.
    pub fn program(&self, library: Library, name: &str) -> PathBuf {
        self.folder.join(library.folder()).join(name)
    }

    /// Begins a plugin of this program and flavour, mounted under `name`.
    pub fn plugin(
        &self,
        gateway: &Gateway,
        program: &str,
        flavour: Flavour,
        name: &str,
    ) -> PluginBuilder {
        let path = self.program(flavour.built_with, program);
        let builder = gateway.plugin(name).command(&format!("file://{}", path.display()));
        if flavour.mtls { builder.option("mtls", "true") } else { builder }
    }
}

/// Runs a story that needs programs in Go, or leaves it out where Go may be missing.
///
/// # Panics
/// With the story; when a program does not compile; when Go is missing where it is required.
pub fn go_story(told: impl AsyncFnOnce(Go)) {
    static BUILT: OnceLock<Option<PathBuf>> = OnceLock::new();
    let Some(folder) = Need::Go.or_skip(BUILT.get_or_init(build).as_deref()) else { return };
    story(told(Go { folder }));
}

/// Builds all of them; `None` without Go.
fn build() -> Option<PathBuf> {
    Command::new("go").arg("version").output().ok()?;
    let folder = target().join("e2e-go");
    fs::create_dir_all(&folder).expect("the target folder can be written to");
    // Several test programs may be at it at the same time.
    let turn = File::create(folder.join("lock")).expect("the target folder can be written to");
    turn.lock().expect("files in the target folder can be locked");
    for library in Library::ALL {
        let output = folder.join(library.folder());
        fs::create_dir_all(&output).expect("the target folder can be written to");
        compile(library, &output);
    }
    Some(folder)
}

fn compile(library: Library, output: &Path) {
    let mut command = Command::new("go");
    command.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("go"));
    // Without C the result depends on nothing but Go.
    command.env("CGO_ENABLED", "0");
    command.args(["build", "-trimpath", "-buildvcs=false", "-modfile", library.modfile(), "-o"]);
    // A path that ends with a slash is a folder to Go.
    command.arg(output.join("")).arg("./...");
    let finished = command.output().expect("go was there a moment ago");
    let said = String::from_utf8_lossy(&finished.stderr);
    assert!(finished.status.success(), "the programs in e2e/go do not compile:\n{said}");
}

/// Cargo's target folder: tests are in `{profile}/deps` of it.
fn target() -> PathBuf {
    let test = std::env::current_exe().expect("a running program has a path");
    test.ancestors().nth(3).expect("tests are built into the target folder").to_owned()
}
