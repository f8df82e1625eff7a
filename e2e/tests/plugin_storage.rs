//! What plugins keep under conditions, take, list and seal: real processes, and callers who race.

use serde_json::{Value, json};
use sidegate_e2e::{Answer, ControlPlane, Gateway, Plugin, eventually, long_story, program, story};
use std::time::Duration;

const RACERS: usize = 10;

async fn keeper(gateway: &Gateway, slug: &str) -> Plugin {
    let plugin = gateway.plugin(slug).program("e2e-plugin-keeper").ready().await;
    gateway.cli().ok(&["plugin", "grant", slug, "kv.readwrite"]).await;
    plugin
}

/// What all of them are answered who ask the same at once.
async fn at_once(
    gateway: &Gateway,
    method: &str,
    path: impl Fn(usize) -> String,
    body: impl Fn(usize) -> String,
) -> Vec<Answer> {
    let asked = (0..RACERS).map(|racer| {
        let request = gateway.request(method, &path(racer)).body(body(racer));
        tokio::spawn(request.send())
    });
    let asked: Vec<_> = asked.collect();
    let mut answers = Vec::new();
    for answer in asked {
        answers.push(answer.await.unwrap());
    }
    answers
}

fn with_status(answers: &[Answer], status: u16) -> Vec<&Answer> {
    answers.iter().filter(|answer| answer.status.as_u16() == status).collect()
}

#[test]
fn of_ten_who_take_what_is_for_one_use_one_gets_it() {
    story(async {
        let gateway = Gateway::start().await;
        keeper(&gateway, "keeper").await;
        for round in 0..5 {
            let put = gateway.request("PUT", "/plugins/keeper/put/code?ttl_ms=60000");
            put.body(format!("code {round}")).send().await.expect(200);
            let path = |_| "/plugins/keeper/take/code".to_owned();
            let answers = at_once(&gateway, "POST", path, |_| String::new()).await;
            let taken = with_status(&answers, 200);
            assert_eq!(taken.len(), 1, "{:#?}", answers.iter().map(Answer::describe));
            assert_eq!(taken[0].text(), format!("code {round}"));
            assert_eq!(with_status(&answers, 404).len(), RACERS - 1);
        }
    });
}

#[test]
fn of_ten_who_write_under_the_same_condition_one_does_and_counting_loses_nothing() {
    story(async {
        let gateway = Gateway::start().await;
        let plugin = keeper(&gateway, "keeper").await;
        let mut condition = "absent".to_owned();
        for round in 0..5 {
            let path = |_| format!("/plugins/keeper/put/turn?if={condition}");
            let body = |racer| format!("{racer} in round {round}");
            let answers = at_once(&gateway, "PUT", path, body).await;
            let written = with_status(&answers, 200);
            assert_eq!(written.len(), 1, "one writes in each round");
            assert_eq!(with_status(&answers, 412).len(), RACERS - 1);
            let winner = answers.iter().position(|answer| answer.status == 200).unwrap();
            let found = gateway.get("/plugins/keeper/find/turn").send().await.expect(200).json();
            assert_eq!(found["value"], body(winner));
            assert_eq!(found["version"], written[0].json()["version"]);
            condition = found["version"].as_str().unwrap().to_owned();
        }
        // Also while one process of the plugin takes the place of another.
        let path = |_| "/plugins/keeper/count/all?times=7".to_owned();
        let counting = at_once(&gateway, "POST", path, |_| String::new());
        let (answers, ()) = tokio::join!(counting, plugin.reload());
        assert_eq!(with_status(&answers, 200).len(), RACERS);
        let found = gateway.get("/plugins/keeper/find/all").send().await.expect(200).json();
        assert_eq!(found["value"], (RACERS * 7).to_string());
    });
}

#[test]
fn an_entry_with_an_end_tells_how_long_it_has_and_is_not_there_afterwards() {
    story(async {
        let gateway = Gateway::start().await;
        keeper(&gateway, "keeper").await;
        let put = async |path: &str| {
            let answer = gateway.request("PUT", &format!("/plugins/keeper/put/{path}"));
            answer.body("v").send().await.status.as_u16()
        };
        assert_eq!(put("long?ttl_ms=60000").await, 200);
        let found = gateway.get("/plugins/keeper/find/long").send().await.expect(200).json();
        assert!(found["remaining_ms"].as_u64().is_some_and(|left| left <= 60_000), "{found}");
        assert_eq!(put("lock?if=absent&ttl_ms=300").await, 200);
        eventually("the lock is free again", async || {
            (put("lock?if=absent&ttl_ms=60000").await == 200).then_some(())
        })
        .await;
        assert_eq!(put("lock?if=absent").await, 412);
        assert_eq!(put("short?ttl_ms=300").await, 200);
        eventually("it is gone", async || {
            let taken = gateway.post("/plugins/keeper/take/short").send().await;
            let found = gateway.get("/plugins/keeper/find/short").send().await;
            assert_eq!(found.status, 404, "taken, or gone");
            (taken.status == 404).then_some(())
        })
        .await;
        let listed = gateway.get("/plugins/keeper/list/short").send().await.expect(200).json();
        assert_eq!(listed["keys"], json!([]));
    });
}

