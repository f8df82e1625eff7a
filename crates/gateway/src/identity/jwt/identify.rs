//! From a JWT that a request presents to what is known of its caller.

use super::cache::{GoodAt, VerifiedCache};
use super::keys::{IssuerKeys, KeyState};
use super::verify::{Unfit, Unverified, VerifiedJwt};
use crate::identity::newcomers::{Asked, Newcomers};
use crate::identity::unidentified::{Awaited, EXPIRED, INVALID, UNDECIDED, Unidentified};
use sidegate_jwt::key_set::KeySet;
use sidegate_jwt::reader::{MAX_BYTES, Malformed, Parts};
use sidegate_model::UnixMillis;
use sidegate_model::issuer::{Issuer, IssuerId, newcomers};
use sidegate_model::token::TokenHash;
use sidegate_plugins::{Generation, KnownIssuer, Mount};
use std::sync::{Arc, Weak};

/// What JWTs are verified by, and what is remembered of them; one for all shards.
#[derive(Default)]
pub(crate) struct Jwts {
    /// The keys of issuers.
    pub(crate) keys: IssuerKeys,
    cache: VerifiedCache,
}

impl Jwts {
    /// Finds out who presents a JWT at a plugin. Of `newcomers` the app of a client is asked that speaks for none yet; where
    /// there are none, it is only said that this would be done.
    ///
    /// # Errors
    /// [`Unidentified`] where it is not taken, or where that cannot be decided.
    pub(crate) fn identify(
        &self,
        (generation, mount): (&Generation, &Arc<Mount>),
        newcomers: Option<&Arc<Newcomers>>,
        text: &str,
        now: UnixMillis,
    ) -> Result<Arc<VerifiedJwt>, Unidentified> {
        let named = &mount.plugin.options.policy.issuers;
        if named.is_empty() {
            return Err(wrong("this plugin takes no JWTs: its option issuers names nobody"));
        }
        if text.len() > MAX_BYTES {
            return Err(wrong("it is longer than 8 KiB"));
        }
        if let Some(jwt) = self.cache.good_at(text, mount, &generation.issuers, &self.keys) {
            due(&jwt, now)?;
            return Ok(jwt);
        }
        let key_table = Arc::downgrade(&self.keys.all());
        let remembered = self.remembered(generation, text);
        // Another plugin may take it of another issuer with the same iss: of those that this one names the first counts.
        let is_first = |(jwt, _): &(Arc<VerifiedJwt>, GoodBy)| {
            let known = generation.issuers.get(jwt.issuer);
            let first = known.and_then(|_| generation.issuers.find(named, jwt.iss()));
            first.is_some_and(|first| first.issuer.id == jwt.issuer)
        };
        let (jwt, good_by) = match remembered.filter(is_first) {
            Some(remembered) => remembered,
            None => {
                let unverified = read(text).map_err(wrong)?;
                let url = unverified.claims.text("iss").ok_or(wrong("it has no iss"))?;
                let known = generation.issuers.find(named, url);
                let known = known.ok_or(wrong("its iss is no issuer that this plugin takes"))?;
                let (jwt, good_by) = self.verify(unverified, known)?;
                let jwt = Arc::new(jwt);
                if !jwt.is_of_newcomer() {
                    self.cache.insert(text, &jwt, now);
                }
                (jwt, good_by)
            }
        };
        let known = generation.issuers.get(jwt.issuer);
        let known = known.ok_or(wrong("its iss is no issuer that this plugin takes"))?;
        if !known.issuer.is_for(&jwt.audiences, mount.slug.as_str(), mount.own_host()) {
            return Err(wrong("its aud is nothing that stands for this plugin"));
        }
        due(&jwt, now)?;
        // Last of all, so that only a good JWT leads to an app.
        match jwt.is_of_newcomer() {
            true => match newcomers {
                Some(newcomers) => Err(without_app(known, &jwt, newcomers)),
                None => Err(wrong(would_be_made(generation, known, &jwt))),
            },
            false => {
                let (mount, issuers) = (Arc::downgrade(mount), Arc::downgrade(&generation.issuers));
                let (state, keys) = good_by;
                self.cache.note(text, GoodAt { mount, issuers, key_table, state, keys });
                Ok(jwt)
            }
        }
    }

    /// What is remembered of a JWT, where nothing has changed since that it stands on.
    fn remembered(
        &self,
        generation: &Generation,
        text: &str,
    ) -> Option<(Arc<VerifiedJwt>, GoodBy)> {
        let jwt = self.cache.get(text)?;
        let good_by = generation.issuers.get(jwt.issuer).and_then(|known| {
            let state = self.keys.of(known)?;
            let keys = state.good().filter(|keys| jwt.stands(known, keys))?;
            Some((state, Arc::downgrade(&keys)))
        });
        if good_by.is_none() {
            self.cache.remove(text);
        }
        Some((jwt, good_by?))
    }

