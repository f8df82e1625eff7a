//! What a plugin asks its host, over real sockets: storage, events, apps, sessions, lost connections.

mod entries;
#[path = "../../../../e2e/src/eventually.rs"]
mod eventually;

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use eventually::becomes_true;
use sidegate_sdk::testing::Host as TestHost;
use sidegate_sdk::{AppInfo, Config, Error, Host, HostError, Plugin, Request, Result};

/// A plugin that lends its host to the test.
async fn borrowed(scopes: &[&str]) -> Result<(TestHost, Host)> {
    let (lend, host) = tokio::sync::oneshot::channel();
    let plugin = Plugin::new("lender", "1").initialize(async move |config: Config| {
        let _ = lend.send(config.host().clone());
        Ok(())
    });
    let test = TestHost::start(plugin, Config::default()).granting(scopes.iter().copied()).await?;
    Ok((test, host.await?))
}

const KV: &[&str] = &["kv.readwrite"];

#[tokio::test]
async fn values_are_kept_read_expired_and_deleted() -> Result<()> {
    let (test, host) = borrowed(KV).await?;
    let kv = host.kv();
    assert_eq!(kv.get("a").await?, None);
    kv.set("a", "1").await?;
    assert_eq!(
        (kv.get("a").await?.as_deref(), test.stored("a").as_deref()),
        (Some(&b"1"[..]), Some(&b"1"[..]))
    );
    kv.set_for("a", "2", Duration::ZERO).await?;
    assert_eq!(kv.get("a").await?, None);
    kv.set_for("a", "3", Duration::MAX).await?;
    assert!(kv.delete("a").await? && !kv.delete("a").await?);
    kv.set_json("j", &[1, 2]).await?;
    assert_eq!(kv.get_json::<Vec<u8>>("j").await?, Some(vec![1, 2]));
    assert_eq!(kv.get_json::<Vec<u8>>("none").await?, None);
    let error = kv.get_json::<String>("j").await.unwrap_err();
    assert!(matches!(error, HostError::Json(_)), "{error}");
    test.store("b", "of the test");
    assert_eq!(kv.get("b").await?.as_deref(), Some(&b"of the test"[..]));
    Ok(())
}

#[tokio::test]
async fn what_the_host_refuses_says_why() -> Result<()> {
    let (test, host) = borrowed(&[]).await?;
    let refused = |scope, error: HostError| match error {
        HostError::NotGranted { scope: missing, .. } => assert_eq!(missing, scope),
        other => panic!("{other:?}"),
    };
    refused("kv.readwrite", host.kv().get("a").await.unwrap_err());
    refused("kv.readwrite", host.kv().set("a", "1").await.unwrap_err());
    refused("kv.readwrite", host.kv().delete("a").await.unwrap_err());
    refused("apps.read", host.apps().list(1).await.unwrap_err());
    refused("apps.read", host.apps().get(1).await.unwrap_err());
    refused("credentials.validate", host.apps().validate("s").await.unwrap_err());
    refused("budget.read", host.apps().budget(1).await.unwrap_err());
    test.grant("kv.readwrite");
    assert!(matches!(host.kv().set("", "1").await, Err(HostError::Invalid(_))));
    let large = vec![0; 1024 * 1024 + 1];
    let refused_here = host.kv().set("a", large).await.unwrap_err();
    let words = "the value has 1048577 bytes, 1048576 are the most";
    assert_eq!(refused_here, HostError::Invalid(words.to_owned()));
    let refused_here = host.kv().get(&"k".repeat(513)).await.unwrap_err();
    let words = "the key must have 1 to 512 bytes, this one has 513";
    assert_eq!(refused_here, HostError::Invalid(words.to_owned()));
    host.kv().set("a", vec![0; 1024 * 1024]).await?;
    test.revoke("kv.readwrite");
    refused("kv.readwrite", host.kv().get("a").await.unwrap_err());
    Ok(())
}

#[tokio::test]
async fn apps_and_secrets_are_looked_up() -> Result<()> {
    let plugin = Plugin::new("asker", "1").get("/", async |req: Request| -> Result<String> {
        let apps = req.plugin_host().apps();
        let page = apps.list(2).await?;
        let second = apps.get(2).await?.map_or_else(String::new, |app| app.name);
        let none = apps.get(999).await?.is_none() && apps.validate("wrong").await?.is_none();
        let owner = apps.validate("right").await?.map(|credential| credential.app_id);
        let budget = apps.budget(2).await?.app_id;
        Ok(format!("{} of {}, {second}, {none}, {owner:?}, {budget}", page.apps.len(), page.total))
    });
    let scopes = ["apps.read", "credentials.validate", "budget.read"];
    let mut start =
        TestHost::start(plugin, Config::default()).granting(scopes).with_secret("right", 7);
    for id in 1..=130 {
        let name = format!("app {id}");
        start = start.with_app(AppInfo { id, name, is_active: id != 3, ..AppInfo::default() });
    }
    let answer = start.await?.get("/").await;
    assert_eq!((answer.status(), answer.text()), (200, "29 of 129, app 2, true, Some(7), 2"));
    Ok(())
}

#[tokio::test]
async fn initialize_can_ask_and_many_first_calls_share_one_connection() -> Result<()> {
    let plugin = Plugin::new("early", "1").initialize(async |config: Config| {
        let kv = config.host().kv();
        let reads = (0..50).map(|_| kv.get("seed"));
        let seeds = futures_util::future::try_join_all(reads).await?;
        Ok(seeds.into_iter().flatten().count().to_string())
    });
    let plugin = plugin.get("/", async |_: Request, count: Arc<String>| count.as_str().to_owned());
    let start = TestHost::start(plugin, Config::default()).granting(["kv.readwrite"]);
    let host = start.storing("seed", "x").await?;
    assert_eq!(host.get("/").await.text(), "50");
    assert_eq!(host.service_connections(), 1);
    Ok(())
}

