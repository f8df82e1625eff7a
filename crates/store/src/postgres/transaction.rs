//! One transaction: begun, asked and ended with a deadline for each step, and leaving behind either a
//! connection at rest or none.

use super::connections::{Connections, Lease};
use crate::error::{READ_ONLY, StoreError};
use sqlx::postgres::{PgArguments, PgConnection, PgRow, Postgres};
use sqlx::query::Query;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::time::error::Elapsed;
use tokio::time::timeout;

/// Longer than what the server allows itself, so that its word comes first where it can speak.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(15);
const ROLLBACK_TIMEOUT: Duration = Duration::from_secs(5);

/// A transaction. Dropped before its commit it changes nothing.
pub(crate) struct PostgresTx {
    /// `None` when it has ended.
    lease: Option<Lease>,
    state: State,
}

/// What is known of the connection.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// The transaction is open and waits for a statement.
    Open,
    /// A statement was refused; nothing but a rollback is possible.
    Failed,
    /// An answer was not waited for, or did not come: nobody knows what comes next.
    Unknown,
}

impl PostgresTx {
    /// Begins with these statements.
    pub(super) async fn begin(
        connections: &Connections,
        statements: &'static str,
    ) -> Result<Self, StoreError> {
        let lease = connections.acquire().await?;
        let mut tx = Self { lease: Some(lease), state: State::Unknown };
        tx.tell(statements).await?;
        Ok(tx)
    }

    /// Runs a statement to its end and returns its rows.
    pub(crate) async fn all(
        &mut self,
        query: Query<'static, Postgres, PgArguments>,
    ) -> Result<Vec<PgRow>, StoreError> {
        self.state = State::Unknown;
        let answer = timeout(ANSWER_TIMEOUT, query.fetch_all(self.connection())).await;
        self.heard(answer)
    }

    /// Makes everything since the start durable.
    pub(crate) async fn commit(mut self) -> Result<(), StoreError> {
        // A commit after a refusal would be a rollback that looks like a success.
        if self.state != State::Open {
            return Err(sqlx::Error::BeginFailed.into());
        }
        let committed = self.tell("COMMIT").await;
        if self.state == State::Unknown {
            return committed.map_err(StoreError::while_committing);
        }
        committed?;
        if let Some(lease) = self.lease.take() {
            lease.give_back();
        }
        Ok(())
    }

    /// Runs statements without parameters.
    async fn tell(&mut self, statements: &'static str) -> Result<(), StoreError> {
        self.state = State::Unknown;
        let told = sqlx::raw_sql(statements).execute(self.connection());
        let answer = timeout(ANSWER_TIMEOUT, told).await;
        self.heard(answer).map(drop)
    }

    fn connection(&mut self) -> &mut PgConnection {
        &mut self.lease.as_mut().expect("only the end takes the connection").connection
    }

    /// Learns from an answer how the connection is.
    fn heard<T>(
        &mut self,
        answer: Result<Result<T, sqlx::Error>, Elapsed>,
    ) -> Result<T, StoreError> {
        let answer = answer.map_err(|elapsed| StoreError::no_answer(ANSWER_TIMEOUT, elapsed))?;
        match &answer {
            Ok(_) => self.state = State::Open,
            // The server has become a standby: another connection may lead to the new primary.
            Err(sqlx::Error::Database(error)) if error.code().is_some_and(|c| c == READ_ONLY) => {}
            Err(sqlx::Error::Database(_)) => self.state = State::Failed,
            Err(_) => {}
        }
        Ok(answer?)
    }
}

impl Drop for PostgresTx {
    fn drop(&mut self) {
        let known = self.state != State::Unknown;
        let Some(lease) = self.lease.take().filter(|_| known) else {
            // The server ends the transaction when it finds the connection closed.
            return;
        };
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(roll_back(lease));
        }
    }
}

/// Keeps the connection once the server has said that the transaction is over.
async fn roll_back(mut lease: Lease) {
    let told = sqlx::raw_sql("ROLLBACK").execute(&mut lease.connection);
    match timeout(ROLLBACK_TIMEOUT, told).await {
        Ok(Ok(_)) => lease.give_back(),
        Ok(Err(error)) => tracing::info!(%error, "a database connection is closed"),
        Err(_) => tracing::info!("a database connection that answers no more is closed"),
    }
}
