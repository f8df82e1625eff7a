//! Questions to edges that are connected to another process, by way of the database: who asks writes a question, who has
//! the edge asks it and writes the answer, who asked reads and removes it. Hints tell both of it; where these get lost,
//! both look by themselves.

use super::Edges;
use super::asking::{Answered, said, within};
use crate::fleet::Unreached;
use serde_json::Value;
use sidegate_store::{EdgeQuestion, MAX_EDGE_ANSWER_BYTES, MAX_QUESTION_BYTES, Store, StoredHead};
use sidegate_sync::command::EdgeCommand;
use sidegate_sync::server::{Answers, EdgeCommands};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, timeout, timeout_at};

/// How long the way there and back may take besides.
const WAY: Duration = Duration::from_secs(1);
/// How often it is looked for an answer without a hint.
const LOOK_FOR_ANSWER: Duration = Duration::from_millis(250);
/// How often it is looked for questions without a hint.
const LOOK_FOR_QUESTIONS: Duration = Duration::from_secs(2);
/// How often what nobody waits for any more is removed.
const SWEEP_EVERY: Duration = Duration::from_secs(60);
/// Questions that are asked at one time for others, and that are read at once.
const MOST_AT_ONCE: usize = 32;
const READ_AT_ONCE: u32 = 64;
/// Of these for logs, each of which takes some seconds: they are not to keep all others waiting.
const MOST_LOGS_AT_ONCE: usize = 16;
/// How long it is remembered that a question was asked of an edge: longer than any is open. None is asked twice, for
/// what it does would be done twice.
const REMEMBERED: Duration = Duration::from_secs(180);
/// Between two attempts to write an answer.
const WRITE_PAUSE: Duration = Duration::from_millis(500);
/// Bytes of answers that are given back at once.
const MAX_ANSWERS_BYTES: usize = 768 * 1024;
/// How long whoever asks for a log waits for a first line, and how long for one more.
const FIRST_LINE: Duration = Duration::from_secs(3);
const NEXT_LINE: Duration = Duration::from_millis(100);

impl Edges {
    /// Asks the process that has the edge, and waits for the answer.
    pub(super) async fn ask_elsewhere(
        &self,
        edge: &str,
        command: &EdgeCommand,
    ) -> Result<Answered, Unreached> {
        let question = command.encode();
        if question.len() > MAX_QUESTION_BYTES {
            return Err(said(
                edge,
                format!(
                    "it is connected to another process of the control plane, and at most {MAX_QUESTION_BYTES} bytes are \
                     passed on to that one, not {}",
                    question.len()
                ),
            ));
        }
        let store = &self.0.store;
        let unavailable =
            || said(edge, "the database, by way of which it is asked, cannot be used now");
        let within = within(command) + WAY;
        let asked = store.ask_edge(edge, &question, within).await.map_err(|_| unavailable())?;
        let id = asked.ok_or_else(|| {
            said(edge, "too many questions to edges wait already: try again in some seconds")
        })?;
        let _asked = Asked { store: store.clone(), id };
        let stored = self.0.control.publisher().stored();
        let answer = timeout(within, answer_to(store, id, stored)).await;
        match answer {
            Ok(Some(answer)) => serde_json::from_slice(&answer).map_err(|_| {
                said(edge, "its process of the control plane answers in words of another version")
            }),
            Ok(None) => Err(unavailable()),
            Err(_) => Err(said(
                edge,
                "the process of the control plane that it is connected to does not answer: try again in some seconds",
            )),
        }
    }
}

/// A question that somebody waits for. Dropped, by whoever goes away as well, it is removed.
struct Asked {
    store: Store,
    id: i64,
}

impl Drop for Asked {
    fn drop(&mut self) {
        let (store, id) = (self.store.clone(), self.id);
        // Without a runtime the process ends: it is swept.
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        runtime.spawn(async move {
            if let Err(error) = store.forget_edge_question(id).await {
                tracing::debug!(%error, "a question to an edge stays until it is swept");
            }
        });
    }
}

/// The answer, once it is there; nothing where the database cannot be used.
async fn answer_to(
    store: &Store,
    id: i64,
    mut stored: watch::Receiver<Option<StoredHead>>,
) -> Option<Vec<u8>> {
    loop {
        let seen = questions(&stored);
        match store.edge_answer(id).await {
            Ok(Some(answer)) => return Some(answer),
            Ok(None) => {}
            Err(error) => {
                tracing::debug!(%error, "an answer of an edge cannot be read");
                return None;
            }
        }
        let is_news = |head: &Option<StoredHead>| head.map(|head| head.questions) != seen;
        let _ = timeout(LOOK_FOR_ANSWER, stored.wait_for(is_news)).await;
    }
}

fn questions(stored: &watch::Receiver<Option<StoredHead>>) -> Option<i64> {
    stored.borrow().map(|head| head.questions)
}

