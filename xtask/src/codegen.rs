//! Turns protocol files into Rust, without protoc: those of `proto/`, which are the contract with plugins,
//! for `wire`, and those of `crates/sync/proto/` and `crates/enrolment/proto/`, which are between our own
//! processes only, for `sync` and `enrolment`.
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

/// Those of the contract with plugins, see [`Contract::zero_copy`].
const ZERO_COPY: &[&str] = &[
    ".plugin.EndpointRequest",
    ".plugin.EndpointResponse",
    ".plugin.EndpointResponseChunk",
    ".plugin.HeaderField",
    ".plugin.StdioData",
    ".plugin.GetAssetResponse",
    ".microgateway_management.ReadPluginKVResponse",
    ".microgateway_management.WritePluginKVRequest",
    ".ai_studio_management.ReadPluginKVResponse",
    ".ai_studio_management.WritePluginKVRequest",
    ".plugin_events.EventMessage",
    ".plugin_events.PublishRequest",
    ".sidegate_host",
];

/// Some protocol files, and where the code is that is made of them.
struct Contract {
    protos: &'static str,
    generated: &'static str,
    /// Messages whose `bytes` fields become `bytes::Bytes`: what they carry is passed on uncopied.
    zero_copy: &'static [&'static str],
    /// Messages that nobody is to see in a log: they say themselves how they are shown.
    secret: &'static [&'static str],
    /// What clients and servers are compiled with.
    services: Option<&'static str>,
}

const CONTRACTS: &[Contract] = &[
    Contract {
        protos: "proto",
        generated: "crates/wire/src/generated",
        zero_copy: ZERO_COPY,
        secret: &[],
        // Messages alone need no runtime.
        services: Some("#[cfg(feature = \"grpc\")]"),
    },
    Contract {
        protos: "crates/sync/proto",
        generated: "crates/sync/src/generated",
        zero_copy: &[
            ".sidegate_sync.BlobChunk",
            ".sidegate_sync.CommandAnswer",
            ".sidegate_sync.Part",
            ".sidegate_sync.SignedManifest",
            ".sidegate_sync.Trust",
        ],
        secret: &[".sidegate_sync.Trust"],
        services: None,
    },
    Contract {
        protos: "crates/enrolment/proto",
        generated: "crates/enrolment/src/generated",
        zero_copy: &[],
        secret: &[],
        services: None,
    },
];

/// Path below the root → contents.
type Sources = BTreeMap<String, String>;

/// Writes the generated files and removes those that no protocol file asks for any more.
pub(crate) fn write(root: &Path) -> Result<()> {
    let wanted = generate(root)?;
    for path in read_committed(root)?.keys().filter(|path| !wanted.contains_key(*path)) {
        fs::remove_file(root.join(path)).with_context(|| format!("remove {path}"))?;
    }
    for contract in CONTRACTS {
        let folder = root.join(contract.generated);
        fs::create_dir_all(&folder).with_context(|| format!("create {}", folder.display()))?;
    }
    for (path, text) in &wanted {
        fs::write(root.join(path), text).with_context(|| format!("write {path}"))?;
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

/// Paths of the generated files that are missing, different or left over.
pub(crate) fn stale_files(root: &Path) -> Result<Vec<String>> {
    let wanted = generate(root)?;
    let found = read_committed(root)?;
    let mut stale: Vec<String> = wanted
        .iter()
        .filter(|(path, text)| found.get(*path) != Some(*text))
        .map(|(path, _)| path.clone())
        .collect();
    stale.extend(found.into_keys().filter(|path| !wanted.contains_key(path)));
    stale.sort();
    Ok(stale)
}

/// What is there now, of all contracts.
fn read_committed(root: &Path) -> Result<Sources> {
    let mut all = Sources::new();
    for contract in CONTRACTS {
        all.extend(contract.placed(read_sources(&root.join(contract.generated))?));
    }
    Ok(all)
}

/// What should be there, of all contracts.
fn generate(root: &Path) -> Result<Sources> {
    let mut all = Sources::new();
    for (index, contract) in CONTRACTS.iter().enumerate() {
        let scratch = Scratch::new(index)?;
        contract.generate(root, &scratch.folder)?;
        all.extend(contract.placed(read_sources(&scratch.folder)?));
    }
    Ok(all)
}

impl Contract {
    fn generate(&self, root: &Path, folder: &Path) -> Result<()> {
        let descriptors = compile(&root.join(self.protos))?;
        let mut builder = tonic_prost_build::configure()
            .build_client(true)
            .build_server(true)
            .emit_rerun_if_changed(false)
            .out_dir(folder);
        if let Some(attribute) = self.services {
            builder =
                builder.client_mod_attribute(".", attribute).server_mod_attribute(".", attribute);
        }
        for message in self.zero_copy {
            builder = builder.bytes(message);
        }
        builder = builder.skip_debug(self.secret);
        builder.compile_fds(descriptors).context("generate Rust code")?;
        format(root, folder)
    }

    /// Sources by where they belong.
    fn placed(&self, sources: Sources) -> impl Iterator<Item = (String, String)> {
        sources.into_iter().map(|(name, text)| (format!("{}/{name}", self.generated), text))
    }
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

/// The `.rs` files of a folder by name; a missing folder holds none.
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
    fn new(index: usize) -> Result<Self> {
        let name = format!("sidegate-codegen-{}-{index}", std::process::id());
        let folder = std::env::temp_dir().join(name);
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
