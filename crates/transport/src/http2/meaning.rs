//! What the header blocks of answers mean for a call. Nearly all of them are one of two, which are
//! recognised by their bytes.

use super::failure::Failure;
use super::frame::{Fault, Reason};
use super::hpack;
use bytes::Bytes;

/// Most bytes of one block's names and values.
pub(super) const MAX_FIELD_BYTES: usize = 64 * 1024;
/// Blocks up to this size are remembered, as many as this.
const REMEMBERED_BYTES: usize = 256;
const REMEMBERED: usize = 4;

/// What a header block says.
#[derive(Debug, Clone)]
pub(super) enum Meaning {
    /// An answer begins.
    Begin,
    /// Something else comes first.
    Wait,
    /// The call has ended.
    End(Result<(), Failure>),
    /// More than anybody needs.
    TooLarge,
}

/// Reads header blocks.
#[derive(Debug, Default)]
pub(super) struct Meanings {
    known: Vec<(Box<[u8]>, Meaning)>,
}

impl Meanings {
    /// What a block means.
    ///
    /// # Errors
    /// A fault of the connection for a block that cannot be read.
    pub(super) fn read(&mut self, block: &[u8]) -> Result<Meaning, Fault> {
        if let Some(at) = self.known.iter().position(|(known, _)| **known == *block) {
            let meaning = self.known[at].1.clone();
            // Ahead by one: what comes often is not driven out by what comes once.
            self.known.swap(at, at.saturating_sub(1));
            return Ok(meaning);
        }
        let meaning = Fields::read(block)?.map_or(Meaning::TooLarge, Fields::meaning);
        let lasts = matches!(meaning, Meaning::Begin | Meaning::End(Ok(())));
        if lasts && block.len() <= REMEMBERED_BYTES {
            // Heads that tell the date are new every second.
            self.known.truncate(REMEMBERED - 1);
            self.known.push((block.into(), meaning.clone()));
        }
        Ok(meaning)
    }
}

/// The fields that matter.
#[derive(Default)]
struct Fields {
    status: Option<Bytes>,
    grpc_status: Option<Bytes>,
    grpc_message: Bytes,
}

impl Fields {
    /// `None` when there is too much.
    fn read(block: &[u8]) -> Result<Option<Self>, Fault> {
        let mut fields = Self::default();
        let read = hpack::decode(block, MAX_FIELD_BYTES, |name, value| {
            let value = || Bytes::copy_from_slice(&value);
            match &*name {
                b":status" => fields.status = Some(value()),
                b"grpc-status" => fields.grpc_status = Some(value()),
                b"grpc-message" => fields.grpc_message = value(),
                _ => {}
            }
        });
        match read {
            Ok(()) => Ok(Some(fields)),
            Err(hpack::HpackError::TooLarge(_)) => Ok(None),
            Err(_) => Err(Fault {
                reason: Reason::COMPRESSION_ERROR,
                text: "a header block that cannot be read",
            }),
        }
    }

    fn meaning(self) -> Meaning {
        match self.status.as_deref() {
            None | Some(b"200") => {}
            Some(status) if status.first() == Some(&b'1') => return Meaning::Wait,
            Some(status) => {
                let status = String::from_utf8_lossy(&status[..status.len().min(3)]).into_owned();
                return Meaning::End(Err(Failure::Protocol(
                    format!("HTTP status {status}").into(),
                )));
            }
        }
        match (self.grpc_status, self.status) {
            (Some(code), _) => Meaning::End(ended(&code, self.grpc_message)),
            (None, Some(_)) => Meaning::Begin,
            (None, None) => Meaning::End(Err(Failure::BrokeOff("ended without a status".into()))),
        }
    }
}

fn ended(code: &[u8], message: Bytes) -> Result<(), Failure> {
    let code = std::str::from_utf8(code).ok().and_then(|text| text.parse::<i32>().ok());
    match code {
        Some(0) => Ok(()),
        Some(code) => Err(Failure::Status { code, message }),
        None => Err(Failure::Protocol("no readable grpc-status".into())),
    }
}
