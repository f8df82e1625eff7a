//! What pages of plugins can cost others, and what is left to admins: each bound over real processes and sockets.

use crate::plugin_pages::{PROGRAM, ask, with_page};
use futures_util::future::{join_all, select_all};
use serde_json::{Value, json};
use sidegate_e2e::{Gateway, Plugin, Raw, eventually, long_story, pause, story};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Files of a page at a time of one user; two of them take all that a plugin has.
const MOST_OF_ONE: usize = 8;
/// What answers for one user may hold that are not read, and the largest of them here.
const MEMORY: usize = 16 * 1024 * 1024;
const LARGE: usize = 8 * 1024 * 1024;

/// Somebody else, who has this role.
async fn somebody(gateway: &Gateway, name: &str, role: &str) -> String {
    let words = ["admin-token", "create", name, "--role", role, "--quiet"];
    let token = gateway.cli().ok(&words).await.trim().to_owned();
    gateway.admin().keep_secret(&token);
    token
}

/// The status of a file of a page, and its body.
async fn file(gateway: &Gateway, path: &str) -> (u16, String) {
    file_as(gateway, gateway.admin().token(), path).await
}

async fn file_as(gateway: &Gateway, token: &str, path: &str) -> (u16, String) {
    let token = format!("Bearer {token}");
    let headers = [("authorization", token.as_str())];
    let answer = gateway.admin().call_with(&headers, "GET", path, None).await;
    (answer.status.as_u16(), answer.text().to_owned())
}

/// The pages of a plugin, and how long it took to tell them.
async fn looked(gateway: &Gateway, plugin: &Plugin) -> (Value, Duration) {
    let begun = Instant::now();
    let pages = gateway.admin().get(&format!("plugins/{}/pages", plugin.id)).await;
    (pages, begun.elapsed())
}

#[test]
fn a_plugin_that_hangs_when_it_is_looked_at_delays_no_other_look() {
    long_story(Duration::from_secs(90), async {
        let gateway = Gateway::start().await;
        let add = async |name: &str, beside: &str| {
            let plugin = gateway.plugin(name).program(PROGRAM).config("content", "c");
            plugin.config("beside", beside).ready().await
        };
        let hangs = [add("h1", "hang").await, add("h2", "hang").await, add("h3", "hang").await];
        let well = [add("w1", "").await, add("w2", "").await];
        let hanging = async {
            for (pages, _) in join_all(hangs.each_ref().map(|it| looked(&gateway, it))).await {
                let closed = pages[0]["attributes"]["closed"].as_str().unwrap_or_default();
                assert!(closed.contains("still being started"), "{pages}");
            }
        };
        let others = async {
            eventually("those that hang are being started", async || {
                // Each has a process that serves; the others are for looks.
                (gateway.plugin_pids().len() > 5).then_some(())
            })
            .await;
            for plugin in &well {
                let (pages, took) = looked(&gateway, plugin).await;
                assert_eq!(pages[0]["attributes"]["closed"], Value::Null, "{pages}");
                assert!(took < Duration::from_secs(8), "{took:?}");
            }
            assert_eq!(ask(&gateway, &well[0], "get_config", json!({})).await["content"], "c");
        };
        tokio::join!(hanging, others);
    });
}

#[test]
fn however_many_look_at_a_plugin_they_keep_nobody_from_asking_it() {
    story(async {
        let gateway = Gateway::start().await;
        let plugin = gateway.plugin("hangs").program(PROGRAM).config("content", "c");
        let plugin = plugin.config("beside", "hang").ready().await;
        let viewer = somebody(&gateway, "v", "viewer").await;
        let path = format!("plugins/{}/pages", plugin.id);
        let looks =
            join_all((0..40).map(|_| gateway.admin().call_as(Some(&viewer), "GET", &path, None)));
        let asks = async {
            eventually("it is being started", async || {
                (gateway.plugin_pids().len() > 1).then_some(())
            })
            .await;
            let path = format!("plugins/{}/rpc/get_config", plugin.id);
            gateway.admin().refused("POST", &path, &json!({})).await
        };
        // Whoever asks waits for the process, and is not sent away.
        let looked = tokio::select! {
            refusal = asks => panic!("{refusal:?}"),
            looked = looks => looked,
        };
        for (status, pages) in looked {
            let closed = pages["data"][0]["attributes"]["closed"].as_str().unwrap_or_default();
            assert!(status == 200 && closed.contains("still being started"), "{pages}");
        }
    });
}

