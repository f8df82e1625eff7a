//! What a program says of itself when it is started once, without serving.

use crate::config_schema::ConfigSchema;
use crate::endpoint::Endpoint;
use crate::record::LoggedLine;
use crate::sha256::Sha256;
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;

/// What was seen of a program.
#[derive(Debug, Clone, Default)]
pub struct Inspection {
    /// Why it would not serve as it is, in words for an operator.
    pub failure: Option<String>,
    /// Its manifest as it gave it, where it has one that can be read.
    pub manifest: Option<Value>,
    /// Hooks that its manifest names.
    pub hooks: Vec<String>,
    /// What its manifest wishes to ask of the gateway.
    pub requested_scopes: Vec<String>,
    /// What it would serve.
    pub endpoints: Vec<Arc<Endpoint>>,
    /// What it says of its configuration.
    pub config_schema: Option<Arc<ConfigSchema>>,
    /// What an operator should know although it would serve.
    pub warnings: Vec<String>,
    /// What it printed, oldest first.
    pub lines: Vec<LoggedLine>,
    /// Of the program, where it could be read.
    pub sha256: Option<Sha256>,
    /// From the beginning of its start to what it said last.
    pub start_duration: Duration,
}

/// Why a program was not started.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotInspected {
    /// As many are being looked at already as may be.
    #[error("{0} programs are being inspected already; try again when they are done")]
    Busy(usize),
    /// The command is none that can be started here.
    #[error("{0}")]
    Command(String),
}
