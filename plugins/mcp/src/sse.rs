//! Server-sent events as bytes: read within a bound, written one at a time.

use crate::message::Message;

/// An event as it stands in a stream. One without data tells an id or a pause only.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct RawEvent {
    pub(crate) name: String,
    pub(crate) id: Option<String>,
    pub(crate) retry: Option<u64>,
    pub(crate) data: String,
}

/// An event has more bytes than are kept of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct TooLong;

/// Reads events from pieces of any size. What is kept of an unfinished one is bounded.
#[derive(Debug)]
pub(crate) struct Reader {
    line: Vec<u8>,
    event: RawEvent,
    begun: bool,
    after_cr: bool,
    most: usize,
}

impl Reader {
    /// A reader of events with at most so many bytes.
    pub(crate) fn new(most: usize) -> Self {
        Self { line: Vec::new(), event: RawEvent::default(), begun: false, after_cr: false, most }
    }

    /// The events that this piece completes.
    pub(crate) fn read(&mut self, piece: &[u8]) -> Result<Vec<RawEvent>, TooLong> {
        let mut events = Vec::new();
        let mut rest = piece;
        if std::mem::take(&mut self.after_cr) && rest.first() == Some(&b'\n') {
            rest = &rest[1..];
        }
        while let Some(end) = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r')) {
            self.line.extend_from_slice(&rest[..end]);
            let is_cr = rest[end] == b'\r';
            rest = &rest[end + 1..];
            match rest.first() {
                Some(b'\n') if is_cr => rest = &rest[1..],
                None if is_cr => self.after_cr = true,
                _ => {}
            }
            self.end_line(&mut events)?;
        }
        self.line.extend_from_slice(rest);
        self.within()?;
        Ok(events)
    }

    fn within(&self) -> Result<(), TooLong> {
        if self.line.len() + self.event.data.len() > self.most { Err(TooLong) } else { Ok(()) }
    }

    fn end_line(&mut self, events: &mut Vec<RawEvent>) -> Result<(), TooLong> {
        self.within()?;
        let line = std::mem::take(&mut self.line);
        let line = String::from_utf8_lossy(&line);
        let line = line.strip_prefix('\u{feff}').unwrap_or(&line);
        if line.is_empty() {
            if std::mem::take(&mut self.begun) {
                let mut event = std::mem::take(&mut self.event);
                event.data.pop();
                events.push(event);
            }
            return Ok(());
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "data" => {
                self.event.data.push_str(value);
                self.event.data.push('\n');
            }
            "event" => value.clone_into(&mut self.event.name),
            "id" if !value.contains('\0') => self.event.id = Some(value.to_owned()),
            "retry" => self.event.retry = value.parse().ok(),
            // A comment, or what is not known.
            _ => return Ok(()),
        }
        self.begun = true;
        Ok(())
    }
}

/// The bytes of an event that carries this message, or none.
pub(crate) fn write(id: Option<&str>, retry: Option<u64>, message: Option<&Message>) -> String {
    let mut text = String::new();
    if message.is_some() {
        text.push_str("event: message\n");
    }
    if let Some(id) = id {
        text.push_str(&format!("id: {id}\n"));
    }
    if let Some(retry) = retry {
        text.push_str(&format!("retry: {retry}\n"));
    }
    let data = message.map(Message::to_json).unwrap_or_default();
    text.push_str(&format!("data: {data}\n\n"));
    text
}

/// What keeps a silent stream open on its way.
pub(crate) const KEEP_ALIVE: &str = ": keep-alive\n\n";

#[cfg(test)]
mod tests {
    use super::*;

    fn event(id: Option<&str>, data: &str) -> RawEvent {
        RawEvent { id: id.map(str::to_owned), data: data.to_owned(), ..RawEvent::default() }
    }

    #[test]
    fn events_are_read_whatever_ends_their_lines_and_wherever_they_are_cut() {
        for end in ["\n", "\r\n", "\r"] {
            let text = [
                "\u{feff}id: 1",
                "data: a",
                "data:b",
                "",
                ": hush",
                "",
                "data",
                "",
                "retry: 9",
                "",
                "x",
            ];
            let text = text.join(end);
            for size in 1..text.len() {
                let mut reader = Reader::new(100);
                let pieces = text.as_bytes().chunks(size);
                let read: Vec<_> = pieces.flat_map(|piece| reader.read(piece).unwrap()).collect();
                let retry = RawEvent { retry: Some(9), ..RawEvent::default() };
                assert_eq!(
                    read,
                    [event(Some("1"), "a\nb"), event(None, ""), retry],
                    "{end:?} {size}"
                );
            }
        }
    }

    #[test]
    fn an_event_that_does_not_end_is_not_kept() {
        for piece in ["data: 0123456789\n", "0123456789", ": 0123456789"] {
            let mut reader = Reader::new(64);
            assert!((0..10).any(|_| reader.read(piece.as_bytes()).is_err()), "{piece}");
        }
        let mut reader = Reader::new(64);
        assert!((0..100).all(|_| reader.read(b": 0123456789\n\n").is_ok()));
    }

    #[test]
    fn what_is_written_is_read_again() {
        let message =
            Message::parse(b"{\"jsonrpc\":\"2.0\",\"method\":\"m\",\"params\":{\"t\":\r\n[1]}}");
        let message = message.unwrap();
        let text = write(Some("7"), Some(500), Some(&message));
        let read = Reader::new(1000).read(text.as_bytes()).unwrap();
        assert_eq!(read[0].id.as_deref(), Some("7"));
        assert_eq!(read[0].data, message.to_json());
    }
}
