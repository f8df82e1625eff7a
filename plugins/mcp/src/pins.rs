//! Definitions that are pinned: what differs from the set that was approved is neither listed nor called, until
//! somebody approves it. Whatever cannot be decided is refused.

mod definitions;
mod kept;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::value::RawValue;
use sidegate_sdk::{HostError, tracing};
use tokio::sync::Semaphore;

use crate::failure::Failure;
use crate::fields::Fields;
use crate::message::Message;
use crate::policy::{Kind, Subject, for_one_now};
use crate::refusal::Refusal;
use crate::unknown;
use crate::visit::Visitor;
use definitions::INSTRUCTIONS;
pub(crate) use definitions::{Definitions, LISTS};
pub(crate) use kept::Shelf;

/// By what a server of either era says of itself how it is to be used.
const INTRODUCTIONS: [&str; 2] = ["initialize", "server/discover"];
/// While something is held it is looked so often whether it was approved.
const APPROVAL: Duration = Duration::from_secs(1);

/// What is pinned of one server.
pub(crate) struct Pins {
    pub(crate) shelf: Shelf,
    visitor: Visitor,
    /// Digests that the configuration approves.
    approved: Vec<String>,
    /// After so long the server is asked again what it offers.
    every: Duration,
    state: Mutex<State>,
    /// One looks, and the others wait for what it finds.
    turn: Semaphore,
}

#[derive(Default)]
struct State {
    known: Option<Arc<Known>>,
    /// How often the server said, or showed, that something is different.
    changes: u64,
}

/// What was found out.
struct Known {
    approved: Definitions,
    seen: Definitions,
    seen_at: Instant,
    approved_at: Instant,
    /// What the server had said by then: all later words are about something newer.
    changes: u64,
}

impl Known {
    fn is_held(&self) -> bool {
        self.approved != self.seen
    }
}

/// Why a message goes no further.
pub(crate) enum Stopped {
    Refused(Refusal),
    /// The server cannot be asked what it offers.
    Failed(Failure),
}

impl From<Failure> for Stopped {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// Whatever cannot be decided is refused.
impl From<HostError> for Stopped {
    fn from(error: HostError) -> Self {
        tracing::error!(%error, "pinned definitions need the scope kv.readwrite and a host with storage");
        Self::Refused(Refusal { outcome: "failed", ..Refusal::new(503, -32603, NO_STORAGE) })
    }
}

impl Pins {
    /// `approved` are digests that the configuration approves.
    pub(crate) fn new(
        shelf: Shelf,
        visitor: Visitor,
        approved: &[String],
        every: Duration,
    ) -> Self {
        let (state, turn) = (Mutex::default(), Semaphore::new(1));
        Self { shelf, visitor, approved: approved.to_vec(), every, state, turn }
    }

    /// Whether a message may go to the server now: not what asks for something whose definition is held.
    pub(crate) async fn let_in(&self, message: &Message) -> Result<(), Stopped> {
        let asks_for = |known: &str| message.method() == Some(known);
        let is_introduction = || INTRODUCTIONS.into_iter().any(asks_for);
        let is_list = || LISTS.iter().any(|(method, ..)| asks_for(method)) || is_introduction();
        let thing = match Subject::of(message) {
            Subject::Thing(kind @ (Kind::Tool | Kind::Prompt), name) => Some((kind, name)),
            _ if is_list() => None,
            _ => return Ok(()),
        };
        let known = self.fresh().await?;
        let Some((kind, name)) = thing else { return Ok(()) };
        let approved = known.approved.of(kind, &name);
        if approved.is_some() && approved == known.seen.of(kind, &name) {
            return Ok(());
        }
        let is_known = known.approved.names(kind, &name) || known.seen.names(kind, &name);
        let refusal = match is_known {
            true => {
                Refusal { outcome: "held", ..Refusal::new(200, -32003, format!("{name}: {HELD}")) }
            }
            false => unknown::refusal(kind, &name, false),
        };
        Err(Stopped::Refused(refusal))
    }

    /// A result without definitions that are held. `method` is what it answers, where that is known.
    pub(crate) fn filter(
        &self,
        method: Option<&str>,
        result: Box<RawValue>,
    ) -> Option<Box<RawValue>> {
        let mut result = self.instructed(method, result)?;
        for (_, member, kind) in
            LISTS.iter().filter(|(known, ..)| method.is_none_or(|method| method == *known))
        {
            let mut fields = Fields::of(&result)?;
            if fields.raw(member).is_none() {
                continue;
            }
            let mut items: Vec<Box<RawValue>> = fields.get(member)?;
            let known = self.state().known.clone();
            let is_in = |set: fn(&Known) -> &Definitions, item: &RawValue| {
                known.as_ref().is_some_and(|known| set(known).has(*kind, item))
            };
            if !items.iter().all(|item| is_in(|known| &known.seen, item)) {
                self.look_again();
            }
            items.retain(|item| is_in(|known| &known.approved, item));
            fields.set(member, &items);
            // Another one may be shown more soon.
            for_one_now(&mut fields);
            result = fields.to_raw();
        }
        Some(result)
    }

