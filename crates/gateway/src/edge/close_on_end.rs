//! The end of an HTTP/1 connection, in order also where the HTTP library has none.

use super::connection::ClientConnection;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

/// A connection of the HTTP library that closes its socket whenever it ends well.
///
/// The library does not once a client has asked for another protocol with `Upgrade`, even if it was
/// never given one: it leaves the socket to whoever speaks that protocol, and what it has not
/// written by then is lost. Asked again, it writes the rest and closes. A place where another
/// protocol is spoken would take the socket here, before that.
pub struct CloseOnEnd<C> {
    /// The library's.
    pub serving: C,
    connection: Arc<ClientConnection>,
}

impl<C> CloseOnEnd<C> {
    /// For this connection, whose socket tells it that it is being closed.
    pub fn new(serving: C, connection: &Arc<ClientConnection>) -> Self {
        Self { serving, connection: connection.clone() }
    }
}

impl<C: Future<Output = Result<(), E>> + Unpin, E> Future for CloseOnEnd<C> {
    type Output = Result<(), E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        let ended = ready!(Pin::new(&mut this.serving).poll(cx));
        if ended.is_err() || this.connection.is_closing() {
            return Poll::Ready(ended);
        }
        Pin::new(&mut this.serving).poll(cx)
    }
}
