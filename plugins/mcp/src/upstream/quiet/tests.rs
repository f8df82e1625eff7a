//! Beside the HTTP library, which is asked the same of the same servers.

use std::collections::BTreeMap;
use std::future::Future;
use std::mem::{discriminant, size_of};

use http::StatusCode;
use http_body_util::BodyExt as _;
use reqwest::header::ACCEPT;
use reqwest::{RequestBuilder, Response};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;

use super::super::web::{RawEvents, Web, away};
use super::*;

const KEEP_ALIVE: Duration = Duration::from_secs(15);

fn web() -> Web {
    let headers = [("x-key", "secret"), ("accept", "nothing")];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
    Web::new(&BTreeMap::from(headers), KEEP_ALIVE).unwrap()
}

/// A server of one request, to which it says this, and which it tells.
async fn server(answer: &[u8]) -> (String, impl Future<Output = String> + use<>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/a/mcp?b=c%20d#e", listener.local_addr().unwrap());
    let answer = answer.to_vec();
    let asked = tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut asked = Vec::new();
        while !asked.ends_with(b"\r\n\r\n") {
            asked.push(socket.read_u8().await.unwrap());
        }
        socket.set_nodelay(true).unwrap();
        for byte in answer.chunks(1) {
            // Whoever has seen enough goes.
            if socket.write_all(byte).await.is_err() {
                break;
            }
        }
        String::from_utf8(asked).unwrap()
    });
    (url, async { asked.await.unwrap() })
}

fn request(web: &Web, url: &str) -> RequestBuilder {
    web.client.get(url).header(ACCEPT, "text/event-stream").header("mcp-session-id", "7")
}

async fn by_the_library(request: RequestBuilder) -> Result<Response, Failure> {
    request.send().await.map_err(|error| away(&error))
}

/// The lines of a request, but for their order and the server's port.
fn lines(asked: &str) -> Vec<String> {
    let mut lines: Vec<_> = asked.lines().map(str::to_owned).collect();
    lines.sort();
    lines
        .iter()
        .map(|line| if line.starts_with("host: 127") { "host" } else { line }.to_owned())
        .collect()
}