#[test]
fn one_user_has_so_many_files_of_a_page_open_and_those_of_others_come() {
    story(async {
        let (gateway, plugin) = with_page(&[], &[]).await;
        let other = gateway.plugin("other").program(PROGRAM).config("content", "c").ready().await;
        let [one, two] = [
            somebody(&gateway, "one", "operator").await,
            somebody(&gateway, "two", "operator").await,
        ];
        let path = |plugin: &Plugin, file: &str| format!("plugins/{}/assets/ui/{file}", plugin.id);
        // Those that hang do so for ten seconds, in which nobody should wait for a process to start.
        for plugin in [&plugin, &other] {
            assert_eq!(file(&gateway, &path(plugin, "page.js")).await.0, 200);
        }
        let hang = path(&plugin, "hang");
        let get = |token| Box::pin(gateway.admin().call_as(Some(token), "GET", &hang, None));
        // The one that has no place is told so at once; the others hang on.
        let ((status, told), _, of_one) =
            select_all((0..=MOST_OF_ONE).map(|_| get(one.as_str()))).await;
        assert_eq!((status, &told["code"]), (429, &json!("too_many_requests")), "{told}");
        assert!(told["error"].as_str().unwrap().contains("8 files of yours"), "{told}");
        // Neither questions nor files wait for them, not even files of the same plugin for others.
        let rest = async {
            assert_eq!(ask(&gateway, &plugin, "get_config", json!({})).await["content"], "first");
            assert_eq!(file(&gateway, &path(&other, "page.js")).await.0, 200);
            assert_eq!(file(&gateway, &path(&plugin, "page.js")).await.0, 200);
            // Whoever looks whether all places are taken has one meanwhile, so those who lack it ask again.
            let of_two = (0..MOST_OF_ONE).map(|_| {
                Box::pin(async {
                    loop {
                        let (status, told) = get(two.as_str()).await;
                        if !matches!(status, 429 | 503) {
                            break (status, told);
                        }
                        pause(Duration::from_millis(50)).await;
                    }
                })
            });
            let all_taken = eventually("all places are taken", async || {
                let (status, told) = file(&gateway, &path(&plugin, "page.js")).await;
                (status == 503).then_some(told)
            });
            tokio::select! {
                (answer, ..) = select_all(of_two) => panic!("{answer:?}"),
                told = all_taken => assert!(told.contains("16 files"), "{told}"),
            }
        };
        tokio::select! {
            (answer, ..) = select_all(of_one) => panic!("{answer:?}"),
            () = rest => {}
        }
    });
}

/// Somebody who asks for a file, sees that it comes, and reads nothing more of it.
async fn unread(addr: SocketAddr, request: &str) -> tokio::net::TcpStream {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    // What the system takes for them is not held by the gateway.
    socket.set_recv_buffer_size(4096).unwrap();
    let mut tcp = socket.connect(addr).await.unwrap();
    tcp.write_all(request.as_bytes()).await.unwrap();
    let mut begun = [0; 12];
    tcp.read_exact(&mut begun).await.unwrap();
    assert_eq!(&begun, b"HTTP/1.1 200", "{}", String::from_utf8_lossy(&begun));
    tcp
}

#[test]
fn answers_that_one_user_does_not_read_keep_no_other_from_theirs_and_are_cut() {
    long_story(Duration::from_secs(100), async {
        let (gateway, plugin) = with_page(&[], &[]).await;
        let admin = gateway.admin();
        let slow = somebody(&gateway, "slow", "operator").await;
        let path = format!("plugins/{}/assets/ui/full", plugin.id);
        let request = format!(
            "GET /api/v1/{path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {slow}\r\n\r\n"
        );
        assert_eq!(file(&gateway, &path).await.0, 200);
        let mut readers = Vec::new();
        for _ in 0..MEMORY / LARGE {
            readers.push(unread(admin.addr(), &request).await);
        }
        let (status, told) = file_as(&gateway, &slow, &path).await;
        assert_eq!(status, 429, "{told}");
        assert!(told.contains("16 MiB that you asked for"), "{told}");
        let mut last = Raw::connect(admin.addr()).await;
        last.send(&request).await;
        assert_eq!(last.head().await.1["retry-after"], "5");
        // Others get theirs.
        assert_eq!(file(&gateway, &path).await.0, 200);
        assert_eq!(ask(&gateway, &plugin, "get_config", json!({})).await["content"], "first");
        // Those who read nothing are cut, although they never go.
        let begun = Instant::now();
        while file_as(&gateway, &slow, &path).await.0 != 200 {
            assert!(begun.elapsed() < Duration::from_secs(60), "they hold it still");
            pause(Duration::from_millis(500)).await;
        }
        assert_eq!(readers.len(), MEMORY / LARGE);
    });
}

