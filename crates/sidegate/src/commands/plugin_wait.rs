//! Waiting for a plugin that was just told to run: until it serves, has failed, or time is up.
//!
//! It asks for the plugin's status; it changes nothing.

use crate::client::AdminApi;
use crate::error::Failure;
use crate::output::printable;
use crate::values::duration;
use clap::Args;
use sidegate_api::plugin::{StatusSummary, WholeStatusAttributes};
use sidegate_api::resource::Resource;
use sidegate_api::state::State;
use sidegate_model::duration::format_duration;
use sidegate_model::status::reload_warning;
use std::time::{Duration, Instant};

const PAUSE: Duration = Duration::from_millis(100);
/// After so long a person is told what is waited for, and again whenever that changes.
const PATIENCE: Duration = Duration::from_secs(2);

/// For how long a command waits.
#[derive(Debug, Clone, Args)]
pub(crate) struct Wait {
    /// How long to wait until the plugin serves
    #[arg(long, value_name = "DURATION", default_value = "15s", value_parser = duration, allow_hyphen_values = true)]
    wait: Duration,
    /// Do not wait until the plugin serves
    #[arg(long, conflicts_with = "wait")]
    no_wait: bool,
}

/// What became of a plugin that was told to run.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It serves.
    Ready,
    /// It does not, for this reason.
    Failed(String),
    /// Nothing is decided yet.
    Pending(String),
}

impl Wait {
    /// Asks until something is decided. `None` when nobody wants to wait. What served `before` is
    /// not what was asked for.
    ///
    /// # Errors
    /// When the admin API does not answer.
    pub(crate) async fn for_plugin(
        &self,
        api: &AdminApi,
        id: &str,
        before: Option<&WholeStatusAttributes>,
    ) -> Result<Option<Outcome>, Failure> {
        if self.no_wait {
            return Ok(None);
        }
        let begun = Instant::now();
        let mut told = None;
        loop {
            let status: Resource<WholeStatusAttributes> =
                api.get(&format!("plugins/{id}/status")).await?;
            match outcome(&status.attributes.summary, before.map(|before| &before.summary)) {
                Outcome::Pending(state) if begun.elapsed() >= self.wait => {
                    let waited = format_duration(self.wait);
                    return Ok(Some(Outcome::Pending(format!("after {waited} it is {state}"))));
                }
                Outcome::Pending(state) => {
                    if begun.elapsed() >= PATIENCE && told.as_ref() != Some(&state) {
                        eprintln!("waiting until it serves; it is {}", printable(&state));
                        told = Some(state);
                    }
                    tokio::time::sleep(PAUSE).await;
                }
                decided => return Ok(Some(decided)),
            }
        }
    }
}

/// What a status says. A plugin that waits for its next start has failed for now: the person who
/// started it wants to know why.
fn outcome(status: &StatusSummary, before: Option<&StatusSummary>) -> Outcome {
    let reason = || match &status.reason {
        Some(reason) => reason.clone(),
        None => "no reason was given; the log of the gateway may know more".to_owned(),
    };
    match status.state {
        State::Ready if !is_same_instance(status, before) => Outcome::Ready,
        State::Ready => failed_reload(status)
            .map_or_else(|| Outcome::Pending("still the instance before".into()), Outcome::Failed),
        State::Backoff | State::Parked => Outcome::Failed(reason()),
        State::Stopped if status.reason.is_some() => Outcome::Failed(reason()),
        state => Outcome::Pending(match &status.reason {
            Some(reason) => format!("{}: {reason}", state.as_str()),
            None => state.as_str().to_owned(),
        }),
    }
}

fn is_same_instance(status: &StatusSummary, before: Option<&StatusSummary>) -> bool {
    let is_same = |before: &StatusSummary| {
        before.pid == status.pid && before.ready_since == status.ready_since
    };
    status.pid.is_some() && before.is_some_and(is_same)
}

/// A reload that fails leaves the instance before in place.
fn failed_reload(status: &StatusSummary) -> Option<String> {
    status.reload_failure.as_deref().map(reload_warning)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(state: State, reason: Option<&str>) -> StatusSummary {
        let reason = reason.map(str::to_owned);
        StatusSummary { state, reason, pid: Some(7), ..StatusSummary::default() }
    }

    fn of(state: State, reason: Option<&str>) -> Outcome {
        outcome(&status(state, reason), None)
    }

    #[test]
    fn only_a_decision_ends_the_waiting() {
        assert_eq!(of(State::Ready, None), Outcome::Ready);
        assert_eq!(of(State::Starting, None), Outcome::Pending("starting".into()));
        let awaits = of(State::Starting, Some("it waits for x"));
        assert_eq!(awaits, Outcome::Pending("starting: it waits for x".into()));
        assert_eq!(of(State::Stopped, None), Outcome::Pending("stopped".into()));
        for state in [State::Parked, State::Backoff, State::Stopped] {
            assert_eq!(of(state, Some("why")), Outcome::Failed("why".into()), "{state:?}");
        }
        assert!(matches!(of(State::Parked, None), Outcome::Failed(_)));
    }

    #[test]
    fn a_reload_is_done_when_another_instance_serves_and_failed_when_the_status_says_so() {
        let ready = |pid: u32, since: &str| StatusSummary {
            pid: Some(pid),
            ready_since: Some(since.to_owned()),
            ..status(State::Ready, None)
        };
        let before = ready(7, "t1");
        assert!(matches!(outcome(&before, Some(&before)), Outcome::Pending(_)));
        assert_eq!(outcome(&ready(8, "t2"), Some(&before)), Outcome::Ready);
        let warning = "reload failed, the instance before goes on serving: exit code 1";
        let warnings = vec!["reload failed, says the plugin of itself".to_owned()];
        let of_itself = StatusSummary { warnings, ..ready(7, "t1") };
        assert!(matches!(outcome(&of_itself, Some(&before)), Outcome::Pending(_)));
        let reload_failure = Some("exit code 1".to_owned());
        let failed = StatusSummary { reload_failure, ..ready(7, "t1") };
        assert_eq!(outcome(&failed, Some(&before)), Outcome::Failed(warning.into()));
    }
}
