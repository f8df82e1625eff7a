//! The streams that one shard has open, so that they can be told to end: all of them at the end of a
//! drain, and each of them once its caller would not be let in any more.
//!
//! One task looks at all callers again when tokens, apps or what is demanded of them have changed and
//! when a token expires; a stream that is idle costs its place here and nothing else. What else stays open for a caller,
//! such as a connection that was handed over, enters in the same way.

use super::connection::ClientConnection;
use super::deadlines::Ticket;
use crate::identity::access::Standing;
use sidegate_model::UnixMillis;
use sidegate_model::clock::now_millis;
use sidegate_model::public_endpoints::PublicMode;
use sidegate_plugins::{
    Canceller, EndSignal, Ending, Entered, Generation, GenerationReader, Roster, StreamTask,
};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;

/// How long a stream has to end by itself once it is told that its caller may not go on.
const OBEDIENCE: Duration = Duration::from_secs(1);
/// The longest time without asking the clock whether a token has expired: clocks are set.
const LONGEST_SLEEP: Duration = Duration::from_secs(60);
/// The moment that never comes.
const NEVER: UnixMillis = UnixMillis::MAX;

/// What ends a stream whose reader has stalled, so that it does not hear of its end.
pub(crate) struct Force {
    /// Its connection, which ends with it where it has that for itself.
    pub connection: Arc<ClientConnection>,
    /// What carries it where others share the connection.
    pub stream: Option<StreamTask>,
    /// The call to the plugin, which ends at once.
    pub call: Option<Canceller>,
}

/// A stream that has just begun.
pub(crate) struct BegunStream<'a> {
    /// Tells it to end.
    pub signal: Arc<EndSignal>,
    /// What ends it where it does not hear.
    pub force: Force,
    /// By what its caller was let in, where that is to be asked for again.
    pub standing: Option<Standing>,
    /// The generation under which its caller was let in.
    pub generation: &'a Arc<Generation>,
}

/// A stream that is open.
struct Member {
    signal: Arc<EndSignal>,
    /// By what its caller was let in; `None` where nobody asks for it again.
    standing: Option<Standing>,
    force: Force,
    /// When it is cut.
    cut: Option<Ticket>,
}

/// A stream's place among the open ones, until this is dropped.
pub(crate) struct Open {
    _entered: Entered<Member>,
}

/// The open streams of one shard.
pub(crate) struct OpenStreams {
    /// Whether public endpoints wait for an operator.
    mode: PublicMode,
    all: Arc<Roster<Member>>,
    /// When the next token expires among those that were shown.
    next_expiry: AtomicI64,
    /// Told when that comes earlier than was known.
    earlier: Notify,
}

impl Member {
    /// Tells it to end, and sees to it that it does.
    fn end(&mut self, ending: Ending) {
        if !self.signal.send(ending) || !ending.is_refusal() {
            return;
        }
        let Force { connection, stream, call } = &self.force;
        if let Some(call) = call {
            call.cancel();
        }
        let at = Instant::now() + OBEDIENCE;
        self.cut.get_or_insert_with(|| connection.deadlines.add(at, stream.clone()));
    }

    /// Looks at its caller again; tells when its token expires if it may go on until then.
    fn look(
        &mut self,
        generation: &Generation,
        mode: PublicMode,
        now: UnixMillis,
    ) -> Option<UnixMillis> {
        let standing = self.standing.as_mut()?;
        standing.renew(generation);
        match standing.ending(generation, mode, now) {
            None => standing.expires_at(),
            Some(ending) => {
                self.end(ending);
                None
            }
        }
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        if let Some(cut) = self.cut.take() {
            self.force.connection.deadlines.withdraw(cut);
        }
    }
}

impl OpenStreams {
    /// None yet.
    pub(crate) fn new(mode: PublicMode) -> Self {
        let (all, next_expiry) = (Arc::default(), AtomicI64::new(NEVER));
        Self { mode, all, next_expiry, earlier: Notify::new() }
    }

    /// Takes in a stream.
    pub(crate) fn enter(&self, begun: BegunStream<'_>, generations: &GenerationReader) -> Open {
        let BegunStream { signal, force, standing, generation: seen } = begun;
        let expires_at = standing.as_ref().map(|it| it.expires_at().unwrap_or(NEVER));
        let entered = self.all.enter(Member { signal, standing, force, cut: None });
        if let Some(expires_at) = expires_at {
            if expires_at < self.next_expiry.fetch_min(expires_at, Ordering::AcqRel) {
                self.earlier.notify_one();
            }
            // What was published since it began may have been looked through already.
            let generation = generations.load();
            if !Arc::ptr_eq(seen, &generation) {
                entered.look(|member| member.look(&generation, self.mode, now_millis()));
            }
        }
        Open { _entered: entered }
    }

    /// Tells all to end.
    pub(crate) fn end_all(&self, ending: Ending) {
        self.all.each(|member| member.end(ending));
    }

    /// Tells one to end.
    pub(crate) fn end_one(&self, signal: &Arc<EndSignal>, ending: Ending) {
        self.all.each(|member| {
            if Arc::ptr_eq(&member.signal, signal) {
                member.end(ending);
            }
        });
    }

    /// Looks at callers again whenever it may matter. Never returns.
    pub(crate) async fn watch(&self, generations: &GenerationReader) {
        let mut published = generations.published();
        let mut seen = generations.load().callers();
        loop {
            let expiry = self.next_expiry.load(Ordering::Acquire);
            let pause = Duration::from_millis(u64::try_from(expiry - now_millis()).unwrap_or(0));
            tokio::select! {
                changed = published.changed() => if changed.is_err() {
                    return std::future::pending().await;
                },
                () = self.earlier.notified() => continue,
                () = tokio::time::sleep(pause.min(LONGEST_SLEEP)), if expiry != NEVER => {}
            }
            let generation = generations.load();
            let callers = generation.callers();
            let is_changed = !std::mem::replace(&mut seen, callers.clone()).is_same(&callers);
            if is_changed || expiry <= now_millis() {
                self.look(&generation, now_millis());
            }
        }
    }

    fn look(&self, generation: &Generation, now: UnixMillis) {
        self.next_expiry.store(NEVER, Ordering::Release);
        let mut next = NEVER;
        self.all.each(|member| {
            next = next.min(member.look(generation, self.mode, now).unwrap_or(NEVER));
        });
        self.next_expiry.fetch_min(next, Ordering::AcqRel);
    }
}
