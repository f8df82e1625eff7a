//! The addresses of a plugin that runs elsewhere: each is connected and initialised, watched while it
//! is in service, and tried again while it is not.
//!
//! What follows for the plugin as a whole is decided in `remote`.

use super::connect::dial_remote;
use super::fault::Fault;
use super::manifest::Manifest;
use super::random::chance;
use super::schema::Schema;
use super::session::Session;
use super::settings::HostLimits;
use crate::instance::{Features, InService, Presence};
use crate::rate_limited_log::RateLimitedLog;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use sidegate_model::endpoint::SCOPES_REQUIRED;
use sidegate_model::plugin::PluginSpec;
use sidegate_wire::plugin::EndpointRegistration;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

/// How long others are waited for at the start once one address has answered.
const STRAGGLERS: Duration = Duration::from_secs(1);
/// Between two pings for the sake of doubts.
const DOUBT_PAUSE: Duration = Duration::from_millis(250);

/// For each address why it is out of service; `None` while it serves.
pub(super) type OutOfServiceReasons = Vec<Option<OutOfService>>;

/// Why an address is out of service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OutOfService {
    pub(super) why: String,
    /// It is there and answers nothing: what is on its way to it will not end by itself.
    pub(super) hangs: bool,
}

impl OutOfService {
    /// What a fault says of the address.
    pub(super) fn of(fault: &Fault) -> Self {
        let hangs = matches!(fault, Fault::Timeout { .. });
        Self { why: fault.to_string(), hangs }
    }
}

/// One address that answered.
pub(super) struct Answered {
    session: Session,
    lost: CancellationToken,
    pub(super) offer: Offer,
}

/// What a process offers. All that serve together must agree in it.
#[derive(Clone)]
pub(super) struct Offer {
    pub(super) features: Features,
    pub(super) registrations: Vec<EndpointRegistration>,
    pub(super) manifest: Manifest,
    pub(super) schema: Schema,
}

impl Offer {
    /// Whether requests that were made for this offer can go to that one.
    fn is_met_by(&self, other: &Self) -> bool {
        self.features.common(other.features) == self.features && self.has_endpoints_of(other)
    }

    /// Whether both name the same endpoints, in whatever order.
    pub(super) fn has_endpoints_of(&self, other: &Self) -> bool {
        self.keys() == other.keys()
    }

    fn keys(&self) -> Vec<RoutingKey<'_>> {
        let mut keys: Vec<_> = self.registrations.iter().map(RoutingKey::of).collect();
        keys.sort_unstable();
        keys
    }
}

/// What routing and access heed of a registration.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct RoutingKey<'a> {
    path: &'a str,
    /// In capitals and in order.
    methods: Vec<String>,
    require_auth: bool,
    scopes_required: Option<&'a str>,
    stream_response: bool,
}

impl<'a> RoutingKey<'a> {
    fn of(registration: &'a EndpointRegistration) -> Self {
        let mut methods: Vec<_> =
            registration.methods.iter().map(|method| method.to_ascii_uppercase()).collect();
        methods.sort_unstable();
        Self {
            path: &registration.path,
            methods,
            require_auth: registration.require_auth,
            scopes_required: registration.metadata.get(SCOPES_REQUIRED).map(String::as_str),
            stream_response: registration.stream_response,
        }
    }
}

/// Asks all addresses at once. Comes back when all have answered, or some time after the first good
/// answer, or when none is left that could give one.
pub(super) async fn first_round(
    addresses: &[String],
    spec: &PluginSpec,
    limits: &HostLimits,
) -> Vec<Result<Answered, Fault>> {
    let mut answers: Vec<_> = addresses.iter().map(|_| Err(Fault::NotYet)).collect();
    let ask = async |(at, address): (usize, &String)| (at, answered(address, spec, limits).await);
    let mut asked: FuturesUnordered<_> = addresses.iter().enumerate().map(ask).collect();
    while let Some((at, answer)) = asked.next().await {
        let is_good = answer.is_ok();
        answers[at] = answer;
        if is_good {
            break;
        }
    }
    let others = async {
        while let Some((at, answer)) = asked.next().await {
            answers[at] = answer;
        }
    };
    // Who is late is asked again by who looks after it.
    let _ = tokio::time::timeout(STRAGGLERS, others).await;
    answers
}

/// Everything between the first connection and the first request.
async fn answered(
    address: &str,
    spec: &PluginSpec,
    limits: &HostLimits,
) -> Result<Answered, Fault> {
    let (channel, lost) = dial_remote(address).await?;
    let session = Session::with_stranger(channel, limits.clone());
    let features = Features::from_announced(&session.initialize(spec).await?);
    let (registrations, manifest, schema) =
        tokio::join!(session.registrations(), session.manifest(), session.config_schema());
    session.ping().await?;
    let offer = Offer { features, registrations: registrations?, manifest, schema };
    Ok(Answered { session, lost, offer })
}

/// Tasks that look after the addresses, until this is dropped.
pub(super) struct AddressWatch {
    /// Why addresses are out of service now.
    pub(super) reasons: watch::Receiver<OutOfServiceReasons>,
    _tasks: JoinSet<()>,
}

