//! The way in over HTTP/2: everything is handed over, but heads whose target has a fragment are marked
//! before.

use super::super::socket::SocketIo;
use super::{GuardedIo, READ_STEP};
use sidegate_transport::http2::request_heads::{Look, mark};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::ReadBuf;

impl<S: SocketIo> GuardedIo<S> {
    /// Hands over what has come, marked.
    pub(super) fn poll_frames(
        &mut self,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Some(heads) = &mut self.heads else {
            return Poll::Ready(Ok(()));
        };
        if self.inbox.is_empty() {
            let before = buf.filled().len();
            ready!(Pin::new(&mut self.socket).poll_read(cx, buf))?;
            self.connection.heard();
            let fresh = &buf.filled()[before..];
            let sound = match heads.look(fresh) {
                Look::Sound(sound) => sound,
                Look::Fragment { sound, frame, insert_at } => {
                    self.connection.sees_fragment();
                    self.inbox.extend_from_slice(&mark(&fresh[sound..sound + frame], insert_at));
                    self.approved = self.inbox.len();
                    self.inbox.extend_from_slice(&fresh[sound + frame..]);
                    buf.set_filled(before + sound);
                    if sound == 0 {
                        self.hand_over(buf);
                    }
                    return Poll::Ready(Ok(()));
                }
            };
            if sound == fresh.len() {
                return Poll::Ready(Ok(()));
            }
            self.inbox.extend_from_slice(&fresh[sound..]);
            buf.set_filled(before + sound);
            if sound > 0 {
                return Poll::Ready(Ok(()));
            }
        }
        loop {
            match heads.look(&self.inbox) {
                Look::Sound(0) => {}
                Look::Sound(sound) => self.approved = sound,
                Look::Fragment { sound, frame, insert_at } => {
                    self.connection.sees_fragment();
                    let rest = self.inbox.split_off(sound);
                    self.inbox.extend_from_slice(&mark(&rest[..frame], insert_at));
                    self.approved = self.inbox.len();
                    self.inbox.extend_from_slice(&rest[frame..]);
                }
            }
            if self.approved > 0 {
                self.hand_over(buf);
                return Poll::Ready(Ok(()));
            }
            self.inbox.reserve(READ_STEP);
            let socket = Pin::new(&mut self.socket);
            if ready!(tokio_util::io::poll_read_buf(socket, cx, &mut self.inbox))? == 0 {
                return Poll::Ready(Ok(()));
            }
            self.connection.heard();
        }
    }
}
