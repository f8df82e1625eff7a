//! Whether what was changed of a plugin serves: what its nodes say of it after the change, held against what they said before.

use crate::fleet::{Fleet, Quorum};
use futures_util::StreamExt as _;
use sidegate_model::UnixMillis;
use sidegate_model::clock::now_millis;
use sidegate_model::node::{NodeId, NodeReport};
use sidegate_model::plugin::PluginId;
use sidegate_model::snapshot::Revision;
use sidegate_model::status::{PluginState, PluginStatus, reload_warning};
use std::collections::HashMap;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout_at};

/// Where a node's word is late, it is asked again after this.
const PAUSE: Duration = Duration::from_millis(100);

/// What became of a change so far.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Served {
    /// So many nodes serve by it.
    On(usize),
    /// One of them does not, for this reason.
    Fails(String),
    /// Nothing is decided yet.
    Pending(String),
}

/// What nodes said of one plugin before it was changed.
pub(crate) struct Before {
    said: HashMap<NodeId, PluginStatus>,
    /// When that was.
    at: UnixMillis,
}

impl Before {
    /// What they say now.
    pub(crate) fn of(fleet: &dyn Fleet, plugin: PluginId) -> Self {
        let at = now_millis();
        let said = fleet.nodes().into_iter().filter_map(|report| {
            let status = report.plugins.into_iter().find(|status| status.id == plugin)?;
            Some((report.id, status))
        });
        Self { said: said.collect(), at }
    }

    /// Waits until all nodes that can be reached have `revision` and serve another process of the plugin, or one of them
    /// has failed; no longer than until `deadline`.
    pub(crate) async fn outlived(
        mut self,
        fleet: &dyn Fleet,
        (plugin, revision): (PluginId, Revision),
        deadline: Instant,
    ) -> Served {
        let mut changes = fleet.changes();
        if timeout_at(deadline, fleet.applied(revision, Quorum::Reachable)).await.is_err() {
            return Served::Pending("some gateways have not taken it up yet".to_owned());
        }
        loop {
            let decided = self.decided(fleet, plugin).await;
            if !matches!(decided, Served::Pending(_)) || Instant::now() >= deadline {
                return decided;
            }
            let next = async {
                tokio::select! {
                    Some(()) = changes.next() => {}
                    () = sleep(PAUSE) => {}
                }
            };
            // What is decided by then is told.
            let _ = timeout_at(deadline, next).await;
        }
    }

    async fn decided(&mut self, fleet: &dyn Fleet, plugin: PluginId) -> Served {
        let mut serving = 0;
        let mut pending = None;
        for (node, word) in self.words(&fleet.nodes(), plugin) {
            match word {
                Served::On(count) => serving += count,
                // Whoever cannot be reached says what it said last: nobody waits for it.
                _ if fleet.reach(&node).await.is_err() => {}
                Served::Fails(why) => return Served::Fails(format!("{node}: {why}")),
                Served::Pending(what) => pending = Some(format!("{node}: {what}")),
            }
        }
        pending.map_or(Served::On(serving), Served::Pending)
    }

    /// What each node says of the change. Where nobody knew what served before, a process is another one that has served
    /// since later than that, or that took the place of the first one that was seen.
    fn words(&mut self, nodes: &[NodeReport], plugin: PluginId) -> Vec<(NodeId, Served)> {
        let mut words = Vec::new();
        for report in nodes {
            let Some(now) = report.plugins.iter().find(|status| status.id == plugin) else {
                continue;
            };
            let is_known = self.said.get(&report.id).is_some_and(|before| {
                !matches!(before.state, PluginState::Starting | PluginState::Draining)
            });
            let is_later = now.ready_since.is_some_and(|since| since >= self.at);
            if !is_known && now.state == PluginState::Ready && !is_later {
                self.said.insert(report.id.clone(), now.clone());
            }
            words.push((report.id.clone(), decided(now, self.said.get(&report.id))));
        }
        words
    }
}