#[test]
fn methods_that_a_page_makes_up_hide_none_that_its_plugin_has() {
    story(async {
        let (gateway, plugin) = with_page(&[], &[]).await;
        let operator = somebody(&gateway, "o", "operator").await;
        let method = async |method: &str| {
            let path = format!("plugins/{}/rpc/{method}", plugin.id);
            let body = json!({});
            gateway.admin().call_as(Some(&operator), "POST", &path, Some(&body)).await
        };
        ask(&gateway, &plugin, "get_config", json!({})).await;
        let mut made_up = 0;
        let (status, told) = eventually("too many are made up", async || {
            let (status, told) = method(&format!("made-up-{made_up}")).await;
            // Beyond ten a second it is said in other words.
            let is_pace =
                told["error"].as_str().is_some_and(|told| told.contains("times a second"));
            made_up += usize::from(!is_pace);
            (status != 502 && !is_pace).then_some((status, told))
        })
        .await;
        assert_eq!(status, 429, "{told}");
        assert!(told["error"].as_str().unwrap().contains("has not answered yet"), "{told}");
        let (status, told) = eventually("the pace is kept", async || {
            let answer = method("get_config").await;
            (answer.0 != 429).then_some(answer)
        })
        .await;
        assert_eq!(status, 200, "{told}");
        let audit = gateway.admin().get("audit?limit=100").await;
        let told = "its page asked for \"get_config\"";
        let entries = audit.as_array().unwrap().iter();
        let asked = entries.filter(|entry| entry["attributes"]["detail"] == told).count();
        assert_eq!(asked, 2, "of each user: {audit}");
    });
}

#[test]
fn what_a_page_asks_all_the_time_is_one_entry_of_the_audit_log_that_counts() {
    story(async {
        let (gateway, plugin) = with_page(&[], &[]).await;
        for _ in 0..5 {
            ask(&gateway, &plugin, "get_config", json!({})).await;
        }
        let audit = gateway.admin().get("audit?limit=100").await;
        let asked =
            audit.as_array().unwrap().iter().map(|entry| &entry["attributes"]).filter(|entry| {
                entry["detail"].as_str().is_some_and(|told| told.contains("asked for"))
            });
        let asked: Vec<_> = asked.collect();
        // A minute may have ended between two of them.
        assert!(asked.len() <= 2, "{asked:?}");
        let times: u64 = asked.iter().map(|entry| entry["times"].as_u64().unwrap()).sum();
        assert_eq!(times, 5, "{asked:?}");
    });
}

#[test]
fn what_a_schema_leaves_to_admins_is_theirs_also_of_a_plugin_that_is_off_after_a_restart() {
    story(async {
        let (mut gateway, plugin) = with_page(&[], &[]).await;
        let operator = gateway
            .cli()
            .ok(&["admin-token", "create", "o", "--role", "operator", "--quiet"])
            .await;
        let operator = operator.trim().to_owned();
        let path = format!("plugins/{}", plugin.id);
        let change = async |gateway: &Gateway, limit: u64| {
            let config = json!({"config": {"slug": "page", "content": "first", "limit": limit}});
            gateway.admin().call_as(Some(&operator), "PATCH", &path, Some(&config)).await
        };
        let is_refused = |(status, told): (u16, Value)| {
            assert_eq!((status, &told["code"]), (403, &json!("insufficient_role")), "{told}");
            assert!(told.to_string().contains("config.limit"), "{told}");
        };
        gateway.admin().keep_secret(&operator);
        is_refused(change(&gateway, 1).await);
        plugin.change(&json!({"is_active": false})).await;
        gateway = gateway.restart().await;
        gateway.admin().keep_secret(&operator);
        is_refused(change(&gateway, 1).await);
        let content = json!({"config": {"slug": "page", "content": "other"}});
        let (status, told) =
            gateway.admin().call_as(Some(&operator), "PATCH", &path, Some(&content)).await;
        assert_eq!(status, 200, "what is left to nobody is an operator's: {told}");
    });
}
