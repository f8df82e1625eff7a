//! What is asked of an edge: by way of the process that it is connected to, and over its stream.

use super::fleet::{admitted, joined};
use super::{Running, store};
use crate::fleet::LogStart;
use futures_util::StreamExt as _;
use sidegate_e2e::{Need, Postgres, eventually};
use sidegate_model::plugin::PluginId;
use sidegate_model::sealing::Keyring;
use sidegate_store::Store;
use sidegate_sync::message::{CommandAnswer, command::Body};
use sidegate_sync::server::EdgeCommands;
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout};

const PLUGIN: PluginId = PluginId(1);
/// Between two questions for a log, as is promised.
const PAUSE: Duration = Duration::from_millis(500);
/// How long a log lasts that is not a short one.
const LONG_LOG: Duration = Duration::from_millis(1100);

/// What edges were asked.
#[derive(Debug, Clone, Default)]
struct Asked(Arc<Mutex<AskedOf>>);

#[derive(Debug, Default)]
struct AskedOf {
    reloads: usize,
    /// When logs were asked for.
    logs: Vec<Instant>,
    open_logs: BTreeSet<(String, u64)>,
    /// Before the first of them was over.
    most_open_logs: usize,
    is_one_over: bool,
}

impl Asked {
    fn look<T>(&self, look: impl FnOnce(&mut AskedOf) -> T) -> T {
        look(&mut self.0.lock().unwrap())
    }
}

/// How an edge takes commands.
#[derive(Debug, Clone, Copy)]
enum Manner {
    /// Reloads at once, and prints nothing for as long as somebody follows.
    Follows,
    /// Ends each log at once but the fifth, which lasts longer than a short one.
    EndsLogs,
    /// Says nothing at all.
    Silent,
}

/// Carries out commands as an edge does, until it is dropped.
async fn carry_out(edge: String, commands: EdgeCommands, manner: Manner, asked: Asked) {
    let done = |id| CommandAnswer { id, is_last: true, body: None };
    loop {
        let Some(command) = commands.take() else {
            commands.changed().await;
            continue;
        };
        let (id, log) = (command.id, (edge.clone(), command.id));
        match command.body {
            Some(Body::ReloadPlugin(_)) => {
                asked.look(|asked| asked.reloads += 1);
                if !matches!(manner, Manner::Silent) {
                    commands.answered(done(id));
                }
            }
            Some(Body::FollowLogs(_)) => {
                let number = asked.look(|asked| {
                    asked.logs.push(Instant::now());
                    asked.open_logs.insert(log);
                    if !asked.is_one_over {
                        asked.most_open_logs = asked.open_logs.len();
                    }
                    asked.logs.len()
                });
                if matches!(manner, Manner::EndsLogs) {
                    if number == 5 {
                        let _ = timeout(LONG_LOG, std::future::pending::<()>()).await;
                    }
                    commands.answered(done(id));
                }
            }
            Some(Body::Cancel(_)) => {
                asked.look(|asked| asked.is_one_over |= asked.open_logs.remove(&log));
            }
            _ => {}
        }
    }
}

/// Two processes on one database, and edges that are connected to the second one.
struct Fleet {
    server: &'static Postgres,
    schema: String,
    asks: Running,
    asked: Asked,
    _has_edges: Running,
    _edges: JoinSet<()>,
}

impl Fleet {
    async fn start(server: &'static Postgres, edges: &[&str], manner: Manner) -> Self {
        let dsn = server.schema();
        let schema = dsn.rsplit("%3D").next().unwrap().to_owned();
        let open = async || Store::open(&dsn, &Keyring::single([7; 32])).await.unwrap();
        let (store, other) = (open().await, open().await);
        let mut peers = Vec::new();
        for edge in edges {
            peers.push(joined(&store, edge, "").await);
        }
        let asks = Running::start_as("asks", &store).await;
        let has_edges = Running::start_as("has edges", &other).await;
        let (asked, mut tasks) = (Asked::default(), JoinSet::new());
        for peer in peers {
            let commands = EdgeCommands::default();
            has_edges.edges.0.table.attach(&admitted(&peer), commands.clone());
            tasks.spawn(carry_out(peer.edge.clone(), commands, manner, asked.clone()));
        }
        for edge in edges {
            eventually("it is known where the edge is", async || {
                asks.edges.reach_edge(edge).await.ok()
            })
            .await;
        }
        Self { server, schema, asks, asked, _has_edges: has_edges, _edges: tasks }
    }

    fn questions(&self) -> String {
        self.server.tell(&format!("SELECT count(*) FROM {}.edge_questions", self.schema))
    }

