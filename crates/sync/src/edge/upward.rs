//! What an edge says of itself. What may be long is said in parts: one thing after the other, each made when there is room for
//! its first part.

use super::token_uses::Uses;
use crate::message::{self, edge_message};
use crate::parts::Outgoing;

/// What a part is one of.
pub(super) type Kind = fn(message::Part) -> edge_message::Body;

/// The thing that is being said.
#[derive(Debug, Default)]
pub(super) struct Upward {
    saying: Option<(Outgoing, Kind)>,
    /// The number of the last thing.
    last: u64,
    /// When tokens were last used, which is never long.
    pub(super) uses: Uses,
}

impl Upward {
    /// What was not said on the stream before is made anew.
    pub(super) fn reconnected(&mut self) {
        self.saying = None;
        self.uses.reconnected();
    }

    /// The next part; where nothing is being said, of what is to be said next.
    pub(super) fn next(
        &mut self,
        make: impl FnOnce() -> Option<(Vec<u8>, Kind)>,
    ) -> Option<edge_message::Body> {
        if let Some(uses) = self.uses.next() {
            return Some(edge_message::Body::TokenUses(uses));
        }
        if self.saying.is_none() {
            let (bytes, kind) = make()?;
            self.last += 1;
            self.saying = Some((Outgoing::new(self.last, bytes), kind));
        }
        let (outgoing, kind) = self.saying.as_mut()?;
        let (part, is_last) = outgoing.next();
        let body = kind(part);
        if is_last {
            self.saying = None;
        }
        Some(body)
    }
}
