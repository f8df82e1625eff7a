//! A server that is a program: it reads messages from its stdin and writes them to its stdout, one in a line. Each session
//! has a process of its own, so that what one client does in it no other one sees, unless sessions of an app are to share
//! one. Requests that stand alone share one, for each app.

mod alone;
mod group;
mod guests;
mod history;
mod hosting;
mod places;
mod process;
mod reading;
mod waiting;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::Link;
use crate::era::SESSIONS;
use crate::failure::Failure;
use crate::message::Message;
use crate::reply::{Content, Reply};
use history::History;
pub(crate) use places::Bounds;
use places::{Place, Places};
use process::Process;

/// So many processes of the plugin's own there may be beside those of clients.
const OWN: Bounds = Bounds { in_all: 4, per_app: 4 };

/// How long an answer waits for a slow client, and a message for a process that does not read.
const PATIENCE: Duration = Duration::from_secs(10);

/// What is started, and within which bounds.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    /// The server's name, for the log.
    pub(crate) server: String,
    pub(crate) command: String,
    pub(crate) args: Vec<String>,
    pub(crate) env: Vec<(String, String)>,
    /// How many processes there may be at one time.
    pub(crate) bounds: Bounds,
    /// Whether the sessions of an app share a process.
    pub(crate) is_shared: bool,
    /// After so long without a message, and with no question open, a process ends; its client begins anew.
    pub(crate) longest_idle: Duration,
    /// The longest message that is read, in bytes.
    pub(crate) most_bytes: usize,
}

/// Processes by the ids of their sessions. One whose session has ended keeps its place up to its own end.
#[derive(Clone, Default)]
struct Processes {
    by_id: Arc<Mutex<HashMap<String, Arc<Process>>>>,
    places: Places,
}

/// A program, with a process for each session.
pub(crate) struct StdioServer {
    program: Program,
    processes: Processes,
    /// Those in which the plugin itself asks.
    own: Processes,
}

impl StdioServer {
    pub(crate) fn new(program: Program) -> Self {
        Self { program, processes: Processes::default(), own: Processes::default() }
    }

    /// Gives a message to the session's process; the first one of a session starts it.
    pub(crate) async fn post(&self, link: &Link, message: &Message) -> Result<Reply, Failure> {
        if link.stateless {
            let process = match &link.session {
                Some(id) => self.own(id)?,
                None => self.shared(link)?,
            };
            let events = alone::ask(process, None, message).await?;
            return Ok(events.map_or(Content::Accepted, Content::Events).into());
        }
        let mut session = None;
        let process = match (&link.session, message.method()) {
            (None, Some("initialize")) if self.program.is_shared => {
                let process = self.hosting(link)?;
                return hosting::receive(&process, message).await;
            }
            (None, Some("initialize")) => {
                let bounds = self.program.bounds;
                let (id, process) = self.begin(&self.processes, link.owner, bounds)?;
                session = Some(id);
                process
            }
            (None, _) => return Ok(Content::Refused(400, None).into()),
            (Some(id), _) => match self.process(link) {
                Some(process) if process.guests.has(id) => {
                    return Ok(hosting::give(&process, id, message).await?.into());
                }
                Some(process) => process,
                None => return Ok(Content::Refused(404, None).into()),
            },
        };
        let knows_bare = link.version.as_deref().is_some_and(|version| version >= SESSIONS);
        let content = Self::give(&process, message, knows_bare).await?;
        Ok(Reply { session, presented: None, content })
    }

    /// Begins a session of the plugin's own, which takes no client's place.
    pub(crate) async fn begin_own(&self, message: &Message) -> Result<Reply, Failure> {
        let (id, process) = self.begin(&self.own, 0, OWN)?;
        let content = Self::give(&process, message, false).await?;
        Ok(Reply { session: Some(id), presented: None, content })
    }

    async fn give(
        process: &Process,
        message: &Message,
        knows_bare: bool,
    ) -> Result<Content, Failure> {
        Ok(match message.asks() {
            Some(question) => Content::Events(process.ask(question, message, knows_bare).await?),
            None => {
                process.tell(message).await?;
                Content::Accepted
            }
        })
    }

    /// Listens for what the process says by itself, or goes on with a stream that broke. Who listens last is told.
    pub(crate) fn listen(&self, link: &Link) -> Reply {
        let Some(process) = self.process(link) else {
            return Content::Refused(404, None).into();
        };
        let Some(id) = &link.last_event_id else {
            return Content::Events(process.listen()).into();
        };
        let unknown = "Last-Event-ID is unknown in this session, or too old";
        let refused = || Content::Refused(400, Some(Message::refusal(None, -32000, unknown)));
        process.resume(id).map_or_else(refused, Content::Events).into()
    }

