//! Where a stream of server-sent events stands: between two events, that is after a blank line, or
//! within one. Looks at the last few bytes only; what an event says is nobody's business here.

use http::{HeaderMap, Method, StatusCode, header};

/// Where a stream of events stands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct EventBorder {
    /// The last bytes that were passed on. What is before the first byte counts as a blank line.
    last: [u8; 3],
}

/// Whether an answer is a stream of events that its client listens to: such a client takes an
/// orderly end for what it is, comes again, and says which event it saw last.
pub(crate) fn is_listened_to(method: &Method, status: StatusCode, headers: &HeaderMap) -> bool {
    let media_type = headers.get(header::CONTENT_TYPE).map_or(&b""[..], |value| value.as_bytes());
    let media_type = media_type.split(|byte| *byte == b';').next().unwrap_or_default();
    *method == Method::GET
        && status == StatusCode::OK
        && media_type.trim_ascii().eq_ignore_ascii_case(b"text/event-stream")
        // Within compressed bytes no line can be seen.
        && !headers.contains_key(header::CONTENT_ENCODING)
}

impl Default for EventBorder {
    fn default() -> Self {
        Self { last: [b'\n'; 3] }
    }
}

impl EventBorder {
    /// These bytes were passed on.
    pub(crate) fn pass(&mut self, bytes: &[u8]) {
        for byte in &bytes[bytes.len().saturating_sub(3)..] {
            self.take(*byte);
        }
    }

    /// Whether the last line that was passed on is a blank one. Lines end in LF, CR or both.
    pub(crate) fn is_between(&self) -> bool {
        match self.last {
            [before, b'\r', b'\n'] => matches!(before, b'\n' | b'\r'),
            [_, before, b'\n' | b'\r'] => matches!(before, b'\n' | b'\r'),
            _ => false,
        }
    }

    /// How many of these bytes lead to the next border; `None` where there is none in them.
    pub(crate) fn within(mut self, bytes: &[u8]) -> Option<usize> {
        let border = bytes.iter().position(|byte| {
            self.take(*byte);
            self.is_between()
        })?;
        // CR LF is one line end, and is not torn apart.
        let torn = bytes[border] == b'\r' && bytes.get(border + 1) == Some(&b'\n');
        Some(border + 1 + usize::from(torn))
    }

    fn take(&mut self, byte: u8) {
        self.last = [self.last[1], self.last[2], byte];
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn after(pieces: &[&str]) -> EventBorder {
        let mut border = EventBorder::default();
        pieces.iter().for_each(|piece| border.pass(piece.as_bytes()));
        border
    }

    #[test]
    fn a_blank_line_in_whatever_pieces_and_with_whatever_line_ends_is_a_border() {
        for pieces in [
            &[][..],
            &["data: 1\n\n"],
            &["data: 1\n", "\n"],
            &["data: 1\r\n\r\n"],
            &["data: 1\r\n\r", "\n"],
            &["data: 1\r", "\n", "\r", "\n"],
            &["data: 1\r\r"],
            &["data: 1\n\r\n"],
            &[": a comment\n\n"],
            &["\n"],
        ] {
            assert!(after(pieces).is_between(), "{pieces:?}");
        }
        for pieces in
            [&["data: 1"][..], &["data: 1\n"], &["data: 1\r\n"], &["data: 1\r", "\n"], &["d"]]
        {
            assert!(!after(pieces).is_between(), "{pieces:?}");
        }
    }

    #[test]
    fn the_next_border_is_found_and_a_line_end_is_not_torn() {
        let within = |text: &str| after(&["data: "]).within(text.as_bytes());
        assert_eq!(within("1\n\ndata: 2\n\n"), Some(3));
        assert_eq!(within("1\r\n\r\ndata: 2"), Some(5));
        assert_eq!(within("1\ndata: 2"), None);
        assert_eq!(after(&["data: 1\n"]).within(b"\ndata: 2"), Some(1));
    }

    #[test]
    fn only_events_that_are_listened_to_count() {
        let is = |method: Method, status: u16, kind: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::CONTENT_TYPE, http::HeaderValue::from_static(kind));
            is_listened_to(&method, StatusCode::from_u16(status).unwrap(), &headers)
        };
        assert!(is(Method::GET, 200, "text/event-stream"));
        assert!(is(Method::GET, 200, "Text/Event-Stream ; charset=utf-8"));
        assert!(!is(Method::POST, 200, "text/event-stream"));
        assert!(!is(Method::GET, 500, "text/event-stream"));
        assert!(!is(Method::GET, 200, "text/event-stream-x"));
        assert!(!is_listened_to(&Method::GET, StatusCode::OK, &HeaderMap::new()));
    }

    /// The meaning of a blank line, read off the whole text.
    fn stands_between(text: &str) -> bool {
        let text = format!("\n{text}").replace("\r\n", "\n").replace('\r', "\n");
        text == "\n" || text.ends_with("\n\n")
    }

    proptest! {
        #[test]
        fn it_stands_where_a_reader_of_the_whole_text_says(pieces in prop::collection::vec("[a\r\n]{0,4}", 0..8)) {
            let border = after(&pieces.iter().map(String::as_str).collect::<Vec<_>>());
            prop_assert_eq!(border.is_between(), stands_between(&pieces.concat()));
        }

        #[test]
        fn what_leads_to_a_border_ends_at_one(before in "[a\r\n]{0,4}", text in "[a\r\n]{1,8}") {
            let border = after(&[&before]);
            if let Some(length) = border.within(text.as_bytes()) {
                let whole = format!("{before}{}", &text[..length]);
                prop_assert!(stands_between(&whole), "{whole:?}");
            }
        }
    }
}
