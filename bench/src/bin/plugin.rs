//! The measured plugin, written with the SDK as any author would write it.

use sidegate_bench::payload::{Events, HELLO, Order};
use sidegate_sdk::{Config, Endpoint, Endpoints, Plugin, Request, Response, ResponseStream};

#[tokio::main(flavor = "current_thread")]
async fn main() -> sidegate_sdk::Result<()> {
    let hello = async |_: Request| Response::text(HELLO);
    let echo = async |req: Request| Response::bytes(req.body().clone());
    Plugin::new("bench", env!("CARGO_PKG_VERSION"))
        .get("/hello", hello)
        .get(Endpoint::new("/auth/hello").require_auth(true), hello)
        .post("/echo", echo)
        .stream(Endpoint::new("/sse").method("GET"), sse)
        .initialize(async |config: Config| Ok(config.get("routes").and_then(|n| n.parse().ok())))
        .endpoints(|routes: &Option<u32>| {
            let routes = 0..routes.unwrap_or(0);
            routes.fold(Endpoints::new(), |all, n| {
                all.get(format!("/r/{n}"), async |_: Request| Response::text(HELLO))
            })
        })
        .serve()
        .await
}

async fn sse(req: Request, mut out: ResponseStream) -> sidegate_sdk::Result<()> {
    out.headers(Response::event_stream()).await?;
    let mut events = Events::new(Order::read(req.query_string()));
    loop {
        // A paced stream must notice a client that goes away between two events.
        let event = tokio::select! {
            () = out.closed() => return Ok(()),
            event = events.next() => event,
        };
        let Some(event) = event else { return Ok(()) };
        out.send(event).await?;
    }
}
