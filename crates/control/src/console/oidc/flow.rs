//! A sign-in that has begun and whose answer is still to come. The page keeps it, sealed, for its own origin and its own tab,
//! so that nobody who has not begun can finish, nothing is kept here of whoever never comes back, and any process of a
//! control plane can go on with it.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use sidegate_model::UnixMillis;
use sidegate_model::sealing::Keyring;
use sidegate_model::token::TokenHash;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use subtle::ConstantTimeEq;

/// How long somebody may take at the provider.
pub(crate) const LIFE: UnixMillis = 10 * 60 * 1000;
/// Most finished ones that are remembered; a code is good once at the provider, too.
const MOST_SPENT: usize = 4096;
const CONTEXT: &str = "a sign-in to the console";

/// What has to be known to finish.
#[derive(Serialize, Deserialize)]
pub(crate) struct Flow {
    /// The name of the provider.
    pub(crate) provider: String,
    /// What the answer has to bring back.
    pub(crate) state: String,
    /// What the ID token has to bring back.
    pub(crate) nonce: String,
    /// By which the provider knows who began.
    pub(crate) verifier: String,
    expires_at: UnixMillis,
}

impl Flow {
    /// A new one, at a provider.
    pub(crate) fn begin(provider: &str, now: UnixMillis) -> Result<Self, getrandom::Error> {
        Ok(Self {
            provider: provider.to_owned(),
            state: random()?,
            nonce: random()?,
            verifier: random()?,
            expires_at: now.saturating_add(LIFE),
        })
    }

    /// What is shown of the verifier at the beginning.
    pub(crate) fn challenge(&self) -> String {
        URL_SAFE_NO_PAD.encode(TokenHash::of(&self.verifier).0)
    }

    /// For the page.
    pub(crate) fn seal(&self, keys: &Keyring) -> String {
        let text = serde_json::to_string(self).expect("texts and a number can be written as JSON");
        keys.seal_text(CONTEXT, &text)
    }

    /// What the page brings back, with the state that the answer has; none where it is not both of one sign-in that began
    /// here a while ago.
    pub(crate) fn open(sealed: &str, state: &str, keys: &Keyring, now: UnixMillis) -> Option<Self> {
        let text = keys.open_text(CONTEXT, sealed).ok()?;
        let flow: Self = serde_json::from_str(&text).ok()?;
        let is_of_it = bool::from(flow.state.as_bytes().ct_eq(state.as_bytes()));
        (is_of_it && now < flow.expires_at).then_some(flow)
    }
}

/// Which ones were finished, well or not: each is good once.
#[derive(Default)]
pub(crate) struct Spent(Mutex<HashMap<TokenHash, UnixMillis>>);

impl Spent {
    /// Spends one, if it is not.
    pub(crate) fn spend(&self, flow: &Flow, now: UnixMillis) -> bool {
        let mut spent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if spent.len() >= MOST_SPENT {
            spent.retain(|_, until| *until > now);
        }
        if spent.len() >= MOST_SPENT {
            return false;
        }
        spent.insert(TokenHash::of(&flow.state), flow.expires_at).is_none()
    }
}

/// 256 bits that nobody guesses, in 43 characters.
fn random() -> Result<String, getrandom::Error> {
    let mut bytes = [0_u8; 32];
    getrandom::fill(&mut bytes)?;
    Ok(URL_SAFE_NO_PAD.encode(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_began_goes_on_in_time_with_the_right_state_and_once() {
        let keys = Keyring::single([1; 32]);
        let flow = Flow::begin("corp", 0).unwrap();
        let (sealed, state) = (flow.seal(&keys), flow.state.clone());
        let opens = |sealed: &str, state: &str, keys: &Keyring, now| {
            Flow::open(sealed, state, keys, now).is_some()
        };
        assert!(opens(&sealed, &state, &keys, LIFE - 1));
        assert!(!opens(&sealed, &state, &keys, LIFE));
        assert!(!opens(&sealed, "", &keys, 0));
        assert!(!opens(&sealed, &state[..42], &keys, 0));
        assert!(!opens(&sealed, &state, &Keyring::single([2; 32]), 0));
        let other = Flow::begin("corp", 0).unwrap();
        assert!(!opens(&other.seal(&keys), &state, &keys, 0));
        let spent = Spent::default();
        assert!(spent.spend(&flow, 0) && spent.spend(&other, 0));
        assert!(!spent.spend(&flow, 1));
        assert!(!sealed.contains(&flow.verifier) && !sealed.contains(&flow.nonce));
    }
}
