//! What a plugin answered its page, as a body that holds its share of the memory until it is sent: readers that are slow hold
//! no more than that, and those that stop, or take too long for all of it, are cut.

use super::event_stream::Connection;
use super::page_memory::Share;
use axum::body::{Body, HttpBody};
use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::{Notify, oneshot};
use tokio::time::{Instant, timeout, timeout_at};

/// What is given to the connection at once.
const PIECE: usize = 64 * 1024;
/// How long a reader may take for a piece.
const UNREAD: Duration = Duration::from_secs(30);
/// The least that a reader takes in a second of the whole, beside the time for one piece.
const LEAST_RATE: usize = 128 * 1024;

/// Bytes with their share of the budget. The connection has them until they are sent.
struct Held {
    content: Vec<u8>,
    _share: Share,
    /// Ends with them.
    _sent: oneshot::Sender<Infallible>,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.content
    }
}

/// Gives them piece by piece.
struct Pieces {
    rest: Bytes,
    /// Rings with each.
    given: Arc<Notify>,
}

/// A body of this content, on this connection, with its share of the memory.
pub(super) fn body(share: Share, content: Vec<u8>, connection: Option<Connection>) -> Body {
    let (sent, is_sent) = oneshot::channel();
    let given = Arc::new(Notify::new());
    let end = Instant::now() + longest(content.len());
    tokio::spawn(watch(is_sent, given.clone(), end, connection));
    let held = Held { content, _share: share, _sent: sent };
    Body::new(Pieces { rest: Bytes::from_owner(held), given })
}

/// How long a reader may take for so many bytes.
fn longest(bytes: usize) -> Duration {
    let seconds = u32::try_from(bytes.div_ceil(LEAST_RATE)).unwrap_or(u32::MAX);
    UNREAD + Duration::from_secs(1) * seconds
}

/// Cuts a connection on which nothing is read any more, or too slowly.
async fn watch(
    mut sent: oneshot::Receiver<Infallible>,
    given: Arc<Notify>,
    end: Instant,
    connection: Option<Connection>,
) {
    let stops = async { while timeout(UNREAD, given.notified()).await.is_ok() {} };
    tokio::select! {
        _ = &mut sent => return,
        // Both mean that it is not read in time.
        _ = timeout_at(end, stops) => {}
    }
    if let Some(connection) = connection {
        tracing::debug!("an answer of a plugin was not read in time and is cut");
        connection.cut.notify_one();
    }
}

impl HttpBody for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.rest.is_empty() {
            return Poll::Ready(None);
        }
        self.given.notify_one();
        let piece = self.rest.len().min(PIECE);
        Poll::Ready(Some(Ok(Frame::data(self.rest.split_to(piece)))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.rest.len() as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::super::page_memory::PageMemory;
    use super::*;
    use futures_util::StreamExt as _;
    use sidegate_model::actor::Who;
    use sidegate_model::plugin_page::PageUser;
    use sidegate_model::user::UserId;
    use tokio::sync::watch as watched;

    const EIGHT_MIB: usize = 8 * 1024 * 1024;

    fn jane() -> PageUser {
        PageUser::from(&Who::of_user(UserId(1), "jane"))
    }

    fn connection() -> Connection {
        let (_, ending) = watched::channel(false);
        Connection { ending, cut: Arc::default() }
    }

    #[tokio::test]
    async fn what_is_not_read_takes_its_share_until_it_is_sent_or_dropped() {
        let memory = Arc::<PageMemory>::default();
        let body = || {
            let share = memory.take(&jane(), EIGHT_MIB).unwrap();
            super::body(share, vec![7; EIGHT_MIB], None)
        };
        let (first, second) = (body(), body());
        assert!(memory.take(&jane(), 1).is_err());
        drop(first);
        let third = body();
        assert_eq!(third.size_hint().exact(), Some(EIGHT_MIB as u64));
        let read = axum::body::to_bytes(third, EIGHT_MIB).await.unwrap();
        assert!(read.len() == EIGHT_MIB && read.iter().all(|byte| *byte == 7));
        drop((second, read));
        assert!(memory.take(&jane(), 2 * EIGHT_MIB).is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_reader_that_stops_is_cut() {
        let connection = connection();
        let share = Arc::<PageMemory>::default().take(&jane(), EIGHT_MIB).unwrap();
        let body = super::body(share, vec![7; EIGHT_MIB], Some(connection.clone()));
        let begun = Instant::now();
        connection.cut.notified().await;
        assert!(begun.elapsed() >= UNREAD && begun.elapsed() < 2 * UNREAD);
        drop(body);
    }

    #[tokio::test(start_paused = true)]
    async fn a_reader_that_takes_a_little_all_the_time_is_cut_too() {
        let connection = connection();
        let share = Arc::<PageMemory>::default().take(&jane(), EIGHT_MIB).unwrap();
        let body = super::body(share, vec![7; EIGHT_MIB], Some(connection.clone()));
        let mut body = body.into_data_stream();
        let begun = Instant::now();
        let trickle = async {
            loop {
                tokio::time::sleep(UNREAD / 2).await;
                body.next().await;
            }
        };
        tokio::select! {
            () = trickle => {}
            () = connection.cut.notified() => {}
        }
        let took = begun.elapsed();
        assert!(took >= longest(EIGHT_MIB) && took < 2 * longest(EIGHT_MIB), "{took:?}");
    }
}
