//! Generates the types of the plugin protocol as anybody would who thinks of nothing: hash maps for
//! headers, vectors for bodies. The naive gateway and the naive plugin are written with them.

use std::error::Error;
use std::path::Path;

fn main() -> Result<(), Box<dyn Error>> {
    // Asked when it runs: where it was compiled may be another copy of the repository.
    #[expect(clippy::disallowed_methods, reason = "Cargo tells it there")]
    let ours = std::env::var_os("CARGO_MANIFEST_DIR").ok_or("cargo runs this")?;
    let include = Path::new(&ours).join("../proto/plugin").canonicalize()?;
    let file = include.join("plugin.proto");
    println!("cargo::rerun-if-changed={}", file.display());
    let descriptors = protox::compile([&file], [&include])?;
    tonic_prost_build::configure()
        .generate_default_stubs(true)
        .emit_rerun_if_changed(false)
        .compile_fds(descriptors)?;
    Ok(())
}
