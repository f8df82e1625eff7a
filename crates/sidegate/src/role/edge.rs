//! An edge: a data plane that serves by what a control plane published, and goes on without it. Reading order:
//! `identity` and `joining` (who it is), `replica` with `bootstrap` and `served` (what it serves by), `link` with
//! `trust`, `reporting`, `token_uses` and `commands` (what it hears and tells), `knowledge` with `age` (what it knows, and since
//! when), `status` (what it tells on its own machine), `storage` (what its plugins keep), `version` (which it is); `parts` puts all of it together, and `running` is the whole.

mod age;
mod bootstrap;
mod commands;
mod identity;
mod joining;
mod knowledge;
mod link;
mod observing;
mod parts;
mod replica;
mod reporting;
mod running;
mod served;
mod status;
mod storage;
mod token_uses;
mod trust;
mod version;

use super::life::{self, Begin, Process};
use crate::certificate::Unread;
use crate::config::resolved::Config;
use crate::error::Failure;
use crate::plane;
use parts::Prepared;
use sidegate_gateway::Freshness;
use std::sync::Arc;

/// Runs an edge until it is asked to stop.
///
/// # Errors
/// Why it could not start, or that it was forced to stop.
pub(super) fn run(config: &Config, mut process: Process) -> Result<(), Failure> {
    let environment = std::mem::take(&mut process.environment);
    let open_files = crate::open_files::raise_limit();
    let certificates = Unread::look(config);
    let mut gateway = plane::settings(config, environment, process.reload.logging().logs())?;
    gateway.host.open_files = open_files;
    gateway.freshness = Arc::new(Freshness::nothing_known());
    life::live(config, process, certificates, async move |begin: Begin<'_>| {
        match Prepared::make(config, gateway, begin).await? {
            Some(prepared) => prepared.start(config).await.map(Some),
            None => Ok(None),
        }
    })
}
