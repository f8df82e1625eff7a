//! A well-behaved plugin whose every endpoint says which one it is: for stories about routes, access
//! rules, panics, and what a plugin can see. Knows nothing of the stories.

use sidegate_sdk::{
    Config, Endpoint, Endpoints, Host, Plugin, Request, Response, ResponseStream, Result, tracing,
};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

#[derive(Default)]
struct State {
    config: BTreeMap<String, String>,
    opened: AtomicU64,
    closed: AtomicU64,
}

#[tokio::main]
async fn main() -> Result<()> {
    Plugin::new("e2e-routes", env!("CARGO_PKG_VERSION"))
        .config_schema(r#"{"properties": {"certificate": {"x-secret": true}}}"#)
        .initialize(async |config: Config| {
            let config = config.iter().map(|(key, value)| (key.to_owned(), value.to_owned()));
            Ok(State { config: config.collect(), ..State::default() })
        })
        .endpoints(|state: &State| {
            let endpoints = seeing(streams(methods(paths(Endpoints::new()))));
            let endpoints = scoped(endpoints, state.config.get("scopes"));
            let endpoints = authorized(endpoints, state.config.get("authorization_servers"));
            match state.config.get("catch_all").map(String::as_str) {
                Some("true") => endpoints.get("/*", async |_: Request| "catch-all"),
                _ => endpoints,
            }
        })
        .on_session(follow)
        .on_session_closing(async |_: Host, _: Arc<State>| {
            tracing::warn!("the session is closing");
            Ok(())
        })
        .serve()
        .await
}

/// Follows the topic it is configured with, and notes what it handled: its process, then what it was told.
async fn follow(host: Host, state: Arc<State>) -> Result<()> {
    let (Some(topic), Some(file)) = (state.config.get("topic"), state.config.get("handled")) else {
        return Ok(());
    };
    let mut events = host.events().subscribe(topic).await?;
    while let Some(event) = events.next().await {
        let line = format!("{} {}\n", std::process::id(), String::from_utf8_lossy(&event.payload));
        let mut file = File::options().create(true).append(true).open(file)?;
        file.write_all(line.as_bytes())?;
    }
    Ok(())
}

/// An endpoint that says who gives tokens for it, and the document of an issuer.
fn authorized(endpoints: Endpoints<State>, servers: Option<&String>) -> Endpoints<State> {
    let Some(servers) = servers else { return endpoints };
    let resource = Endpoint::new("/mcp/*").require_auth(true);
    endpoints
        .any(
            resource
                .metadata("authorization_servers", servers)
                .metadata("scopes_required", "tools.call tools.list"),
            async |_: Request| "called",
        )
        .get("/.well-known/openid-configuration", async |req: Request| {
            let host = req.header("x-forwarded-host").unwrap_or_default().to_owned();
            Response::text("an issuer").header("X-Path", req.path()).header("X-Host", host)
        })
}

/// Endpoints that are told apart by their paths.
fn paths(endpoints: Endpoints<State>) -> Endpoints<State> {
    endpoints
        .get("/exact", async |_: Request| "exact")
        .get("/files/*", async |_: Request| "files")
        .get("/files/deep/*", async |_: Request| "deep")
        .get("/files/deep/exact", async |_: Request| "deep exact")
        .get("/open/*", async |_: Request| "open")
        .get(Endpoint::new("/admin/users").require_auth(true), async |_: Request| "protected")
        .any("/law/*", async |req: Request| Response::text("open").header("X-Method", req.method()))
        .get(Endpoint::new("/law/app").require_auth(true), async |_: Request| "protected")
        .any(Endpoint::new("/acl/*").require_auth(true), async |req: Request| allow(&req))
        .get(
            Endpoint::new("/described")
                .description("An endpoint that tells of itself")
                .metadata("team", "blue")
                .metadata("stage", "beta"),
            async |_: Request| "described",
        )
}

/// Endpoints that are told apart by their methods.
fn methods(endpoints: Endpoints<State>) -> Endpoints<State> {
    let named = |method: &'static str| {
        move |_: Request| async move { Response::text(method).header("X-Handler", method) }
    };
    endpoints
        .any("/any", async |req: Request| {
            Response::text(req.method()).header("X-Method", req.method())
        })
        .post("/post-only", named("post"))
        .get("/get-only", async |req: Request| {
            Response::text("get").header("X-Method", req.method())
        })
        .get("/headed", named("get"))
        .endpoint(Endpoint::new("/headed").method("HEAD"), named("head"))
        .get("/optioned", named("get"))
        .endpoint(Endpoint::new("/optioned").method("OPTIONS"), named("options"))
}

