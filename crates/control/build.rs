//! Lists the built files of the console, so that the program has them within itself. They are in `ui/dist`, or where
//! `SIDEGATE_CONSOLE_DIST` says; where nobody built them there are none, and nothing here needs Node.

#![expect(
    clippy::disallowed_methods,
    reason = "cargo tells build scripts what they have to know in variables"
)]

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// What each of these compressed forms of a file ends with.
const COMPRESSED: [&str; 2] = ["br", "gz"];

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-env-changed=SIDEGATE_CONSOLE_DIST");
    println!("cargo::rerun-if-changed=build.rs");
    let own = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("../../ui/dist");
    let dist = env::var_os("SIDEGATE_CONSOLE_DIST").map_or(own, PathBuf::from);
    // A folder that is missing would be looked at as changed in each build. Where it cannot be made, so be it.
    let _ = fs::create_dir_all(&dist);
    println!("cargo::rerun-if-changed={}", dist.display());
    let mut files = BTreeMap::new();
    collect(&dist, "", &mut files)?;
    if !files.contains_key("index.html") {
        files.clear();
    }
    let mut list = "&[\n".to_owned();
    for (name, path) in &files {
        if !is_compressed_form(name, &files) {
            write_entry(&mut list, name, path, &files)?;
        }
    }
    list.push(']');
    fs::write(PathBuf::from(env::var("OUT_DIR")?).join("console_files.rs"), list)?;
    Ok(())
}

fn collect(
    folder: &Path,
    prefix: &str,
    files: &mut BTreeMap<String, PathBuf>,
) -> Result<(), Box<dyn Error>> {
    let Ok(entries) = fs::read_dir(folder) else { return Ok(()) };
    for entry in entries {
        let entry = entry?;
        let name =
            entry.file_name().into_string().map_err(|name| format!("{name:?} is no text"))?;
        let name = format!("{prefix}{name}");
        if entry.file_type()?.is_dir() {
            collect(&entry.path(), &format!("{name}/"), files)?;
        } else {
            files.insert(name, entry.path().canonicalize()?);
        }
    }
    Ok(())
}

fn is_compressed_form(name: &str, files: &BTreeMap<String, PathBuf>) -> bool {
    let plain = |ending: &&str| name.strip_suffix(&format!(".{ending}"));
    COMPRESSED.iter().filter_map(plain).any(|plain| files.contains_key(plain))
}

fn write_entry(
    list: &mut String,
    name: &str,
    path: &Path,
    files: &BTreeMap<String, PathBuf>,
) -> Result<(), Box<dyn Error>> {
    let included = |path: &Path| format!("include_bytes!({:?})", path.display().to_string());
    let form = |ending: &str| match files.get(&format!("{name}.{ending}")) {
        Some(path) => format!("Some({})", included(path)),
        None => "None".to_owned(),
    };
    let tag = fingerprint(&fs::read(path)?);
    writeln!(
        list,
        "File {{ name: {name:?}, tag: \"{tag:016x}\", plain: {}, br: {}, gz: {} }},",
        included(path),
        form("br"),
        form("gz"),
    )?;
    Ok(())
}

/// FNV-1a: tells versions of a file apart, which nobody gains anything by forging.
fn fingerprint(bytes: &[u8]) -> u64 {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, step)
}
