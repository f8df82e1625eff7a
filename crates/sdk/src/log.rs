//! Log lines a host understands: one JSON object a line on stderr, with `@level`, `@message`,
//! `@timestamp`, `@module`, and every other field under its own name.
//!
//! Knows `tracing` and the line format; what is logged is everybody else's business.

use std::fmt;
use std::io::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::future::Either;
use jiff::Timestamp;
use serde_json::{Map, Value};
use sidegate_transport::codec::Text;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Instrument as _, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::{Context, SubscriberExt as _};
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::machine;

/// Environment variable that names the lowest level that is logged: `trace`, `debug`, `info` (the
/// default), `warn`, `error` or `off`.
pub(crate) const ENV_LEVEL: &str = "PLUGIN_LOG_LEVEL";
/// Longer texts are cut: hosts split lines above 64 KiB. In bytes.
const TEXT_BYTES: usize = 8 * 1024;
/// A field that holds others as a JSON object: those of [`Logger`](crate::Logger), whose names
/// `tracing` cannot know.
const NAMED_FIELDS: &str = "named_fields";
/// Libraries below this SDK that talk a lot; only their warnings are logged.
const QUIET: [&str; 4] = ["h2", "hyper", "tonic", "tower"];

/// Whether nobody but [`HostLog`] listens in this process.
static ALONE: AtomicBool = AtomicBool::new(false);

tokio::task_local! {
    /// The request that the task answers, where nobody else needs a span to know it.
    static REQUEST_ID: Text;
}

/// A layer for `tracing` subscribers that writes events to stderr as the host reads them. Fields
/// of the spans around an event, such as the `request_id` of every request, are written with it.
///
/// [`Plugin::serve`](crate::Plugin::serve) installs it where no subscriber is set; with a
/// subscriber of your own, add it there.
#[derive(Clone, Debug)]
pub struct HostLog {
    write: fn(&str),
}

impl HostLog {
    /// A layer that writes to stderr.
    #[must_use]
    pub fn new() -> Self {
        Self { write: write_to_stderr }
    }
}

impl Default for HostLog {
    fn default() -> Self {
        Self::new()
    }
}

/// Makes [`HostLog`] the subscriber of the process, unless it has one.
pub(crate) fn install() {
    let level = machine::text(ENV_LEVEL).and_then(|level| level.parse().ok());
    let level = level.unwrap_or(LevelFilter::INFO);
    let quiet = QUIET.map(|target| (target, level.min(LevelFilter::WARN)));
    let targets = Targets::new().with_default(level).with_targets(quiet);
    let log = HostLog::new().with_filter(targets);
    // Fails where the author has set a subscriber, which then stays.
    let alone = tracing_subscriber::registry().with(log).try_init().is_ok();
    ALONE.store(alone, Ordering::Relaxed);
}

/// Carries the id of a request into everything that is logged while it is answered. Where a
/// subscriber of the author's listens, by a span; a span costs more than many a handler, so else
/// without.
pub(crate) fn in_request<F: Future>(
    request_id: Text,
    answering: F,
) -> impl Future<Output = F::Output> {
    if ALONE.load(Ordering::Relaxed) {
        return Either::Left(REQUEST_ID.scope(request_id, answering));
    }
    let span = tracing::error_span!("request", request_id = &*request_id);
    Either::Right(answering.instrument(span))
}