/// Begins a stream, and keeps it open until it is ended.
async fn stay(_: Request, mut out: ResponseStream, state: Arc<State>) -> Result<()> {
    let head = Response::new(200).header("X-Handler", "stream");
    state.opened.fetch_add(1, Ordering::Relaxed);
    let sent = async {
        out.headers(head).await?;
        out.send("begun").await?;
        Result::Ok(())
    }
    .await;
    out.closed().await;
    state.closed.fetch_add(1, Ordering::Relaxed);
    sent
}

/// Endpoints that demand scopes; which, the configuration says for one of them.
fn scoped(endpoints: Endpoints<State>, configured: Option<&String>) -> Endpoints<State> {
    let changing = Endpoint::new("/changing");
    let changing = match configured {
        Some(scopes) => changing.metadata("scopes_required", scopes),
        None => changing,
    };
    endpoints
        .get(Endpoint::new("/scoped").scopes(["files.read"]), async |_: Request| "scoped")
        .stream(Endpoint::new("/scoped-stream").scopes(["files.read"]), stay)
        .any("/wide/*", async |_: Request| "wide")
        .get(Endpoint::new("/wide/app").scopes(["files.read"]), async |_: Request| "app")
        .stream(changing, stay)
}

/// Endpoints that answer piece by piece.
fn streams(endpoints: Endpoints<State>) -> Endpoints<State> {
    endpoints.stream("/stream", stay).stream(
        "/panic-in-stream",
        async |_: Request, mut out: ResponseStream| {
            out.send("before").await?;
            panic!("on purpose, in a stream")
        },
    )
}

#[expect(clippy::disallowed_methods, reason = "what a plugin finds there is what a story asks")]
fn environment() -> Response {
    Response::json(&std::env::vars().collect::<BTreeMap<_, _>>())
}

/// Endpoints that show what the plugin sees.
fn seeing(endpoints: Endpoints<State>) -> Endpoints<State> {
    endpoints
        .get("/counts", async |_: Request, state: Arc<State>| {
            let counts = [
                ("opened", state.opened.load(Ordering::Relaxed)),
                ("closed", state.closed.load(Ordering::Relaxed)),
            ];
            Response::json(&BTreeMap::from(counts))
        })
        .get("/environment", async |_: Request| environment())
        .get("/config", async |_: Request, state: Arc<State>| Response::json(&state.config))
        .get("/context", async |req: Request| {
            Response::json(&BTreeMap::from([
                ("request_id", req.request_id()),
                ("edge_id", req.edge_id().unwrap_or_default()),
                ("edge_namespace", req.edge_namespace().unwrap_or_default()),
                ("traceparent", req.traceparent().unwrap_or_default()),
                ("jwt_issuer", req.metadata("jwt_issuer").unwrap_or_default()),
                ("jwt_client", req.metadata("jwt_client").unwrap_or_default()),
                ("jwt_subject", req.metadata("jwt_subject").unwrap_or_default()),
                ("tls_issuer", req.metadata("tls_issuer").unwrap_or_default()),
                ("tls_client", req.metadata("tls_client").unwrap_or_default()),
                ("tls_fingerprint", req.metadata("tls_fingerprint").unwrap_or_default()),
                ("own_host", req.metadata("own_host").unwrap_or_default()),
                ("authorization", req.header("authorization").unwrap_or_default()),
                ("query", req.query_string()),
            ]))
        })
        .get("/cookie", async |_: Request| {
            Response::text("set")
                .header("Set-Cookie", "a=1; Domain=example.com; Path=/")
                .header("Set-Cookie", "b=2; path=/; domain=.Example.com; HttpOnly")
                .header("Set-Cookie", "c=3")
        })
        .get("/pid", async |_: Request| std::process::id().to_string())
        .get("/panic", async |_: Request| -> &'static str { panic!("on purpose") })
        .get("/print", async |req: Request| {
            let text = req.query("text").unwrap_or_default();
            println!("stdout {text}");
            eprintln!("stderr {text}");
            "printed"
        })
}

/// Access by the metadata of the app, as operators are advised to do it.
fn allow(req: &Request) -> Response {
    let Some(app) = req.app().filter(|_| req.authenticated()) else {
        return Response::text("Unauthorized").with_status(401);
    };
    if app.metadata.get("mcp_access").is_none_or(|access| access != "allowed") {
        return Response::text("Forbidden").with_status(403);
    }
    match app.metadata.get("allowed_operations") {
        Some(allowed) if !allowed.is_empty() && !allowed.contains(req.method()) => {
            Response::text("Method not allowed for this app").with_status(405)
        }
        _ => Response::text(format!("welcome {}", app.name)),
    }
}
