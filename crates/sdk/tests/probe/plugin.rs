//! A plugin for this crate's own tests, which start it as a process.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use sidegate_sdk::{Config, Error, Plugin, Request, ResponseStream, tracing};

#[derive(Default)]
struct Hanging(AtomicU32);

#[tokio::main]
async fn main() -> sidegate_sdk::Result<()> {
    Plugin::new("probe", env!("CARGO_PKG_VERSION"))
        .initialize(async |config: Config| match config.get("refuse") {
            Some(why) => Err(Error::new(why)),
            None => Ok(Hanging::default()),
        })
        .get("/", async |_: Request| "probe")
        .get("/hanging", async |_: Request, hanging: Arc<Hanging>| {
            hanging.0.load(Ordering::Relaxed).to_string()
        })
        .stream("/hang", async |_: Request, _out: ResponseStream, hanging: Arc<Hanging>| {
            hanging.0.fetch_add(1, Ordering::Relaxed);
            std::future::pending().await
        })
        .get("/panic", async |_: Request| -> &'static str {
            tracing::info!(step = 1, "about to panic");
            panic!("on purpose")
        })
        .shutdown(async |_| {
            tracing::info!("last words");
            Ok(())
        })
        .serve()
        .await
}
