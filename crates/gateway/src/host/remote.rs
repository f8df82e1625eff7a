//! A plugin that runs already, at one or more addresses: connected, initialised, pinged, and left
//! alone in the end. It is in service while at least one address is.

use super::assignment::{Assignment, News, Order, Ready, forgotten, unless_stopped, warnings};
use super::connect::dial_remote;
use super::fault::Fault;
use super::flight::Recording;
use super::random::chance;
use super::session::Session;
use super::settings::HostLimits;
use crate::instance::{Features, InService, Instance};
use crate::lane::Address;
use futures_util::future::join_all;
use sidegate_model::endpoint::EndpointTable;
use sidegate_model::plugin::PluginSpec;
use sidegate_model::record::InstanceEnd;
use sidegate_wire::plugin::EndpointRegistration;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

/// The longest pause between two tries to reach an address again.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Looks after a plugin that runs elsewhere.
pub(super) struct Remote<'a> {
    pub(super) assignment: &'a mut Assignment,
    pub(super) addresses: &'a [String],
}

/// One address that answered.
struct Answered {
    session: Session,
    features: Vec<String>,
    registrations: Vec<EndpointRegistration>,
}

impl Remote<'_> {
    /// Carries the plugin through its life in this gateway.
    pub(super) async fn live(&mut self) {
        let setup = self.assignment.setup.clone();
        let spec = self.assignment.spec.clone();
        let limits = setup.settings.limits.with(&spec.options);
        let begun = Instant::now();
        let flight = self.assignment.recorder.begin();
        let open = join_all(self.addresses.iter().map(|a| answered(a, &spec, &limits)));
        let Some(answers) = unless_stopped(&mut self.assignment.orders, open).await else {
            return end(&flight, "stopped by the gateway", true);
        };
        let (ready, in_service) = match self.ready(&answers, begun) {
            Ok(ready) => ready,
            Err(fault) => {
                end(&flight, &fault.to_string(), false);
                return self.assignment.fail(&fault).await;
            }
        };
        let instance = ready.instance.clone();
        flight.ready(instance.open_calls());
        self.assignment.tell(News::Started(Box::new(ready))).await;
        let care = Care { spec, limits, in_service };
        let fault = self.watch(care.begin(self.addresses, answers), &instance).await;
        let reason = fault.as_ref().map_or("stopped by the gateway".to_owned(), Fault::to_string);
        end(&flight, &reason, fault.is_none());
        instance.close();
        if let Some(fault) = fault {
            tracing::warn!(plugin = self.assignment.spec.name, %fault, "remote plugin is given up");
            self.assignment.fail(&fault).await;
        }
    }

    /// What is ready when at least one address answered.
    fn ready(
        &self,
        answers: &[Result<Answered, Fault>],
        begun: Instant,
    ) -> Result<(Ready, InService), Fault> {
        let spec = &self.assignment.spec;
        let settings = &self.assignment.setup.settings;
        let good: Vec<_> = answers.iter().flatten().collect();
        let Some(first) = good.first() else {
            let reasons = answers.iter().filter_map(|answer| answer.as_ref().err());
            let reasons: Vec<_> = reasons.map(ToString::to_string).collect();
            return Err(Fault::NoAddress(reasons.join("; ")));
        };
        // What all of them can do.
        let common = first.features.iter().filter(|f| good.iter().all(|g| g.features.contains(f)));
        let features = Features::from_announced(&common.cloned().collect::<Vec<_>>());
        let endpoints = Arc::new(EndpointTable::build(first.registrations.clone()));
        let in_service: InService = answers.iter().map(|a| AtomicBool::new(a.is_ok())).collect();
        let addresses: Vec<_> = self.addresses.iter().cloned().map(Address::Tcp).collect();
        let mut told = warnings(spec, &endpoints, features, settings.max_body_bytes);
        told.extend(answers.iter().filter_map(|a| a.as_ref().err()).map(ToString::to_string));
        let served = (features, settings.shards);
        let ready = Ready {
            instance: Instance::at(spec.clone(), &addresses, served, in_service.clone()),
            endpoints,
            pid: None,
            sha256: None,
            warnings: told,
            start_duration: begun.elapsed(),
        };
        Ok((ready, in_service))
    }

    /// Waits for the end: ordered (`None`), or because no address is left.
    async fn watch(
        &mut self,
        (mut all_down, _care): (watch::Receiver<Option<String>>, JoinSet<()>),
        instance: &Arc<Instance>,
    ) -> Option<Fault> {
        let mut drained = false;
        loop {
            let order = *self.assignment.orders.borrow_and_update();
            if order == Order::Stop {
                return None;
            }
            tokio::select! {
                reason = told(&mut all_down) => return Some(Fault::NoAddress(reason)),
                changed = self.assignment.orders.changed() => if changed.is_err() {
                    return None;
                },
                () = forgotten(instance), if order == Order::Drain && !drained => {
                    drained = true;
                    self.assignment.tell(News::Drained).await;
                }
            }
        }
    }
}

