//! Commands go down and answers come up, and none of them is in the way of what an edge serves by.

use crate::control_plane::ControlPlane;
use crate::edge::{Edge, Plan};
use crate::{DEADLINE, snapshot};
use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream, StreamExt as _};
use serde_json::{Value, json};
use sidegate_model::explain::{HashedRequest, ImaginedRequest};
use sidegate_model::observation::ObservationQuestion;
use sidegate_model::plugin::PluginId;
use sidegate_sync::command::EdgeCommand;
use sidegate_sync::edge::CommandRunner;
use sidegate_sync::limits::{ANSWER_WINDOW_BYTES, MAX_COMMANDS};
use sidegate_sync::server::{Answers, CommandError};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::time::timeout;

const LINE_BYTES: usize = 10_000;

/// Counts the lines that were taken from it, and who follows them.
#[derive(Clone)]
struct Runner {
    lines: Arc<AtomicU64>,
    followers: watch::Sender<usize>,
}

struct Follower(watch::Sender<usize>);

impl Drop for Follower {
    fn drop(&mut self) {
        self.0.send_modify(|followers| *followers -= 1);
    }
}

impl CommandRunner for Runner {
    fn explain(&self, request: HashedRequest) -> BoxFuture<'static, Result<Value, String>> {
        let HashedRequest { request, token } = request;
        let token = token.map(|hash| hash.0[0]);
        Box::pin(std::future::ready(Ok(json!({
            "method": request.method, "target": request.target, "headers": request.headers,
            "client": request.client, "token": token,
        }))))
    }

    fn records(
        &self,
        plugin: PluginId,
        most: usize,
        lines: usize,
    ) -> BoxFuture<'static, Result<Vec<Value>, String>> {
        let record = move |number| json!({"plugin": plugin.0, "number": number, "lines": lines});
        Box::pin(std::future::ready(Ok((0..most).map(record).collect())))
    }

    /// Lines without end, as fast as they are taken; of plugin 9 none ever.
    fn follow_logs(
        &self,
        plugin: PluginId,
        after: u64,
        _: usize,
    ) -> BoxStream<'static, Result<Value, String>> {
        let lines = self.lines.clone();
        self.followers.send_modify(|followers| *followers += 1);
        let follower = Follower(self.followers.clone());
        if plugin.0 == 9 {
            return stream::pending().chain(stream::once(async move { drop_of(follower) })).boxed();
        }
        let line = move |number| {
            let _ = &follower;
            lines.fetch_add(1, Ordering::Relaxed);
            Ok(json!({"number": number, "message": "x".repeat(LINE_BYTES)}))
        };
        stream::iter(after + 1..).map(line).boxed()
    }

    fn reload(&self, plugin: PluginId) -> BoxFuture<'static, Result<(), String>> {
        let is_known = plugin.0 == 1;
        let done = if is_known { Ok(()) } else { Err(format!("there is no plugin {plugin}")) };
        Box::pin(std::future::ready(done))
    }

    fn observe(&self, question: ObservationQuestion) -> BoxStream<'static, Result<Value, String>> {
        stream::once(std::future::ready(Ok(json!(question)))).boxed()
    }
}

fn drop_of(follower: Follower) -> Result<Value, String> {
    drop(follower);
    Err("it never comes here".to_owned())
}

impl Runner {
    fn new() -> Self {
        Self { lines: Arc::default(), followers: watch::Sender::new(0) }
    }

    async fn has_followers(&self, count: usize) {
        let mut followers = self.followers.subscribe();
        let there = timeout(DEADLINE, followers.wait_for(|there| *there == count)).await;
        there.expect("in time").unwrap();
    }
}

fn edge(control: &ControlPlane, folder: &Path, runner: &Runner) -> Edge {
    let plan = Plan::of(control, ("one", ""), folder);
    Edge::begin(Plan { commands: Arc::new(runner.clone()), ..plan }).0
}

async fn next(answers: &mut Answers) -> Option<Value> {
    let answer = timeout(DEADLINE, answers.next()).await.expect("it comes in time");
    answer.map(|answer| serde_json::from_slice(&answer.unwrap()).unwrap())
}

fn follow(plugin: u32) -> EdgeCommand {
    EdgeCommand::FollowLogs { plugin: PluginId(plugin), after: 0, lines: 100 }
}

