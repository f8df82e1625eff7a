//! What the frames of the other end do to the calls of a connection.

use super::sending::line_up;
use super::{Block, Connection, INITIAL_FRAME_BYTES, MAX_FRAME_BYTES, PROBE};
use crate::http2::failure::Failure;
use crate::http2::frame::{
    self, Fault, HEAD_BYTES, Head, MAX_31_BITS, Reason, flag, kind, setting,
};
use crate::http2::meaning::Meaning;
use crate::http2::stream::{Progress, Stream, Unsent};
use bytes::{Buf as _, BytesMut};

/// Room on the connection is given back in such steps, in bytes.
const CONNECTION_WINDOW_STEP: u32 = 1 << 24;
/// Pieces of one header block, each of which may be empty.
const MAX_CONTINUATIONS: usize = 256;
/// Answers to pings and settings that wait to be written.
const MAX_REPLIES: usize = 1000;

impl Connection {
    /// Takes all whole frames out of `buffer`; answers how many bytes the next one needs.
    ///
    /// # Errors
    /// A fault, with which the connection ends.
    pub(in crate::http2) fn receive(&mut self, buffer: &mut BytesMut) -> Result<usize, Fault> {
        while let Some(bytes) = buffer.first_chunk::<HEAD_BYTES>() {
            let head = Head::read(*bytes);
            if !self.settled && (head.kind != kind::SETTINGS || head.has(flag::ACK)) {
                return Err(Fault::protocol("not HTTP/2: it does not begin with settings"));
            }
            if head.length > MAX_FRAME_BYTES {
                return Err(Fault::size("a frame larger than we take"));
            }
            let whole = HEAD_BYTES + head.length;
            if buffer.len() < whole {
                return Ok(whole);
            }
            if head.kind == kind::DATA {
                buffer.advance(HEAD_BYTES);
                self.data(head, buffer)?;
            } else {
                self.frame(head, &buffer[HEAD_BYTES..whole])?;
                buffer.advance(whole);
            }
        }
        Ok(HEAD_BYTES)
    }

    fn frame(&mut self, head: Head, payload: &[u8]) -> Result<(), Fault> {
        if self.block.is_some() && head.kind != kind::CONTINUATION {
            return Err(Fault::protocol("a frame within a header block"));
        }
        if matches!(head.kind, kind::SETTINGS | kind::PING | kind::GOAWAY) && head.stream != 0 {
            return Err(Fault::protocol("a frame of the connection on a stream"));
        }
        match head.kind {
            kind::HEADERS => {
                self.check_known(head.stream)?;
                let content = &payload[head.content(payload)?];
                if head.has(flag::END_HEADERS) {
                    return self.headers(head, content);
                }
                self.block = Some(Block { head, bytes: content.to_vec(), pieces: 0 });
                Ok(())
            }
            kind::CONTINUATION => self.continuation(head, payload),
            kind::RST_STREAM => {
                self.check_known(head.stream)?;
                self.reset(head.stream, Reason(frame::word(payload)?));
                Ok(())
            }
            kind::SETTINGS => self.settings(head, payload),
            kind::PUSH_PROMISE => Err(Fault::protocol("a push that was not asked for")),
            kind::PING => self.ping(head, payload),
            kind::GOAWAY => self.goaway(payload),
            kind::WINDOW_UPDATE => self.window_update(head.stream, frame::word(payload)?),
            // Unknown kinds are for those who know them; priorities are for servers.
            _ => Ok(()),
        }
    }

    /// A stream that the other end was told of, whether or not it is over.
    fn check_known(&self, stream: u32) -> Result<(), Fault> {
        if stream % 2 == 1 && stream <= self.begun {
            Ok(())
        } else {
            Err(Fault::protocol("a frame on a stream that does not exist"))
        }
    }

