//! Plugins that run by themselves, for `grpc://` commands: served, taken in turns, missed, and back
//! again; and what the operator of the gateway lets run at all.

use serde_json::json;
use sidegate_api::plugin::WholeStatusAttributes;
use sidegate_api::state::State;
use sidegate_e2e::{
    Gateway, Plugin, PluginBuilder, eventually, freeze, is_alive, kill, program, story, terminate,
    thaw,
};
use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStderr, Command, Stdio};

/// A plugin that no gateway started.
struct Elsewhere {
    child: Child,
    address: String,
    /// Held open, because what it prints must go somewhere.
    _stderr: BufReader<ChildStderr>,
}

impl Elsewhere {
    fn lab() -> Self {
        Self::start("sidegate-plugin-lab", "127.0.0.1:0")
    }

    /// Starts a program and waits until it says where it listens.
    fn start(name: &str, address: &str) -> Self {
        Self::start_with(name, address, "20s")
    }

    /// Starts one that may finish open calls for so long when it is told to stop.
    fn start_with(name: &str, address: &str, drain: &str) -> Self {
        let mut child = Command::new(program(name))
            .env_clear()
            .env("PLUGIN_LISTEN", address)
            .env("PLUGIN_DRAIN_TIMEOUT", drain)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stderr = BufReader::new(child.stderr.take().unwrap());
        let mut line = String::new();
        stderr.read_line(&mut line).unwrap();
        let (_, address) =
            line.trim_end().rsplit_once("grpc://").unwrap_or_else(|| panic!("{line}"));
        let address = address.to_owned();
        Self { child, address, _stderr: stderr }
    }

    fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits until it has ended by itself; tells whether it says that all went well.
    async fn ended(&mut self) -> bool {
        eventually("it ends", async || self.child.try_wait().unwrap()).await.success()
    }

    /// Ends it as `kill -9` does and starts another one at its address.
    fn replace(&mut self) {
        kill(self.pid());
        self.child.wait().unwrap();
        *self = Self::start("sidegate-plugin-lab", &self.address);
    }

    /// Ends it as `kill -9` does; gives its address.
    fn kill(mut self) -> String {
        kill(self.pid());
        self.child.wait().unwrap();
        std::mem::take(&mut self.address)
    }
}

