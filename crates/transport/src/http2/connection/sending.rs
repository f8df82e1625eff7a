//! How requests leave: their heads at once where there is a place, their bodies as the windows allow.

use super::Connection;
use crate::http2::frame::{Head, flag, kind};
use crate::http2::stream::{Progress, Stream};
use std::collections::VecDeque;

impl Connection {
    /// Sends the head of a call, and what it can of the rest.
    pub(super) fn start(&mut self, id: u32) {
        let Some(stream) = self.streams.get_mut(&id) else { return };
        stream.progress = Progress::Begun(self.out.total());
        let timeout = stream.timeout;
        self.out.put(|out| self.heads.put(out, id, timeout));
        self.open += 1;
        self.begun = id;
        stream.in_line = true;
        self.line.push_back(id);
        self.send();
    }

    /// Begins the calls that wait, as far as there are places and what they send leaves: calls that
    /// are given up while the other end does not read must not pile up.
    pub(super) fn start_waiting(&mut self) {
        while self.open < self.peer.streams
            && !self.out.is_full()
            && let Some(id) = self.waiting.pop_front()
        {
            self.start(id);
        }
        self.trim();
    }

    /// Sends what the windows allow, a frame of each call in turns, while it leaves.
    pub(super) fn send(&mut self) {
        while self.send_window > 0
            && !self.out.is_full()
            && let Some(id) = self.line.pop_front()
        {
            let Some(stream) = self.streams.get_mut(&id) else { continue };
            let room = stream.send_window.min(self.send_window).max(0);
            let most = usize::try_from(room).unwrap_or(usize::MAX).min(self.peer.frame_bytes);
            let (first, second) = stream.unsent.take(most);
            let length = first.len() + second.len();
            stream.in_line = false;
            if length == 0 {
                // Until there is room again.
                continue;
            }
            let is_last = stream.unsent.len() == 0;
            let flags = if is_last { flag::END_STREAM } else { 0 };
            self.out.put(|out| Head { length, kind: kind::DATA, flags, stream: id }.put(out));
            self.out.push(first);
            self.out.push(second);
            stream.send_window -= length as i64;
            self.send_window -= length as i64;
            if !is_last {
                stream.in_line = true;
                self.line.push_back(id);
            }
        }
    }
}

/// Lets a call that has more to send, and room for it, take its turn.
pub(super) fn line_up(line: &mut VecDeque<u32>, id: u32, stream: &mut Stream) {
    let begun = matches!(stream.progress, Progress::Begun(_));
    if begun && !stream.in_line && stream.send_window > 0 && stream.unsent.len() > 0 {
        stream.in_line = true;
        line.push_back(id);
    }
}
