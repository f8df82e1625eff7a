//! `sidegate control`: what a control plane is asked of as a whole.
//!
//! It asks the admin API, and writes files where that is asked.

use crate::client::AdminApiFlags;
use crate::data_dir;
use crate::error::Failure;
use crate::output::{Column, Output};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::{Args, Subcommand};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use sidegate_api::edge::{
    AuthorityAttributes, BootstrapFileAttributes, LineageAttributes, NamespaceKeyAttributes,
    NamespaceKeyFields,
};
use sidegate_api::resource::Resource;
use std::path::{Path, PathBuf};

const AUTHORITY: &[Column<Resource<AuthorityAttributes>>] = &[
    ("key", |authority| authority.attributes.key.clone()),
    ("issues from", |authority| authority.attributes.issues_from.clone()),
];
const LINEAGE: &[Column<Resource<LineageAttributes>>] =
    &[("lineage", |lineage| lineage.attributes.lineage.to_string())];

/// Manage a control plane as a whole: its authority, its lineage, and what new edges start from
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Let another authority issue edges' certificates, without an outage: edges hear of it first
    RotateAuthority(Plain),
    /// Let edges follow what is stored now, whatever they have seen; for after a restore that nobody noticed
    NewLineage(Plain),
    /// Write what edges of a namespace serve by as a signed file, from which a new one starts without its control plane
    BootstrapFile(ToFile),
    /// Write the keys that open the secrets in a bootstrap file, for its owner only
    NamespaceKey(ToFile),
}

#[derive(Debug, Args)]
struct Plain {
    #[command(flatten)]
    admin_api: AdminApiFlags,
    #[command(flatten)]
    output: Output,
}

#[derive(Debug, Args)]
struct ToFile {
    /// Namespace of the edges; the global one if not given
    #[arg(long, value_name = "NAME", default_value = "")]
    namespace: String,
    /// File to write; one that is there is replaced
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    #[command(flatten)]
    admin_api: AdminApiFlags,
}

/// Runs the command.
pub(crate) async fn run(arguments: &Arguments) -> Result<(), Failure> {
    match &arguments.action {
        Action::RotateAuthority(plain) => {
            let api = plain.admin_api.client()?;
            let made: Resource<AuthorityAttributes> = api.tell("authorities/rotate").await?;
            plain.output.one(&made, AUTHORITY)
        }
        Action::NewLineage(plain) => {
            let api = plain.admin_api.client()?;
            let raised: Resource<LineageAttributes> = api.tell("lineage/raise").await?;
            plain.output.one(&raised, LINEAGE)
        }
        Action::BootstrapFile(to) => bootstrap_file(to).await,
        Action::NamespaceKey(to) => namespace_key(to).await,
    }
}

async fn bootstrap_file(to: &ToFile) -> Result<(), Failure> {
    let namespace = utf8_percent_encode(&to.namespace, NON_ALPHANUMERIC);
    let path = format!("bootstrap-file?namespace={namespace}");
    let file: Resource<BootstrapFileAttributes> = to.admin_api.client()?.get(&path).await?;
    let content = STANDARD.decode(&file.attributes.content);
    let content = content.map_err(|_| Failure::failed("the admin API sent no file"))?;
    written(&to.out, &content)?;
    eprintln!(
        "An edge that never joined needs with it SIDEGATE_BOOTSTRAP_SIGNER={}",
        file.attributes.signer
    );
    eprintln!("and SIDEGATE_BOOTSTRAP_KEY_FILE, which `sidegate control namespace-key` writes.");
    Ok(())
}

async fn namespace_key(to: &ToFile) -> Result<(), Failure> {
    let fields = NamespaceKeyFields { namespace: Some(to.namespace.clone()) };
    let api = to.admin_api.client()?;
    let keys: Resource<NamespaceKeyAttributes> = api.post("namespace-keys", &fields).await?;
    written(&to.out, keys.attributes.key_file.as_bytes())?;
    eprintln!(
        "Whoever has this file reads the secrets of the namespace; the audit log says that it was shown."
    );
    Ok(())
}

/// For its owner only.
fn written(path: &Path, content: &[u8]) -> Result<(), Failure> {
    data_dir::write_at_once(path, content)?;
    eprintln!("wrote {}", path.display());
    Ok(())
}
