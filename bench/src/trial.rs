//! Requests one after another while something goes on that must harm nobody; counts what was lost
//! or late.

use crate::http::{Connection, request};
use crate::payload::{HELLO, MOUNT};
use crate::results::Trial;
use std::cell::{Cell, RefCell};
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};
use tokio::time::{sleep, timeout};

/// A request that takes longer is lost.
const LOST: Duration = Duration::from_secs(5);
/// Whatever takes longer is delayed.
pub const DELAYED: Duration = Duration::from_secs(1);

/// Where clients of a trial write down what they saw.
#[derive(Debug, Clone)]
pub struct Witness {
    trial: Rc<RefCell<Trial>>,
    is_over: Rc<Cell<bool>>,
}

impl Witness {
    /// Nothing was seen so far.
    pub fn new(case: &str, name: &str) -> Self {
        let trial = Trial {
            case: case.to_owned(),
            name: name.to_owned(),
            good: 0,
            lost: 0,
            delayed: 0,
            max_us: 0.0,
            first_problem: None,
        };
        Self { trial: Rc::new(RefCell::new(trial)), is_over: Rc::default() }
    }

    /// One came, after so long.
    pub fn came(&self, after: Duration) {
        let mut trial = self.trial.borrow_mut();
        trial.good += 1;
        trial.delayed += u64::from(after > DELAYED);
        trial.max_us = trial.max_us.max(after.as_secs_f64() * 1e6);
    }

    /// So many never came.
    pub fn lost(&self, count: u64, why: String) {
        let mut trial = self.trial.borrow_mut();
        trial.lost += count;
        trial.first_problem.get_or_insert(why);
    }

    /// Clients shall finish.
    pub fn end(&self) {
        self.is_over.set(true);
    }

    /// What was seen.
    pub fn tell(&self) -> Trial {
        self.trial.borrow().clone()
    }

    /// Asks again and again until the end, with a pause between.
    pub async fn ask(self, addr: SocketAddr, pause: Duration) {
        let asked = request("GET", &format!("{MOUNT}/hello"), None, b"");
        let mut connection = None;
        while !self.is_over.get() {
            let began = Instant::now();
            let exchange = async {
                let mut open = match connection.take() {
                    Some(open) => open,
                    None => Connection::open(addr).await?,
                };
                open.exchange(&asked, HELLO.len()).await?;
                Ok::<_, std::io::Error>(open)
            };
            match timeout(LOST, exchange).await {
                Ok(Ok(open)) => {
                    self.came(began.elapsed());
                    connection = Some(open);
                }
                Ok(Err(error)) => self.lost(1, format!("a request: {error}")),
                Err(_) => self.lost(1, format!("a request was not answered within {LOST:?}")),
            }
            if !pause.is_zero() {
                sleep(pause).await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_late_came_and_what_is_lost_did_not() {
        let witness = Witness::new("case", "ours");
        witness.came(Duration::from_millis(2));
        witness.came(Duration::from_millis(1500));
        witness.lost(3, "first".to_owned());
        witness.lost(1, "second".to_owned());
        let trial = witness.tell();
        assert_eq!((trial.good, trial.lost, trial.delayed), (2, 4, 1));
        assert_eq!(trial.first_problem.as_deref(), Some("first"));
        assert_eq!(trial.max_us, 1_500_000.0);
    }
}
