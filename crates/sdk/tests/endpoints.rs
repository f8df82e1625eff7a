//! What a plugin's handlers do, as a host sees it: whole answers, failures, configuration.

use std::sync::Arc;

use sidegate_sdk::testing::Host;
use sidegate_sdk::{App, Config, Endpoint, Endpoints, Error, Plugin, Request, Response, Result};

#[tokio::test]
async fn a_test_takes_five_lines() -> Result<()> {
    let plugin = Plugin::new("hello", "1").get("/hello", async |_: Request| "hello");
    let host = Host::start(plugin, [("slug", "x")]).await?;
    let answer = host.get("/hello").await;
    assert_eq!((answer.status(), answer.text()), (200, "hello"));
    host.shutdown().await
}

fn cookies() -> Plugin {
    Plugin::new("cookies", "1").get("/*", async |_: Request| {
        Response::text("ok").header("Set-Cookie", "a=1").header("Set-Cookie", "b=2")
    })
}

#[tokio::test]
async fn two_set_cookie_arrive_as_two() -> Result<()> {
    let host = Host::start(cookies(), Config::default()).await?;
    let answer = host.get("/").await;
    assert_eq!(answer.headers().get_all("set-cookie").collect::<Vec<_>>(), [b"a=1", b"b=2"]);
    let stream = host.stream(Request::builder()).await;
    assert_eq!(stream.head().headers().get_all("set-cookie").count(), 2);
    Ok(())
}

#[tokio::test]
async fn a_host_without_header_lists_gets_none() -> Result<()> {
    let host = Host::start_plain(cookies(), Config::default()).await?;
    assert_eq!(host.get("/").await.headers().get_all("set-cookie").collect::<Vec<_>>(), [b"a=1"]);
    Ok(())
}

#[tokio::test]
async fn a_request_arrives_with_everything_the_host_knows() -> Result<()> {
    let plugin = Plugin::new("see", "1").any("/*", async |req: Request| {
        assert_eq!(req.method(), "PATCH");
        assert_eq!(req.raw_path(), b"/plugins/x/a%2Fb/c");
        assert_eq!((req.path(), req.relative_path()), ("/plugins/x/a/b/c", "/a/b/c"));
        assert_eq!(req.segments(), ["a/b", "c"]);
        let accepted: Vec<_> = req.headers().get_all("Accept").collect();
        assert_eq!((accepted, req.header("x-latin")), (vec![&b"a"[..], b"b"], None));
        assert_eq!(req.headers().get_bytes("X-Latin"), Some(&b"\xe4"[..]));
        assert_eq!((req.query("q").as_deref(), req.text()?), (Some("1 2"), "body"));
        assert_eq!(req.app().map(|app| app.metadata["mcp_access"].as_str()), Some("allowed"));
        assert!(req.authenticated() && req.has_scope("read"));
        Result::Ok(Response::empty())
    });
    let host = Host::start(plugin, [("slug", "x")]).await?;
    let metadata = [("mcp_access".to_owned(), "allowed".to_owned())].into();
    let request = Request::builder()
        .method("PATCH")
        .path("/a%2Fb/c?q=1+2")
        .header("accept", "a")
        .header("ACCEPT", "b")
        .header("x-latin", b"\xe4")
        .app(App { metadata, ..App::default() })
        .scopes(["read"])
        .body("body");
    let answer = host.send(request).await;
    assert_eq!(answer.status(), 204, "{answer:?}");
    Ok(())
}

#[tokio::test]
async fn a_body_above_four_mebibytes_comes_in_and_goes_out() -> Result<()> {
    let plugin = Plugin::new("mirror", "1")
        .post("/*", async |req: Request| Response::bytes(req.body().clone()));
    let host = Host::start(plugin, Config::default()).await?;
    let body = vec![7; 9 << 20];
    assert_eq!(host.post("/", body.clone()).await.body(), &body);
    Ok(())
}

fn failing() -> Plugin {
    Plugin::new("failing", "1")
        .get("/public", async |_: Request| -> Result<Response> {
            Err(Error::public(418, "I am a teapot").context("the secret reason"))
        })
        .get("/hidden", async |_: Request| -> Result<Response> {
            Ok(Response::text("x".parse::<u8>()?.to_string()))
        })
        .get("/panic", async |req: Request| {
            assert!(req.query("fine").is_some(), "the secret panic");
            "fine"
        })
        .get("/error", async |_: Request| Response::error(409, "taken"))
        .post("/json", async |req: Request| -> Result<Response> {
            Ok(Response::json(&req.json::<Vec<u8>>()?))
        })
}

#[tokio::test]
async fn only_public_words_leave_the_plugin() -> Result<()> {
    let host = Host::start(failing(), Config::default()).await?;
    let table = [("/public", 418, "I am a teapot"), ("/error", 409, "taken")];
    for (path, status, text) in table {
        let answer = host.get(path).await;
        assert_eq!((answer.status(), answer.failure()), (status, None), "{path}");
        assert_eq!(answer.json::<serde_json::Value>()["error"], text, "{path}");
    }
    let answer = host.get("/hidden").await;
    assert_eq!(answer.status(), 502);
    assert!(answer.failure().unwrap().starts_with("Unknown: the handler failed"), "{answer:?}");
    let answer = host.post("/json", "[1,").await;
    assert_eq!(answer.status(), 400);
    assert!(answer.text().contains("the body is not the expected JSON"), "{}", answer.text());
    Ok(())
}