    fn verify(
        &self,
        unverified: Unverified<'_>,
        known: &KnownIssuer,
    ) -> Result<(VerifiedJwt, GoodBy), Unidentified> {
        let id = known.issuer.id;
        let Some(state) = self.keys.of(known) else { return Err(awaits(id)) };
        let Some(keys) = state.good() else { return Err(without_keys(&state, &known.issuer)) };
        let verified = unverified.verify(known, &keys).map_err(|unfit| match unfit {
            Unfit::Wrong(why) => wrong(why),
            Unfit::Expired => EXPIRED,
            Unfit::UnknownKey => with_another_key(&state, &keys, id),
            // It may have been given another one since.
            Unfit::OtherName if state.looks.borrow().can_ask() => awaits(id),
            Unfit::OtherName => {
                wrong("its iss is not what the plugin that is its issuer calls itself")
            }
        })?;
        Ok((verified, (state, Arc::downgrade(&keys))))
    }

    /// How many JWTs are remembered.
    #[cfg(test)]
    pub(crate) fn remembered_count(&self) -> usize {
        self.cache.len()
    }
}

/// The keys that a JWT was verified by, or would be.
type GoodBy = (Arc<KeyState>, Weak<KeySet>);

/// That it counts now.
fn due(jwt: &VerifiedJwt, now: UnixMillis) -> Result<(), Unidentified> {
    jwt.is_due(now).map_err(|unfit| match unfit {
        Unfit::Expired => Unidentified { internal: "its exp is in the past", ..EXPIRED },
        Unfit::Wrong(why) => wrong(why),
        Unfit::UnknownKey | Unfit::OtherName => INVALID,
    })
}

fn read(text: &str) -> Result<Unverified<'_>, Malformed> {
    let parts = Parts::of(text).ok_or("it has not three parts")?;
    let (head, claims) = (parts.head()?, parts.claims()?);
    Ok(Unverified { parts, head, claims, hash: TokenHash::of(text) })
}

fn wrong(internal: Malformed) -> Unidentified {
    Unidentified { internal, ..INVALID }
}

/// Nothing can be said before the keys of this issuer were looked for once more.
fn awaits(issuer: IssuerId) -> Unidentified {
    let internal = "the keys of its issuer have to be fetched first";
    Unidentified { awaits: Some(Awaited::Keys(issuer)), internal, ..UNDECIDED }
}

/// It is good, its client speaks for no app yet, and none is to be made now: what would become of it.
fn would_be_made(generation: &Generation, known: &KnownIssuer, jwt: &VerifiedJwt) -> Malformed {
    match newcomers::app_for(&known.issuer, &jwt.client) {
        None => newcomers::NO_NAME,
        Some(app) if generation.has_app_beside(&app) => newcomers::NAME_TAKEN,
        Some(_) => "its client speaks for no app yet: one is made on first sight",
    }
}

/// It is good, and its client speaks for no app yet.
fn without_app(known: &KnownIssuer, jwt: &VerifiedJwt, newcomers: &Arc<Newcomers>) -> Unidentified {
    match newcomers.ask(known.issuer.id, &jwt.client) {
        Asked::No(why) => wrong(why),
        Asked::Unknown(internal) => Unidentified { internal, ..UNDECIDED },
        Asked::Soon(done) => {
            let internal = "the app of its client is being made";
            Unidentified {
                awaits: Some(Awaited::App(known.issuer.id, done)),
                internal,
                ..UNDECIDED
            }
        }
    }
}

/// There are no keys, or they are too old.
fn without_keys(state: &KeyState, issuer: &Issuer) -> Unidentified {
    match state.looks.borrow().can_ask() {
        true => awaits(issuer.id),
        false => Unidentified { internal: "the keys of its issuer cannot be fetched", ..UNDECIDED },
    }
}

/// There are keys, and none of them fits.
fn with_another_key(state: &KeyState, keys: &KeySet, issuer: IssuerId) -> Unidentified {
    let look = *state.looks.borrow();
    if look.can_ask() {
        return awaits(issuer);
    }
    match look.is_good {
        true if keys.is_empty() => wrong("its issuer has no keys of a known kind"),
        true => wrong("its issuer has no key of this kid"),
        // There may be one by now.
        false => Unidentified {
            internal: "it names a key that is not known, and the keys of its issuer cannot be fetched",
            ..UNDECIDED
        },
    }
}

/// Whether a JWT with which a caller was let in at a plugin would still let it in, but for its end and its app. That a key is
/// gone ends nothing that has begun.
pub(crate) fn stands(generation: &Generation, mount: Option<&Mount>, jwt: &VerifiedJwt) -> bool {
    generation.issuers.get(jwt.issuer).is_some_and(|known| {
        let is_taken = mount.is_none_or(|mount| {
            mount.plugin.options.policy.issuers.contains(&known.issuer.draft.name)
                && known.issuer.is_for(&jwt.audiences, mount.slug.as_str(), mount.own_host())
        });
        is_taken && jwt.stands_by(known)
    })
}
