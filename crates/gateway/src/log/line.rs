//! A line of the access log, byte for byte as the formatters of `tracing-subscriber` write such an
//! event, but without their detours: a test compares the two.

use std::fmt::Write as _;

/// What a line tells of a request. What is `None` is not in it.
#[derive(Debug, Clone, Copy)]
pub struct AccessLine<'a> {
    /// Which the client and the plugin are told, too.
    pub request_id: &'a str,
    /// Who asked.
    pub client: &'a str,
    /// Who asked for the client, where that is not the client itself.
    pub peer: Option<&'a str>,
    /// As it was sent, or `-` where no request may have it.
    pub method: &'a str,
    /// The path, without a query.
    pub path: &'a str,
    /// The answer's status.
    pub status: u16,
    /// How long it took.
    pub duration_us: u64,
    /// Bytes of the answer's body.
    pub bytes: u64,
    /// Who answered.
    pub plugin: &'a str,
    /// The app that called.
    pub app: Option<u32>,
    /// Code of the error.
    pub code: Option<&'a str>,
    /// Internal text of the error.
    pub cause: Option<&'a str>,
    /// Why the answer was cut.
    pub aborted: Option<&'a str>,
}

/// How a line is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// For people.
    Text,
    /// For people at a terminal.
    Colour,
    /// One JSON object.
    Json,
}

/// What stands before a field's value, in each form.
type Label = [&'static str; 3];

macro_rules! label {
    ($name:literal) => {
        [
            concat!(" ", $name, "="),
            concat!(" \u{1b}[3m", $name, "\u{1b}[0m\u{1b}[2m=\u{1b}[0m"),
            concat!(",\"", $name, "\":"),
        ]
    };
}

const BEFORE_TIME: Label = ["", "\u{1b}[2m", "{\"timestamp\":\""];
const AFTER_TIME: Label = [
    "  INFO access:",
    "\u{1b}[0m \u{1b}[32m INFO\u{1b}[0m \u{1b}[2maccess\u{1b}[0m\u{1b}[2m:\u{1b}[0m",
    "\",\"level\":\"INFO\"",
];
const END: Label = ["\n", "\n", ",\"target\":\"access\"}\n"];

impl AccessLine<'_> {
    /// Appends the line; `time` appends the time.
    pub fn write(&self, out: &mut Vec<u8>, form: Form, time: impl FnOnce(&mut Vec<u8>)) {
        let mut line = Line { out, form };
        line.put(&BEFORE_TIME);
        time(line.out);
        line.put(&AFTER_TIME);
        line.bare(&label!("request_id"), self.request_id);
        line.bare(&label!("client"), self.client);
        if let Some(peer) = self.peer {
            line.bare(&label!("peer"), peer);
        }
        line.bare(&label!("method"), self.method);
        line.escaped(&label!("path"), self.path);
        line.number(&label!("status"), self.status.into());
        line.number(&label!("duration_us"), self.duration_us);
        line.number(&label!("bytes"), self.bytes);
        line.quoted(&label!("plugin"), self.plugin);
        if let Some(app) = self.app {
            line.number(&label!("app"), app.into());
        }
        for (label, text) in [
            (&label!("code"), self.code),
            (&label!("cause"), self.cause),
            (&label!("aborted"), self.aborted),
        ] {
            if let Some(text) = text {
                line.quoted(label, text);
            }
        }
        line.put(&END);
    }
}

/// A line that is being written.
struct Line<'a> {
    out: &'a mut Vec<u8>,
    form: Form,
}

impl Line<'_> {
    fn put(&mut self, label: &Label) {
        self.out.extend_from_slice(label[self.form as usize].as_bytes());
    }

    /// A field whose text stands without quotes where people read it.
    fn bare(&mut self, label: &Label, text: &str) {
        self.put(label);
        match self.form {
            Form::Json => json(self.out, text),
            Form::Text | Form::Colour => self.out.extend_from_slice(text.as_bytes()),
        }
    }

    /// The same with everything escaped that is not plainly seen.
    fn escaped(&mut self, label: &Label, text: &str) {
        if text.bytes().all(|byte| is_plain(byte) && byte != b'\'') {
            return self.bare(label, text);
        }
        let mut escaped = String::new();
        // Writing to a text cannot fail.
        let _ = write!(escaped, "{}", text.escape_debug());
        self.bare(label, &escaped);
    }

    /// A field whose text has quotes everywhere.
    fn quoted(&mut self, label: &Label, text: &str) {
        self.put(label);
        match self.form {
            Form::Json => json(self.out, text),
            Form::Text | Form::Colour if text.bytes().all(is_plain) => in_quotes(self.out, text),
            Form::Text | Form::Colour => self.out.extend_from_slice(format!("{text:?}").as_bytes()),
        }
    }

    fn number(&mut self, label: &Label, mut number: u64) {
        self.put(label);
        // The longest has twenty digits.
        let mut digits = [0; 20];
        let mut begin = digits.len();
        loop {
            begin -= 1;
            // A remainder of ten is a digit.
            digits[begin] = b'0' + (number % 10) as u8;
            number /= 10;
            if number == 0 {
                break;
            }
        }
        self.out.extend_from_slice(&digits[begin..]);
    }
}

