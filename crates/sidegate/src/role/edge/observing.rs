//! What moves on this edge, as its control plane asks for it.

use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use serde_json::Value;
use sidegate_gateway::Probes;
use sidegate_model::metrics_history::History;
use sidegate_model::observation::{Observation, ObservationQuestion};
use sidegate_model::plugin_event::{PluginEvent, PluginEvents};
use sidegate_model::traffic::OpenRequests;
use sidegate_plugins::host::HostHandle;
use sidegate_sync::limits::MAX_ANSWER_BYTES;

/// Bytes of what is told in one answer, with room for what is around them.
const MOST_ANSWER_BYTES: usize = MAX_ANSWER_BYTES - 4096;

/// The answers to a question.
pub(super) fn observed(
    probes: &Probes,
    plugins: &HostHandle,
    question: ObservationQuestion,
) -> BoxStream<'static, Result<Value, String>> {
    let answers = match question {
        ObservationQuestion::OpenRequests(filter) => {
            vec![Observation::OpenRequests(within_answer(probes.open_requests(&filter)))]
        }
        ObservationQuestion::EndRequest(number) => {
            vec![Observation::Ended(probes.end_request(number))]
        }
        ObservationQuestion::History(span, of) => parts(probes.history(span, &of)),
        ObservationQuestion::Events(plugin, with_payload) => {
            vec![Observation::Events(short_enough(plugins.events(plugin, with_payload)))]
        }
        ObservationQuestion::Traffic(filter) => {
            let watch = probes.watch_traffic(filter);
            let items = stream::unfold(watch, |mut watch| async move {
                let item = watch.next().await?;
                Some((json(&Observation::Traffic(item)), watch))
            });
            return items.boxed();
        }
    };
    stream::iter(answers.into_iter().map(|answer| json(&answer))).boxed()
}

/// Those that have been open longest, as many as an answer has room for; how many there are is told all the same.
fn within_answer(mut open: OpenRequests) -> OpenRequests {
    let mut room = MOST_ANSWER_BYTES;
    let fits = open.oldest.iter().take_while(|request| {
        let bytes = serde_json::to_vec(request).map_or(usize::MAX, |text| text.len() + 1);
        room.checked_sub(bytes).inspect(|left| room = *left).is_some()
    });
    let fitting = fits.count();
    open.oldest.truncate(fitting);
    open
}

/// Payloads are left out of the oldest ones where the answer has no room for them beside all the rest.
fn short_enough(mut events: PluginEvents) -> PluginEvents {
    let bytes =
        |event: &PluginEvent| serde_json::to_vec(event).map_or(usize::MAX, |text| text.len() + 1);
    let whole: Vec<usize> = events.newest.iter().map(bytes).collect();
    let payloads: Vec<_> = events.newest.iter_mut().map(|event| event.payload.take()).collect();
    let rest = events.newest.iter().map(bytes).fold(0, usize::saturating_add);
    let mut room = MOST_ANSWER_BYTES.saturating_sub(rest);
    for ((event, payload), whole) in events.newest.iter_mut().zip(payloads).zip(whole) {
        let Some(left) = room.checked_sub(whole.saturating_sub(bytes(event))) else { break };
        (event.payload, room) = (payload, left);
    }
    events
}

/// One series in each, because an answer has a bound.
fn parts(history: History) -> Vec<Observation> {
    let History { from, whole, plugins } = history;
    let nothing = vec![None; whole.len()];
    let first = History { from, whole, plugins: Vec::new() };
    let others = plugins.into_iter().map(|plugin| History {
        from,
        whole: nothing.clone(),
        plugins: vec![plugin],
    });
    [first].into_iter().chain(others).map(Observation::History).collect()
}

fn json(answer: &Observation) -> Result<Value, String> {
    serde_json::to_value(answer).map_err(|_| "the answer cannot be put into words".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_plugins_publish_fits_into_an_answer_whatever_is_in_it() {
        let event = PluginEvent {
            topic: "\u{1}".repeat(512),
            payload: Some("\u{1}".repeat(2048)),
            ..<_>::default()
        };
        let told = short_enough(PluginEvents { newest: vec![event; 50], published: 50 });
        assert!(
            json(&Observation::Events(told.clone())).unwrap().to_string().len() <= MAX_ANSWER_BYTES
        );
        assert!(told.newest[0].payload.is_some() && told.newest[49].payload.is_none());
        assert_eq!(told.newest.len(), 50);
    }

    use sidegate_model::metrics_history::{HistorySpan, PluginHistory, Sample};

    #[test]
    fn the_longest_history_there_is_fits_into_answers_and_comes_together_again() {
        let sample = Sample {
            requests: u32::MAX - 1,
            errors: u32::MAX,
            p50_ms: 12_345.678,
            p90_ms: 59_999.99,
            p99_ms: 59_999.99,
            in_flight: u32::MAX,
            memory_kib: u32::MAX,
            cpu_percent: 6_399.999,
        };
        let samples = vec![Some(sample); HistorySpan::DAY.steps];
        let plugin =
            |name: &str| PluginHistory { plugin: name.to_owned(), samples: samples.clone() };
        let plugins = vec![plugin("a"), plugin("b")];
        let history = History { from: 0, whole: samples.clone(), plugins };
        let mut together = History::empty(HistorySpan::DAY, 0);
        for part in parts(history.clone()) {
            assert!(json(&part).unwrap().to_string().len() < 200_000);
            let Observation::History(part) = part else { panic!("{part:?}") };
            together.add(HistorySpan::DAY, part);
        }
        assert_eq!(together, history);
    }
}
