//! Turns `proto/**/*.proto` into `crates/wire/src/generated/*.rs`, without protoc.
//!
//! The result is committed, so that building the workspace needs no generator; [`check`] tells
//! whether it still fits the protocol files.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use protox::Compiler;
use tonic_prost_build::FileDescriptorSet;

/// Messages whose `bytes` fields become `bytes::Bytes`: what they carry is passed on uncopied.
const ZERO_COPY: &[&str] = &[
    ".plugin.EndpointRequest",
    ".plugin.EndpointResponse",
    ".plugin.EndpointResponseChunk",
    ".plugin.HeaderField",
    ".plugin.StdioData",
    ".plugin.GetAssetResponse",
    ".microgateway_management.ReadPluginKVResponse",
    ".microgateway_management.WritePluginKVRequest",
    ".plugin_events.EventMessage",
    ".plugin_events.PublishRequest",
];

/// What clients and servers are compiled with: messages alone need no runtime.
const SERVICES: &str = "#[cfg(feature = \"grpc\")]";

/// Where the generated files are.
pub(crate) const GENERATED: &str = "crates/wire/src/generated";

/// File name → contents.
type Sources = BTreeMap<String, String>;

/// Writes the generated files and removes those that no protocol file asks for any more.
pub(crate) fn write(root: &Path) -> Result<()> {
    let folder = generated_folder(root);
    let wanted = generate(root)?;
    fs::create_dir_all(&folder).with_context(|| format!("create {}", folder.display()))?;
    for name in read_sources(&folder)?.keys().filter(|name| !wanted.contains_key(*name)) {
        fs::remove_file(folder.join(name)).with_context(|| format!("remove {name}"))?;
    }
    for (name, text) in &wanted {
        fs::write(folder.join(name), text).with_context(|| format!("write {name}"))?;
    }
    Ok(())
}

/// Fails when the generated files are not what [`write`] would write now.
pub(crate) fn check(root: &Path) -> Result<()> {
    let stale = stale_files(root)?;
    ensure!(
        stale.is_empty(),
        "generated code is stale: {}; run `cargo run -p xtask -- codegen` and commit the result",
        stale.join(", ")
    );
    Ok(())
}

/// Names of the generated files that are missing, different or left over.
pub(crate) fn stale_files(root: &Path) -> Result<Vec<String>> {
    let wanted = generate(root)?;
    let found = read_sources(&generated_folder(root))?;
    let mut stale: Vec<String> = wanted
        .iter()
        .filter(|(name, text)| found.get(*name) != Some(*text))
        .map(|(name, _)| name.clone())
        .collect();
    stale.extend(found.into_keys().filter(|name| !wanted.contains_key(name)));
    stale.sort();
    Ok(stale)
}

fn generated_folder(root: &Path) -> PathBuf {
    root.join(GENERATED)
}

fn generate(root: &Path) -> Result<Sources> {
    let scratch = Scratch::new()?;
    let descriptors = compile(&root.join("proto"))?;
    let mut builder = tonic_prost_build::configure()
        .build_client(true)
        .build_server(true)
        .client_mod_attribute(".", SERVICES)
        .server_mod_attribute(".", SERVICES)
        .emit_rerun_if_changed(false)
        .out_dir(&scratch.folder);
    for message in ZERO_COPY {
        builder = builder.bytes(message);
    }
    builder.compile_fds(descriptors).context("generate Rust code")?;
    format(root, &scratch.folder)?;
    read_sources(&scratch.folder)
}

fn compile(include: &Path) -> Result<FileDescriptorSet> {
    let mut files = Vec::new();
    collect_protos(include, &mut files)?;
    ensure!(!files.is_empty(), "no .proto file below {}", include.display());
    files.sort();
    let mut compiler = Compiler::new([include])?;
    compiler.include_imports(true).include_source_info(true);
    compiler.open_files(&files).context("compile the protocol files")?;
    Ok(compiler.file_descriptor_set())
}

fn collect_protos(folder: &Path, files: &mut Vec<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("read {}", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            collect_protos(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "proto") {
            files.push(path);
        }
    }
    Ok(())
}

fn format(root: &Path, folder: &Path) -> Result<()> {
    let files: Vec<PathBuf> =
        read_sources(folder)?.into_keys().map(|name| folder.join(name)).collect();
    let status = Command::new("rustfmt")
        .args(["--edition", "2024", "--config-path"])
        .arg(root.join("rustfmt.toml"))
        .args(&files)
        .status()
        .context("start rustfmt")?;
    if !status.success() {
        bail!("rustfmt refused the generated code: {status}");
    }
    Ok(())
}

/// The `.rs` files of a folder; a missing folder holds none.
fn read_sources(folder: &Path) -> Result<Sources> {
    let mut sources = Sources::new();
    if !folder.exists() {
        return Ok(sources);
    }
    for entry in fs::read_dir(folder).with_context(|| format!("read {}", folder.display()))? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.ends_with(".rs") {
            let text = fs::read_to_string(&path).with_context(|| format!("read {name}"))?;
            sources.insert(name, text);
        }
    }
    Ok(sources)
}

/// A folder for the time of one generation.
struct Scratch {
    folder: PathBuf,
}

impl Scratch {
    fn new() -> Result<Self> {
        let folder = std::env::temp_dir().join(format!("sidegate-codegen-{}", std::process::id()));
        fs::create_dir_all(&folder).with_context(|| format!("create {}", folder.display()))?;
        Ok(Self { folder })
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // Nothing depends on it: a leftover in the temporary folder harms nobody.
        let _ = fs::remove_dir_all(&self.folder);
    }
}