#[tokio::test]
async fn a_server_is_asked_what_the_library_would_ask_it() {
    let (ok, web) = (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", web());
    for host in [None, Some("elsewhere.test")] {
        let with_host = |request: RequestBuilder| match host {
            Some(host) => request.header("host", host),
            None => request,
        };
        let (url, asked) = server(ok).await;
        web.open(with_host(request(&web, &url))).await.unwrap();
        let ours = asked.await;
        let (url, asked) = server(ok).await;
        by_the_library(with_host(request(&web, &url))).await.unwrap();
        assert_eq!(lines(&ours), lines(&asked.await), "{ours}");
        assert!(ours.starts_with("GET /a/mcp?b=c%20d HTTP/1.1\r\n"), "{ours}");
    }
}

/// What a response comes to: its head, its content and whether it ends well.
async fn seen(response: Result<Response, Failure>) -> Result<(StatusCode, String, bool), Failure> {
    let mut response = response?;
    let fields = format!("{:?}", response.headers());
    let (status, mut text) = (response.status(), fields + "\n");
    loop {
        match response.chunk().await {
            Ok(Some(piece)) => text.push_str(&String::from_utf8_lossy(&piece)),
            ended => return Ok((status, text, ended.is_ok())),
        }
    }
}

#[tokio::test]
async fn responses_are_what_the_library_makes_of_them() {
    let web = web();
    let chunked =
        "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";
    let fields = |count: usize| "X: y\r\n".repeat(count);
    for answer in [
        format!("{chunked}5\r\nhello\r\n0006;a=\"b\"\r\n world\r\n0\r\nX: y\r\n\r\n"),
        format!("{chunked}5\r\nhello\r\n"),
        format!("{chunked}5\r\nhel"),
        format!("{chunked}5\r\nhello\r\nx\r\n"),
        format!("{chunked}5\r\nhello\r\n-1\r\n"),
        format!("{chunked}5\r\nhellohello\r\n"),
        format!("{chunked}10000000000000000\r\nhello\r\n"),
        format!(
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n{chunked}0\r\n\r\n"
        ),
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello and more".to_owned(),
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhell".to_owned(),
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello".to_owned(),
        "HTTP/1.1 200 OK\r\ncontent-length: -5\r\n\r\nhello".to_owned(),
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"
            .to_owned(),
        "HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n".to_owned(),
        "HTTP/1.1 200 OK\r\nset-cookie: a\r\nset-cookie: b\r\n\r\nup to the end".to_owned(),
        "HTTP/1.0 200\r\n\r\nup to the end".to_owned(),
        "HTTP/1.1 200 \r\nX: \u{fc}\r\n\r\n".to_owned(),
        "HTTP/1.1 204 No Content\r\n\r\n".to_owned(),
        "HTTP/1.1 302 Found\r\nlocation: http://elsewhere.test/\r\ncontent-length: 4\r\n\r\ngone"
            .to_owned(),
        "HTTP/1.1 405 Method Not Allowed\r\ncontent-length: 2\r\n\r\n{}".to_owned(),
        format!("HTTP/1.1 200 OK\r\n{}content-length: 0\r\n\r\n", fields(63)),
        format!("HTTP/1.1 200 OK\r\n{}content-length: 0\r\n\r\n", fields(200)),
        "HTTP/2 200 OK\r\n\r\n".to_owned(),
        "HTTP/1.1 200 OK\r\nno field\r\n\r\n".to_owned(),
        "HTTP/1.1 200 OK\r\nX: y".to_owned(),
        "SSH-2.0-OpenSSH_9.2\r\n".to_owned(),
        String::new(),
    ] {
        let (url, asked) = server(answer.as_bytes()).await;
        let ours = seen(web.open(request(&web, &url)).await).await;
        asked.await;
        let (url, asked) = server(answer.as_bytes()).await;
        let theirs = seen(by_the_library(request(&web, &url)).await).await;
        asked.await;
        match (&ours, &theirs) {
            (Err(ours), Err(theirs)) => assert_eq!(discriminant(ours), discriminant(theirs)),
            _ => assert_eq!(ours, theirs, "{answer}"),
        }
        let told = ours.map_or_else(|failure| failure.to_string(), |_| String::new());
        assert!(!told.contains("secret") && !told.contains("/a/mcp"), "{told}");
    }
}

#[tokio::test]
async fn a_head_is_read_wherever_it_is_cut() {
    let answer =
        b"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nX: y\r\nContent-Length: 4\r\n\r\nmore";
    for cut in 0..answer.len() {
        let (mut before, after) = answer.split_at(cut);
        let mut early = (&mut before).chain(after);
        let (parts, _, mut body) = head::read(&mut early).await.unwrap();
        early.read_to_end(&mut body).await.unwrap();
        assert_eq!((parts.status, &body[..]), (StatusCode::OK, &b"more"[..]), "{cut}");
        assert_eq!(parts.headers["x"], "y");
        if cut < answer.len() - b"more".len() {
            let failed = head::read(&mut &answer[..cut]).await;
            assert!(matches!(failed, Err(Failure::Away(_))), "{cut}");
        }
    }
}

#[tokio::test]
async fn a_head_has_a_bound() {
    let field = format!("X: {}\r\n", "y".repeat(1000));
    let hints = "HTTP/1.1 103 Early Hints\r\n\r\n";
    let many_fields = format!("{hints}HTTP/1.1 200 OK\r\n{}", field.repeat(20));
    for endless in [many_fields, hints.repeat(1000)] {
        let failed = head::read(&mut endless.as_bytes()).await;
        let Err(Failure::Away(why)) = failed else { panic!("{endless}") };
        assert_eq!(why, "the head of its response is too long");
    }
}

#[tokio::test]
async fn who_waits_no_longer_closes_the_connection() {
    for (answer, is_head) in [
        ("HTTP/1.1 200 OK\r\nTransfer-Enc", false),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n8\r\ndata: 1\n\r\n1", true),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/mcp", listener.local_addr().unwrap());
        let web = web();
        let mut opening = Box::pin(web.open(request(&web, &url)));
        let serving = async {
            let (mut socket, _) = listener.accept().await.unwrap();
            let mut asked = [0; 1024];
            assert!(socket.read(&mut asked).await.unwrap() > 0);
            socket.write_all(answer.as_bytes()).await.unwrap();
            socket
        };
        let mut socket = if is_head {
            let (response, socket) = tokio::join!(&mut opening, serving);
            let mut body = http::Response::<reqwest::Body>::from(response.unwrap()).into_body();
            let frame = body.frame().await.unwrap().unwrap();
            assert_eq!(frame.into_data().unwrap(), "data: 1\n");
            socket
        } else {
            tokio::select! {
                _ = &mut opening => panic!("there is no response yet"),
                socket = serving => socket,
            }
        };
        drop(opening);
        // What was not read of the answer makes it an end without order.
        assert!(matches!(socket.read(&mut [0; 16]).await, Ok(0) | Err(_)));
    }
}

#[tokio::test]
async fn who_is_not_there_is_away_and_its_address_is_not_told() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (web, url) = (web(), format!("http://{}/secret", listener.local_addr().unwrap()));
    drop(listener);
    let Err(Failure::Away(ours)) = web.open(request(&web, &url)).await else { panic!() };
    let Err(Failure::Away(theirs)) = by_the_library(request(&web, &url)).await else { panic!() };
    assert!(theirs.ends_with(&ours), "{theirs} {ours}");
    let unknown = web.open(request(&web, "http://nobody.invalid/secret")).await;
    let Err(Failure::Away(why)) = unknown else { panic!() };
    assert!(why.starts_with("dns error") && !why.contains("secret"), "{why}");
}

#[tokio::test]
async fn what_is_wrong_comes_after_what_was_right() {
    let answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\ndata: 1\n\n\r\nx\r\n";
    let (url, asked) = server(answer).await;
    let web = web();
    let response = web.open(request(&web, &url)).await.unwrap();
    asked.await;
    let mut events = RawEvents::new(response, 100);
    assert_eq!(events.next().await.unwrap().unwrap().data, "1");
    let Err(Failure::Broken(why)) = events.next().await else { panic!() };
    assert!(why.ends_with("a size of its chunks is none"), "{why}");
}

#[test]
fn a_stream_in_which_nothing_is_said_takes_little() {
    assert!(size_of::<QuietBody>() <= 112, "{}", size_of::<QuietBody>());
}

#[test]
fn what_has_tls_or_a_body_is_for_the_library() {
    let client = reqwest::Client::new();
    for (request, expected) in [
        (client.get("http://a.test/"), true),
        (client.get("https://a.test/"), false),
        (client.post("http://a.test/").body("b"), false),
    ] {
        assert_eq!(Quiet::takes(&request.build().unwrap()), expected);
    }
}
