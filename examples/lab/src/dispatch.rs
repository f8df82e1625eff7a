//! Which whole answer belongs to a path. Streams have endpoints of their own.

use std::sync::Arc;

use sidegate_sdk::{Error, Request, Response, Result};

use crate::stats::Lab;
use crate::{answers, asks, echo, exact};

/// The exit code of `/crash`.
const CRASH: i32 = 3;

/// Answers what is asked for by path, and echoes every other request.
pub(crate) async fn dispatch(req: Request, lab: Arc<Lab>) -> Result<Response> {
    lab.saw(&req);
    let segments: Vec<&str> = req.segments().iter().map(String::as_str).collect();
    match segments.as_slice() {
        ["status", code] => answers::status(code),
        ["resp"] => answers::resp(&req),
        ["cookies"] => answers::cookies(&req),
        ["bytes", n] => answers::bytes(n),
        ["redirect"] => answers::redirect(&req),
        ["sleep"] => answers::sleep(&req, &lab).await,
        ["hang"] => std::future::pending().await,
        #[expect(clippy::disallowed_methods, reason = "it is asked to end without a farewell")]
        ["crash"] => std::process::exit(CRASH),
        ["panic"] => panic!("the lab was asked to panic"),
        ["fail"] => Err(Error::new("the lab was asked to fail; no client reads this")),
        ["error"] => answers::error(&req),
        ["pid"] => Ok(Response::text(std::process::id().to_string())),
        ["stats"] => Ok(Response::json(&lab.stats())),
        ["seen"] => answers::seen(&req, &lab),
        ["method-only"] => Ok(answers::method_only(&req)),
        ["context"] => Ok(echo::context(&req)),
        ["sse-exact.bin"] => Ok(exact::whole()),
        ["kv", key] => asks::kv(&req, key).await,
        ["publish", topic] => asks::publish(&req, topic).await,
        _ => Ok(echo::echo(&req)),
    }
}
