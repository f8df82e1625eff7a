//! Connections to one server: at most so many, made when they are needed, used again, and thrown away
//! rather than trusted.
//!
//! Not the pool of the driver: that one tries again for as long as a server refuses, and then only says that
//! time is over; and it waits without an end for an answer to what it asks of a connection that is given
//! back. Knows nothing of transactions.

use crate::error::StoreError;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions as _, Connection as _};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How long a transaction waits for a connection that others use.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long it may take to connect: name, socket, TLS, password.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a connection that was idle may take to show that it is alive.
const PING_TIMEOUT: Duration = Duration::from_secs(2);
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// At most so many connections. Clones share them.
#[derive(Clone, Debug)]
pub(super) struct Connections {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    options: PgConnectOptions,
    most: u32,
    places: Arc<Semaphore>,
    idle: Mutex<Vec<PgConnection>>,
}

/// A connection that somebody uses. Dropped, it is closed; [`Lease::give_back`] keeps it for others.
pub(super) struct Lease {
    pub(super) connection: PgConnection,
    shared: Arc<Shared>,
    /// Last: the place is free when the connection is idle or gone.
    _place: OwnedSemaphorePermit,
}

impl Connections {
    /// Connects to nothing yet.
    pub(super) fn new(options: PgConnectOptions, most: u32) -> Self {
        let places = Arc::new(Semaphore::new(most as usize));
        Self { shared: Arc::new(Shared { options, most, places, idle: Mutex::default() }) }
    }

    /// What it connects to, and how.
    pub(super) fn options(&self) -> PgConnectOptions {
        self.shared.options.clone()
    }

    /// A connection that has just answered.
    pub(super) async fn acquire(&self) -> Result<Lease, StoreError> {
        let waiting = self.shared.places.clone().acquire_owned();
        let place = match tokio::time::timeout(ACQUIRE_TIMEOUT, waiting).await {
            Ok(Ok(place)) => place,
            Ok(Err(_closed)) => return Err(sqlx::Error::PoolClosed.into()),
            Err(_elapsed) => return Err(sqlx::Error::PoolTimedOut.into()),
        };
        let connection = match self.shared.take_idle().await {
            Some(connection) => connection,
            None => within(CONNECT_TIMEOUT, Box::pin(self.shared.options.connect())).await?,
        };
        Ok(Lease { connection, shared: self.shared.clone(), _place: place })
    }

    /// Waits a while for those that are in use, and closes all. Nobody gets one any more.
    pub(super) async fn close(&self) {
        let places = &self.shared.places;
        let at_rest = places.acquire_many(self.shared.most);
        let at_rest = tokio::time::timeout(ACQUIRE_TIMEOUT, at_rest).await;
        places.close();
        drop(at_rest);
        let idle = std::mem::take(&mut *self.shared.idle());
        for connection in idle {
            // What does not take a goodbye is closed without one.
            let _ = within(CLOSE_TIMEOUT, connection.close()).await;
        }
    }
}

impl Shared {
    /// One that is alive. Where one is not, the server has hardly kept the others.
    async fn take_idle(&self) -> Option<PgConnection> {
        let mut connection = self.idle().pop()?;
        match within(PING_TIMEOUT, connection.ping()).await {
            Ok(()) => Some(connection),
            Err(error) => {
                tracing::info!(%error, "connections to the database are opened anew");
                self.idle().clear();
                None
            }
        }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<PgConnection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Lease {
    /// Keeps the connection for others. It must be at rest: no transaction, no answer that is still to come.
    pub(super) fn give_back(self) {
        let Self { connection, shared, _place } = self;
        if !shared.places.is_closed() {
            shared.idle().push(connection);
        }
    }
}

/// Waits for the server, but not for ever: one that vanished without a word never answers.
pub(super) async fn within<T>(
    limit: Duration,
    answer: impl Future<Output = Result<T, sqlx::Error>>,
) -> Result<T, StoreError> {
    match tokio::time::timeout(limit, answer).await {
        Ok(answer) => Ok(answer?),
        Err(elapsed) => Err(StoreError::no_answer(limit, elapsed)),
    }
}