/// What it takes to look after the addresses.
pub(super) struct AddressWatcher {
    pub(super) spec: Arc<PluginSpec>,
    pub(super) limits: HostLimits,
    pub(super) in_service: InService,
    pub(super) offer: Offer,
}

impl AddressWatcher {
    /// Looks after each address in a task of its own, and tells how all of them stand.
    pub(super) fn begin(
        self,
        addresses: &[String],
        answers: Vec<Result<Answered, Fault>>,
    ) -> AddressWatch {
        let why = |answer: &Result<Answered, _>| answer.as_ref().err().map(OutOfService::of);
        let (tell, reasons) = watch::channel(answers.iter().map(why).collect());
        let (watcher, tell) = (Arc::new(self), Arc::new(tell));
        let mut tasks = JoinSet::new();
        for (at, (address, answer)) in addresses.iter().zip(answers).enumerate() {
            let (watcher, tell, address) = (watcher.clone(), tell.clone(), address.clone());
            tasks.spawn(async move { watcher.address(at, &address, answer.ok(), &tell).await });
        }
        AddressWatch { reasons, _tasks: tasks }
    }

    async fn address(
        &self,
        at: usize,
        address: &str,
        mut answer: Option<Answered>,
        tell: &watch::Sender<OutOfServiceReasons>,
    ) {
        let (plugin, presence) = (&self.spec.name, &self.in_service[at]);
        let say = |why: Option<OutOfService>| {
            tell.send_if_modified(|standing| {
                let is_news = standing[at] != why;
                standing[at] = why;
                is_news
            });
        };
        let mut pause = self.limits.restart.base;
        // One that comes and goes says so now and then.
        let changes = RateLimitedLog::new();
        let mut is_logged = false;
        loop {
            if let Some(answered) = answer.take() {
                presence.set(true);
                say(None);
                pause = self.limits.restart.base;
                let fault = trouble(&answered, presence).await;
                presence.set(false);
                let is_last = tell.borrow().iter().enumerate().all(|(i, w)| i == at || w.is_some());
                let times = if is_last { None } else { changes.due() };
                is_logged = times.is_some();
                if let Some(times) = times {
                    tracing::warn!(plugin, address, times, %fault, "address out of service");
                } else {
                    // Where it is the last one, the plugin as a whole fails, which is told with the reason.
                    tracing::debug!(plugin, address, is_last, %fault, "address out of service");
                }
                say(Some(OutOfService::of(&fault)));
            }
            sleep(pause.mul_f64(1.0 + chance() / 4.0)).await;
            pause = (pause * 2).min(self.limits.restart.max);
            match self.again(address).await {
                Ok(again) => {
                    if is_logged {
                        tracing::info!(plugin, address, "address in service");
                    } else {
                        tracing::debug!(plugin, address, "address in service");
                    }
                    answer = Some(again);
                }
                Err(fault) => {
                    tracing::debug!(plugin, address, %fault, "address is still out of service");
                    say(Some(OutOfService::of(&fault)));
                }
            }
        }
    }

    async fn again(&self, address: &str) -> Result<Answered, Fault> {
        let answered = answered(address, &self.spec, &self.limits).await?;
        if self.offer.is_met_by(&answered.offer) { Ok(answered) } else { Err(Fault::OtherOffer) }
    }
}

/// Waits until an address must not be asked any more, and says why. Meanwhile tells those who have made a
/// new connection to it that its process is still the one that was initialised: it answers on the
/// connection on which it was, which is never made anew.
async fn trouble(answered: &Answered, presence: &Presence) -> Fault {
    let session = &answered.session;
    let doubts = async {
        loop {
            presence.doubted().await;
            if let Err(fault) = session.ping().await {
                return fault;
            }
            sleep(DOUBT_PAUSE).await;
        }
    };
    let asked = async {
        loop {
            let askers = presence.asked().await;
            match session.ping().await {
                Ok(()) => askers.confirm(),
                Err(fault) => return fault,
            }
        }
    };
    tokio::select! {
        () = answered.lost.cancelled() => Fault::Lost,
        fault = session.unwell() => fault,
        fault = doubts => fault,
        fault = asked => fault,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offer(paths: &[&str], header_list: bool) -> Offer {
        let registration = |path: &&str| EndpointRegistration {
            path: (*path).to_owned(),
            ..EndpointRegistration::default()
        };
        let features = Features { header_list, ..Features::default() };
        let registrations = paths.iter().map(registration).collect();
        Offer { features, registrations, manifest: Manifest::default(), schema: Schema::default() }
    }

    #[test]
    fn an_offer_is_met_by_the_same_endpoints_in_any_order_and_by_more_features() {
        let (old, new) = (offer(&["/a", "/b"], false), offer(&["/b", "/a"], true));
        assert!(old.is_met_by(&new) && !new.is_met_by(&old));
        assert!(!old.is_met_by(&offer(&["/a"], false)));
        assert!(!old.is_met_by(&offer(&["/a", "/c"], false)));
    }
}