impl Drop for Elsewhere {
    fn drop(&mut self) {
        // It may have been killed and waited for already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Registers `lab` at these addresses; every pause between two tries is short.
fn at(gateway: &Gateway, addresses: &[&str]) -> PluginBuilder {
    let command = format!("grpc://{}", addresses.join(","));
    let plugin = gateway.plugin("lab").command(&command);
    plugin.option("restart.base", "20ms").option("restart.max", "200ms")
}

/// The processes that answer a few requests in a row. None of them may fail.
async fn answering(gateway: &Gateway) -> BTreeSet<u32> {
    let mut pids = BTreeSet::new();
    for _ in 0..20 {
        let answer = gateway.get("/plugins/lab/pid").send().await.expect(200);
        pids.insert(answer.text().parse().unwrap());
    }
    pids
}

fn warns_of(address: &str) -> impl Fn(&WholeStatusAttributes) -> bool {
    move |status| status.summary.warnings.join("\n").contains(address)
}

#[test]
fn a_plugin_that_runs_elsewhere_is_served_and_left_alone() {
    story(async {
        let (gateway, lab) = (Gateway::start().await, Elsewhere::lab());
        let plugin = at(&gateway, &[&lab.address]).ready().await;
        assert_eq!(answering(&gateway).await, BTreeSet::from([lab.pid()]));
        let events = gateway.get("/plugins/lab/sse?n=5&interval_ms=1").send().await.expect(200);
        assert_eq!(events.text().matches("data: ").count(), 5, "{}", events.text());
        let body = vec![b'x'; 1 << 20];
        let echo = gateway.post("/plugins/lab/large").body(body).send().await.expect(200);
        assert_eq!(echo.json()["body_len"], 1 << 20);
        assert_eq!(plugin.status().await.summary.pid, None);
        plugin.change(&json!({"is_active": false})).await;
        plugin.wait_state(State::Stopped).await;
        gateway.get("/plugins/lab/pid").send().await.expect(404);
        plugin.change(&json!({"is_active": true})).await;
        plugin.wait_ready().await;
        plugin.reload().await;
        plugin.remove().await;
        assert!(is_alive(lab.pid()), "it may serve others");
    });
}

#[test]
fn two_gateways_share_one_plugin() {
    story(async {
        let (one, two, lab) = (Gateway::start().await, Gateway::start().await, Elsewhere::lab());
        at(&one, &[&lab.address]).ready().await;
        // Another number, so that it is known by another one there.
        two.plugin("echo").ready().await;
        let plugin = at(&two, &[&lab.address]).ready().await;
        for gateway in [&one, &two] {
            assert_eq!(answering(gateway).await, BTreeSet::from([lab.pid()]));
        }
        plugin.remove().await;
        assert_eq!(answering(&one).await, BTreeSet::from([lab.pid()]));
    });
}

#[test]
fn addresses_take_turns() {
    story(async {
        let (gateway, one, two) = (Gateway::start().await, Elsewhere::lab(), Elsewhere::lab());
        at(&gateway, &[&one.address, &two.address]).ready().await;
        assert_eq!(answering(&gateway).await, BTreeSet::from([one.pid(), two.pid()]));
    });
}

#[test]
fn an_address_that_falls_silent_is_skipped_until_it_is_back() {
    story(async {
        let (gateway, one, two) = (Gateway::start().await, Elsewhere::lab(), Elsewhere::lab());
        let plugin = at(&gateway, &[&one.address, &two.address]).ready().await;
        let address = one.kill();
        plugin.wait_for("it is missed", warns_of(&address)).await;
        assert_eq!(answering(&gateway).await, BTreeSet::from([two.pid()]));
        assert_eq!(plugin.status().await.summary.state, State::Ready);
        // The new process was never initialised; no request reaches it before it is.
        let one = Elsewhere::start("sidegate-plugin-lab", &address);
        let both = BTreeSet::from([one.pid(), two.pid()]);
        eventually("both serve", async || (answering(&gateway).await == both).then_some(())).await;
        let status = plugin.wait_for("nothing is missed", |s| s.summary.warnings.is_empty()).await;
        assert_eq!(status.summary.restarts, 0, "{status:?}");
    });
}

#[test]
fn an_address_that_hangs_is_skipped_until_it_goes_on() {
    story(async {
        let (gateway, one, two) = (Gateway::start().await, Elsewhere::lab(), Elsewhere::lab());
        let pings = at(&gateway, &[&one.address, &two.address]).option("ping_interval", "50ms");
        let plugin = pings.option("ping_timeout", "300ms").ready().await;
        freeze(one.pid());
        let status = plugin.wait_for("it is missed", warns_of(&one.address)).await;
        assert!(status.summary.warnings.join("\n").contains("Ping"), "{status:?}");
        assert_eq!(answering(&gateway).await, BTreeSet::from([two.pid()]));
        thaw(one.pid());
        let both = BTreeSet::from([one.pid(), two.pid()]);
        eventually("both serve", async || (answering(&gateway).await == both).then_some(())).await;
    });
}

#[test]
fn an_address_that_starts_anew_is_initialised_before_it_is_asked() {
    story(async {
        let (gateway, mut one, two) = (Gateway::start().await, Elsewhere::lab(), Elsewhere::lab());
        at(&gateway, &[&one.address, &two.address]).ready().await;
        for _ in 0..5 {
            // So fast that no ping could notice.
            one = Elsewhere::start("sidegate-plugin-lab", &one.kill());
            eventually("the new process serves", async || {
                let answer = gateway.get("/plugins/lab/pid").send().await;
                if answer.status != 200 {
                    // Only what was on its way may fail.
                    answer.is_error(502, "plugin_broke_off", "plugin");
                }
                (answer.text() == one.pid().to_string()).then_some(())
            })
            .await;
        }
    });
}

#[test]
fn a_process_that_took_the_place_of_another_unseen_is_initialised_before_it_is_asked() {
    story(async {
        let (gateway, mut one, mut two) =
            (Gateway::start().await, Elsewhere::lab(), Elsewhere::lab());
        let plugin = at(&gateway, &[&one.address, &two.address]).ready().await;
        for _ in 0..5 {
            let mut clients = Vec::new();
            for _ in 0..20 {
                clients.push(gateway.raw().await);
            }
            // All at once: that the processes are gone, that there are others, and requests.
            freeze(gateway.pid());
            for old in [&mut one, &mut two] {
                old.replace();
            }
            for client in &mut clients {
                client.send("GET /plugins/lab/pid HTTP/1.1\r\nHost: h\r\n\r\n").await;
            }
            thaw(gateway.pid());
            for mut client in clients {
                let answer = client.answer().await;
                match answer.status.as_u16() {
                    200 => {}
                    // What was on its way, or found nobody.
                    502 => answer.is_error(502, "plugin_broke_off", "plugin"),
                    status => assert_eq!(status, 503, "{}", answer.describe()),
                }
            }
            plugin.wait_ready().await;
            plugin.wait_for("nothing is missed", |s| s.summary.warnings.is_empty()).await;
        }
    });
}

#[test]
fn while_no_address_answers_the_gateway_says_why_and_goes_on_trying() {
    story(async {
        let (gateway, one, two) = (Gateway::start().await, Elsewhere::lab(), Elsewhere::lab());
        let plugin = at(&gateway, &[&one.address, &two.address]).ready().await;
        let addresses = [one.kill(), two.kill()];
        let status = plugin.wait_state(State::Backoff).await;
        let reason = status.summary.reason.clone().unwrap_or_default();
        for address in &addresses {
            assert!(reason.contains(address.as_str()), "{status:?}");
        }
        assert!(reason.contains("refused"), "{status:?}");
        let answer = gateway.get("/plugins/lab/pid").send().await.expect(503);
        assert!(answer.header("retry-after").is_some(), "{}", answer.describe());
        // More failures than park a program.
        plugin.wait_for("it goes on trying", |s| s.summary.restarts > 12).await;
        let two = Elsewhere::start("sidegate-plugin-lab", &addresses[1]);
        let status = plugin.wait_state(State::Ready).await;
        assert!(warns_of(&addresses[0])(&status), "{status:?}");
        assert_eq!(answering(&gateway).await, BTreeSet::from([two.pid()]));
        let one = Elsewhere::start("sidegate-plugin-lab", &addresses[0]);
        let both = BTreeSet::from([one.pid(), two.pid()]);
        eventually("both serve", async || (answering(&gateway).await == both).then_some(())).await;
    });
}

#[test]
fn an_open_stream_is_cut_with_its_process() {
    story(async {
        let (gateway, lab) = (Gateway::start().await, Elsewhere::lab());
        let plugin = at(&gateway, &[&lab.address]).ready().await;
        let mut stream = gateway.get("/plugins/lab/sse?n=inf&interval_ms=5").open().await;
        stream.read_until("\n\n").await;
        lab.kill();
        stream.rest().await.unwrap_err();
        let status = plugin.wait_state(State::Backoff).await;
        assert!(
            status.summary.reason.as_deref().unwrap_or_default().contains("no address"),
            "{status:?}"
        );
    });
}

#[test]
fn another_configuration_needs_a_restart_of_the_plugin() {
    story(async {
        let (gateway, lab) = (Gateway::start().await, Elsewhere::lab());
        let plugin = at(&gateway, &[&lab.address]).ready().await;
        plugin.change(&json!({"config": {"slug": "lab", "require_auth": "true"}})).await;
        let told = |status: &WholeStatusAttributes| {
            status.summary.warnings.join("\n").contains("restart it")
        };
        let status = plugin.wait_for("it says what to do", told).await;
        assert_eq!(status.summary.state, State::Ready, "{status:?}");
        answering(&gateway).await;
        let address = lab.kill();
        let _lab = Elsewhere::start("sidegate-plugin-lab", &address);
        eventually("the new configuration holds", async || {
            let answer = gateway.get("/plugins/lab/pid").send().await;
            (answer.status == 401).then_some(())
        })
        .await;
    });
}

#[test]
fn who_offers_other_endpoints_is_not_mixed_with_the_others() {
    story(async {
        let (gateway, lab) = (Gateway::start().await, Elsewhere::lab());
        let other = Elsewhere::start("e2e-plugin-routes", "127.0.0.1:0");
        let plugin = at(&gateway, &[&lab.address, &other.address]).ready().await;
        let status = plugin.wait_for("it is told", warns_of(&other.address)).await;
        assert!(status.summary.warnings.join("\n").contains("other endpoints"), "{status:?}");
        assert_eq!(answering(&gateway).await, BTreeSet::from([lab.pid()]));
    });
}

/// Waits until the plugin is refused for good; gives the reason.
async fn refusal(plugin: Plugin) -> String {
    let status = plugin.wait_state(State::Stopped).await;
    assert_eq!((status.summary.restarts, status.summary.pid), (0, None), "{status:?}");
    status.summary.reason.as_deref().unwrap().to_owned()
}

#[test]
fn programs_outside_the_permitted_folders_are_refused() {
    story(async {
        let builder = Gateway::builder();
        let folder = builder.folder().join("plugins");
        std::fs::create_dir(&folder).unwrap();
        let gateway = builder.env("PLUGIN_DIRS", &folder).start().await;
        let lab = program("sidegate-plugin-lab");
        std::os::unix::fs::symlink(&lab, folder.join("link")).unwrap();
        std::fs::copy(&lab, folder.join("lab")).unwrap();
        for path in [&lab, &folder.join("link")] {
            let command = format!("file://{}", path.display());
            let plugin = gateway.plugin("outside").command(&command).add().await;
            let id = plugin.id;
            let reason = refusal(plugin).await;
            assert!(reason.contains("PLUGIN_DIRS") && reason.contains("lab"), "{reason}");
            gateway.plugin_by_id(id).remove().await;
        }
        let command = format!("file://{}", folder.join("lab").display());
        gateway.plugin("lab").command(&command).ready().await;
        answering(&gateway).await;
    });
}

#[test]
fn commands_that_are_not_on_the_list_are_refused() {
    story(async {
        let (lab, other) = (Elsewhere::lab(), Elsewhere::lab());
        let echo = format!("file://{}", program("sidegate-plugin-echo").display());
        let list = format!("grpc://{}, {}*", lab.address, &echo[..echo.len() - 2]);
        let gateway = Gateway::builder().env("PLUGIN_COMMAND_ALLOWLIST", list).start().await;
        let both = format!("grpc://{},{}", lab.address, other.address);
        for command in [&both, "file:///bin/true"] {
            let plugin = gateway.plugin("unlisted").command(command).add().await;
            let id = plugin.id;
            let reason = refusal(plugin).await;
            assert!(reason.contains("PLUGIN_COMMAND_ALLOWLIST"), "{reason}");
            assert!(reason.contains(command), "{reason}");
            gateway.plugin_by_id(id).remove().await;
        }
        gateway.plugin("echo").ready().await;
        at(&gateway, &[&lab.address]).ready().await;
        answering(&gateway).await;
    });
}

#[test]
fn a_plugin_elsewhere_that_is_told_to_stop_finishes_what_is_open_and_takes_nothing_new() {
    story(async {
        let (gateway, mut lab) = (Gateway::start().await, Elsewhere::lab());
        let plugin = at(&gateway, &[&lab.address]).ready().await;
        let mut stream = gateway.get("/plugins/lab/sse?n=60&interval_ms=50").open().await;
        stream.read_until("\n\n").await;
        let slow = gateway.get("/plugins/lab/sleep?ms=2000").header("x-nonce", "slow");
        let slow = tokio::spawn(slow.try_send());
        // What has not reached it when it stops is nothing that it could finish.
        eventually("the slow one has reached it", async || {
            let seen = gateway.get("/plugins/lab/seen?nonce=slow").send().await.expect(200).json();
            (seen["seen"] == true).then_some(())
        })
        .await;
        terminate(lab.pid());
        plugin.wait_for("it is missed", |status| status.summary.state != State::Ready).await;
        let refused = gateway.get("/plugins/lab/pid").send().await;
        assert_eq!(refused.status, 503, "{}", refused.describe());
        slow.await.unwrap().expect("an answer").expect(200);
        let rest = stream.rest().await.expect("the stream ends well");
        assert!(String::from_utf8_lossy(&rest).contains("\"i\":59"), "it is whole");
        assert!(lab.ended().await, "it ends in order");
        let lab = Elsewhere::start("sidegate-plugin-lab", &lab.address);
        plugin.wait_ready().await;
        assert_eq!(answering(&gateway).await, BTreeSet::from([lab.pid()]));
    });
}

#[test]
fn addresses_are_replaced_one_by_one_without_a_lost_request() {
    story(async {
        let (gateway, mut one, mut two) =
            (Gateway::start().await, Elsewhere::lab(), Elsewhere::lab());
        let plugin = at(&gateway, &[&one.address, &two.address]).ready().await;
        for old in [&mut one, &mut two] {
            terminate(old.pid());
            while old.child.try_wait().unwrap().is_none() {
                answering(&gateway).await;
            }
            *old = Elsewhere::start("sidegate-plugin-lab", &old.address);
            plugin.wait_for("nothing is missed", |s| s.summary.warnings.is_empty()).await;
            answering(&gateway).await;
        }
    });
}

#[test]
fn a_plugin_elsewhere_waits_for_what_is_open_no_longer_than_it_was_told() {
    story(async {
        let gateway = Gateway::start().await;
        let mut lab = Elsewhere::start_with("sidegate-plugin-lab", "127.0.0.1:0", "300ms");
        at(&gateway, &[&lab.address]).ready().await;
        let mut stream = gateway.get("/plugins/lab/sse?n=inf&interval_ms=5").open().await;
        stream.read_until("\n\n").await;
        terminate(lab.pid());
        stream.rest().await.unwrap_err();
        assert!(lab.ended().await);
        // A second signal waits for nothing.
        let mut lab = Elsewhere::start("sidegate-plugin-lab", &lab.address);
        eventually("it serves", async || {
            (gateway.get("/plugins/lab/pid").send().await.status == 200).then_some(())
        })
        .await;
        let mut stream = gateway.get("/plugins/lab/sse?n=inf&interval_ms=5").open().await;
        stream.read_until("\n\n").await;
        terminate(lab.pid());
        eventually("no more is taken", async || {
            tokio::net::TcpStream::connect(&lab.address).await.is_err().then_some(())
        })
        .await;
        terminate(lab.pid());
        stream.rest().await.unwrap_err();
        assert!(lab.ended().await);
    });
}