    /// Ends the session, and its process, unless others share it.
    pub(crate) fn end(&self, link: &Link) -> Reply {
        if let Some((process, id)) = self.process(link).zip(link.session.as_ref())
            && process.guests.has(id)
        {
            process.guests.leave(id);
            return Content::Accepted.into();
        }
        let ended = link.session.as_ref().and_then(|id| {
            let of = |all: &Processes| lock(&all.by_id).remove(id);
            of(&self.processes).or_else(|| of(&self.own))
        });
        match ended {
            Some(process) => {
                process.end();
                Content::Accepted.into()
            }
            None => Content::Refused(404, None).into(),
        }
    }

    /// How many processes run, and how many may.
    pub(crate) fn count(&self) -> (usize, usize) {
        (self.processes.places.taken(), self.program.bounds.in_all)
    }

    /// The process of a session.
    fn process(&self, link: &Link) -> Option<Arc<Process>> {
        let id = link.session.as_ref()?;
        let of = |all: &Processes, name: &str| {
            lock(&all.by_id).get(name).filter(|one| !one.has_ended()).cloned()
        };
        let shared = || {
            let process = of(&self.processes, &hosting_name(link));
            process.filter(|process| process.guests.has(id))
        };
        of(&self.processes, id).or_else(|| of(&self.own, id)).or_else(shared)
    }

    /// The process of requests that stand alone is not needed any more.
    pub(crate) fn give_up(&self, link: &Link) {
        if link.session.is_some() {
            self.end(link);
        } else if let Some(process) = lock(&self.processes.by_id).remove(&shared_name(link)) {
            process.end();
        }
    }

    /// The process that an app's requests share.
    fn shared(&self, link: &Link) -> Result<Arc<Process>, Failure> {
        let bounds = self.program.bounds;
        self.common(&self.processes, shared_name(link), link.owner, bounds)
    }

    /// The process that an app's sessions share.
    fn hosting(&self, link: &Link) -> Result<Arc<Process>, Failure> {
        let bounds = self.program.bounds;
        self.common(&self.processes, hosting_name(link), link.owner, bounds)
    }

    /// The process of the plugin's own requests, which begins with the first of them.
    fn own(&self, id: &str) -> Result<Arc<Process>, Failure> {
        self.common(&self.own, id.to_owned(), 0, OWN)
    }

    /// A process that several share; it is started where there is none.
    fn common(
        &self,
        among: &Processes,
        name: String,
        owner: u32,
        bounds: Bounds,
    ) -> Result<Arc<Process>, Failure> {
        let mut by_id = lock(&among.by_id);
        if let Some(process) = by_id.get(&name).filter(|process| !process.has_ended()) {
            return Ok(Arc::clone(process));
        }
        let place = among.places.take(owner, bounds)?;
        let process = self.start(among, place, name.clone(), None)?;
        by_id.insert(name, Arc::clone(&process));
        Ok(process)
    }

    /// Starts the process of a session.
    fn begin(
        &self,
        among: &Processes,
        owner: u32,
        bounds: Bounds,
    ) -> Result<(String, Arc<Process>), Failure> {
        let mut random = [0; 20];
        getrandom::fill(&mut random).map_err(|error| Failure::Away(error.to_string()))?;
        // Ids of an earlier run name no process of this one.
        let id = URL_SAFE_NO_PAD.encode(&random[4..]);
        let history = History::new(URL_SAFE_NO_PAD.encode(&random[..4]));
        let mut by_id = lock(&among.by_id);
        let place = among.places.take(owner, bounds)?;
        let process = self.start(among, place, id.clone(), Some(history))?;
        by_id.insert(id.clone(), Arc::clone(&process));
        Ok((id, process))
    }

    fn start(
        &self,
        among: &Processes,
        place: Place,
        id: String,
        history: Option<History>,
    ) -> Result<Arc<Process>, Failure> {
        let by_id = Arc::clone(&among.by_id);
        let forget = move || {
            let mut all = lock(&by_id);
            // One that was started in its place stays.
            if all.get(&id).is_some_and(|process| process.has_ended()) {
                all.remove(&id);
            }
            drop(place);
        };
        Ok(Arc::new(Process::start(&self.program, history, forget)?))
    }
}

/// What a process is known by. Names of an earlier run name no process of this one.
pub(super) fn name() -> Result<String, Failure> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(|error| Failure::Away(error.to_string()))?;
    Ok(URL_SAFE_NO_PAD.encode(random))
}

/// No id of a session has a space in it.
fn shared_name(link: &Link) -> String {
    format!("app {}", link.owner)
}

fn hosting_name(link: &Link) -> String {
    format!("sessions of app {}", link.owner)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
