//! Entries under conditions, taken and listed, and sealed bytes, as the testing host answers them.

use std::time::Duration;

use sidegate_sdk::testing::Host as TestHost;
use sidegate_sdk::{Config, HostError, Plugin, Request, Result, Version};

use super::{KV, borrowed};

#[tokio::test]
async fn a_value_is_put_only_where_its_condition_holds() -> Result<()> {
    let (_test, host) = borrowed(KV).await?;
    let kv = host.kv();
    assert_eq!(kv.find("k").await?, None);
    assert_eq!(kv.put("k", "1").if_value("0").await?, None);
    let first = kv.put("k", "1").if_absent().await?.expect("nothing was there");
    assert_eq!(kv.put("k", "2").if_absent().await?, None);
    let found = kv.find("k").await?.expect("it is kept");
    assert_eq!((&found.value[..], &found.version, found.remaining), (&b"1"[..], &first, None));
    let minute = Duration::from_secs(60);
    let second = kv.put("k", "2").if_version(&first).for_time(minute).await?.expect("it was 1");
    assert_eq!(kv.put("k", "3").if_version(&first).await?, None);
    let found = kv.find("k").await?.expect("it is kept");
    assert!(found.remaining.is_some_and(|left| left <= minute && left > minute / 2));
    assert_eq!(Version::from_bytes(found.version.as_bytes().to_vec()), second);
    assert!(kv.put("k", "3").if_value("2").await?.is_some());
    assert!(kv.put("k", "4").await?.is_some());
    assert!(kv.put("k", "5").for_time(Duration::MAX).await?.is_some());
    assert!(kv.put("k", "6").for_time(Duration::ZERO).await?.is_some());
    while kv.find("k").await?.is_some() {
        tokio::task::yield_now().await;
    }
    assert!(kv.put("k", "7").if_absent().await?.is_some(), "what has expired is absent");
    Ok(())
}

#[tokio::test]
async fn of_many_who_take_an_entry_one_gets_it() -> Result<()> {
    let (_test, host) = borrowed(KV).await?;
    let kv = host.kv();
    kv.set("code", "1").await?;
    let takers = futures_util::future::join_all((0..10).map(|_| kv.take("code"))).await;
    let taken = takers.into_iter().filter_map(|taken| taken.expect("the host answers"));
    assert_eq!(taken.collect::<Vec<_>>(), [&b"1"[..]]);
    let version = kv.put("code", "2").await?.expect("there is no condition");
    let other = kv.put("code", "3").await?.expect("there is no condition");
    assert_eq!(kv.take_if("code", &version).await?, None);
    assert_eq!(kv.take_if("code", &other).await?.as_deref(), Some(&b"3"[..]));
    Ok(())
}

#[tokio::test]
async fn entries_are_listed_page_by_page_with_or_without_values() -> Result<()> {
    let (_test, host) = borrowed(KV).await?;
    let kv = host.kv();
    for key in ["a", "l/1", "l/2", "l/3", "m"] {
        kv.set(key, key.to_owned()).await?;
    }
    let page = kv.list("l/").limit(2).await?;
    let keys: Vec<_> = page.entries.iter().map(|entry| &*entry.key).collect();
    assert_eq!((keys, page.next.as_deref()), (vec!["l/1", "l/2"], Some("l/2")));
    assert!(page.entries.iter().all(|entry| entry.value.is_none() && entry.value_bytes == 3));
    let page = kv.list("l/").after("l/2").with_values().await?;
    assert_eq!((page.entries.len(), page.next), (1, None));
    assert_eq!(page.entries[0].value.as_deref(), Some(&b"l/3"[..]));
    Ok(())
}

#[tokio::test]
async fn what_is_sealed_is_opened_as_it_was_with_the_same_associated_data_only() -> Result<()> {
    let (_test, host) = borrowed(KV).await?;
    let sealed = host.seal("jane", "cookie").await?;
    assert_eq!(host.open(sealed.clone(), "cookie").await?.as_deref(), Some(&b"jane"[..]));
    assert_eq!(host.open(sealed.clone(), "form").await?, None);
    assert_eq!(host.open(sealed.slice(1..), "cookie").await?, None);
    assert_eq!(host.open(vec![0; 70_000], "").await?, None);
    let large = host.seal(vec![0; 64 * 1024 + 1], "").await.unwrap_err();
    let words = "the bytes to seal have 65537 bytes, 65536 are the most";
    assert_eq!(large, HostError::Invalid(words.to_owned()));
    Ok(())
}

#[tokio::test]
async fn a_plugin_answers_503_while_its_storage_is_away() -> Result<()> {
    let plugin = Plugin::new("codes", "1").post("/", async |req: Request| {
        match req.plugin_host().kv().take("code").await {
            Ok(Some(_)) => 200_u16,
            Ok(None) => 401,
            Err(HostError::Unavailable(_)) => 503,
            Err(_) => 500,
        }
        .to_string()
    });
    let host = TestHost::start(plugin, Config::default()).granting(["kv.readwrite"]).await?;
    host.store("code", "1");
    host.set_storage_away(true);
    assert_eq!(host.post("/", "").await.text(), "503");
    host.set_storage_away(false);
    assert_eq!(host.post("/", "").await.text(), "200");
    assert_eq!(host.post("/", "").await.text(), "401");
    Ok(())
}

#[tokio::test]
async fn what_a_host_does_not_announce_is_unsupported_and_what_is_not_granted_says_so() -> Result<()>
{
    let (_test, host) = borrowed(&[]).await?;
    let missing = |error| matches!(error, HostError::NotGranted { scope: "kv.readwrite", .. });
    assert!(missing(host.kv().take("k").await.unwrap_err()));
    assert!(missing(host.kv().list("").await.unwrap_err()));
    assert!(missing(host.seal("x", "").await.unwrap_err()));
    assert!(matches!(host.kv().find("").await, Err(HostError::Invalid(_))));
    let nobody = sidegate_sdk::Host::default();
    assert_eq!(nobody.kv().put("k", "v").await, Err(HostError::NoHost));
    assert_eq!(nobody.open("x", "").await, Err(HostError::NoHost));
    Ok(())
}
