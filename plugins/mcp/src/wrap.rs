//! Clients whose requests stand alone, before servers with sessions. A session is held for each of them, and what a
//! server asks back becomes a result that wants input.

mod exchange;
mod held;
mod life;
mod listen;
mod parked;
mod words;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::json;
use sidegate_sdk::Host;
use tokio::sync::OnceCell;

use crate::door::Door;
use crate::era::{STATELESS, meta};
use crate::fields::Fields;
use crate::message::{Id, Message};
use crate::refusal::Refusal;
use crate::reply::{Content, Reply};
use crate::sessions::Owner;
use exchange::Exchange;
use held::Held;
use parked::Parked;

/// How many sessions are held at one time: for one app, and for all.
const MOST_OF_ONE: usize = 32;
const MOST: usize = 512;
/// What a client says of itself, in bytes.
const LONGEST_INTRODUCTION: usize = 16 * 1024;

/// Whose session it is: clients of one app that describe themselves alike cannot be told apart.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    owner: Owner,
    capabilities: String,
    client: String,
}

type Cell = Arc<OnceCell<Arc<Held>>>;
type Sessions = Mutex<HashMap<Key, Cell>>;

/// The sessions that are held for clients without any.
pub(crate) struct Wrapped {
    sessions: Arc<Sessions>,
    parked: Arc<Parked<Exchange>>,
}

impl Wrapped {
    pub(crate) fn new(host: Host) -> Self {
        Self { sessions: Arc::default(), parked: Arc::new(Parked::new(host)) }
    }

    /// Gives a message that stands alone to a server that needs a session for it.
    pub(crate) async fn post(
        &self,
        door: Door,
        owner: Owner,
        message: Message,
    ) -> Result<Reply, Refusal> {
        let Message::Request { id, method, params } = message else {
            // This era has no notification that a client posts.
            return Ok(Content::Accepted.into());
        };
        let params = params.unwrap_or_default();
        let envelope = params.object("_meta").unwrap_or_default();
        let key = Key::of(owner, &envelope).map_err(|refusal| refusal.answering(Some(&id)))?;
        let asked = words::Asked { id: id.clone(), method, params, envelope };
        let answering = |refusal: Refusal| refusal.answering(Some(&id));
        if asked.params.raw("requestState").is_some() {
            return self.resume(door, &key, asked).await.map_err(answering);
        }
        let held = self.held(&door, &key).await.map_err(answering)?;
        let door = held.door_for(&door);
        match asked.method.as_str() {
            "server/discover" => Ok(Content::One(discovered(&id, &held)).into()),
            "subscriptions/listen" => listen::listen(held, door, asked).await.map_err(answering),
            _ => {
                let reply = Exchange::ask(&held, &door, &asked, self.parked_for(&key)).await;
                match reply.map_err(answering)? {
                    Some(reply) => Ok(reply),
                    // The server forgot the session, and has done nothing yet.
                    None => {
                        self.forget(&key, &held);
                        let held = self.held(&door, &key).await.map_err(answering)?;
                        let door = held.door_for(&door);
                        let again =
                            Exchange::ask(&held, &door, &asked, self.parked_for(&key)).await;
                        again.map_err(answering)?.ok_or_else(|| answering(lost()))
                    }
                }
            }
        }
    }

    /// Goes on where a server asked back.
    async fn resume(&self, door: Door, key: &Key, asked: words::Asked) -> Result<Reply, Refusal> {
        let state = asked.params.text("requestState").unwrap_or_default();
        let unknown = || {
            Refusal::new(
                200,
                -32602,
                "Invalid params: requestState is unknown, or its time is over",
            )
        };
        let exchange = self.parked.take(&key.owner, &state).await?.ok_or_else(unknown)?;
        if !exchange.is_about(&asked) {
            return Err(unknown());
        }
        exchange.go_on(&door, &asked).await
    }

