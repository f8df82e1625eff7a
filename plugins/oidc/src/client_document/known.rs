//! What was read of documents, for a while, in bounded memory. No host has more than its part of it, and where there is no
//! room the one goes that would be forgotten next: whoever fills it forgets what is theirs.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::settings::client::Client;

/// So many are remembered, and so many of one host.
const MOST: usize = 1000;
const MOST_OF_HOST: usize = 50;

/// Until when something is believed, and what: none where there was nothing to read.
type Read = (u64, Option<Arc<Client>>);

/// Documents by address.
#[derive(Default)]
pub(super) struct Known(Mutex<HashMap<String, (String, Read)>>);

impl Known {
    /// What is believed of an address now.
    pub(super) fn get(&self, id: &str, now: u64) -> Option<Option<Arc<Client>>> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (_, (until, client)) = known.get(id)?;
        (now < *until).then(|| client.clone())
    }

    /// Remembers what was read at an address of a host.
    pub(super) fn keep(&self, id: &str, host: &str, read: Read, now: u64) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|_, (_, (until, _))| now < *until);
        let of_host = known.values().filter(|(whose, _)| whose == host).count();
        let is_host_full = of_host >= MOST_OF_HOST;
        if is_host_full || known.len() >= MOST {
            let going = known.iter().filter(|(_, (whose, _))| !is_host_full || whose == host);
            let next = going.min_by_key(|(_, (_, (until, client)))| (client.is_some(), *until));
            if let Some(next) = next.map(|(id, _)| id.clone()) {
                known.remove(&next);
            }
        }
        known.insert(id.to_owned(), (host.to_owned(), read));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn len(known: &Known) -> usize {
        known.0.lock().unwrap().len()
    }

    #[test]
    fn nobody_fills_it_for_others() {
        let known = Known::default();
        known.keep("https://good.example/c", "good.example", (50, None), 0);
        for at in 0..10 * MOST_OF_HOST {
            known.keep(&format!("https://evil.example/{at}"), "evil.example", (100, None), 0);
        }
        assert_eq!(len(&known), MOST_OF_HOST + 1);
        assert!(known.get("https://good.example/c", 0).is_some());
        for at in 0..2 * MOST {
            known.keep(
                &format!("https://h{at}.example/c"),
                &format!("h{at}.example"),
                (40, None),
                0,
            );
        }
        assert_eq!(len(&known), MOST);
        assert!(known.get("https://good.example/c", 0).is_some(), "others end before");
        assert!(known.get("https://good.example/c", 50).is_none(), "it is over");
    }
}
