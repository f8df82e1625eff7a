//! What a process says, a line at a time.

use std::sync::{Arc, Mutex};

use sidegate_sdk::tracing;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, BufReader};
use tokio::sync::Notify;
use tokio::sync::mpsc::WeakSender;
use tokio::time::timeout;

use super::waiting::Waiting;
use super::{PATIENCE, lock};
use crate::fields::Fields;
use crate::message::{Id, Message};

/// Some programs greet on their stdout; one that writes more lines than this that are no messages, in a row, is none.
const MOST_ODD_LINES: u32 = 100;

/// What is done with what a process says.
pub(super) struct Reading {
    pub(super) waiting: Arc<Mutex<Waiting>>,
    pub(super) server: String,
    pub(super) most: usize,
    pub(super) used: Arc<Notify>,
    pub(super) replies: WeakSender<String>,
}

impl Reading {
    /// Reads up to the end, or to what is no message: after that nobody knows where the next one begins.
    pub(super) async fn run(self, stdout: impl AsyncRead + Unpin) {
        let (mut lines, most) = (BufReader::new(stdout), self.most);
        let mut line = Vec::new();
        let mut odd = 0;
        loop {
            line.clear();
            let read = (&mut lines).take(most as u64 + 1).read_until(b'\n', &mut line).await;
            match read {
                Ok(0) | Err(_) => return,
                Ok(read) if read > most => {
                    tracing::warn!(server = self.server, most, "a message is too long");
                    return;
                }
                Ok(_) if line.iter().all(u8::is_ascii_whitespace) => continue,
                Ok(_) => {}
            }
            match Message::parse(&line) {
                Ok(message) => {
                    odd = 0;
                    self.hear(message).await;
                }
                Err(why) => {
                    let server = &self.server;
                    tracing::warn!(server, why = why.text, "a line is no message; left out");
                    odd += 1;
                    if odd > MOST_ODD_LINES {
                        return;
                    }
                }
            }
        }
    }

    async fn hear(&self, message: Message) {
        if let Some(question) = message.asks()
            && lock(&self.waiting).history.is_none()
        {
            self.reply_for_all(question, &message);
            return;
        }
        let is_answer = matches!(message, Message::Answer { .. });
        self.pass_on(message, is_answer).await;
        if is_answer {
            // Its client may go on from here.
            self.used.notify_one();
        }
    }

    /// What is asked of nobody in particular no client can answer.
    fn reply_for_all(&self, question: &Id, message: &Message) {
        let reply = match message.method() {
            Some("ping") => Message::result(question.clone(), &Fields::default()),
            _ => Message::refusal(Some(question.clone()), -32601, "Method not found"),
        };
        let lines = self.replies.upgrade();
        if lines.is_none_or(|lines| lines.try_send(reply.to_json()).is_err()) {
            tracing::debug!(server = self.server, "a process does not take a message");
        }
    }

    /// Answers go to who asked, and all else to the question that was asked last, or to who listens.
    async fn pass_on(&self, message: Message, is_answer: bool) {
        let server = &self.server;
        let (all, event) = lock(&self.waiting).passed(message);
        if all.is_empty() {
            tracing::debug!(server, "nobody waits for a message");
        }
        for told in all {
            let event = Ok(event.clone());
            let is_taken = match is_answer {
                true => timeout(PATIENCE, told.send(event)).await.is_ok(),
                false => told.try_send(event).is_ok(),
            };
            if !is_taken {
                tracing::warn!(server, "a client is too slow; a message is left out");
            }
        }
    }
}
