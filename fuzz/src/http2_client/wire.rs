//! A connection in memory.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Somebody between client and server, who makes a good client a bad one.
#[derive(Debug, Clone, Copy, Default)]
pub struct Tamper {
    /// Changes what the client reads.
    pub comes: Option<fn(&mut Vec<u8>)>,
    /// Changes what it writes.
    pub leaves: Option<fn(&mut Vec<u8>)>,
}

#[derive(Debug, Default)]
struct Both {
    to_client: Vec<u8>,
    from_client: Vec<u8>,
    is_over: bool,
}

/// A connection in memory, the client's end.
#[derive(Debug, Clone, Default)]
pub struct Wire {
    both: Rc<RefCell<Both>>,
    tamper: Tamper,
}

impl Wire {
    /// Nothing was said yet.
    pub fn new(tamper: Tamper) -> Self {
        Self { both: Rc::default(), tamper }
    }

    /// The server sends.
    pub fn deliver(&self, bytes: &[u8]) {
        let mut bytes = bytes.to_vec();
        if let Some(change) = self.tamper.comes {
            change(&mut bytes);
        }
        self.both.borrow_mut().to_client.extend_from_slice(&bytes);
    }

    /// The server hangs up.
    pub fn hang_up(&self) {
        self.both.borrow_mut().is_over = true;
    }

    /// What the client sent since it was asked.
    pub fn take_sent(&self) -> Vec<u8> {
        let mut sent = std::mem::take(&mut self.both.borrow_mut().from_client);
        if let Some(change) = self.tamper.leaves {
            change(&mut sent);
        }
        sent
    }
}

impl AsyncRead for Wire {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let mut both = self.both.borrow_mut();
        if both.to_client.is_empty() {
            return if both.is_over { Poll::Ready(Ok(())) } else { Poll::Pending };
        }
        let n = buf.remaining().min(both.to_client.len());
        let came: Vec<u8> = both.to_client.drain(..n).collect();
        buf.put_slice(&came);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.both.borrow_mut().from_client.extend_from_slice(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
