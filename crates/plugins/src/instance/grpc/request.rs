//! A question as the message that a plugin with the features it announced receives.

use super::super::answer::CallError;
use super::super::question::Question;
use super::Features;
use bytes::Bytes;
use sidegate_transport::codec::{Encoded, RequestParts};

/// Writes the message.
///
/// # Errors
/// [`CallError::TooLarge`] for what the plugin's gRPC server would not take.
pub(super) fn encode(
    question: &Question<'_>,
    body: &Bytes,
    features: Features,
) -> Result<Encoded, CallError> {
    let limit = features.max_request_bytes();
    let parts = RequestParts {
        method: question.method,
        path: question.path.full(),
        relative_path: question.path.relative(),
        path_segments: question.path.segments(),
        headers: question.fields.all,
        withheld: question.fields.withheld,
        added: question.fields.added,
        header_list: features.header_list,
        body,
        query_string: question.query,
        remote_addr: question.client,
        host: question.host,
        protocol: "http",
        request_id: question.request_id,
        facts: question.facts.grpc(question.scheme),
        caller_facts: question.caller_facts,
        app: question.app.map(|app| &*app.encoded),
        scopes: question.scopes,
        raw_path: if features.raw_path { question.raw_path } else { "" },
    };
    let request = parts.encode().map_err(|_| CallError::TooLarge { limit })?;
    if request.message_len() > limit {
        return Err(CallError::TooLarge { limit });
    }
    Ok(request)
}