/// What one node says. What it said before already is no word on the change.
fn decided(now: &PluginStatus, before: Option<&PluginStatus>) -> Served {
    let is_same = before.is_some_and(|before| is_same(now, before));
    let reason = || now.reason.clone().unwrap_or_else(|| "it says no reason".to_owned());
    match now.state {
        // Another process than before may be of another change, which began earlier.
        PluginState::Ready if is_same || now.is_outdated => {
            let known = before.and_then(|before| before.reload_failure.as_ref());
            let failed = now.reload_failure.as_ref().filter(|failed| Some(*failed) != known);
            let still = || Served::Pending("the process before serves still".to_owned());
            failed.map_or_else(still, |why| Served::Fails(reload_warning(why)))
        }
        PluginState::Ready => Served::On(1),
        PluginState::Backoff | PluginState::Parked | PluginState::Stopped if !is_same => {
            Served::Fails(reason())
        }
        state => Served::Pending(format!("it is {}", state.as_str())),
    }
}

fn is_same(now: &PluginStatus, before: &PluginStatus) -> bool {
    let what = |status: &PluginStatus| {
        (status.state, status.pid, status.ready_since, status.restarts, status.next_start_at)
    };
    what(now) == what(before) && now.reason == before.reason
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::tests::{node, status};

    const PLUGIN: PluginId = PluginId(1);

    fn before(nodes: &[NodeReport]) -> Before {
        let of = |node: &NodeReport| Some((node.id.clone(), node.plugins.first()?.clone()));
        Before { said: nodes.iter().filter_map(of).collect(), at: 1000 }
    }

    fn word(before: &mut Before, now: PluginStatus) -> Served {
        before.words(&[node("a", vec![now])], PLUGIN).remove(0).1
    }

    #[test]
    fn a_change_serves_once_another_process_does() {
        use PluginState::{Backoff, Ready};
        let mut known = before(&[node("a", vec![status(1, Ready, 10)])]);
        assert!(matches!(word(&mut known, status(1, Ready, 10)), Served::Pending(_)));
        let of_an_earlier_change = PluginStatus { is_outdated: true, ..status(1, Ready, 11) };
        assert!(matches!(word(&mut known, of_an_earlier_change), Served::Pending(_)));
        assert_eq!(word(&mut known, status(1, Ready, 12)), Served::On(1));
        let mut down = before(&[node("a", vec![status(1, Backoff, 0)])]);
        assert_eq!(word(&mut down, status(1, Ready, 11)), Served::On(1));
        assert!(known.words(&[node("b", vec![status(2, Ready, 7)])], PLUGIN).is_empty());
    }

    #[test]
    fn where_nobody_knew_what_served_before_the_time_tells_or_the_next_process() {
        use PluginState::{Ready, Starting};
        let since = |pid, at| PluginStatus { ready_since: Some(at), ..status(1, Ready, pid) };
        for mut unknown in [before(&[]), before(&[node("a", vec![status(1, Starting, 0)])])] {
            assert!(matches!(word(&mut unknown, since(10, 900)), Served::Pending(_)));
            assert!(matches!(word(&mut unknown, since(10, 900)), Served::Pending(_)));
            assert_eq!(word(&mut unknown, since(11, 950)), Served::On(1), "a slow clock");
        }
        assert_eq!(word(&mut before(&[]), since(10, 1100)), Served::On(1));
    }

    #[test]
    fn what_failed_after_the_change_is_told_and_what_failed_before_is_waited_out() {
        use PluginState::{Backoff, Ready};
        let mut known = before(&[node("a", vec![status(1, Ready, 10)])]);
        let warned =
            PluginStatus { reload_failure: Some("refused".into()), ..status(1, Ready, 10) };
        let says_so = vec!["reload failed, says the plugin of itself".into()];
        let of_itself = PluginStatus { warnings: says_so, ..status(1, Ready, 10) };
        assert!(matches!(word(&mut known, of_itself), Served::Pending(_)));
        let told = word(&mut known, warned.clone());
        assert!(matches!(&told, Served::Fails(why) if why.contains("refused")), "{told:?}");
        let mut known = before(&[node("a", vec![warned.clone()])]);
        assert!(matches!(word(&mut known, warned), Served::Pending(_)));
        let down = PluginStatus { reason: Some("exit 3".into()), ..status(1, Backoff, 0) };
        let mut known = before(&[node("a", vec![down.clone()])]);
        assert!(matches!(word(&mut known, down.clone()), Served::Pending(_)));
        let again = PluginStatus { restarts: 1, ..down };
        assert!(matches!(word(&mut known, again), Served::Fails(_)));
    }
}
