//! What a session's streams said last, within a bound, so that a client whose connection broke can go on.

use std::collections::{HashMap, VecDeque};

use crate::message::Message;
use crate::reply::Event;

/// So many events of a session are kept,
const MOST_EVENTS: usize = 100;
/// and so many bytes of them.
const MOST_BYTES: usize = 1 << 20;

/// The stream of what is said beside answers.
pub(super) const LISTENER: u64 = 0;

/// The last events of a session, and how far its streams are.
pub(super) struct History {
    /// What ids begin with: those of another session are unknown.
    prefix: String,
    /// The number of the next event.
    next: u64,
    kept: VecDeque<Kept>,
    bytes: usize,
    /// The newest event of a stream that is not kept any more, or the beginning of the stream.
    lost: HashMap<u64, u64>,
}

struct Kept {
    stream: u64,
    number: u64,
    message: Message,
    bytes: usize,
}

impl History {
    pub(super) fn new(prefix: String) -> Self {
        let lost = HashMap::from([(LISTENER, 0)]);
        Self { prefix, next: 1, kept: VecDeque::new(), bytes: 0, lost }
    }

    /// Begins a stream; gives its number, and the id from which a client goes on that got nothing of it.
    pub(super) fn begin(&mut self) -> (u64, String) {
        let number = self.number();
        self.lost.insert(number, number);
        (number, self.id(number, number))
    }

    /// Keeps what a stream says next.
    pub(super) fn add(&mut self, stream: u64, message: Message) -> Event {
        let number = self.number();
        let event = self.event(stream, number, message.clone());
        let bytes = message.to_json().len();
        self.bytes += bytes;
        self.kept.push_back(Kept { stream, number, message, bytes });
        while self.kept.len() > MOST_EVENTS || self.bytes > MOST_BYTES {
            let Some(oldest) = self.kept.pop_front() else { break };
            self.bytes -= oldest.bytes;
            if let Some(lost) = self.lost.get_mut(&oldest.stream) {
                *lost = oldest.number;
            }
        }
        event
    }

    /// Streams that are over are known as long as something of them is kept.
    pub(super) fn forget(&mut self, is_open: impl Fn(u64) -> bool) {
        let kept = &self.kept;
        self.lost.retain(|stream, _| {
            *stream == LISTENER || is_open(*stream) || kept.iter().any(|one| one.stream == *stream)
        });
    }

    /// The stream of an event, and what came on it since; `None` where that is not known any more.
    pub(super) fn after(&self, id: &str) -> Option<(u64, Vec<Event>)> {
        let (stream, number) = id.strip_prefix(&self.prefix)?.strip_prefix('-')?.split_once('-')?;
        let (stream, number) = (stream.parse().ok()?, number.parse().ok()?);
        if number < *self.lost.get(&stream)? || number >= self.next {
            return None;
        }
        let since = self.kept.iter().filter(|one| one.stream == stream && one.number > number);
        Some((
            stream,
            since.map(|one| self.event(stream, one.number, one.message.clone())).collect(),
        ))
    }

    fn number(&mut self) -> u64 {
        let number = self.next;
        self.next += 1;
        number
    }

    fn id(&self, stream: u64, number: u64) -> String {
        format!("{}-{stream}-{number}", self.prefix)
    }

    fn event(&self, stream: u64, number: u64, message: Message) -> Event {
        Event { id: Some(self.id(stream, number)), ..message.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(size: usize) -> Message {
        Message::notification(&"m".repeat(size), None)
    }

    fn missed(history: &History, id: &str) -> Option<(u64, usize)> {
        history.after(id).map(|(stream, events)| (stream, events.len()))
    }

    #[test]
    fn a_client_gets_what_it_missed_of_its_own_stream() {
        let mut history = History::new("a".to_owned());
        let (one, begin) = history.begin();
        let (two, _) = history.begin();
        let first = history.add(one, said(1)).id.unwrap();
        history.add(two, said(1));
        let last = history.add(one, said(1)).id.unwrap();
        let ids = [begin.as_str(), &first, &last];
        assert_eq!(ids.map(|id| missed(&history, id)), [2, 1, 0].map(|left| Some((one, left))));
        for unknown in ["", "a", "a-1", "a-9-1", "a-1-99", "b-1-1", "a-1-x"] {
            assert_eq!(missed(&history, unknown), None, "{unknown}");
        }
    }

    #[test]
    fn what_is_kept_is_bounded_and_an_id_that_is_too_old_is_unknown() {
        for (size, most) in [(1, MOST_EVENTS), (MOST_BYTES / 4, 3)] {
            let mut history = History::new("a".to_owned());
            let (quiet, unharmed) = history.begin();
            let (stream, begin) = history.begin();
            let ids: Vec<_> =
                (0..=most).map(|_| history.add(stream, said(size)).id.unwrap()).collect();
            assert_eq!(missed(&history, &begin), None);
            assert_eq!(missed(&history, &ids[0]), Some((stream, most)));
            assert_eq!(missed(&history, &unharmed), Some((quiet, 0)));
            history.forget(|_| false);
            assert_eq!(missed(&history, &unharmed), None);
            assert_eq!(missed(&history, &ids[0]), Some((stream, most)));
        }
    }
}