#[tokio::test]
async fn without_a_host_every_call_says_so_at_once() -> Result<()> {
    let plugin = Plugin::new("alone", "1").get("/", async |req: Request| -> Result<&str> {
        let host = req.plugin_host();
        assert!(!host.is_there());
        assert_eq!(host.kv().get("a").await, Err(HostError::NoHost));
        assert_eq!(host.events().publish("t", "{}").await, Err(HostError::NoHost));
        assert!(matches!(host.events().subscribe("t").await, Err(HostError::NoHost)));
        assert_eq!(host.apps().list(1).await, Err(HostError::NoHost));
        host.logger().warn("alone", &[("so", "what")]);
        Ok("alone")
    });
    let host = TestHost::start_plain(plugin, Config::default()).await?;
    assert_eq!(host.get("/").await.text(), "alone");
    assert_eq!(Host::default().kv().delete("a").await, Err(HostError::NoHost));
    Ok(())
}

#[tokio::test]
async fn a_lost_connection_is_made_again_where_the_host_is_now() -> Result<()> {
    let (mut test, host) = borrowed(KV).await?;
    for round in 0..5 {
        host.kv().set("round", round.to_string()).await?;
        test.cut_off().await?;
        let kept = host.kv().get("round").await?;
        assert_eq!(kept.as_deref(), Some(round.to_string().as_bytes()));
    }
    Ok(())
}

#[tokio::test]
async fn events_reach_who_follows_their_topic_and_survive_a_lost_connection() -> Result<()> {
    let (mut test, host) = borrowed(&[]).await?;
    let mut paid = host.events().subscribe("paid").await?;
    let mut all = host.events().subscribe_all().await?;
    let id = host.events().publish_json("paid", &7).await?;
    test.publish("other", "{}");
    let event = paid.next().await.expect("an event");
    assert_eq!((event.id.as_str(), event.json::<u8>()?), (id.as_str(), 7));
    assert_eq!(event.origin, "plugin:1@test");
    let topics = [all.next().await, all.next().await].map(|event| event.expect("an event").topic);
    assert_eq!(topics, ["paid", "other"]);
    assert_eq!(test.published().len(), 2);
    assert!(matches!(host.events().publish("", "").await, Err(HostError::Invalid(_))));

    drop(all);
    becomes_true("the dropped subscription ends", || test.subscriptions() == 1).await;
    test.cut_off().await?;
    becomes_true("the old subscription ends", || test.subscriptions() == 0).await;
    let next = tokio::spawn(async move { paid.next().await });
    becomes_true("it is opened again", || test.subscriptions() == 1).await;
    test.publish("paid", "8");
    assert_eq!(next.await?.expect("an event").json::<u8>()?, 8);
    Ok(())
}

/// How often each hook ran.
#[derive(Default)]
struct Hooks {
    opened: AtomicU32,
    closing: AtomicU32,
}

#[tokio::test]
async fn the_session_hooks_run_once_each_with_the_host_in_hand() -> Result<()> {
    let plugin = Plugin::new("hooked", "1")
        .initialize(async |_: Config| Ok(Hooks::default()))
        .get("/", async |_: Request, hooks: Arc<Hooks>| {
            format!(
                "{} {}",
                hooks.opened.load(Ordering::SeqCst),
                hooks.closing.load(Ordering::SeqCst)
            )
        })
        .on_session(async |host: Host, hooks: Arc<Hooks>| {
            hooks.opened.fetch_add(1, Ordering::SeqCst);
            host.kv().set("opened", "1").await?;
            while host.events().subscribe("t").await?.next().await.is_some() {}
            host.kv().set("ended", "1").await?;
            Ok(())
        })
        .on_session_closing(async |host: Host, hooks: Arc<Hooks>| {
            hooks.closing.fetch_add(1, Ordering::SeqCst);
            host.kv().set("closing", "1").await?;
            Ok(())
        });
    let host = TestHost::start(plugin, Config::default()).granting(["kv.readwrite"]).await?;
    becomes_true("the session has begun", || host.subscriptions() == 1).await;
    assert!(host.stored("opened").is_some() && host.stored("closing").is_none());
    for _ in 0..2 {
        host.close_session().await?;
        assert!(host.stored("closing").is_some());
        assert_eq!(host.get("/").await.text(), "1 1");
    }
    host.shutdown().await
}

#[tokio::test]
async fn a_session_hook_that_fails_or_hangs_harms_nobody() -> Result<()> {
    let panics = Plugin::new("panics", "1")
        .get("/", async |_: Request| "alive")
        .on_session(async |_: Host, _: Arc<()>| panic!("on purpose"))
        .on_session_closing(async |_: Host, _: Arc<()>| Err(Error::new("on purpose")));
    let host = TestHost::start(panics, Config::default()).await?;
    host.close_session().await?;
    assert_eq!(host.get("/").await.text(), "alive");
    host.shutdown().await?;
    let hangs = Plugin::new("hangs", "1")
        .on_session(async |_: Host, _: Arc<()>| std::future::pending().await)
        .on_session_closing(async |_: Host, _: Arc<()>| std::future::pending().await);
    let host = TestHost::start(hangs, Config::default()).await?;
    tokio::time::timeout(Duration::from_secs(8), host.shutdown()).await?
}
