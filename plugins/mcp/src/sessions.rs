//! Sessions, which clients carry: what their id says is sealed by the host for the app that began them. So nothing has to be kept,
//! a session outlives this process, and the id of another app's session is the id of none.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sidegate_sdk::{Host, HostError};

use crate::clock;
use crate::presented::Presented;

/// What has to be granted for sealing.
pub(crate) const NEEDED: &str = "kv.readwrite";
/// Longer than any id that is made here.
const LONGEST_ID: usize = 64 * 1024;
/// How many sessions are remembered, so that the host need not be asked each time.
const REMEMBERED: usize = 2048;

/// What the id of a session says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Session {
    /// The servers of it, each with its own session where it has one.
    pub(crate) parts: Vec<Part>,
    /// When it began, in seconds since 1970.
    pub(crate) since: u64,
}

/// One server's end of a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Part {
    pub(crate) server: String,
    pub(crate) id: Option<String>,
    /// The version of the protocol that was agreed on with this one, where that may differ from the client's.
    #[serde(default)]
    pub(crate) version: Option<String>,
    /// The client, where the server knows nothing of the session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) presented: Option<Presented>,
}

impl Session {
    /// One that begins now.
    pub(crate) fn new(parts: Vec<Part>) -> Self {
        Self { parts, since: clock::now() }
    }

    pub(crate) fn part(&self, server: &str) -> Option<&Part> {
        self.parts.iter().find(|part| part.server == server)
    }
}

/// Whose session it is, and at which address.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Owner {
    /// The app's number; 0 is nobody in particular.
    pub(crate) app: u32,
    /// The endpoint's path.
    pub(crate) endpoint: String,
}

impl Owner {
    fn associated(&self) -> String {
        format!("mcp session of app {} at {}", self.app, self.endpoint)
    }
}

/// Makes ids and reads them.
pub(crate) struct Sessions {
    host: Host,
    lifetime: u64,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    by_id: HashMap<(Owner, String), Arc<Session>>,
    order: VecDeque<(Owner, String)>,
}

impl Sessions {
    /// Sessions that last so many seconds.
    pub(crate) fn new(host: Host, lifetime: u64) -> Self {
        Self { host, lifetime, known: Mutex::default() }
    }

    /// The id under which the owner can come back.
    pub(crate) async fn seal(&self, owner: &Owner, session: Session) -> Result<String, HostError> {
        let clear =
            serde_json::to_vec(&session).map_err(|error| HostError::Json(error.to_string()))?;
        let sealed = self.host.seal(clear, owner.associated()).await?;
        let id = URL_SAFE_NO_PAD.encode(sealed);
        self.remember(owner, &id, Arc::new(session));
        Ok(id)
    }

    /// The session of this id; `None` where there is none, it is another's, or its time is over.
    pub(crate) async fn open(
        &self,
        owner: &Owner,
        id: &str,
    ) -> Result<Option<Arc<Session>>, HostError> {
        let known = self.known().by_id.get(&(owner.clone(), id.to_owned())).cloned();
        let session = match known {
            Some(session) => Some(session),
            None => self.read(owner, id).await?,
        };
        Ok(session.filter(|it| clock::now().saturating_sub(it.since) < self.lifetime))
    }

    async fn read(&self, owner: &Owner, id: &str) -> Result<Option<Arc<Session>>, HostError> {
        if id.len() > LONGEST_ID {
            return Ok(None);
        }
        let Ok(sealed) = URL_SAFE_NO_PAD.decode(id) else { return Ok(None) };
        let Some(clear) = self.host.open(sealed, owner.associated()).await? else {
            return Ok(None);
        };
        let Ok(session) = serde_json::from_slice::<Session>(&clear) else { return Ok(None) };
        let session = Arc::new(session);
        self.remember(owner, id, Arc::clone(&session));
        Ok(Some(session))
    }

    fn remember(&self, owner: &Owner, id: &str, session: Arc<Session>) {
        let mut known = self.known();
        let key = (owner.clone(), id.to_owned());
        if known.by_id.insert(key.clone(), session).is_none() {
            known.order.push_back(key);
        }
        while known.order.len() > REMEMBERED {
            if let Some(oldest) = known.order.pop_front() {
                known.by_id.remove(&oldest);
            }
        }
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