fn in_quotes(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    out.extend_from_slice(text.as_bytes());
    out.push(b'"');
}

fn json(out: &mut Vec<u8>, text: &str) {
    if text.bytes().all(is_plain) {
        return in_quotes(out, text);
    }
    // A text is always JSON, and memory takes everything.
    let _ = serde_json::to_writer(out, text);
}

/// Whether a byte stands for itself between double quotes, whoever reads it.
fn is_plain(byte: u8) -> bool {
    matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\'
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::io;
    use std::sync::{Arc, Mutex};
    use tracing_subscriber::fmt::MakeWriter;
    use tracing_subscriber::prelude::*;

    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl MakeWriter<'_> for Kept {
        type Writer = Self;

        fn make_writer(&self) -> Self {
            self.clone()
        }
    }

    const TIME: &str = "2026-01-31T12:00:00.123456Z";

    /// The line as the formatters of the library write it, with [`TIME`] in it.
    fn expected(line: &AccessLine<'_>, form: Form) -> String {
        let kept = Kept::default();
        let layer = tracing_subscriber::fmt::layer().with_writer(kept.clone()).with_timer(Clock);
        let registry = tracing_subscriber::registry();
        let event = || {
            tracing::info!(
                target: "access",
                request_id = %line.request_id,
                client = %line.client,
                peer = line.peer.map(tracing::field::display),
                method = %line.method,
                path = %line.path.escape_debug(),
                status = line.status,
                duration_us = line.duration_us,
                bytes = line.bytes,
                plugin = line.plugin,
                app = line.app,
                code = line.code,
                cause = line.cause,
                aborted = line.aborted,
            );
        };
        match form {
            Form::Json => {
                tracing::subscriber::with_default(
                    registry.with(layer.json().flatten_event(true)),
                    event,
                );
            }
            Form::Text | Form::Colour => {
                let layer = layer.with_ansi(form == Form::Colour);
                tracing::subscriber::with_default(registry.with(layer), event);
            }
        }
        String::from_utf8(kept.0.lock().unwrap().clone()).unwrap()
    }

    struct Clock;

    impl tracing_subscriber::fmt::time::FormatTime for Clock {
        fn format_time(
            &self,
            to: &mut tracing_subscriber::fmt::format::Writer<'_>,
        ) -> std::fmt::Result {
            to.write_str(TIME)
        }
    }

    fn written(line: &AccessLine<'_>, form: Form) -> String {
        let mut out = Vec::new();
        line.write(&mut out, form, |out| out.extend_from_slice(TIME.as_bytes()));
        String::from_utf8(out).unwrap()
    }

    const SHORT: AccessLine<'_> = AccessLine {
        request_id: "req_0123456789abcdef",
        client: "192.0.2.7",
        peer: None,
        method: "GET",
        path: "/plugins/lab/x",
        status: 200,
        duration_us: 0,
        bytes: 18_446_744_073_709_551_615,
        plugin: "lab",
        app: None,
        code: None,
        cause: None,
        aborted: None,
    };

    #[test]
    fn a_line_is_written_as_it_always_was() {
        assert_eq!(
            written(&SHORT, Form::Text),
            format!(
                "{TIME}  INFO access: request_id=req_0123456789abcdef client=192.0.2.7 method=GET \
                 path=/plugins/lab/x status=200 duration_us=0 bytes=18446744073709551615 plugin=\"lab\"\n"
            )
        );
        let long = AccessLine {
            peer: Some("10.0.0.6"),
            path: "/a'b\"c\\d\u{e4}\u{301}",
            plugin: "p \"q\" 'r'",
            app: Some(7),
            code: Some("plugin_error"),
            cause: Some("it's \u{1b}[31m\n\u{7f} over"),
            aborted: Some("the client went away"),
            ..SHORT
        };
        for form in [Form::Text, Form::Colour, Form::Json] {
            for line in [SHORT, long] {
                assert_eq!(written(&line, form), expected(&line, form), "{form:?}");
            }
        }
    }

    proptest! {
        #[test]
        fn whatever_is_in_a_line_it_is_as_the_formatters_write_it(
            texts in proptest::collection::vec(any::<String>(), 5),
            numbers in any::<(u16, u64, u64)>(),
            app in any::<Option<u32>>(),
            present in any::<[bool; 3]>(),
        ) {
            let given = |at: usize| present[at].then_some(texts[at + 2].as_str());
            let line = AccessLine {
                path: &texts[0],
                plugin: &texts[1],
                status: numbers.0,
                duration_us: numbers.1,
                bytes: numbers.2,
                app,
                code: given(0),
                cause: given(1),
                aborted: given(2),
                ..SHORT
            };
            for form in [Form::Text, Form::Colour, Form::Json] {
                prop_assert_eq!(written(&line, form), expected(&line, form));
            }
        }
    }
}