/// Asks edges that are connected here for others, until it is dropped. For a database that others share.
pub(super) async fn keep_answering(edges: Edges) {
    let (store, mut stored) = (edges.0.store.clone(), edges.0.control.publisher().stored());
    let mut asking = JoinSet::new();
    let mut following_logs = BTreeSet::new();
    let mut asked = BTreeMap::<i64, Instant>::new();
    let mut swept = Instant::now();
    loop {
        let seen = questions(&stored);
        asked.retain(|_, since| since.elapsed() < REMEMBERED);
        let is_wanted =
            |id, edge: &str| !asked.contains_key(&id) && edges.0.table.commands(edge).is_some();
        match store.open_edge_questions_if(READ_AT_ONCE, is_wanted).await {
            Ok(open) => {
                for question in open {
                    let is_log = is_log(&question);
                    if asking.len() >= MOST_AT_ONCE
                        || (is_log && following_logs.len() >= MOST_LOGS_AT_ONCE)
                    {
                        continue;
                    }
                    let Some(commands) = edges.0.table.commands(&question.edge) else { continue };
                    asked.insert(question.id, Instant::now());
                    following_logs.extend(is_log.then_some(question.id));
                    asking.spawn(answer(store.clone(), commands, question));
                }
            }
            Err(error) => {
                tracing::debug!(%error, "questions of other processes are not read for now");
            }
        }
        if swept.elapsed() >= SWEEP_EVERY {
            swept = Instant::now();
            if let Err(error) = store.sweep_edge_questions().await {
                tracing::debug!(%error, "old questions to edges are not removed for now");
            }
        }
        let is_news = |head: &Option<StoredHead>| head.map(|head| head.questions) != seen;
        let news = timeout(LOOK_FOR_QUESTIONS, stored.wait_for(is_news));
        let ended = tokio::select! {
            _ = news => None,
            Some(ended) = asking.join_next() => Some(ended),
        };
        if let Some(Ok(id)) = ended {
            following_logs.remove(&id);
        }
        if asking.is_empty() {
            following_logs.clear();
        }
    }
}

fn is_log(question: &EdgeQuestion) -> bool {
    matches!(EdgeCommand::decode(&question.question), Some(EdgeCommand::FollowLogs { .. }))
}

/// Asks an edge and writes what it answers; gives the number of the question.
async fn answer(store: Store, commands: EdgeCommands, question: EdgeQuestion) -> i64 {
    let command = EdgeCommand::decode(&question.question);
    let until = Instant::now() + command.as_ref().map_or(WAY, |command| within(command) + WAY);
    let answered = match command {
        None => Answered::failed(
            "the process of the control plane that it is connected to does not know the question: upgrade it",
        ),
        Some(command) => match commands.send(&command, within(&command)) {
            Err(error) => Answered::failed(&error.to_string()),
            Ok(answers) if matches!(command, EdgeCommand::FollowLogs { .. }) => some(answers).await,
            Ok(answers) => all(answers).await,
        },
    };
    let bytes = encoded(&answered);
    // The edge did what it was asked for: only what it said is to get there.
    while let Err(error) = store.answer_for_edge(question.id, &bytes).await {
        tracing::debug!(%error, "an answer of an edge is not passed on");
        if Instant::now() + WRITE_PAUSE >= until {
            break;
        }
        sleep(WRITE_PAUSE).await;
    }
    question.id
}

/// An answer as it is stored, where there is room for it.
fn encoded(answered: &Answered) -> Vec<u8> {
    let bytes = serde_json::to_vec(answered).unwrap_or_default();
    if bytes.len() <= MAX_EDGE_ANSWER_BYTES {
        return bytes;
    }
    serde_json::to_vec(&too_much()).unwrap_or_default()
}

fn too_much() -> Answered {
    Answered::failed(&format!(
        "it answers too much: more than the {MAX_ANSWERS_BYTES} bytes that are passed on between processes of the control \
         plane; ask for fewer lines, or ask the process that it is connected to"
    ))
}

impl Answered {
    fn failed(problem: &str) -> Self {
        Self { answers: Vec::new(), problem: Some(problem.to_owned()) }
    }
}

/// Every answer, if there is room for all of them.
async fn all(mut answers: Answers) -> Answered {
    let mut answered = Answered::default();
    let mut bytes = 0;
    while let Some(answer) = answers.next().await {
        match answer {
            Ok(answer) => {
                bytes += answer.len();
                answered.answers.extend(serde_json::from_slice::<Value>(&answer));
            }
            Err(error) => answered.problem = Some(error.to_string()),
        }
        if bytes > MAX_ANSWERS_BYTES {
            return too_much();
        }
    }
    answered
}

/// Those that are there, or the first that come.
async fn some(mut answers: Answers) -> Answered {
    let mut answered = Answered::default();
    let mut bytes = 0;
    let mut until = Instant::now() + FIRST_LINE;
    while let Ok(Some(answer)) = timeout_at(until, answers.next()).await {
        match answer {
            Ok(answer) => {
                bytes += answer.len();
                let told = serde_json::from_slice::<Value>(&answer).unwrap_or_default();
                // Which processes run is told at once, each time.
                if !told["line"].is_null() {
                    until = until.min(Instant::now() + NEXT_LINE);
                }
                answered.answers.push(told);
            }
            Err(error) => {
                answered.problem = Some(error.to_string());
                break;
            }
        }
        if bytes > MAX_ANSWERS_BYTES / 2 {
            break;
        }
    }
    answered
}

#[cfg(test)]
mod tests {
    use super::{Answered, MAX_EDGE_ANSWER_BYTES, encoded};
    use serde_json::Value;

    #[test]
    fn an_answer_that_nobody_could_store_becomes_a_problem() {
        let answers = vec![Value::from("x".repeat(MAX_EDGE_ANSWER_BYTES))];
        let large = encoded(&Answered { answers, problem: None });
        let told: Answered = serde_json::from_slice(&large).unwrap();
        assert!(told.answers.is_empty());
        assert!(told.problem.unwrap().contains("it answers too much"));
        let small = encoded(&Answered { answers: vec![Value::from(1)], problem: None });
        let told: Answered = serde_json::from_slice(&small).unwrap();
        assert_eq!((told.answers, told.problem), (vec![Value::from(1)], None));
    }
}
