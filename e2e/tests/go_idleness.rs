//! The library forgets the host's address five seconds after it was told, and after every use. So
//! the host has to tell it in time before every call, however long the plugin was idle before.

use crate::go_services::grant;
use futures_util::future::join_all;
use serde_json::{Value, json};
use sidegate_e2e::{Flavour, Gateway, Go, go_story, pause};
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hasher as _};
use std::time::{Duration, Instant};

/// The longest that a call may wait.
const LIMIT: Duration = Duration::from_millis(1500);
/// Plugins of each flavour that call at random times.
const RANDOM: usize = 3;

#[test]
fn a_plugin_in_go_that_asks_the_broker_anew_for_every_call_never_waits_long() {
    go_story(async |go| {
        let gateway = Gateway::start().await;
        let mut random = Random::new();
        let mut callers = Vec::new();
        for flavour in Flavour::ALL {
            let schedules = (0..RANDOM).map(|_| random.schedule());
            let fixed = [0, 7, 20].map(Duration::from_secs).to_vec();
            for (number, idle) in std::iter::once(fixed).chain(schedules).enumerate() {
                let name = format!("raw-{}-{number}", flavour.name());
                callers.push(Caller::start(go, &gateway, flavour, name).await.calls_after(idle));
            }
        }
        let failures: Vec<String> = join_all(callers).await.into_iter().flatten().collect();
        assert!(failures.is_empty(), "seed {}:\n{}", random.seed, failures.join("\n"));
    });
}

/// A plugin that is called after times of idleness.
struct Caller<'a> {
    gateway: &'a Gateway,
    name: String,
}

impl<'a> Caller<'a> {
    async fn start(go: Go, gateway: &'a Gateway, flavour: Flavour, name: String) -> Self {
        go.plugin(gateway, "raw", flavour, &name).ready().await;
        grant(gateway, &name, "kv.readwrite").await;
        Self { gateway, name }
    }

    /// Gives what went wrong, in words. Two connections stay open all the while, so that what is
    /// told because of new ones is not told because of them.
    async fn calls_after(self, idle: Vec<Duration>) -> Vec<String> {
        let mut failures = Vec::new();
        for _ in 0..2 {
            failures.extend(self.call("hold", "after nothing").await.err());
        }
        for (number, time) in idle.iter().enumerate() {
            pause(*time).await;
            let when = format!("call {number} of {idle:?}");
            failures.extend(self.call("dial?write=k&value=v", &when).await.err());
        }
        match self.call("held", "at the end").await {
            Ok(shown) if shown["value"] == "2" => {}
            other => failures.push(format!("{}: what was held: {other:?}", self.name)),
        }
        failures
    }

    async fn call(&self, what: &str, when: &str) -> Result<Value, String> {
        let begun = Instant::now();
        let path = format!("/plugins/{}/{what}", self.name);
        let answer = self.gateway.get(&path).send().await;
        let waited = begun.elapsed();
        let failed = |why: &str| Err(format!("{} {what}, {when}: {why} {waited:?}", self.name));
        if answer.status != 200 {
            return failed(&answer.describe());
        }
        let shown = answer.json();
        match &shown["refusal"] {
            Value::Null if waited <= LIMIT => Ok(shown),
            Value::Null => failed(&format!("it took too long: {shown}")),
            refusal => failed(&refusal.to_string()),
        }
    }
}

/// Numbers that look random, the same again for the same seed.
struct Random {
    seed: u64,
    state: u64,
}

impl Random {
    /// From a seed that is different every time, and printed; `SEED` repeats one.
    fn new() -> Self {
        #[expect(clippy::disallowed_methods, reason = "who runs the test gives the seed so")]
        let given = std::env::var("SEED").ok().and_then(|seed| seed.parse().ok());
        let seed = given.unwrap_or_else(|| RandomState::new().build_hasher().finish());
        println!("SEED={seed}");
        Self { seed, state: seed }
    }

    /// A time below `limit_ms`, by the generator named splitmix64.
    fn below(&mut self, limit_ms: u64) -> Duration {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Duration::from_millis((mixed ^ (mixed >> 31)) % limit_ms)
    }

    /// Times of idleness that last 27 seconds together: short ones, and ones around the five seconds
    /// after which the library forgets.
    fn schedule(&mut self) -> Vec<Duration> {
        let mut idle = Vec::new();
        let mut left = Duration::from_secs(27);
        loop {
            let limit_ms = if idle.len() % 3 == 0 { 1_000 } else { 9_000 };
            let next = self.below(limit_ms);
            let Some(rest) = left.checked_sub(next) else { return idle };
            left = rest;
            idle.push(next);
        }
    }
}

#[test]
fn a_plugin_on_the_sdk_reaches_the_host_after_any_idleness() {
    go_story(async |go| {
        let gateway = Gateway::start().await;
        let plugins = crate::go_endpoints::all(go, &gateway).await;
        for (flavour, _, _) in &plugins {
            grant(&gateway, &format!("plugin-{}", flavour.name()), "kv.readwrite").await;
        }
        // The first call of all is late: the address that was told at the start is forgotten.
        for seconds in [7, 0, 12] {
            pause(Duration::from_secs(seconds)).await;
            for (flavour, at, _) in &plugins {
                let begun = Instant::now();
                let request = gateway.request("PUT", &format!("{at}/kv/k")).body("v");
                let answer = request.send().await.expect(200);
                assert_eq!(answer.json()["value"], json!(seconds == 7), "whether it is new");
                assert!(begun.elapsed() <= LIMIT, "{flavour:?} after {seconds} s: {begun:?}");
            }
        }
    });
}
