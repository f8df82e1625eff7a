//! Requests whose servers asked back, until their clients ask again. What a client carries meanwhile is sealed for its app.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sidegate_sdk::Host;
use tokio::time::sleep;

use super::lock;
use crate::refusal::Refusal;
use crate::sessions::Owner;

/// Who is asked has so long in all.
pub(super) const LIFE: Duration = Duration::from_secs(300);
/// How many wait at one time: of one app, and of all.
const MOST_OF_ONE: usize = 64;
const MOST: usize = 1024;
const LONGEST_STATE: usize = 1024;

/// Requests that wait.
pub(super) struct Parked<T> {
    host: Host,
    all: Mutex<HashMap<String, (Owner, T)>>,
}

/// Where the requests of one owner wait.
pub(super) struct Place<T> {
    pub(super) parked: Arc<Parked<T>>,
    pub(super) owner: Owner,
}

impl<T> Parked<T> {
    pub(super) fn new(host: Host) -> Self {
        Self { host, all: Mutex::default() }
    }

    /// The request that waits under this state, if it is the owner's.
    pub(super) async fn take(&self, owner: &Owner, state: &str) -> Result<Option<T>, Refusal> {
        if state.len() > LONGEST_STATE {
            return Ok(None);
        }
        let Ok(sealed) = URL_SAFE_NO_PAD.decode(state) else { return Ok(None) };
        let Some(id) = self.host.open(sealed, associated(owner)).await? else { return Ok(None) };
        let id = String::from_utf8_lossy(&id).into_owned();
        let mut all = lock(&self.all);
        let is_own = all.get(&id).is_some_and(|(of, _)| of == owner);
        Ok(all.remove(&id).filter(|_| is_own).map(|(_, request)| request))
    }
}

impl<T> Clone for Place<T> {
    fn clone(&self) -> Self {
        Self { parked: Arc::clone(&self.parked), owner: self.owner.clone() }
    }
}

impl<T: Send + 'static> Place<T> {
    /// Keeps a request; gives what its client comes back with.
    pub(super) async fn put(&self, request: T) -> Result<String, Refusal> {
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(|_| Refusal::new(503, -32603, "no randomness"))?;
        let id = URL_SAFE_NO_PAD.encode(random);
        let sealed =
            self.parked.host.seal(id.clone().into_bytes(), associated(&self.owner)).await?;
        {
            let mut all = lock(&self.parked.all);
            let of_app = all.values().filter(|(owner, _)| owner.app == self.owner.app).count();
            if of_app >= MOST_OF_ONE || all.len() >= MOST {
                return Err(Refusal::new(503, -32603, "too many questions of this app wait now"));
            }
            all.insert(id.clone(), (self.owner.clone(), request));
        }
        let parked = Arc::clone(&self.parked);
        tokio::spawn(async move {
            sleep(LIFE).await;
            // Its server is told that nobody waits any more.
            drop(lock(&parked.all).remove(&id));
        });
        Ok(URL_SAFE_NO_PAD.encode(sealed))
    }
}

fn associated(owner: &Owner) -> String {
    format!("mcp question of app {} at {}", owner.app, owner.endpoint)
}
