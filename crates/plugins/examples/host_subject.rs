//! A plugin that behaves as its configuration says: the subject of the host's tests.

use sidegate_sdk::{Config, Error, Plugin, Request, Response, ResponseStream};
use std::sync::Arc;
use std::time::Duration;

struct Subject {
    farewell: Option<String>,
}

#[tokio::main]
async fn main() -> sidegate_sdk::Result<()> {
    Plugin::new("host-subject", "1.0.0")
        .initialize(async |config: Config| {
            match config.get("start").unwrap_or_default() {
                "hang" => std::future::pending().await,
                #[expect(
                    clippy::disallowed_methods,
                    reason = "it is asked to end without a farewell"
                )]
                "crash" => {
                    eprintln!("cannot go on");
                    std::process::exit(4)
                }
                "talk" => eprintln!("about to serve"),
                "refuse" => return Err(Error::new("start must not be refuse")),
                _ => {}
            }
            Ok(Subject { farewell: config.get("farewell").map(str::to_owned) })
        })
        .get("/pid", async |_: Request| Response::text(std::process::id().to_string()))
        .get("/sleep", async |_: Request| {
            tokio::time::sleep(Duration::from_millis(1500)).await;
            Response::text(std::process::id().to_string())
        })
        .get("/hang", async |_: Request| {
            std::future::pending::<()>().await;
            Response::empty()
        })
        .stream("/count", async |_: Request, mut out: ResponseStream| {
            for number in 0..100 {
                out.send(format!("{number}\n")).await?;
            }
            Ok(())
        })
        .shutdown(async |subject: Arc<Subject>| {
            if let Some(path) = &subject.farewell {
                std::fs::write(path, "shut down in order")
                    .map_err(|e| Error::new(e.to_string()))?;
            }
            Ok(())
        })
        .serve()
        .await
}