    /// `buffer` begins with the frame's payload, which is taken out of it.
    fn data(&mut self, head: Head, buffer: &mut BytesMut) -> Result<(), Fault> {
        if self.block.is_some() {
            return Err(Fault::protocol("data within a header block"));
        }
        self.check_known(head.stream)?;
        let content = head.content(&buffer[..head.length])?;
        self.take_back(head.length);
        let Some(stream) = self.streams.get_mut(&head.stream).filter(|s| s.end.is_none()) else {
            buffer.advance(head.length);
            return Ok(());
        };
        let fits = stream.receive(head.length);
        let rest = head.length - content.end;
        buffer.advance(content.start);
        stream.store(buffer, content.len());
        buffer.advance(rest);
        if !fits {
            self.break_off(
                head.stream,
                Reason::FLOW_CONTROL_ERROR,
                "it sent more than was allowed",
            );
        } else if !stream.answered {
            self.break_off(head.stream, Reason::PROTOCOL_ERROR, "data came before the head");
        } else if head.has(flag::END_STREAM) {
            self.end(head.stream, Err(Failure::BrokeOff("ended without a status".into())), true);
        } else {
            // Its reader may sleep until more content comes.
            if stream.skip(head.length - content.len())
                && let Some(more) = stream.room(self.window)
            {
                self.out.put(|out| frame::put_window_update(out, head.stream, more));
            }
            if stream.is_worth_a_look(self.window) {
                stream.wake();
            }
        }
        Ok(())
    }

    /// Gives room on the connection back, whoever reads or does not read the stream.
    fn take_back(&mut self, bytes: usize) {
        self.received += bytes as u32;
        if self.received >= CONNECTION_WINDOW_STEP {
            let more = std::mem::take(&mut self.received);
            self.out.put(|out| frame::put_window_update(out, 0, more));
        }
    }

    fn continuation(&mut self, head: Head, payload: &[u8]) -> Result<(), Fault> {
        let Some(block) = self.block.as_mut().filter(|block| block.head.stream == head.stream)
        else {
            return Err(Fault::protocol("a continuation of nothing"));
        };
        block.pieces += 1;
        if block.pieces > MAX_CONTINUATIONS || block.bytes.len() + payload.len() > MAX_FRAME_BYTES {
            return Err(Fault::too_much("a header block without end"));
        }
        block.bytes.extend_from_slice(payload);
        if head.has(flag::END_HEADERS)
            && let Some(block) = self.block.take()
        {
            self.headers(block.head, &block.bytes)?;
        }
        Ok(())
    }

    fn headers(&mut self, head: Head, block: &[u8]) -> Result<(), Fault> {
        let Some(stream) = self.streams.get_mut(&head.stream).filter(|s| s.end.is_none()) else {
            return Ok(());
        };
        let is_last = head.has(flag::END_STREAM);
        match self.meanings.read(block)? {
            Meaning::Wait | Meaning::Begin if is_last => {
                self.end(
                    head.stream,
                    Err(Failure::BrokeOff("ended without a status".into())),
                    true,
                );
            }
            Meaning::Wait => {}
            Meaning::Begin => {
                stream.answered = true;
                if stream.is_worth_a_look(self.window) {
                    stream.wake();
                }
            }
            Meaning::End(end) => self.end(head.stream, end, is_last),
            Meaning::TooLarge => {
                let end = Failure::Protocol("more headers than are taken".into());
                self.end(head.stream, Err(end), is_last);
            }
        }
        Ok(())
    }

    /// The other end gave a call up.
    fn reset(&mut self, id: u32, reason: Reason) {
        let Some(stream) = self.streams.get_mut(&id).filter(|stream| stream.end.is_none()) else {
            return;
        };
        let failure = match reason {
            Reason::REFUSED_STREAM if !stream.answered => Failure::Unheard(reason.text().into()),
            Reason::NO_ERROR => Failure::BrokeOff("ended without a status".into()),
            other => Failure::BrokeOff(other.text().into()),
        };
        stream.unsent = Unsent::default();
        self.end(id, Err(failure), true);
    }

    /// We give a call up.
    fn break_off(&mut self, id: u32, reason: Reason, why: &'static str) {
        self.out.put(|out| frame::put_reset(out, id, reason));
        if let Some(stream) = self.streams.get_mut(&id) {
            stream.unsent = Unsent::default();
        }
        self.end(id, Err(Failure::BrokeOff(why.into())), true);
    }