/// Logs panics, with the place and, where asked for, the backtrace, like everything else.
pub(crate) fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let text = crate::guard::panic_text(panic.payload());
        let backtrace = std::backtrace::Backtrace::capture();
        match backtrace.status() {
            std::backtrace::BacktraceStatus::Captured => {
                tracing::error!(place, %backtrace, "panic: {text}");
            }
            _ => tracing::error!(place, "panic: {text}"),
        }
    }));
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for HostLog {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if let Some(span) = context.span(id) {
            let mut fields = Fields::default();
            attributes.record(&mut fields);
            span.extensions_mut().insert(fields);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(fields) = span.extensions_mut().get_mut::<Fields>()
        {
            values.record(fields);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut fields = Fields::default();
        // Outside of requests there is none.
        let _ = REQUEST_ID.try_with(|id| fields.0.insert("request_id".to_owned(), (**id).into()));
        for span in
            context.event_scope(event).into_iter().flatten().collect::<Vec<_>>().iter().rev()
        {
            if let Some(outer) = span.extensions().get::<Fields>() {
                fields.0.extend(outer.0.clone());
            }
        }
        event.record(&mut fields);
        let metadata = event.metadata();
        (self.write)(&line(*metadata.level(), metadata.target(), fields.0, Timestamp::now()));
    }
}

/// One line with its newline.
fn line(level: Level, module: &str, mut fields: Map<String, Value>, now: Timestamp) -> String {
    let message = fields.remove("message").unwrap_or_default();
    fields.insert("@level".to_owned(), level.as_str().to_ascii_lowercase().into());
    fields.insert("@message".to_owned(), message);
    fields.insert("@module".to_owned(), module.into());
    fields.insert("@timestamp".to_owned(), format!("{now:.6}").into());
    format!("{}\n", Value::Object(fields))
}

/// A whole line at once, so that threads do not mix theirs. A host that no longer reads is no
/// reason to fail.
fn write_to_stderr(line: &str) {
    let _ = std::io::stderr().lock().write_all(line.as_bytes());
}

/// Fields of an event or a span, in their natural JSON types.
#[derive(Debug, Default)]
struct Fields(Map<String, Value>);

impl Fields {
    fn put(&mut self, field: &Field, value: impl Into<Value>) {
        self.0.insert(field.name().to_owned(), value.into());
    }

    /// Takes named fields in. The line's own text stays what it is.
    fn unfold(&mut self, named: Map<String, Value>) {
        for (name, value) in named.into_iter().filter(|(name, _)| name != "message") {
            let value = value.as_str().map_or_else(|| value.clone(), |text| cut(text).into());
            self.0.insert(name, value);
        }
    }
}

impl Visit for Fields {
    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value);
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        match serde_json::from_str(value) {
            Ok(Value::Object(named)) if field.name() == NAMED_FIELDS => self.unfold(named),
            _ => self.put(field, cut(value)),
        }
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.put(field, cut(&value.to_string()));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, cut(&format!("{value:?}")));
    }
}

fn cut(text: &str) -> String {
    match text.char_indices().find(|(at, c)| at + c.len_utf8() > TEXT_BYTES) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    static LINES: Mutex<Vec<Value>> = Mutex::new(Vec::new());

    fn keep(line: &str) {
        assert!(line.ends_with("}\n") && !line.trim_end().contains('\n'), "{line}");
        LINES.lock().unwrap().push(serde_json::from_str(line).unwrap());
    }

    #[test]
    fn an_event_becomes_one_json_line_with_the_fields_of_its_spans() {
        let subscriber = tracing_subscriber::registry().with(HostLog { write: keep });
        tracing::subscriber::with_default(subscriber, || {
            let outer =
                tracing::info_span!("outer", request_id = "r1", late = tracing::field::Empty);
            let _outer = outer.clone().entered();
            outer.record("late", 1);
            let _inner = tracing::info_span!("inner", request_id = "r2").entered();
            tracing::warn!(
                n = 5,
                ok = true,
                text = "a\nb",
                long = "ä".repeat(TEXT_BYTES),
                "hello {}",
                1
            );
            let fields = [("order", "7"), ("message", "another")];
            crate::Host::default().logger().info("paid", &fields);
        });
        let lines = LINES.lock().unwrap();
        let [line, named] = lines.as_slice() else { panic!("{lines:?}") };
        assert_eq!(line["@level"], "warn");
        assert_eq!(line["@message"], "hello 1");
        assert_eq!(line["@module"], "sidegate_sdk::log::tests");
        let told = (&named["@message"], &named["@module"], &named["order"]);
        assert_eq!(told, (&"paid".into(), &"plugin".into(), &"7".into()));
        assert_eq!((&named["request_id"], &named[NAMED_FIELDS]), (&"r2".into(), &Value::Null));
        assert_eq!((&line["n"], &line["ok"], &line["late"]), (&5.into(), &true.into(), &1.into()));
        assert_eq!((&line["text"], &line["request_id"]), (&"a\nb".into(), &"r2".into()));
        assert_eq!(line["long"].as_str().unwrap().len(), TEXT_BYTES + "…".len());
        let timestamp = line["@timestamp"].as_str().unwrap();
        assert!(timestamp.ends_with('Z') && timestamp.len() == "2026-11-22T10:28:12.523486Z".len());
    }
}
