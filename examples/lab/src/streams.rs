//! Streams made to order: events at a pace, failures at a place, as many bytes as asked for.

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde_json::json;
use sidegate_sdk::{Closed, Error, Request, Response, ResponseStream, Result};

use crate::answers::pattern;
use crate::params::{number, query_number, query_wait};
use crate::stats::{Lab, OpenStream};

/// How many events `/sse` sends unless told otherwise.
const EVENTS: u64 = 10;
/// The pace of `/sse` unless told otherwise. In milliseconds.
const INTERVAL_MS: u64 = 100;
/// The longest `pad` of an event: 1 MiB.
const PAD_BYTES: u64 = 1024 * 1024;
/// The longest piece of `/stream-bytes`: 1 MiB.
const PIECE_BYTES: u64 = 1024 * 1024;

/// `/sse?n=&interval_ms=&id=&size=&first_delay_ms=&head_delay_ms=&fail_at=`.
pub(crate) async fn sse(req: Request, mut out: ResponseStream, lab: Arc<Lab>) -> Result<()> {
    lab.saw(&req);
    let order = Order::read(&req)?;
    let open = lab.open_stream(req.query("id"));
    let outcome = order.fill(&mut out, &open).await;
    open.close(&outcome);
    outcome
}

/// `/stream-bytes/{n}?piece=&id=`: the bytes of `/bytes/{n}` without its bound.
pub(crate) async fn bytes(req: Request, mut out: ResponseStream, lab: Arc<Lab>) -> Result<()> {
    lab.saw(&req);
    let n = number("n", req.segments().get(1).map_or("", String::as_str), u64::MAX)?;
    let piece = query_number(&req, "piece", 64 * 1024, PIECE_BYTES)?.max(1);
    let open = lab.open_stream(req.query("id"));
    let outcome = async {
        let head = Response::new(200).header("Content-Type", "application/octet-stream");
        out.headers(head).await?;
        let mut at = 0;
        while at < n {
            let end = n.min(at.saturating_add(piece));
            let bytes = pattern(at, end);
            let length = bytes.len();
            out.send(bytes).await?;
            open.sent(length);
            at = end;
        }
        Ok(())
    }
    .await;
    open.close(&outcome);
    outcome
}

/// What a client of `/sse` wants.
struct Order {
    /// The number of the first event; one after the last that the client has.
    first: u64,
    /// The number after the last event.
    end: u64,
    interval: Duration,
    head_delay: Duration,
    first_delay: Duration,
    pad: String,
    fail_at: Option<Failure>,
}

/// Where a stream fails.
#[derive(Clone, Copy, PartialEq)]
enum Failure {
    /// Before the headers, with words for the client.
    Head,
    /// After this event.
    After(u64),
}

impl Order {
    fn read(req: &Request) -> Result<Self> {
        let end = match req.query("n").as_deref() {
            Some("inf") => u64::MAX,
            Some(n) => number("n", n, u64::MAX)?,
            None => EVENTS,
        };
        // As for any event source, an id that is not ours means: from the start.
        let last = req.header("Last-Event-ID").and_then(|id| id.trim().parse::<u64>().ok());
        let fail_at = match req.query("fail_at").as_deref() {
            Some("head") => Some(Failure::Head),
            Some(at) => Some(Failure::After(number("fail_at", at, u64::MAX)?)),
            None => None,
        };
        let pad = query_number(req, "size", 0, PAD_BYTES)?;
        let pad = usize::try_from(pad).expect("one MiB fits");
        Ok(Self {
            first: last.map_or(0, |last| last.saturating_add(1)),
            end,
            interval: query_wait(req, "interval_ms", INTERVAL_MS)?,
            head_delay: query_wait(req, "head_delay_ms", 0)?,
            first_delay: query_wait(req, "first_delay_ms", 0)?,
            pad: "x".repeat(pad),
            fail_at,
        })
    }

    async fn fill(&self, out: &mut ResponseStream, open: &OpenStream) -> Result<()> {
        wait(out, self.head_delay).await?;
        if self.fail_at == Some(Failure::Head) {
            return Err(Error::public(503, "the lab was asked to fail before the headers"));
        }
        out.headers(Response::event_stream()).await?;
        wait(out, self.first_delay).await?;
        for i in self.first..self.end {
            if i > self.first {
                wait(out, self.interval).await?;
            }
            let event = self.event(i);
            let length = event.len();
            out.send(event).await?;
            open.sent(length);
            if self.fail_at == Some(Failure::After(i)) {
                return Err(Error::new(format!("the lab was asked to fail after event {i}")));
            }
        }
        Ok(())
    }

    fn event(&self, i: u64) -> String {
        #[expect(clippy::disallowed_methods, reason = "a plugin's only clock is the machine's")]
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let now_ms = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
        let event = if self.pad.is_empty() {
            json!({ "i": i, "t": now_ms })
        } else {
            json!({ "i": i, "t": now_ms, "pad": self.pad })
        };
        format!("id: {i}\ndata: {event}\n\n")
    }
}

/// Waits, but not for longer than the client does.
async fn wait(out: &ResponseStream, time: Duration) -> Result<(), Closed> {
    if time.is_zero() {
        return if out.is_closed() { Err(Closed) } else { Ok(()) };
    }
    tokio::select! {
        () = out.closed() => Err(Closed),
        () = tokio::time::sleep(time) => Ok(()),
    }
}