    fn parked_for(&self, key: &Key) -> parked::Place<Exchange> {
        parked::Place { parked: Arc::clone(&self.parked), owner: key.owner.clone() }
    }

    /// The session of these clients, which begins now where there is none.
    async fn held(&self, door: &Door, key: &Key) -> Result<Arc<Held>, Refusal> {
        let cell = self.cell(key)?;
        let opened = cell.get_or_try_init(|| async {
            let held = Held::open(door, key).await?;
            life::begin(&held, key.clone(), Arc::downgrade(&self.sessions));
            Ok(held)
        });
        let held = opened.await.cloned();
        if held.is_err() && !cell.initialized() {
            lock(&self.sessions).retain(|known, other| known != key || !Arc::ptr_eq(other, &cell));
        }
        held.inspect(|held| held.touch())
    }

    fn cell(&self, key: &Key) -> Result<Cell, Refusal> {
        let mut sessions = lock(&self.sessions);
        if let Some(cell) = sessions.get(key) {
            return Ok(Arc::clone(cell));
        }
        let of_app = sessions.keys().filter(|known| known.owner.app == key.owner.app).count();
        if of_app >= MOST_OF_ONE || sessions.len() >= MOST {
            let idle = sessions.iter().filter(|(known, _)| known.owner.app == key.owner.app);
            let idle = idle.filter_map(|(known, cell)| {
                let held = cell.get().filter(|held| !held.is_busy())?;
                Some((held.idle_for(), known.clone()))
            });
            let oldest = idle.max_by_key(|(idle, _)| *idle).map(|(_, known)| known);
            let full = || Refusal::new(503, -32603, "no more sessions of this app are held now");
            if let Some(cell) = sessions.remove(&oldest.ok_or_else(full)?)
                && let Some(held) = cell.get()
            {
                held.end();
            }
        }
        let cell = Cell::default();
        sessions.insert(key.clone(), Arc::clone(&cell));
        Ok(cell)
    }

    fn forget(&self, key: &Key, held: &Arc<Held>) {
        let is_it = |cell: &Cell| cell.get().is_some_and(|other| Arc::ptr_eq(other, held));
        lock(&self.sessions).retain(|known, cell| known != key || !is_it(cell));
        held.end();
    }
}

impl Key {
    fn of(owner: Owner, envelope: &Fields) -> Result<Self, Refusal> {
        let text = |key| envelope.raw(key).map(|raw| raw.get().to_owned()).unwrap_or_default();
        let (capabilities, client) = (text(meta::CAPABILITIES), text(meta::CLIENT));
        if capabilities.len() + client.len() > LONGEST_INTRODUCTION {
            return Err(Refusal::new(
                400,
                -32602,
                "Invalid params: _meta says too much of the client",
            ));
        }
        Ok(Self { owner, capabilities, client })
    }
}

fn lost() -> Refusal {
    Refusal::new(502, -32603, "the server forgets its sessions")
}

/// What a server with sessions has, as a server without them tells it.
fn discovered(id: &Id, held: &Held) -> Message {
    let mut result = Fields::default();
    result.set("resultType", &"complete");
    result.set("supportedVersions", &[STATELESS]);
    let mut capabilities = held.introduction.object("capabilities").unwrap_or_default();
    // Those of the older era are another thing.
    capabilities.remove("tasks");
    result.set("capabilities", &capabilities);
    if let Some(text) = held.introduction.text("instructions") {
        result.set("instructions", &text);
    }
    result.set("ttlMs", &0);
    result.set("cacheScope", &"private");
    held.sign(&mut result);
    Message::result(id.clone(), &result)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An answer that asks for something.
fn wants_input(id: &Id, held: &Held, question: &Fields, state: &str) -> Message {
    let mut result = Fields::default();
    result.set("resultType", &"input_required");
    result.set("inputRequests", &json!({ exchange::INPUT: question }));
    result.set("requestState", &state);
    held.sign(&mut result);
    Message::result(id.clone(), &result)
}
