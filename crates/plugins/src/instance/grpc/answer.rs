//! What a plugin's messages say to a client: its status, its headers, and how its body begins.

use super::super::answer::{Answer, AnswerBody, CallError};
use super::headers::{self, TooMany};
use super::pieces::GrpcPieces;
use http::{HeaderMap, StatusCode};
use sidegate_transport::codec::{self, Chunk};
use sidegate_wire::plugin::endpoint_response_chunk::ChunkType;

/// A whole answer.
///
/// # Errors
/// [`CallError::Reported`] where the plugin says that it failed, [`CallError::Protocol`] for a status or
/// headers that no client could take.
pub(super) fn whole(answer: codec::Answer) -> Result<Answer<Box<GrpcPieces>>, CallError> {
    if !answer.error_message.is_empty() {
        return Err(reported(answer.status_code, &answer.error_message));
    }
    Ok(Answer {
        status: status(answer.status_code)?,
        headers: headers::response(&answer.headers)?,
        body: AnswerBody::Whole(answer.body),
    })
}

/// A streamed answer, once its first chunk that says anything is there.
///
/// # Errors
/// As for [`whole`], and where the stream ends with nothing sent.
pub(super) async fn begin(
    mut pieces: Box<GrpcPieces>,
) -> Result<Answer<Box<GrpcPieces>>, CallError> {
    let Some(first) = first_meaningful(&mut pieces).await? else {
        return Err(CallError::Protocol("the stream ended with nothing sent".to_owned()));
    };
    let plain = |body| Answer { status: StatusCode::OK, headers: HeaderMap::new(), body };
    match first.kind {
        ChunkType::Headers => Ok(Answer {
            status: status(first.status_code)?,
            headers: headers::response(&first.headers)?,
            body: AnswerBody::Pieces { first: None, rest: pieces },
        }),
        ChunkType::Body => Ok(plain(AnswerBody::Pieces { first: Some(first.data), rest: pieces })),
        ChunkType::Done => {
            pieces.let_finish();
            Ok(plain(AnswerBody::Empty))
        }
        ChunkType::Error => Err(reported(first.status_code, &first.error_message)),
    }
}

/// The first chunk that says anything; empty data does not.
async fn first_meaningful(pieces: &mut GrpcPieces) -> Result<Option<Chunk>, CallError> {
    loop {
        match pieces.next_chunk().await.transpose()? {
            Some(chunk) if chunk.kind == ChunkType::Body && chunk.data.is_empty() => {}
            other => return Ok(other),
        }
    }
}

fn reported(status_code: i32, text: &str) -> CallError {
    let status = status(status_code).ok().filter(|_| status_code != 0);
    CallError::Reported { status, text: text.to_owned() }
}

/// The status that a plugin names; none is 200.
fn status(code: i32) -> Result<StatusCode, CallError> {
    let code = if code == 0 { 200 } else { code };
    u16::try_from(code)
        .ok()
        .filter(|code| *code >= 200)
        .and_then(|code| StatusCode::from_u16(code).ok())
        .ok_or_else(|| CallError::Protocol(format!("status code {code}")))
}

impl From<TooMany> for CallError {
    fn from(too_many: TooMany) -> Self {
        Self::Protocol(too_many.to_string())
    }
}