    /// The beginning of a session without instructions that are held.
    fn instructed(&self, method: Option<&str>, result: Box<RawValue>) -> Option<Box<RawValue>> {
        if method.is_some_and(|method| !INTRODUCTIONS.contains(&method)) {
            return Some(result);
        }
        let mut fields = Fields::of(&result)?;
        let Some(said) = fields.raw(INSTRUCTIONS) else { return Some(result) };
        let known = self.state().known.clone();
        let is_in = |set: fn(&Known) -> &Definitions| {
            known.as_ref().is_some_and(|known| set(known).instructs(said))
        };
        if !is_in(|known| &known.seen) {
            self.look_again();
        }
        if is_in(|known| &known.approved) {
            return Some(result);
        }
        fields.remove(INSTRUCTIONS);
        for_one_now(&mut fields);
        Some(fields.to_raw())
    }

    /// Hears what the server says by itself: that it offers something else.
    pub(crate) fn hear(&self, message: &Message) {
        let lists = ["notifications/tools/list_changed", "notifications/prompts/list_changed"];
        if message.method().is_some_and(|method| lists.contains(&method)) {
            self.look_again();
        }
    }

    /// Before the next call.
    pub(crate) fn look_again(&self) {
        self.state().changes += 1;
    }

    /// Knows what the server offers and what is approved of it, now or not long ago.
    pub(crate) async fn ready(&self) -> Result<(), Stopped> {
        self.fresh().await.map(drop)
    }

    async fn fresh(&self) -> Result<Arc<Known>, Stopped> {
        if let Some(known) = self.current() {
            return Ok(known);
        }
        let _turn = self.turn.acquire().await;
        if let Some(known) = self.current() {
            return Ok(known);
        }
        let known = Arc::new(self.look().await?);
        self.state().known = Some(Arc::clone(&known));
        Ok(known)
    }

    /// What is known, while it counts.
    fn current(&self) -> Option<Arc<Known>> {
        let known = self.seen()?;
        let is_current = !known.is_held() || known.approved_at.elapsed() < APPROVAL;
        is_current.then_some(known)
    }

    /// What is known, while the server need not be asked again.
    fn seen(&self) -> Option<Arc<Known>> {
        let state = self.state();
        let known = state.known.as_ref().filter(|known| known.changes == state.changes)?;
        (known.seen_at.elapsed() < self.every).then(|| Arc::clone(known))
    }

    async fn look(&self) -> Result<Known, Stopped> {
        let changes = self.state().changes;
        let known = self.seen();
        let approved = self.shelf.approved().await?.map(|kept| kept.definitions);
        let (seen, seen_at) = match &known {
            Some(known) => (known.seen.clone(), known.seen_at),
            None => (offered(&self.visitor).await?, Instant::now()),
        };
        let by_configuration = self.approved.contains(&seen.digest());
        let approved = match approved {
            Some(approved) if approved == seen => approved,
            _ if by_configuration => {
                self.shelf.replace(&seen, "the configuration").await?;
                seen.clone()
            }
            Some(approved) => approved,
            None if self.approved.is_empty() => self.shelf.begin(&seen).await?,
            None => Definitions::default(),
        };
        if approved == seen {
            self.shelf.let_go().await?;
        } else {
            self.shelf.hold(&seen).await?;
            if known.is_none() {
                let (server, digest) = (self.shelf.server(), seen.digest());
                tracing::warn!(server, digest, "definitions differ from those approved; held");
            }
        }
        Ok(Known { approved, seen, seen_at, approved_at: Instant::now(), changes })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const HELD: &str = "its definition is not the one that was approved; an operator has to look at it";
const NO_STORAGE: &str =
    "definitions are pinned here, and which ones cannot be read; the plugin needs kv.readwrite";

/// What a server offers now.
async fn offered(visitor: &Visitor) -> Result<Definitions, Failure> {
    let mut visit = visitor.visit().await?;
    let mut all = Definitions::default();
    all.instruct(&visit.introduction);
    for (method, member, kind) in LISTS {
        let items = visit.list(method, member).await?;
        items.iter().for_each(|item| all.add(kind, item));
    }
    Ok(all)
}