#[test]
fn a_key_that_stays_is_listed_once_while_others_come_and_go() {
    story(async {
        let gateway = Gateway::start().await;
        keeper(&gateway, "keeper").await;
        let put = async |key: &str| {
            let path = format!("/plugins/keeper/put/{key}");
            gateway.request("PUT", &path).body("v").send().await.expect(200);
        };
        for i in 0..20 {
            put(&format!("user-{i:02}")).await;
            put(&format!("user-{i:02}-goes")).await;
        }
        let (mut keys, mut after) = (Vec::new(), String::new());
        for page in 0.. {
            let path = format!("/plugins/keeper/list/user-?limit=6&after={after}");
            let asked = gateway.get(&path).send();
            let (answer, ()) = tokio::join!(asked, async {
                let gone = format!("/plugins/keeper/take/user-{page:02}-goes");
                gateway.post(&gone).send().await;
                put(&format!("user-{:02}-comes", 19 - page)).await;
            });
            let answer = answer.expect(200).json();
            let listed: Vec<String> = serde_json::from_value(answer["keys"].clone()).unwrap();
            keys.extend(listed);
            match answer["next"].as_str() {
                Some(next) => after = next.to_owned(),
                None => break,
            }
        }
        assert!(keys.is_sorted_by(|a, b| a < b), "each once, in order: {keys:?}");
        for i in 0..20 {
            assert!(keys.contains(&format!("user-{i:02}")), "{i}: {keys:?}");
        }
    });
}

/// What a gateway answers to sealed bytes: the clear text, or a status.
async fn opened(gateway: &Gateway, path: &str, sealed: &[u8]) -> Result<String, u16> {
    let answer = gateway.post(path).body(sealed.to_vec()).send().await;
    match answer.status.as_u16() {
        200 => Ok(answer.text().to_owned()),
        status => Err(status),
    }
}

async fn sealed(gateway: &Gateway, path: &str, clear: &'static str) -> Vec<u8> {
    gateway.post(path).body(clear).send().await.expect(200).body.to_vec()
}

#[test]
fn what_a_plugin_sealed_it_opens_after_a_restart_and_no_other_plugin_does() {
    story(async {
        let mut gateway = Gateway::start().await;
        keeper(&gateway, "one").await;
        keeper(&gateway, "two").await;
        let cookie = sealed(&gateway, "/plugins/one/seal/jane", "a secret of jane's").await;
        let holds = |part: &[u8]| cookie.windows(part.len()).any(|window| window == part);
        assert!(!holds(b"secret") && !holds(b"jane"));
        gateway = gateway.restart().await;
        for id in [1, 2] {
            gateway.plugin_by_id(id).wait_ready().await;
        }
        let clear = Ok("a secret of jane's".to_owned());
        assert_eq!(opened(&gateway, "/plugins/one/open/jane", &cookie).await, clear);
        assert_eq!(opened(&gateway, "/plugins/one/open/joe", &cookie).await, Err(401));
        assert_eq!(opened(&gateway, "/plugins/two/open/jane", &cookie).await, Err(401));
        for at in [0, 3, 15, 25, cookie.len() - 1] {
            let mut changed = cookie.clone();
            changed[at] ^= 1;
            let answer = opened(&gateway, "/plugins/one/open/jane", &changed).await;
            assert_eq!(answer, Err(401), "byte {at}");
        }
        let cut = &cookie[..cookie.len() - 1];
        assert_eq!(opened(&gateway, "/plugins/one/open/jane", cut).await, Err(401));
        assert_eq!(opened(&gateway, "/plugins/one/open/jane", b"").await, Err(401));
        gateway.cli().ok(&["plugin", "revoke", "one", "kv.readwrite"]).await;
        assert_eq!(opened(&gateway, "/plugins/one/open/jane", &cookie).await, Err(403));
    });
}

/// Waits until an edge serves the plugin.
async fn serves(edge: &Gateway) {
    eventually("the edge serves the plugin", async || {
        let answer = edge.post("/plugins/keeper/seal/x").send().await;
        (answer.status == 200).then_some(())
    })
    .await;
}

#[test]
fn what_one_edge_sealed_another_one_opens_also_with_a_newer_key_and_without_a_control_plane() {
    long_story(Duration::from_secs(120), async {
        let mut control = ControlPlane::start_with(None, &[]).await;
        control.admin().post("namespaces", &json!({"name": "north"})).await;
        let command = format!("file://{}", program("e2e-plugin-keeper").display());
        let plugin: Value = json!({
            "name": "keeper", "command": command, "config": {"slug": "keeper"}, "namespace": "north",
            "service_scopes": ["kv.readwrite"],
        });
        control.admin().post("plugins", &plugin).await;
        let one = control.edge("north-1", "north").await.start().await;
        let two = control.edge("north-2", "north").await.start().await;
        serves(&one).await;
        serves(&two).await;
        let old = sealed(&one, "/plugins/keeper/seal/jane", "before").await;
        assert_eq!(opened(&two, "/plugins/keeper/open/jane", &old).await, Ok("before".to_owned()));
        // An edge that is revoked knows the keys there were: edges get others.
        let lost = control.edge("north-3", "north").await.start().await;
        serves(&lost).await;
        control.cli().ok(&["edge", "revoke", "north-3"]).await;
        let key = |sealed: &[u8]| sealed[1..9].to_vec();
        let new = eventually("an edge seals with the new key", async || {
            let new = sealed(&one, "/plugins/keeper/seal/jane", "after").await;
            (key(&new) != key(&old)).then_some(new)
        })
        .await;
        eventually("the other edge has it as well", async || {
            let answer = opened(&two, "/plugins/keeper/open/jane", &new).await;
            (answer == Ok("after".to_owned())).then_some(())
        })
        .await;
        control.kill();
        let two = two.restart().await;
        serves(&two).await;
        for (sealed, clear) in [(&old, "before"), (&new, "after")] {
            let answer = opened(&two, "/plugins/keeper/open/jane", sealed).await;
            assert_eq!(answer, Ok(clear.to_owned()));
        }
        // What an edge keeps is on its own disk.
        let put = two.request("PUT", "/plugins/keeper/put/k?if=absent").body("v");
        put.send().await.expect(200);
        one.get("/plugins/keeper/find/k").send().await.expect(404);
    });
}
