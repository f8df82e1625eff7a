//! What is asked of the plugin, and how an answer is known to be right: each caller has a body of its own,
//! which has to come back.

use anyhow::{Result, ensure};
use bytes::Bytes;
use sidegate_transport::codec::{Answer, Encoded};
use sidegate_wire::plugin::{EndpointRequest, HeaderField, PluginContext};

/// The usual headers of a client, as the gateway passes them on.
const HEADERS: [(&str, &str); 7] = [
    ("User-Agent", "bench/1.0 (measures what a request costs)"),
    ("Accept", "*/*"),
    ("Accept-Encoding", "gzip, deflate, br"),
    ("Accept-Language", "en-US,en;q=0.9"),
    ("Cache-Control", "no-cache"),
    ("X-Client-Version", "4.2.1"),
    ("Content-Type", "application/octet-stream"),
];

/// The request of one caller.
#[derive(Debug)]
pub(super) struct Question {
    message: Encoded,
    body: Bytes,
}

impl Question {
    /// That of the caller with this number.
    ///
    /// # Errors
    /// When the message cannot be written.
    pub(super) fn numbered(number: usize) -> Result<Self> {
        let body = Bytes::from(format!("caller {number:05}\n"));
        let header = |(name, value): (&str, &'static str)| HeaderField {
            name: name.to_owned(),
            value: Bytes::from_static(value.as_bytes()),
        };
        let context = PluginContext { request_id: format!("{number:032x}"), ..Default::default() };
        let request = EndpointRequest {
            method: "POST".to_owned(),
            path: "/plugins/bench/echo".to_owned(),
            relative_path: "/echo".to_owned(),
            path_segments: vec!["echo".to_owned()],
            body: body.clone(),
            remote_addr: "127.0.0.1".to_owned(),
            host: "bench.example.com".to_owned(),
            protocol: "http".to_owned(),
            context: Some(context),
            header_list: HEADERS.map(header).to_vec(),
            ..Default::default()
        };
        Ok(Self { message: Encoded::of(&request)?, body })
    }

    /// As it is sent.
    pub(super) fn message(&self) -> &Encoded {
        &self.message
    }

    /// Whether this message is its answer.
    ///
    /// # Errors
    /// When it is not.
    pub(super) fn check(&self, message: &Bytes) -> Result<()> {
        let answer = Answer::decode(message)?;
        let (status, error) = (answer.status_code, &answer.error_message);
        ensure!(error.is_empty() && status == 200, "the plugin answered {status} {error:?}");
        ensure!(
            answer.body == self.body,
            "the plugin answered {:?} to {:?}",
            answer.body,
            self.body
        );
        Ok(())
    }
}