    /// Follows the log of an edge, in the background.
    fn follow(&self, edge: &str, followers: &mut JoinSet<()>) {
        let start = LogStart { after: 0, lines: 10 };
        let mut log = self.asks.edges.follow_edge_log(edge, PLUGIN, start);
        followers.spawn(async move { while let Some(Ok(_)) = log.next().await {} });
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_edge_did_is_told_once_the_database_takes_it_and_is_done_once() {
    let Some(server) = Need::Postgres.or_skip(Postgres::shared()) else { return };
    let fleet = Fleet::start(server, &["e"], Manner::Follows).await;
    let (server, schema) = (fleet.server, &fleet.schema);
    // What a transaction counted of a sequence stays when it is undone.
    server.tell(&format!("CREATE SEQUENCE {schema}.refused"));
    server.tell(&format!(
        "CREATE FUNCTION {schema}.refuse() RETURNS trigger LANGUAGE plpgsql AS \
         'BEGIN PERFORM nextval(''{schema}.refused''); RAISE EXCEPTION ''not now''; END'"
    ));
    server.tell(&format!(
        "CREATE TRIGGER refuse BEFORE UPDATE ON {schema}.edge_questions \
         FOR EACH ROW EXECUTE FUNCTION {schema}.refuse()"
    ));
    let edges = fleet.asks.edges.clone();
    let reload = tokio::spawn(async move { edges.ask_reload("e", PLUGIN).await });
    eventually("the answer is refused more than once", async || {
        let refused = server.tell(&format!("SELECT last_value FROM {schema}.refused"));
        (refused.parse::<u64>().unwrap() > 1).then_some(())
    })
    .await;
    server.tell(&format!("DROP TRIGGER refuse ON {schema}.edge_questions"));
    reload.await.unwrap().unwrap();
    assert_eq!(fleet.asked.look(|asked| asked.reloads), 1, "what it did is not done again");
    eventually("nothing stays of it", async || (fleet.questions() == "0").then_some(())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_question_is_removed_as_soon_as_nobody_waits_for_its_answer() {
    let Some(server) = Need::Postgres.or_skip(Postgres::shared()) else { return };
    let fleet = Fleet::start(server, &["e"], Manner::Silent).await;
    let edges = fleet.asks.edges.clone();
    let reload = tokio::spawn(async move { edges.ask_reload("e", PLUGIN).await });
    eventually("it is asked", async || {
        (fleet.asked.look(|asked| asked.reloads) == 1).then_some(())
    })
    .await;
    assert_eq!(fleet.questions(), "1");
    // Whoever asked goes away.
    reload.abort();
    eventually("it is removed", async || (fleet.questions() == "0").then_some(())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn logs_that_are_followed_leave_room_for_other_questions() {
    let Some(server) = Need::Postgres.or_skip(Postgres::shared()) else { return };
    let fleet = Fleet::start(server, &["a", "b", "c"], Manner::Follows).await;
    let mut followers = JoinSet::new();
    for number in 0..22 {
        fleet.follow(if number % 2 == 0 { "a" } else { "b" }, &mut followers);
    }
    eventually("as many are followed as may be", async || {
        (fleet.asked.look(|asked| asked.most_open_logs) >= 16).then_some(())
    })
    .await;
    fleet.asks.edges.ask_reload("c", PLUGIN).await.unwrap();
    eventually("others get a place when some are done", async || {
        (fleet.asked.look(|asked| asked.logs.len()) > 16).then_some(())
    })
    .await;
    assert_eq!(fleet.asked.look(|asked| asked.most_open_logs), 16);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_from_elsewhere_is_asked_for_twice_a_second_at_most() {
    let Some(server) = Need::Postgres.or_skip(Postgres::shared()) else { return };
    let fleet = Fleet::start(server, &["e"], Manner::EndsLogs).await;
    let mut followers = JoinSet::new();
    fleet.follow("e", &mut followers);
    let asked = eventually("it is asked for again and again", async || {
        let asked = fleet.asked.look(|asked| asked.logs.clone());
        (asked.len() >= 4).then_some(asked)
    })
    .await;
    assert!(asked[3] - asked[0] >= 3 * PAUSE, "{asked:?}");
}

#[tokio::test]
async fn a_log_that_its_edge_ends_at_once_is_gone_on_with_after_a_pause_and_given_up_soon() {
    let store = store().await;
    let peer = joined(&store, "e", "").await;
    let process = Running::start(&store).await;
    let (commands, asked) = (EdgeCommands::default(), Asked::default());
    process.edges.0.table.attach(&admitted(&peer), commands.clone());
    let carry_out = carry_out("e".to_owned(), commands, Manner::EndsLogs, asked.clone());
    let _edge = tokio::spawn(carry_out);
    let mut log = process.edges.follow_edge_log("e", PLUGIN, LogStart { after: 0, lines: 10 });
    let Some(Err(problem)) = log.next().await else { panic!("it is given up") };
    assert!(problem.0.contains("it ends the log at once, time and again"), "{problem:?}");
    assert!(log.next().await.is_none(), "that was all");
    // The fifth one lasted, so that those before are forgotten.
    let asked = asked.look(|asked| asked.logs.clone());
    assert_eq!(asked.len(), 5 + 4 + 1);
    for (one, next) in asked.iter().zip(&asked[1..]) {
        assert!(*next - *one >= PAUSE, "{asked:?}");
    }
}
