//! The committed generated code is what the generator writes today.

use std::path::Path;

use anyhow::Result;

use super::finding::Finding;
use crate::codegen;

pub(super) fn check(root: &Path) -> Result<Vec<Finding>> {
    let stale = codegen::stale_files(root)?.into_iter().map(|path| {
        let message = "is stale; run `cargo run -p xtask -- codegen`".to_owned();
        Finding::new("generated", &path, 1, message)
    });
    Ok(stale.collect())
}
