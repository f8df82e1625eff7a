//! A plugin that runs already, at one or more addresses: initialised, watched, and left alone in the
//! end, because it may serve others as well. It is in service while at least one address is. Where the
//! last one leaves, what is open there may finish.

use super::addresses::{
    AddressWatch, AddressWatcher, Answered, Offer, OutOfService, OutOfServiceReasons, first_round,
};
use super::assignment::{
    Affected, Assignment, Directive, ProcessEvent, Ready, unless_stopped, warnings,
};
use super::fault::Fault;
use super::recorder::Recording;
use crate::instance::{Address, InService, Instance, InstanceControl, Presence};
use sidegate_model::endpoint::EndpointTable;
use sidegate_model::record::InstanceEnd;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long calls may take to notice that their process is gone.
const CALLS_BREAK: Duration = Duration::from_millis(100);

/// No address is left.
struct Missing {
    fault: Fault,
    /// What is on its way will not end by itself.
    hangs: bool,
}

/// Looks after a plugin that runs elsewhere.
pub(super) struct Remote<'a> {
    pub(super) assignment: &'a mut Assignment,
    pub(super) addresses: &'a [String],
}

impl Remote<'_> {
    /// Carries the plugin through its life in this gateway.
    pub(super) async fn live(&mut self) {
        let setup = self.assignment.setup.clone();
        let spec = self.assignment.spec.clone();
        let limits = setup.settings.limits.of(&spec);
        let begun = Instant::now();
        let recording = self.assignment.recorder.begin();
        self.assignment.steps().awaits("an answer from its addresses").await;
        let round = first_round(self.addresses, &spec, &limits);
        let Some(mut answers) = unless_stopped(&mut self.assignment.directives, round).await else {
            return end(&recording, None, 0);
        };
        let Some(offer) = agree(&mut answers) else {
            let fault = Fault::NoAddress(self.told(&standing_of(&answers)).join("; "));
            end(&recording, Some(&fault), 0);
            return self.assignment.fail(&fault, Affected::default()).await;
        };
        let in_service: InService = answers.iter().map(|a| Presence::new(a.is_ok())).collect();
        let endpoints = Arc::new(EndpointTable::build(offer.registrations.clone()));
        let node_max_body = setup.calls.max_body_bytes;
        let lasting = warnings(&spec, &offer.schema, &endpoints);
        let addresses: Vec<_> = self.addresses.iter().cloned().map(Address::Tcp).collect();
        let (features, shards) = (offer.features, setup.calls.shards);
        let instance = Instance::at(spec.clone(), &addresses, features, shards, &in_service);
        let control = instance.control();
        recording.ready(control.open_calls());
        let ready = Ready {
            instance,
            warnings: self.with_standing(&lasting, &standing_of(&answers)),
            node_max_body: (!features.large_messages).then_some(node_max_body),
            endpoints,
            manifest: offer.manifest.clone(),
            config_schema: offer.schema.told(),
            pid: None,
            recipient: None,
            sha256: None,
            start_duration: begun.elapsed(),
        };
        self.assignment.tell(ProcessEvent::Started(Box::new(ready))).await;
        let watcher = AddressWatcher { spec, limits, in_service, offer };
        let watch = watcher.begin(self.addresses, answers);
        match self.watch(watch, &control, &lasting).await {
            None => {
                control.end_streams().await;
                end(&recording, None, control.open_calls().now_or_broken());
                control.close();
            }
            Some(Missing { fault, hangs: true }) => {
                let in_flight = control.open_calls().now_or_broken();
                end(&recording, Some(&fault), in_flight);
                control.close();
                self.assignment.fail(&fault, Affected { pid: None, in_flight }).await;
            }
            Some(Missing { fault, hangs: false }) => {
                self.linger(&recording, &fault, &control).await;
            }
        }
    }

    /// Nobody can be reached any more. A process that said goodbye finishes what is open; one that died
    /// took it along, and its connections have broken.
    async fn linger(&mut self, recording: &Recording, fault: &Fault, instance: &InstanceControl) {
        let open = instance.open_calls();
        let _ = tokio::time::timeout(CALLS_BREAK, instance.drained()).await;
        let in_flight = open.now_or_broken().saturating_sub(open.now());
        end(recording, Some(fault), in_flight);
        let victim = Affected { pid: None, in_flight };
        self.assignment.tell(ProcessEvent::Leaving { reason: fault.to_string(), victim }).await;
        // An order to stop comes at the latest when the time to drain is over.
        let _ = unless_stopped(&mut self.assignment.directives, instance.released()).await;
        instance.close();
    }

    /// Waits for the end: ordered (`None`), or because no address is left.
    async fn watch(
        &mut self,
        mut addresses: AddressWatch,
        instance: &InstanceControl,
        lasting: &[String],
    ) -> Option<Missing> {
        let mut drained = false;
        loop {
            let directive = *self.assignment.directives.borrow_and_update();
            if directive == Directive::Stop {
                return None;
            }
            tokio::select! {
                changed = addresses.reasons.changed() => {
                    if changed.is_err() {
                        let fault = Fault::Internal("nobody looks after its addresses");
                        return Some(Missing { fault, hangs: true });
                    }
                    let now = addresses.reasons.borrow_and_update().clone();
                    if now.iter().all(Option::is_some) {
                        let fault = Fault::NoAddress(self.told(&now).join("; "));
                        let hangs = now.iter().flatten().any(|absence| absence.hangs);
                        return Some(Missing { fault, hangs });
                    }
                    let warnings = self.with_standing(lasting, &now);
                    self.assignment.tell(ProcessEvent::Warnings(warnings)).await;
                }
                changed = self.assignment.directives.changed() => if changed.is_err() {
                    return None;
                },
                () = instance.released(), if directive == Directive::Drain && !drained => {
                    drained = true;
                    self.assignment.tell(ProcessEvent::Drained).await;
                }
            }
        }
    }

    /// Why addresses are out of service, in words.
    fn told(&self, standing: &OutOfServiceReasons) -> Vec<String> {
        let each = self.addresses.iter().zip(standing);
        each.filter_map(|(address, out)| Some(format!("{address}: {}", out.as_ref()?.why)))
            .collect()
    }

    fn with_standing(&self, lasting: &[String], standing: &OutOfServiceReasons) -> Vec<String> {
        let out = self.told(standing).into_iter().map(|told| format!("address {told}"));
        lasting.iter().cloned().chain(out).collect()
    }
}

/// What those that answered offer in common. Who offers other endpoints than the first counts as
/// one that did not answer.
fn agree(answers: &mut [Result<Answered, Fault>]) -> Option<Offer> {
    let mut common: Option<Offer> = None;
    for answer in answers {
        let Ok(Answered { offer, .. }) = answer else { continue };
        match &mut common {
            None => common = Some(offer.clone()),
            Some(common) if common.has_endpoints_of(offer) => {
                common.features = common.features.common(offer.features);
            }
            Some(_) => *answer = Err(Fault::OtherOffer),
        }
    }
    common
}

fn standing_of(answers: &[Result<Answered, Fault>]) -> OutOfServiceReasons {
    answers.iter().map(|answer| answer.as_ref().err().map(OutOfService::of)).collect()
}

fn end(recording: &Recording, fault: Option<&Fault>, in_flight: usize) {
    let reason = fault.map_or("stopped by the gateway".to_owned(), Fault::to_string);
    let in_order = fault.is_none();
    recording.ended(InstanceEnd { in_order, in_flight, reason, ..InstanceEnd::default() });
}
