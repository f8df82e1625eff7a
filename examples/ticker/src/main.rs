//! `ticker`: server-sent events at a steady pace. Shows how a stream notices that its client has
//! gone, and how a client that comes back goes on where it was.

use std::time::Duration;

use sidegate_sdk::{Endpoint, Error, Plugin, Request, Response, ResponseStream, Result};

const INTERVAL_MS: u64 = 1000;
/// A slower pace would look like a dead connection. In milliseconds.
const LONGEST_INTERVAL_MS: u64 = 60_000;

#[tokio::main]
async fn main() -> Result<()> {
    plugin().serve().await
}

fn plugin() -> Plugin {
    let ticks = |path| Endpoint::new(path).method("GET").description("Ticks as server-sent events");
    Plugin::new("ticker", env!("CARGO_PKG_VERSION"))
        .description("Server-sent events at a steady pace")
        .stream(ticks("/"), tick)
        .stream(ticks("/events"), tick)
}

/// `?interval_ms=&n=`: `n` events, or without it as many as the client takes.
async fn tick(req: Request, mut out: ResponseStream) -> Result<()> {
    let interval = number(&req, "interval_ms")?.unwrap_or(INTERVAL_MS);
    if interval > LONGEST_INTERVAL_MS {
        let text = format!("`interval_ms` must not be more than {LONGEST_INTERVAL_MS}");
        return Err(Error::public(400, text));
    }
    let end = number(&req, "n")?.unwrap_or(u64::MAX);
    let first = req.header("Last-Event-ID").and_then(|id| id.parse().ok());
    let first = first.map_or(0, |last: u64| last.saturating_add(1));

    out.headers(Response::event_stream()).await?;
    for i in first..end {
        if i > first {
            tokio::select! {
                () = out.closed() => break,
                () = tokio::time::sleep(Duration::from_millis(interval)) => {}
            }
        }
        out.send(format!("id: {i}\nevent: tick\ndata: {{\"tick\":{i}}}\n\n")).await?;
    }
    Ok(())
}

fn number(req: &Request, name: &str) -> Result<Option<u64>> {
    let parse = |text: String| {
        let refusal = |_| Error::public(400, format!("`{name}` must be a whole number"));
        text.parse().map_err(refusal)
    };
    req.query(name).map(parse).transpose()
}

#[cfg(test)]
mod tests {
    use sidegate_sdk::Config;
    use sidegate_sdk::testing::{End, Host};

    use super::*;

    async fn host() -> Result<Host> {
        Host::start(plugin(), Config::default()).await
    }

    fn event(i: u64) -> String {
        format!("id: {i}\nevent: tick\ndata: {{\"tick\":{i}}}\n\n")
    }

    #[tokio::test]
    async fn ticks_come_one_by_one_and_end_when_they_should() -> Result<()> {
        let host = host().await?;
        for path in ["/?interval_ms=1&n=3", "/events?interval_ms=1&n=3"] {
            let mut stream = host.stream(Request::builder().path(path)).await;
            assert_eq!(stream.header("Content-Type"), Some("text/event-stream"));
            for i in 0..3 {
                assert_eq!(stream.next().await.as_deref(), Some(event(i).as_bytes()));
            }
            assert_eq!((stream.next().await, stream.end()), (None, Some(&End::Done)));
        }
        Ok(())
    }

    #[tokio::test]
    async fn a_client_that_comes_back_goes_on_where_it_was() -> Result<()> {
        let request = Request::builder().path("/events?interval_ms=0");
        let request = request.header("Last-Event-ID", "41");
        let mut stream = host().await?.stream(request).await;
        assert_eq!(stream.next().await.as_deref(), Some(event(42).as_bytes()));
        Ok(())
    }

    #[tokio::test]
    async fn a_pace_that_is_none_is_refused() -> Result<()> {
        let host = host().await?;
        for path in ["/?interval_ms=slow", "/?interval_ms=60001", "/?n=-1"] {
            let stream = host.stream(Request::builder().path(path)).await;
            assert_eq!(stream.status(), 400, "{path}");
        }
        Ok(())
    }
}
