//! Hearing what other processes changed, on a connection of its own. What is heard is a hint: notifications get lost
//! with a connection, and behind a pooler that gives sessions away they never come.

use super::connections::{Connections, within};
use crate::error::StoreError;
use sqlx::Executor as _;
use sqlx::postgres::{PgConnectOptions, PgListener, PgPoolOptions};
use std::time::Duration;
use tokio::time::{Instant, timeout, timeout_at};

/// The same in every schema: a hint too many costs the reading of a row.
const CHANNEL: &str = "sidegate";
/// Told with the transaction in which it is said; several times in one are one.
pub(crate) const NOTIFY: &str = "SELECT pg_notify('sidegate', '') AS told";

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// How long nothing may be heard before it is asked whether the server is still there, and how long it may take.
const ASK_EVERY: Duration = Duration::from_secs(10);
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a notification may take that we sent ourselves.
const ARRIVES_WITHIN: Duration = Duration::from_secs(3);

/// A connection on which notifications are heard.
pub(crate) struct Listener {
    listener: PgListener,
    /// For a notification of our own.
    connections: Connections,
}

impl Listener {
    pub(super) async fn connect(
        options: PgConnectOptions,
        connections: &Connections,
    ) -> Result<Self, StoreError> {
        let pool = PgPoolOptions::new().max_connections(1).connect_lazy_with(options);
        let mut listener = within(CONNECT_TIMEOUT, PgListener::connect_with(&pool)).await?;
        listener.eager_reconnect(false);
        within(ANSWER_TIMEOUT, listener.listen(CHANNEL)).await?;
        Ok(Self { listener, connections: connections.clone() })
    }

    /// Whether notifications arrive here at all.
    pub(crate) async fn arrive(&mut self) -> Result<bool, StoreError> {
        let mut lease = self.connections.acquire().await?;
        let told = sqlx::raw_sql(NOTIFY).execute(&mut lease.connection);
        within(ANSWER_TIMEOUT, told).await?;
        lease.give_back();
        let until = Instant::now() + ARRIVES_WITHIN;
        match timeout_at(until, self.listener.try_recv()).await {
            Ok(Ok(Some(_))) => Ok(true),
            Ok(Ok(None)) => Err(lost()),
            Ok(Err(error)) => Err(error.into()),
            Err(_) => Ok(false),
        }
    }

    /// Comes back when something was heard.
    ///
    /// # Errors
    /// The connection is lost, and with it what was said meanwhile.
    pub(crate) async fn heard(&mut self) -> Result<(), StoreError> {
        loop {
            match timeout(ASK_EVERY, self.listener.try_recv()).await {
                Ok(Ok(Some(_))) => {
                    // Many are one hint.
                    while self.listener.next_buffered().is_some() {}
                    return Ok(());
                }
                Ok(Ok(None)) => return Err(lost()),
                Ok(Err(error)) => return Err(error.into()),
                // A server that vanished without a word is silent, too.
                Err(_) => {
                    let asked = self.listener.execute("SELECT 1");
                    within(ANSWER_TIMEOUT, asked).await?;
                }
            }
        }
    }
}

fn lost() -> StoreError {
    sqlx::Error::WorkerCrashed.into()
}
