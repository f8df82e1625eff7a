//! A server on a real pair of streams, which reads frames and sends what it is told to.

use super::machine::{Frame, frame, settings, take_frames};
use super::{SETTINGS, soon};
use crate::http2::frame::{PREFACE, flag, kind};
use crate::http2::{Client, connect};
use bytes::BytesMut;
use std::borrow::Cow;
use std::collections::VecDeque;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio::task::JoinHandle;

/// The server's side.
pub(super) struct Wire {
    pub(super) io: DuplexStream,
    came: BytesMut,
    frames: VecDeque<Frame>,
}

impl Wire {
    pub(super) async fn accept(mut io: DuplexStream) -> Self {
        let mut preface = [0; PREFACE.len()];
        soon(io.read_exact(&mut preface)).await.unwrap();
        assert_eq!(preface, PREFACE);
        Self { io, came: BytesMut::new(), frames: VecDeque::new() }
    }

    pub(super) async fn send(&mut self, bytes: &[u8]) {
        soon(self.io.write_all(bytes)).await.unwrap();
    }

    /// The next frame; none after the last.
    pub(super) async fn next(&mut self) -> Option<Frame> {
        while self.frames.is_empty() {
            if soon(self.io.read_buf(&mut self.came)).await.unwrap() == 0 {
                assert!(self.came.is_empty(), "the last frame is whole");
                return None;
            }
            self.frames.extend(take_frames(&mut self.came));
        }
        self.frames.pop_front()
    }

    /// The next frame of a kind, over all others.
    pub(super) async fn until(&mut self, kind: u8) -> Frame {
        loop {
            let frame = self.next().await.expect("it is sent before the end");
            if frame.kind == kind {
                return frame;
            }
        }
    }
}

/// A client, its driver at work, and its server, with this many bytes between them.
pub(super) async fn wired(room: usize) -> (Client, JoinHandle<Cow<'static, str>>, Wire) {
    let (near, far) = tokio::io::duplex(room);
    let greeting = async {
        let mut wire = Wire::accept(far).await;
        wire.send(&settings(&[])).await;
        let ping = wire.until(kind::PING).await;
        wire.send(&frame(kind::PING, flag::ACK, 0, &ping.payload)).await;
        wire
    };
    let (connected, wire) = tokio::join!(soon(connect(near, SETTINGS)), greeting);
    let (client, driver) = connected.unwrap();
    (client, tokio::spawn(driver), wire)
}