#[tokio::test]
async fn a_panic_fails_one_request_and_the_plugin_lives_on() -> Result<()> {
    let host = Host::start(failing(), Config::default()).await?;
    let answer = host.get("/panic").await;
    assert_eq!(answer.status(), 502);
    assert!(answer.failure().unwrap().starts_with("Internal: the handler panicked"));
    assert!(!answer.failure().unwrap().contains("secret"));
    assert_eq!(host.get("/panic?fine").await.text(), "fine");
    Ok(())
}

#[tokio::test]
async fn routes_are_matched_as_the_gateway_does() -> Result<()> {
    let plugin = Plugin::new("routes", "1")
        .get("/*", async |_: Request| "all")
        .get("/files/*", async |_: Request| "files")
        .get("/files/one", async |_: Request| "one")
        .post("/only", async |_: Request| "posted");
    let host = Host::start(plugin, Config::default()).await?;
    for (path, text) in [("/", "all"), ("/files/x/y", "files"), ("/files/one", "one")] {
        assert_eq!(host.get(path).await.text(), text);
    }
    let put = host.send(Request::builder().method("PUT").path("/only")).await;
    assert_eq!((put.status(), put.header("allow")), (405, Some("GET, HEAD, POST")));
    let head = host.send(Request::builder().method("HEAD")).await;
    assert_eq!(head.status(), 200);
    let bare = Host::start(Plugin::new("bare", "1"), Config::default()).await?;
    assert_eq!(bare.get("/").await.status(), 501);
    Ok(())
}

struct Settings {
    greeting: String,
    require_auth: bool,
}

fn configurable() -> Plugin<Settings> {
    Plugin::new("configurable", "1")
        .get("/stateless", async |_: Request| "none")
        .initialize(async |config: Config| {
            Ok(Settings {
                greeting: config.require("greeting")?.to_owned(),
                require_auth: config.flag("require_auth", false)?,
            })
        })
        .get("/greeting", async |_: Request, state: Arc<Settings>| state.greeting.clone())
        .endpoints(|settings| {
            let late = Endpoint::new("/late").require_auth(settings.require_auth);
            Endpoints::new().any(late, async |_: Request| "late")
        })
}

#[tokio::test]
async fn handlers_share_the_state_and_endpoints_may_depend_on_it() -> Result<()> {
    let config = [("greeting", "hi"), ("require_auth", "true")];
    let host = Host::start(configurable(), config).await?;
    for (path, text) in [("/greeting", "hi"), ("/late", "late"), ("/stateless", "none")] {
        assert_eq!(host.get(path).await.text(), text);
    }
    let registrations = host.registrations().await?;
    let late = registrations.iter().find(|r| r.path == "/late").expect("announced");
    assert!(late.require_auth && !late.stream_response);
    assert_eq!(late.methods.len(), 7);
    assert_eq!(registrations.len(), 3);
    Ok(())
}

#[tokio::test]
async fn a_refused_configuration_says_why() {
    let error = Host::start(configurable(), Config::default()).await.unwrap_err();
    assert!(error.to_string().contains("`greeting` is required"), "{error}");
    let panics = Plugin::new("p", "1").initialize(async |_| -> Result<()> { panic!("boom") });
    let error = Host::start(panics, Config::default()).await.unwrap_err();
    assert!(error.to_string().contains("initialization panicked: boom"), "{error}");
}

#[tokio::test]
async fn an_unsound_plugin_does_not_start_and_names_every_fault() {
    let plugin = Plugin::new("", "1")
        .manifest("{")
        .config_schema("[]")
        .get("no-slash", async |_: Request| "")
        .endpoint(Endpoint::new("/x").method("BREW"), async |_: Request| "");
    let text = Host::start(plugin, Config::default()).await.unwrap_err().to_string();
    for fault in ["no name", "manifest is no JSON", "schema is no JSON object", "no-slash", "BREW"]
    {
        assert!(text.contains(fault), "{fault}: {text}");
    }
    let late =
        Plugin::new("late", "1").endpoints(|()| Endpoints::new().get("x", async |_: Request| ""));
    let text = Host::start(late, Config::default()).await.unwrap_err().to_string();
    assert!(text.contains("a path starts with '/'"), "{text}");
}

#[tokio::test]
async fn manifest_schema_and_assets_are_served() -> Result<()> {
    let plugin = Plugin::new("ui", "1.2.3")
        .description("shows things")
        .config_schema(r#"{"type":"object"}"#)
        .asset("/ui/x.js", "text/javascript", b"x()");
    let host = Host::start(plugin, Config::default()).await?;
    let manifest = host.manifest().await?;
    assert_eq!(
        (&manifest["version"], &manifest["description"]),
        (&"1.2.3".into(), &"shows things".into())
    );
    assert_eq!(host.config_schema().await?["type"], "object");
    let (mime_type, content) = host.asset("ui/x.js").await?;
    assert_eq!((mime_type.as_str(), content.as_ref()), ("text/javascript", &b"x()"[..]));
    assert!(host.asset("/nothing").await.is_err());
    Ok(())
}

#[tokio::test]
async fn the_shutdown_function_runs_once_and_its_error_is_told() -> Result<()> {
    let (tell, told) = std::sync::mpsc::sync_channel(2);
    let plugin = Plugin::new("last", "1").shutdown(async move |_| Ok(tell.send("done")?));
    Host::start(plugin, Config::default()).await?.shutdown().await?;
    assert_eq!(told.into_iter().collect::<Vec<_>>(), ["done"]);

    let plugin = Plugin::new("last", "1").shutdown(async |_| Err(Error::new("cannot save")));
    let error = Host::start(plugin, Config::default()).await?.shutdown().await.unwrap_err();
    assert!(error.to_string().contains("cannot save"), "{error}");
    Ok(())
}
