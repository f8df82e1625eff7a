//! A restart without a gap: the next process takes over from the one that serves, with its very sockets,
//! while the old one finishes what it has begun.

use rustix::io::{FdFlags, fcntl_setfd};
use serde_json::json;
use sidegate_e2e::{
    Connection, Gateway, Load, Version, eventually, kill, program, search_path, story,
};
use std::net::SocketAddr;
use std::os::fd::AsRawFd as _;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::task::JoinHandle;

const EVENTS: &str = "/plugins/lab/sse?n=inf&interval_ms=20";

/// Clients that connect anew for each request; none is ever refused or left without its answer.
struct Newcomers {
    is_over: Arc<AtomicBool>,
    asking: Vec<JoinHandle<usize>>,
}

impl Newcomers {
    fn begin(addr: SocketAddr, paths: &[&'static str]) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let ask = |path: &'static str| {
            let is_over = is_over.clone();
            tokio::spawn(async move {
                let mut answered = 0;
                while !is_over.load(Ordering::Relaxed) {
                    let connection = Connection::open(addr, Version::Http1).await;
                    connection.request("GET", path).send().await.expect(200);
                    answered += 1;
                }
                answered
            })
        };
        let asking = paths.iter().copied().map(ask).collect();
        Self { is_over, asking }
    }

    async fn end(self, at_least: usize) {
        self.is_over.store(true, Ordering::Relaxed);
        for asking in self.asking {
            let answered = asking.await.expect("every newcomer is answered");
            assert!(answered >= at_least, "only {answered} were answered");
        }
    }
}

#[test]
fn three_takeovers_under_load_with_an_open_stream_each_cost_no_connection_and_no_request() {
    story(async {
        let builder = Gateway::builder().env("SHUTDOWN_TIMEOUT", "4s").env("LOG_LEVEL", "info");
        let mut gateway = builder.start().await;
        gateway.lab().await;
        let token = gateway.token().await;
        let newcomers = Newcomers::begin(gateway.addr(), &["/health", "/plugins/lab/pid"]);
        let load = Load::begin(&gateway, Version::Http1, 4, "/plugins/lab/pid").await;
        for round in 0..3 {
            load.answers(20).await;
            let mut stream = gateway.get(EVENTS).open().await;
            stream.read_until("\n\n").await;
            let old = gateway.take_over().await;
            // The new one serves, its admin API too, while the stream of the old one goes on.
            let changed = format!("after-{round}");
            gateway.app(&changed).create().await;
            stream.read_until("\n\n").await;
            assert_ne!(old.pid(), gateway.pid());
            let rest = stream.rest().await.expect("events end in order");
            assert!(rest.ends_with(b"\n\n"));
            old.ended().await;
            load.answers(20).await;
        }
        load.end().await.lost_nothing(100);
        newcomers.end(20).await;
        // What was kept is still there.
        gateway.plugin("again").program("sidegate-plugin-lab").ready().await;
        gateway.get("/plugins/lab/x").bearer(&token).send().await.expect(200);
    });
}

#[test]
fn what_was_changed_at_the_old_one_counts_at_the_new_one() {
    story(async {
        let mut gateway = Gateway::start().await;
        gateway.plugin("lab").config("require_auth", "true").ready().await;
        let app = gateway.app("one").create().await;
        let (token, id) = app.token().create_with_id().await;
        gateway.get("/plugins/lab/x").bearer(&token).send().await.expect(200);
        gateway.admin().delete(&format!("tokens/{id}")).await;
        let other = app.token().create().await;
        let old = gateway.take_over().await;
        gateway.get("/plugins/lab/x").bearer(&token).send().await.expect(401);
        gateway.get("/plugins/lab/x").bearer(&other).send().await.expect(200);
        old.ended().await;
        assert_eq!(gateway.admin().get("apps").await.as_array().unwrap().len(), 1);
    });
}

#[test]
fn a_token_that_is_revoked_at_the_new_one_ends_its_streams_at_the_old_one() {
    story(async {
        let mut gateway = Gateway::builder().env("SHUTDOWN_TIMEOUT", "15s").start().await;
        gateway.plugin("lab").config("require_auth", "true").ready().await;
        let (token, id) = gateway.app("one").create().await.token().create_with_id().await;
        let mut stream = gateway.get(EVENTS).bearer(&token).open().await;
        let old = gateway.take_over().await;
        stream.read_until("\n\n").await;
        gateway.admin().delete(&format!("tokens/{id}")).await;
        stream.rest().await.expect_err("a clean end");
        old.ended().await;
    });
}

#[test]
fn what_is_kept_of_plugins_is_the_new_ones_business() {
    story(async {
        let mut gateway = Gateway::builder().env("SHUTDOWN_TIMEOUT", "30s").start().await;
        let lab = gateway.lab().await;
        let file = gateway.data_dir().join(format!("records/{}.json", lab.id));
        let kept = || std::fs::read_to_string(&file).unwrap_or_default();
        // As long as it is open, the old one has not ended.
        let mut stream = gateway.get(EVENTS).open().await;
        stream.read_until("\n\n").await;
        let old = gateway.take_over().await;
        let pid = format!("\"pid\":{},", lab.pid().await);
        let is_kept = || kept().contains(&pid);
        eventually("the new process is kept", async || is_kept().then_some(())).await;
        drop(stream);
        old.ended().await;
        assert!(is_kept(), "the old one took it away: {}", kept());
    });
}

#[test]
fn a_takeover_is_no_failure_of_a_plugin_and_hides_none() {
    story(async {
        let mut gateway = Gateway::start().await;
        let plugin = gateway.lab().await;
        let crashed = plugin.pid().await;
        kill(crashed);
        plugin.wait_other_pid(crashed).await;
        // One process is replaced just now; what was seen last is not yet written.
        plugin.reload().await;
        let old = gateway.take_over().await;
        let plugin = gateway.plugin_by_id(plugin.id);
        let records = plugin.records().await;
        assert!(records.len() >= 3, "{records:#?}");
        for record in records {
            let is_crashed = record.pid == Some(crashed);
            assert_eq!(record.in_order == Some(false), is_crashed, "{record:#?}");
        }
        assert_eq!(plugin.status().await.last_failure.unwrap().pid, Some(crashed));
        old.ended().await;
        let shown = gateway.cli().ok(&["plugin", "show", "lab"]).await;
        assert!(shown.contains("SIGKILL") && !shown.contains("took over"), "{shown}");
    });
}

#[test]
fn where_the_next_one_cannot_serve_the_old_one_goes_on() {
    story(async {
        let gateway = Gateway::start().await;
        gateway.lab().await;
        let program = gateway.folder().join("program");
        std::fs::copy(program_of_lab(), &program).unwrap();
        let command = format!("file://{}", program.display());
        let plugin = gateway.plugin("needed").command(&command).option("required", "true");
        plugin.ready().await;
        // It runs on, but it cannot be started again.
        std::fs::remove_file(&program).unwrap();
        let mut next = Command::new(self::program("sidegate"))
            .args(["serve", "--takeover"])
            .env_clear()
            .env("PATH", search_path())
            .env("DATA_DIR", gateway.data_dir())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let status = eventually("the next one gives up", async || next.try_wait().unwrap()).await;
        assert_eq!(status.code(), Some(1));
        gateway.get("/plugins/needed/x").send().await.expect(200);
        // Its admin API as well.
        gateway.app("one").create().await;
    });
}

fn program_of_lab() -> std::path::PathBuf {
    program("sidegate-plugin-lab")
}

#[test]
fn a_port_that_a_takeover_does_not_heed_is_told() {
    story(async {
        let mut gateway = Gateway::start().await;
        let old = gateway.take_over().await;
        assert!(!gateway.log().contains("do not count"), "nothing else was wished");
        old.ended().await;
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        let old = gateway.env("ADMIN_PORT", &port.to_string()).take_over().await;
        let log = gateway.logged("these settings do not count").await;
        assert!(log.contains("settings=\"ADMIN_PORT\""), "{log}");
        old.ended().await;
    });
}

#[test]
fn without_another_one_a_takeover_is_a_start_and_a_second_server_is_refused_as_before() {
    story(async {
        let mut gateway = Gateway::start().await;
        let lock = gateway.data_dir().join("sidegate.lock");
        let named = || std::fs::read_to_string(&lock).unwrap().trim().to_owned();
        assert_eq!(named(), gateway.pid().to_string());
        gateway.stop();
        assert_eq!(named(), "", "what has ended in order is named no more");
        let mut gateway = gateway.start_again().await;
        let old = gateway.take_over().await;
        old.ended().await;
        assert_eq!(named(), gateway.pid().to_string());
        let again = Command::new(program("sidegate"))
            .arg("serve")
            .env_clear()
            .env("DATA_DIR", gateway.data_dir())
            .env("PORT", "0")
            .env("ADMIN_PORT", "0")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&again.stderr).into_owned();
        assert!(said.contains(&format!("(process {})", gateway.pid())), "{said}");
    });
}

#[test]
fn sockets_of_a_service_manager_are_served_and_stay_open_between_two_servers() {
    story(async {
        let clients = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = clients.local_addr().unwrap();
        fcntl_setfd(&clients, FdFlags::empty()).unwrap();
        let begin = || {
            Gateway::builder()
                .env("LISTEN_FDS", "1")
                .env("LISTEN_FDS_FIRST_FD", clients.as_raw_fd().to_string())
                .env("LISTEN_FDNAMES", "clients")
        };
        let mut gateway = begin().start().await;
        assert_eq!(gateway.addr(), addr);
        gateway.get("/health").send().await.expect(200);
        gateway.stop();
        // Nobody serves, and nobody is refused: this one is served by the next server.
        let waiting = tokio::spawn(async move {
            let connection = Connection::open(addr, Version::Http1).await;
            connection.request("GET", "/health").send().await.expect(200);
        });
        let gateway = begin().start().await;
        waiting.await.unwrap();
        gateway.lab().await;
        assert_eq!(
            gateway.get("/plugins/lab/x").send().await.expect(200).json()["method"],
            json!("GET")
        );
    });
}
