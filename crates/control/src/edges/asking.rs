//! What is asked of one edge over its stream. Nobody waits long, and an edge that cannot be asked here is told apart
//! from one that does not answer.

use super::Edges;
use crate::fleet::Unreached;
use serde::de::DeserializeOwned;
use sidegate_api::explain::ExplanationAttributes;
use sidegate_api::record::RecordAttributes;
use sidegate_model::explain::ImaginedRequest;
use sidegate_model::plugin::PluginId;
use sidegate_sync::command::{EdgeCommand, HashedRequest};
use sidegate_sync::server::EdgeCommands;
use std::time::Duration;

/// How long an edge may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// Processes of a plugin that are told.
const MOST_RECORDS: u32 = 20;

impl Edges {
    /// What would happen to a request there. The token of it is not sent, only its hash.
    pub(super) async fn ask_explain(
        &self,
        edge: &str,
        request: ImaginedRequest,
    ) -> Result<ExplanationAttributes, Unreached> {
        let command = EdgeCommand::Explain(HashedRequest::new(request));
        let answers = self.commands(edge)?.send(&command, ANSWER_WITHIN);
        let answer = answers.map_err(|e| said(edge, e))?.only().await.map_err(|e| said(edge, e))?;
        let told: ExplanationAttributes = read(edge, &answer)?;
        Ok(ExplanationAttributes { node: edge.to_owned(), ..told })
    }

    /// What is known there of a plugin's processes.
    pub(super) async fn ask_records(
        &self,
        edge: &str,
        plugin: PluginId,
        lines: usize,
    ) -> Result<Vec<RecordAttributes>, Unreached> {
        let lines = u32::try_from(lines).unwrap_or(u32::MAX);
        let command = EdgeCommand::Records { plugin, most: MOST_RECORDS, lines };
        let answers = self.commands(edge)?.send(&command, ANSWER_WITHIN);
        let mut answers = answers.map_err(|e| said(edge, e))?;
        let mut records = Vec::new();
        while let Some(answer) = answers.next().await {
            let told: RecordAttributes = read(edge, &answer.map_err(|e| said(edge, e))?)?;
            records.push(RecordAttributes { node: edge.to_owned(), ..told });
        }
        Ok(records)
    }

    /// The stream of an edge that is connected here.
    fn commands(&self, edge: &str) -> Result<EdgeCommands, Unreached> {
        if let Some(commands) = self.0.table.commands(edge) {
            return Ok(commands);
        }
        Err(Unreached(match self.seen(edge) {
            None => format!("there is no edge {edge:?}"),
            Some(seen) => match seen.status.filter(|_| seen.is_connected) {
                Some(status) => format!(
                    "edge {edge:?} is connected to another process of the control plane, {:?}: ask that one",
                    status.replica
                ),
                None => format!("edge {edge:?} is not connected now"),
            },
        }))
    }
}

fn read<T: DeserializeOwned>(edge: &str, answer: &[u8]) -> Result<T, Unreached> {
    serde_json::from_slice(answer)
        .map_err(|_| Unreached(format!("edge {edge:?} answers in words of another version")))
}

fn said(edge: &str, error: impl std::fmt::Display) -> Unreached {
    Unreached(format!("edge {edge:?}: {error}"))
}
