//! Waiting for a plugin that was just told to run: until it serves, has failed, or time is up.
//!
//! It asks for the plugin's status; it changes nothing.

use crate::client::AdminApi;
use crate::error::Failure;
use crate::output::{field, printable, text};
use crate::values::duration;
use clap::Args;
use serde_json::Value;
use sidegate_model::duration::format_duration;
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
    /// not what was asked for; null is nothing.
    ///
    /// # Errors
    /// When the admin API does not answer.
    pub(crate) async fn for_plugin(
        &self,
        api: &AdminApi,
        id: &str,
        before: &Value,
    ) -> Result<Option<Outcome>, Failure> {
        if self.no_wait {
            return Ok(None);
        }
        let begun = Instant::now();
        let mut told = None;
        loop {
            match outcome(&api.get(&format!("plugins/{id}/status")).await?, before) {
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
fn outcome(status: &Value, before: &Value) -> Outcome {
    let reason = || match field(status, "reason").as_str() {
        Some(reason) => reason.to_owned(),
        None => "no reason was given; the log of the gateway may know more".to_owned(),
    };
    match text(status, "state").as_str() {
        "ready" if !is_same_instance(status, before) => Outcome::Ready,
        "ready" => failed_reload(status)
            .map_or_else(|| Outcome::Pending("still the instance before".into()), Outcome::Failed),
        "backoff" | "parked" => Outcome::Failed(reason()),
        "stopped" if field(status, "reason").is_string() => Outcome::Failed(reason()),
        state => Outcome::Pending(match field(status, "reason").as_str() {
            Some(reason) => format!("{state}: {reason}"),
            None => state.to_owned(),
        }),
    }
}

fn is_same_instance(status: &Value, before: &Value) -> bool {
    let instance = |status| (field(status, "pid").as_u64(), text(status, "ready_since"));
    instance(status).0.is_some() && instance(status) == instance(before)
}

/// A reload that fails leaves the instance before in place and a warning about it.
fn failed_reload(status: &Value) -> Option<String> {
    let warnings = field(status, "warnings").as_array()?;
    let mut texts = warnings.iter().filter_map(Value::as_str);
    texts.find(|warning| warning.starts_with("reload failed")).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn of(status: &Value) -> Outcome {
        outcome(status, &Value::Null)
    }

    #[test]
    fn only_a_decision_ends_the_waiting() {
        assert_eq!(of(&json!({"state": "ready", "pid": 7})), Outcome::Ready);
        assert_eq!(of(&json!({"state": "starting"})), Outcome::Pending("starting".into()));
        let awaits = json!({"state": "starting", "reason": "it waits for x"});
        assert_eq!(of(&awaits), Outcome::Pending("starting: it waits for x".into()));
        assert_eq!(of(&json!({"state": "stopped"})), Outcome::Pending("stopped".into()));
        for state in ["parked", "backoff", "stopped"] {
            let status = json!({"state": state, "reason": "why"});
            assert_eq!(of(&status), Outcome::Failed("why".into()), "{state}");
        }
        assert!(matches!(of(&json!({"state": "parked"})), Outcome::Failed(_)));
    }

    #[test]
    fn a_reload_is_done_when_another_instance_serves_and_failed_when_a_warning_says_so() {
        let before = json!({"state": "ready", "pid": 7, "ready_since": "t1"});
        assert!(matches!(outcome(&before, &before), Outcome::Pending(_)));
        let after = json!({"state": "ready", "pid": 8, "ready_since": "t2"});
        assert_eq!(outcome(&after, &before), Outcome::Ready);
        let warning = "reload failed, the instance before goes on serving: exit code 1";
        let failed =
            json!({"state": "ready", "pid": 7, "ready_since": "t1", "warnings": [warning]});
        assert_eq!(outcome(&failed, &before), Outcome::Failed(warning.into()));
    }
}