#[tokio::test]
async fn commands_are_carried_out_and_a_token_never_goes_along() {
    let control = ControlPlane::start().await;
    let (folder, runner) = (TempDir::new().unwrap(), Runner::new());
    let _edge = edge(&control, folder.path(), &runner);
    let commands = control.commands().await;
    let token = format!("sgt_{}", "a".repeat(43));
    let hashed = HashedRequest::new(ImaginedRequest {
        method: "GET".to_owned(),
        target: "/plugins/echo/x?a=1".to_owned(),
        headers: vec![("authorization".to_owned(), format!("Bearer {token}"))],
        client: Some("10.0.0.1".parse().unwrap()),
    });
    let hash = hashed.token.unwrap().0[0];
    let explained = commands.send(&EdgeCommand::Explain(hashed), DEADLINE).unwrap().only().await;
    let explained: Value = serde_json::from_slice(&explained.unwrap()).unwrap();
    assert_eq!(
        explained,
        json!({
            "method": "GET", "target": "/plugins/echo/x?a=1", "client": "10.0.0.1", "token": hash,
            "headers": [["authorization", format!("Bearer {}", "*".repeat(token.len()))]],
        })
    );
    let records = EdgeCommand::Records { plugin: PluginId(7), most: 3, lines: 5 };
    let mut records = commands.send(&records, DEADLINE).unwrap();
    for number in 0..3 {
        let record = json!({"plugin": 7, "number": number, "lines": 5});
        assert_eq!(next(&mut records).await, Some(record));
    }
    assert_eq!(next(&mut records).await, None);
    let reload = |id| commands.send(&EdgeCommand::Reload(PluginId(id)), DEADLINE).unwrap().done();
    assert_eq!(reload(1).await, Ok(()));
    let refused = CommandError::Refused("there is no plugin 2".to_owned());
    assert_eq!(reload(2).await, Err(refused));
}

#[tokio::test]
async fn whoever_does_not_read_stops_its_own_command_and_nothing_else() {
    let control = ControlPlane::start().await;
    control.publish("", 1, &snapshot(&[(1, "file:///a")]));
    let (folder, runner) = (TempDir::new().unwrap(), Runner::new());
    let mut edge = edge(&control, folder.path(), &runner);
    let commands = control.commands().await;
    let mut unread = commands.send(&follow(1), DEADLINE).unwrap();
    let mut read = commands.send(&follow(2), DEADLINE).unwrap();
    // Far more than the window of either.
    for number in 1..=500 {
        assert_eq!(next(&mut read).await.unwrap()["number"], number);
    }
    // What an edge serves by comes all the same, and so do other commands.
    control.publish("", 2, &snapshot(&[(1, "file:///a"), (2, "file:///b")]));
    edge.serves(|snapshot| snapshot.plugins.len() == 2).await;
    let reloaded = commands.send(&EdgeCommand::Reload(PluginId(1)), DEADLINE).unwrap().done().await;
    assert_eq!(reloaded, Ok(()));
    drop(read);
    runner.has_followers(1).await;
    let taken = runner.lines.load(Ordering::Relaxed);
    let window = (ANSWER_WINDOW_BYTES / LINE_BYTES) as u64;
    assert!(taken < 500 + 2 * window + 10, "{taken} lines were taken");
    // Nothing of it is lost.
    for number in 1..=500 {
        assert_eq!(next(&mut unread).await.unwrap()["number"], number);
    }
    drop(unread);
    runner.has_followers(0).await;
}

#[tokio::test]
async fn only_so_many_commands_are_open_each_within_its_time_and_none_without_a_stream() {
    let control = ControlPlane::start().await;
    let (folder, runner) = (TempDir::new().unwrap(), Runner::new());
    let edge = edge(&control, folder.path(), &runner);
    let commands = control.commands().await;
    let begin = || commands.send(&follow(9), DEADLINE);
    let mut open: Vec<_> = (0..MAX_COMMANDS).map(|_| begin().unwrap()).collect();
    assert_eq!(begin().unwrap_err(), CommandError::TooMany);
    runner.has_followers(MAX_COMMANDS).await;
    drop(open.pop());
    runner.has_followers(MAX_COMMANDS - 1).await;
    let soon = Duration::from_millis(50);
    let late = commands.send(&follow(9), soon).unwrap().done().await;
    let told = |late: &Result<(), CommandError>| match late {
        Err(CommandError::TooLate(within)) => *within == soon,
        // The edge looked at its clock first.
        Err(CommandError::Refused(reason)) => reason.starts_with("it took more than"),
        _ => false,
    };
    assert!(told(&late), "{late:?}");
    edge.stop().await;
    for mut answers in open {
        let answer = timeout(DEADLINE, answers.next()).await.expect("in time");
        assert_eq!(answer, Some(Err(CommandError::NotConnected)));
    }
    runner.has_followers(0).await;
    assert_eq!(begin().unwrap_err(), CommandError::NotConnected);
}
