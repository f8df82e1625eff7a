//! One event and one set of counts for each request, written when its last byte is gone.

use super::context::{Edge, RequestContext};
use crate::metrics::RouteLabels;
use http::{Method, StatusCode};
use std::sync::Arc;
use std::time::Instant;

/// What is known of a request when its answer begins; reports itself when dropped.
pub struct Record {
    edge: Arc<Edge>,
    id: String,
    client: String,
    method: Method,
    path: String,
    start: Instant,
    /// Where it was routed.
    pub labels: RouteLabels,
    /// The app that called, if known.
    pub app: Option<u32>,
    /// Status of the answer; 499 until there is one.
    pub status: StatusCode,
    /// Code and internal text of the error, if it was one.
    pub error: Option<(&'static str, String)>,
    bytes: u64,
    end: End,
}

enum End {
    Open,
    Complete,
    Aborted(&'static str),
}

impl Record {
    /// Begins the record of a request. The path is kept without its query, which may hold secrets.
    pub fn new(context: &RequestContext, method: Method, path: &str) -> Self {
        context.edge.metrics.request_began();
        Self {
            edge: context.edge.clone(),
            id: context.id.clone(),
            client: context.connection.peer_text.clone(),
            method,
            path: path.chars().take(512).collect(),
            start: context.start,
            labels: RouteLabels::default(),
            app: None,
            status: client_gone(),
            error: None,
            bytes: 0,
            end: End::Open,
        }
    }

    /// Counts bytes of the answer's body.
    pub fn add_bytes(&mut self, n: usize) {
        self.bytes += n as u64;
    }

    /// The answer ended as it should.
    pub fn complete(&mut self) {
        self.end = End::Complete;
    }

    /// The answer was cut.
    pub fn aborted(&mut self, reason: &'static str) {
        self.end = End::Aborted(reason);
    }
}

/// The status on record while there is no answer; nobody receives it.
fn client_gone() -> StatusCode {
    StatusCode::from_u16(499).unwrap_or(StatusCode::BAD_REQUEST)
}

impl Drop for Record {
    fn drop(&mut self) {
        let took = self.start.elapsed();
        let aborted = match self.end {
            End::Aborted(reason) => Some(reason),
            End::Open => Some("the client went away"),
            End::Complete => None,
        };
        let metrics = &self.edge.metrics;
        metrics.request_ended(&self.labels, self.status, took, self.bytes);
        if let Some((code, _)) = &self.error {
            metrics.error(&self.labels, code);
        }
        if aborted.is_some() {
            metrics.aborted_stream(&self.labels);
        }
        let (code, cause) = match &self.error {
            Some((code, cause)) => (Some(*code), Some(cause.as_str()).filter(|c| !c.is_empty())),
            None => (None, None),
        };
        tracing::info!(
            target: "access",
            request_id = %self.id,
            client = %self.client,
            method = %self.method,
            path = %self.path.escape_debug(),
            status = self.status.as_u16(),
            duration_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX),
            bytes = self.bytes,
            plugin = self.labels.plugin.as_ref(),
            app = self.app,
            code,
            cause,
            aborted,
        );
    }
}
