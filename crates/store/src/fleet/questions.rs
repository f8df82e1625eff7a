//! What one process of a control plane asks of an edge that is connected to another one, for as long as somebody waits
//! for the answer. It does not know what is asked; what is stored of it is sealed.

use crate::error::StoreError;
use crate::sql::params;
use crate::store::{Backend, Store};
use crate::turns::Writer;
use sidegate_model::UnixMillis;
use std::time::Duration;

const WHAT: &str = "edge question";
/// What both ends are sealed for.
const QUESTION: &str = "edge question";
const ANSWER: &str = "edge answer";

/// Largest question and largest answer, in bytes.
pub const MAX_QUESTION_BYTES: usize = 256 * 1024;
/// See [`MAX_QUESTION_BYTES`].
pub const MAX_EDGE_ANSWER_BYTES: usize = 1024 * 1024;
/// Questions that are there at one time, of all processes.
const MOST: i64 = 256;
/// Clocks of processes may differ by so much.
const CLOCKS_DIFFER_MS: i64 = 60_000;
/// A question is carried out until so long after it expired, by another clock than that of whoever asked. Less than for
/// what is removed: what nobody waits for any more is not to be done.
const CARRIED_OUT_LATE_MS: i64 = 10_000;

/// Something that somebody wants to know of an edge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EdgeQuestion {
    /// Its number.
    pub id: i64,
    /// The edge's name.
    pub edge: String,
    /// What is asked.
    pub question: Vec<u8>,
}

const COUNT: &str = "UPDATE fleet_state SET questions = questions + 1";
const SWEEP: &str = "DELETE FROM edge_questions WHERE expires_at < $1";
const ASK: &str =
    "INSERT INTO edge_questions (edge, question, expires_at) VALUES ($1, $2, $3) RETURNING id";
const OPEN: &str = "SELECT id, edge FROM edge_questions \
     WHERE answer IS NULL AND expires_at > $1 ORDER BY id LIMIT $2";
const READ: &str = "SELECT question FROM edge_questions WHERE id = $1";
const SAY: &str =
    "UPDATE edge_questions SET answer = $2 WHERE id = $1 AND answer IS NULL RETURNING id";

impl Store {
    /// Whether other processes may serve the same database.
    pub fn is_shared(&self) -> bool {
        matches!(self.backend, Backend::Postgres(_))
    }

    /// Asks whichever process has this edge; gives the number of the question, or nothing where too many are open.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn ask_edge(
        &self,
        edge: &str,
        question: &[u8],
        within: Duration,
    ) -> Result<Option<i64>, StoreError> {
        let _turn = self.turn(Writer::Publication).await?;
        let mut write = self.begin_write().await?;
        let now = write.now;
        write.tx.all(SWEEP, params![now.saturating_sub(CLOCKS_DIFFER_MS)]).await?;
        let open =
            write.tx.first("SELECT count(*) AS total FROM edge_questions", params![]).await?;
        if open.map_or(Ok(0), |row| row.of(WHAT).get::<i64>("total"))? >= MOST {
            return Ok(None);
        }
        let within = UnixMillis::try_from(within.as_millis()).unwrap_or(UnixMillis::MAX);
        let sealed = self.keys.outer().current().seal(QUESTION, question);
        let asked = params![edge, sealed.as_slice(), now.saturating_add(within)];
        let row = write.tx.first(ASK, asked).await?;
        let id = row.ok_or_else(|| StoreError::not_found(WHAT, edge))?.of(WHAT).get("id")?;
        write.tx.all(COUNT, params![]).await?;
        write.tx.tell_others().await?;
        write.aside(Some(id)).await
    }

    /// Questions that nobody has answered, the oldest first; at most so many.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Keys`].
    pub async fn open_edge_questions(&self, most: u32) -> Result<Vec<EdgeQuestion>, StoreError> {
        self.open_edge_questions_if(most, |_, _| true).await
    }

    /// Those of them that are wanted, by their number and their edge: of all others no more than these is read.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`], [`StoreError::Keys`].
    pub async fn open_edge_questions_if(
        &self,
        most: u32,
        is_wanted: impl Fn(i64, &str) -> bool + Send,
    ) -> Result<Vec<EdgeQuestion>, StoreError> {
        let mut tx = self.begin_read().await?;
        let since = sidegate_model::clock::now_millis().saturating_sub(CARRIED_OUT_LATE_MS);
        let mut wanted = Vec::<(i64, String)>::new();
        for row in tx.all(OPEN, params![since, MOST]).await? {
            let row = row.of(WHAT);
            let edge: String = row.get("edge")?;
            let id = row.get("id")?;
            if is_wanted(id, &edge) && wanted.len() < most as usize {
                wanted.push((id, edge));
            }
        }
        let mut questions = Vec::new();
        for (id, edge) in wanted {
            let row = tx.first(READ, params![id]).await?;
            let row = row.ok_or_else(|| StoreError::not_found(WHAT, id))?;
            let question = self.opened(QUESTION, row.of(WHAT).get("question")?)?;
            questions.push(EdgeQuestion { id, edge, question });
        }
        Ok(questions)
    }

    /// Answers a question, if it is still there and nobody has answered it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn answer_for_edge(&self, id: i64, answer: &[u8]) -> Result<(), StoreError> {
        let sealed = self.keys.outer().current().seal(ANSWER, answer);
        let _turn = self.turn(Writer::Publication).await?;
        let mut write = self.begin_write().await?;
        if write.tx.first(SAY, params![id, sealed.as_slice()]).await?.is_some() {
            write.tx.all(COUNT, params![]).await?;
            write.tx.tell_others().await?;
        }
        write.aside(()).await
    }

    /// The answer to a question, once it is there.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] where the question is gone; [`StoreError::Unavailable`], [`StoreError::Keys`].
    pub async fn edge_answer(&self, id: i64) -> Result<Option<Vec<u8>>, StoreError> {
        let mut tx = self.begin_read().await?;
        let row = tx.first("SELECT answer FROM edge_questions WHERE id = $1", params![id]).await?;
        let row = row.ok_or_else(|| StoreError::not_found(WHAT, id))?;
        let answer: Option<&[u8]> = row.of(WHAT).get("answer")?;
        answer.map(|sealed| self.opened(ANSWER, sealed)).transpose()
    }

    /// Nobody waits for the answer to this question any more.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn forget_edge_question(&self, id: i64) -> Result<(), StoreError> {
        let _turn = self.turn(Writer::Publication).await?;
        let mut write = self.begin_write().await?;
        write.tx.all("DELETE FROM edge_questions WHERE id = $1", params![id]).await?;
        write.aside(()).await
    }

    /// Forgets questions that nobody waits for any more, such as those of a process that ended.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`].
    pub async fn sweep_edge_questions(&self) -> Result<(), StoreError> {
        let _turn = self.turn(Writer::Publication).await?;
        let mut write = self.begin_write().await?;
        let expired = write.now.saturating_sub(CLOCKS_DIFFER_MS);
        write.tx.all(SWEEP, params![expired]).await?;
        write.aside(()).await
    }

    fn opened(&self, context: &str, sealed: &[u8]) -> Result<Vec<u8>, StoreError> {
        self.keys.outer().open(context, sealed).map_err(|e| crate::keys::cannot_open(&e))
    }
}
