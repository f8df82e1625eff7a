//! The rest of a streamed answer, whichever protocol it comes in.

use super::answer::Piece;
use super::grpc::{GrpcPieces, SharedCall};
use crate::ending::EndSignal;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};

/// The rest of a streamed answer. Dropping it cancels the call.
pub struct Pieces(Rest);

/// What is to come, by protocol. In a box, because every answer is handed on several times, and hardly any
/// is a stream.
enum Rest {
    Grpc(Box<GrpcPieces>),
}

impl Pieces {
    /// The chunks of a gRPC call.
    pub(crate) fn grpc(rest: Box<GrpcPieces>) -> Self {
        Self(Rest::Grpc(rest))
    }

    /// What comes next. Nothing comes after the end, and nothing after what is broken.
    pub fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Piece> {
        match &mut self.0 {
            Rest::Grpc(pieces) => pieces.poll_piece(cx),
        }
    }

    /// [`Pieces::poll_piece`] as a future.
    pub async fn next(&mut self) -> Piece {
        std::future::poll_fn(|cx| self.poll_piece(cx)).await
    }

    /// Everything was given and nothing more is wanted: the plugin may finish its work in peace, for a
    /// while.
    pub fn let_finish(self) {
        match self.0 {
            Rest::Grpc(pieces) => pieces.let_finish(),
        }
    }

    /// Where the stream is told to end before its end.
    pub fn signal(&self) -> &Arc<EndSignal> {
        match &self.0 {
            Rest::Grpc(pieces) => pieces.signal(),
        }
    }

    /// What ends the call, where that can be somebody else's business than its reader's.
    pub fn canceller(&self) -> Option<Canceller> {
        match &self.0 {
            Rest::Grpc(pieces) => pieces.shared_call().map(|call| Canceller(Cancelled::Grpc(call))),
        }
    }
}

/// Ends a call whose reader may not ask for more any more.
pub struct Canceller(Cancelled);

/// A call, by protocol.
enum Cancelled {
    Grpc(Weak<SharedCall>),
}

impl Canceller {
    /// Ends it, if it is still open.
    pub fn cancel(&self) {
        let Cancelled::Grpc(call) = &self.0;
        if let Some(call) = call.upgrade() {
            call.cancel();
        }
    }
}
