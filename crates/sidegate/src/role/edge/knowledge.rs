//! What an edge knows and since when, put together once a second and whenever something of it changes: for requests, which
//! are decided by it, for probes, and for the log.

use super::age::{Age, AgeFile};
use super::served::Served;
use sidegate_gateway::{Freshness, Knowledge, ServedPosition};
use sidegate_model::UnixMillis;
use sidegate_model::clock::now_millis;
use sidegate_model::namespace::Namespace;
use sidegate_sync::BootTime;
use sidegate_sync::edge::Contact;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// So old it may be without a word: streams end and begin again.
const FRESH_FOR: Duration = Duration::from_secs(30);
const TICK: Duration = Duration::from_secs(1);
/// Between two lines of the log.
const TELL_EVERY: Duration = Duration::from_secs(60);

/// Where all of it comes from.
#[derive(Clone)]
pub(super) struct Sources {
    /// What is served by.
    pub(super) served: watch::Receiver<Served>,
    /// What there must be something of.
    pub(super) namespaces: watch::Receiver<BTreeSet<Namespace>>,
    /// Whether the control plane is heard.
    pub(super) contact: watch::Receiver<Contact>,
    /// When the certificate ends, in seconds since the Unix epoch; 0 is unknown.
    pub(super) certificate_expiry: Arc<AtomicI64>,
    /// How old it may be for callers to be decided on.
    pub(super) max_staleness: Duration,
}

impl Sources {
    /// What is known when it is this old.
    pub(super) fn knowledge(&self, age: Duration) -> Knowledge {
        let (served, contact) = (self.served.borrow(), self.contact.borrow());
        let position =
            |(namespace, content): (&Namespace, &super::served::ServedContent)| ServedPosition {
                namespace: namespace.as_str().to_owned(),
                lineage: content.position.lineage,
                revision: content.position.revision,
            };
        let namespaces = self.namespaces.borrow();
        let is_complete =
            !namespaces.is_empty() && namespaces.iter().all(|name| served.contains_key(name));
        let expiry = self.certificate_expiry.load(Ordering::Relaxed);
        Knowledge {
            positions: served.iter().map(position).collect(),
            is_complete,
            is_connected: !matches!(*contact, Contact::Lost(_)),
            staleness: age,
            stale_because: (age >= FRESH_FOR || !is_complete).then(|| why(&contact, age)),
            is_too_old: age > self.max_staleness,
            rejected_objects: served.values().map(|content| content.rejected.len()).sum(),
            certificate_expiry: (expiry > 0).then_some(expiry),
        }
    }
}

fn why(contact: &Contact, age: Duration) -> String {
    let seconds = age.as_secs();
    match contact {
        Contact::Lost(reason) => {
            format!("no contact to the control plane for {seconds} s: {reason}")
        }
        Contact::Connected => {
            format!(
                "for {seconds} s it is not served by what is the newest, or the control plane does not say what that is"
            )
        }
        Contact::UpToDate(_) => {
            format!(
                "for {seconds} s the control plane has not said whether anything newer is published"
            )
        }
    }
}

/// Keeps `freshness` as it is, until it is dropped.
pub(super) async fn keep_told(
    mut sources: Sources,
    freshness: Arc<Freshness>,
    (mut age, mut file): (Age, AgeFile),
) {
    let mut told_at: Option<Instant> = None;
    let mut tick = tokio::time::interval(TICK);
    loop {
        let now = Instant::now();
        let boot = BootTime::now();
        let contact = sources.contact.borrow_and_update().clone();
        if let Contact::UpToDate(as_of) = contact
            && age.renew(as_of)
        {
            note(&mut file, boot, as_of).await;
        }
        sources.served.mark_unchanged();
        let knowledge = sources.knowledge(age.at(boot));
        tell(&knowledge, (&mut told_at, now));
        freshness.tell(knowledge);
        let Sources { served, contact, .. } = &mut sources;
        tokio::select! {
            _ = tick.tick() => {}
            changed = contact.changed() => if changed.is_err() { tick.tick().await; },
            changed = served.changed() => if changed.is_err() { tick.tick().await; },
        }
    }
}

/// Says on the disk that nothing newer is known. One that cannot be written loses what it says, no more.
async fn note(file: &mut AgeFile, now: BootTime, as_of: BootTime) {
    let Some(note) = file.due(now) else { return };
    let ago = UnixMillis::try_from(now.since(as_of).as_millis()).unwrap_or(UnixMillis::MAX);
    let at = now_millis().saturating_sub(ago);
    let written = tokio::task::spawn_blocking(move || note.write(at)).await;
    if let Ok(Err(failure)) = written {
        tracing::warn!("after a restart this edge may seem staler than it is: {}", failure.message);
    }
}

/// One line a minute while it is stale, and one when it is not any more.
fn tell(knowledge: &Knowledge, (told_at, now): (&mut Option<Instant>, Instant)) {
    let staleness_seconds = knowledge.staleness.as_secs();
    match &knowledge.stale_because {
        Some(reason) => {
            let is_due = |at| now.saturating_duration_since(at) >= TELL_EVERY;
            if told_at.is_none_or(is_due) {
                *told_at = Some(now);
                let refuses_tokens = knowledge.is_too_old;
                let state = if knowledge.is_complete { "stale" } else { "not ready" };
                tracing::warn!(state, staleness_seconds, refuses_tokens, "{reason}");
            }
        }
        None => {
            if told_at.take().is_some() {
                tracing::info!(staleness_seconds, "what this edge knows is fresh");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::served::ServedContent;
    use super::*;
    use sidegate_sync::Position;

    fn sources(contact: Contact, served: &[&str]) -> Sources {
        let namespace = |name: &str| Namespace::parse(name).unwrap();
        let content = || ServedContent {
            position: Position { lineage: 1, revision: 7 },
            published_at: 0,
            rejected: <_>::default(),
        };
        let served = served.iter().map(|name| (namespace(name), content())).collect();
        Sources {
            served: watch::channel(served).1,
            namespaces: watch::channel(["", "shop"].map(namespace).into()).1,
            contact: watch::channel(contact).1,
            certificate_expiry: Arc::default(),
            max_staleness: Duration::from_secs(3600),
        }
    }

    #[test]
    fn an_edge_knows_all_with_something_of_each_namespace() {
        let of = |served: &[&str]| {
            let known =
                sources(Contact::UpToDate(BootTime::now()), served).knowledge(Duration::ZERO);
            (known.is_complete, known.stale_because.is_some())
        };
        assert_eq!(of(&[]), (false, true));
        assert_eq!(of(&[""]), (false, true));
        assert_eq!(of(&["", "shop"]), (true, false));
    }

    #[test]
    fn a_lost_contact_is_told_after_a_while_and_refuses_tokens_after_a_longer_one() {
        let lost = sources(Contact::Lost("it is away".to_owned()), &["", "shop"]);
        let of = |seconds| {
            let known = lost.knowledge(Duration::from_secs(seconds));
            (known.stale_because.is_some(), known.is_too_old)
        };
        assert_eq!(of(29), (false, false));
        assert_eq!(of(30), (true, false));
        assert_eq!(of(3600), (true, false));
        assert_eq!(of(3601), (true, true));
        let told = lost.knowledge(Duration::from_secs(61)).stale_because.unwrap();
        assert_eq!(told, "no contact to the control plane for 61 s: it is away");
    }
}