    fn settings(&mut self, head: Head, payload: &[u8]) -> Result<(), Fault> {
        if head.has(flag::ACK) {
            return match payload {
                [] => Ok(()),
                _ => Err(Fault::size("an acknowledgement of settings that says more")),
            };
        }
        if !payload.len().is_multiple_of(6) {
            return Err(Fault::size("settings that are cut"));
        }
        let mut window = self.peer.window;
        for entry in payload.chunks_exact(6) {
            let name = u16::from_be_bytes([entry[0], entry[1]]);
            let value = frame::word(&entry[2..])?;
            match name {
                setting::HEADER_TABLE_SIZE => self.heads.resize_table(value),
                setting::MAX_CONCURRENT_STREAMS => {
                    self.peer.streams = usize::try_from(value).unwrap_or(usize::MAX);
                }
                setting::INITIAL_WINDOW_SIZE if value > MAX_31_BITS => {
                    return Err(Fault::flow("a window that is too large"));
                }
                setting::INITIAL_WINDOW_SIZE => window = value,
                setting::MAX_FRAME_SIZE => self.peer.frame_bytes = frame_bytes(value)?,
                _ => {}
            }
        }
        self.resize_windows(window)?;
        self.settled = true;
        self.reply(frame::put_settings_ack)?;
        self.start_waiting();
        self.send();
        Ok(())
    }

    /// Once for all of a frame's settings: there may be many calls.
    fn resize_windows(&mut self, window: u32) -> Result<(), Fault> {
        let change = i64::from(window) - i64::from(self.peer.window);
        if change == 0 {
            return Ok(());
        }
        self.peer.window = window;
        for (id, stream) in self.streams.iter_mut().filter(|(_, stream)| stream.end.is_none()) {
            stream.send_window += change;
            if stream.send_window > i64::from(MAX_31_BITS) {
                return Err(Fault::flow("a window that cannot be"));
            }
            line_up(&mut self.line, *id, stream);
        }
        Ok(())
    }

    fn ping(&mut self, head: Head, payload: &[u8]) -> Result<(), Fault> {
        let opaque = payload.try_into().map_err(|_| Fault::size("not eight bytes of ping"))?;
        if !head.has(flag::ACK) {
            return self.reply(|out| frame::put_ping(out, flag::ACK, opaque));
        }
        self.probed |= opaque == PROBE;
        Ok(())
    }

    /// Answers at once, but not without end to an end that does not read.
    fn reply(&mut self, put: impl FnOnce(&mut BytesMut)) -> Result<(), Fault> {
        self.replies += 1;
        if self.replies > MAX_REPLIES {
            return Err(Fault::too_much("more pings and settings than answers were read"));
        }
        self.out.put(put);
        Ok(())
    }

    /// The other end begins no more calls; those after the last one it names it never heard of.
    fn goaway(&mut self, payload: &[u8]) -> Result<(), Fault> {
        let Some((last, reason)) = payload.get(..8).map(|known| known.split_at(4)) else {
            return Err(Fault::size("a farewell that is cut"));
        };
        let last = frame::word(last)? & MAX_31_BITS;
        self.farewell = Reason(frame::word(reason)?);
        self.closed = true;
        self.waiting.clear();
        let beyond = |(id, stream): (&u32, &Stream)| {
            let is_beyond = *id > last || stream.progress == Progress::Waiting;
            is_beyond.then_some((*id, stream.answered))
        };
        let beyond: Vec<_> = self.streams.iter().filter_map(beyond).collect();
        for (id, answered) in beyond {
            // Who answers has heard, whatever it says.
            let failure = if answered { Failure::BrokeOff } else { Failure::Unheard };
            self.end(id, Err(failure("the other end takes no more calls".into())), true);
        }
        Ok(())
    }

    fn window_update(&mut self, id: u32, more: u32) -> Result<(), Fault> {
        let more = i64::from(more & MAX_31_BITS);
        let most = i64::from(MAX_31_BITS);
        if id == 0 {
            self.send_window += more;
            if more == 0 {
                return Err(Fault::protocol("room of no bytes"));
            }
            if self.send_window > most {
                return Err(Fault::flow("a window that cannot be"));
            }
        } else {
            self.check_known(id)?;
            let Some(stream) = self.streams.get_mut(&id).filter(|s| s.end.is_none()) else {
                return Ok(());
            };
            stream.send_window += more;
            if more == 0 {
                self.break_off(id, Reason::PROTOCOL_ERROR, "room of no bytes");
                return Ok(());
            }
            if stream.send_window > most {
                self.break_off(id, Reason::FLOW_CONTROL_ERROR, "a window that cannot be");
                return Ok(());
            }
            line_up(&mut self.line, id, stream);
        }
        self.send();
        Ok(())
    }
}

fn frame_bytes(setting: u32) -> Result<usize, Fault> {
    let bytes = usize::try_from(setting).unwrap_or(usize::MAX);
    if !(INITIAL_FRAME_BYTES..1 << 24).contains(&bytes) {
        return Err(Fault::protocol("a size of frames that cannot be"));
    }
    Ok(bytes)
}