/// Waits until something is told.
async fn told(source: &mut watch::Receiver<Option<String>>) -> String {
    match source.wait_for(Option::is_some).await {
        Ok(reason) => reason.clone().unwrap_or_default(),
        Err(_) => "nobody looks after its addresses any more".to_owned(),
    }
}

/// What it takes to look after the addresses.
struct Care {
    spec: Arc<PluginSpec>,
    limits: HostLimits,
    in_service: InService,
}

impl Care {
    /// Looks after each address in a task of its own; tells when the last one is out of service.
    fn begin(
        self,
        addresses: &[String],
        answers: Vec<Result<Answered, Fault>>,
    ) -> (watch::Receiver<Option<String>>, JoinSet<()>) {
        let (down, all_down) = watch::channel(None);
        let (care, down) = (Arc::new(self), Arc::new(down));
        let mut tasks = JoinSet::new();
        for (at, (address, answer)) in addresses.iter().zip(answers).enumerate() {
            let (care, down, address) = (care.clone(), down.clone(), address.clone());
            let session = answer.ok().map(|answered| answered.session);
            tasks.spawn(async move { care.address(at, &address, session, &down).await });
        }
        (all_down, tasks)
    }

    async fn address(
        &self,
        at: usize,
        address: &str,
        mut session: Option<Session>,
        down: &watch::Sender<Option<String>>,
    ) {
        let mut pause = self.limits.restart.base;
        loop {
            if let Some(session) = session.take() {
                self.in_service[at].store(true, Ordering::Relaxed);
                pause = self.limits.restart.base;
                let fault = session.unwell().await;
                self.in_service[at].store(false, Ordering::Relaxed);
                tracing::warn!(plugin = self.spec.name, address, %fault, "address out of service");
                if self.in_service.iter().all(|up| !up.load(Ordering::Relaxed)) {
                    down.send_replace(Some(format!("{address}: {fault}")));
                }
            }
            sleep(pause.mul_f64(1.0 + chance() / 4.0)).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
            match answered(address, &self.spec, &self.limits).await {
                Ok(again) => {
                    tracing::info!(plugin = self.spec.name, address, "address in service again");
                    session = Some(again.session);
                }
                Err(fault) => {
                    tracing::debug!(plugin = self.spec.name, address, %fault, "address is down");
                }
            }
        }
    }
}

/// Everything between the first connection and the first request.
async fn answered(
    address: &str,
    spec: &PluginSpec,
    limits: &HostLimits,
) -> Result<Answered, Fault> {
    let session = Session::with_stranger(dial_remote(address).await?, limits.clone());
    let features = session.initialize(spec).await?;
    let registrations = session.registrations().await?;
    session.ping().await?;
    Ok(Answered { session, features, registrations })
}

fn end(flight: &Recording, reason: &str, in_order: bool) {
    let reason = reason.to_owned();
    flight.ended(InstanceEnd { in_order, reason, ..InstanceEnd::default() });
}
