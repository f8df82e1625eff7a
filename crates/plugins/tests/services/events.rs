//! Events between plugins: who gets which, and what a slow one costs the others (nothing).

use crate::eventually::{PATIENCE, becomes_true};
use crate::harness::{Harness, Plugin};
use bytes::Bytes;
use sidegate_wire::events::{
    EventMessage, PublishRequest, PublishResponse, SubscribeRequest, UnsubscribeRequest,
};
use std::collections::HashSet;
use tokio::time::timeout;
use tonic::{Code, Status, Streaming};

async fn publish(plugin: &mut Plugin, topic: &str, payload: impl Into<Bytes>) -> PublishResponse {
    let (topic, payload) = (topic.to_owned(), payload.into());
    let request = PublishRequest { topic, payload, ..Default::default() };
    plugin.events.publish(request).await.unwrap().into_inner()
}

async fn subscribe(plugin: &mut Plugin, topic: &str) -> Result<Streaming<EventMessage>, Status> {
    let subscribe_all = topic == "*";
    let topic = if subscribe_all { String::new() } else { topic.to_owned() };
    let request = SubscribeRequest { topic, subscribe_all, plugin_id: String::new() };
    // Within a bound: the answer must begin although there is no event yet.
    let answered = timeout(PATIENCE, plugin.events.subscribe(request)).await.unwrap();
    Ok(answered?.into_inner())
}

async fn next(events: &mut Streaming<EventMessage>) -> EventMessage {
    timeout(PATIENCE, events.message()).await.unwrap().unwrap().unwrap()
}

#[tokio::test]
async fn an_event_reaches_all_who_want_its_topic_and_nobody_else() {
    let harness = Harness::new();
    let (mut one, mut two) = (harness.plugin(1, &[]).await, harness.plugin(2, &[]).await);
    let mut orders = subscribe(&mut two, "orders").await.unwrap();
    let mut other = subscribe(&mut two, "orders.new").await.unwrap();
    let mut all = subscribe(&mut two, "*").await.unwrap();

    let told = publish(&mut one, "orders", "{\"n\":1}").await;
    assert!(told.success && told.error_message.is_empty());
    let expected = EventMessage {
        id: told.event_id,
        topic: "orders".into(),
        origin: "plugin:1@here".into(),
        direction: 0,
        payload: "{\"n\":1}".into(),
    };
    assert_eq!(next(&mut orders).await, expected);
    assert_eq!(next(&mut all).await, expected);
    // The other topic gets nothing but its own.
    publish(&mut one, "orders.new", "2").await;
    assert_eq!(next(&mut other).await.topic, "orders.new");
    assert_eq!(next(&mut all).await.topic, "orders.new");
}

#[tokio::test]
async fn a_publisher_receives_its_own_events_and_every_event_has_an_id_of_its_own() {
    let harness = Harness::new();
    let mut plugin = harness.plugin(1, &[]).await;
    let mut events = subscribe(&mut plugin, "t").await.unwrap();
    let mut ids = HashSet::new();
    for _ in 0..20 {
        let told = publish(&mut plugin, "t", "").await;
        assert_eq!(next(&mut events).await.id, told.event_id);
        ids.insert(told.event_id);
    }
    assert_eq!(ids.len(), 20);
}

#[tokio::test]
async fn a_direction_that_does_not_exist_is_read_as_local() {
    let harness = Harness::new();
    let mut plugin = harness.plugin(1, &[]).await;
    let mut events = subscribe(&mut plugin, "t").await.unwrap();
    for (sent, received) in [(0, 0), (1, 1), (2, 2), (3, 0), (-1, 0), (i32::MAX, 0)] {
        let request = PublishRequest { topic: "t".into(), direction: sent, ..Default::default() };
        plugin.events.publish(request).await.unwrap();
        assert_eq!(next(&mut events).await.direction, received, "{sent}");
    }
}

#[tokio::test]
async fn what_cannot_be_published_is_told_in_words_and_not_as_an_error() {
    let harness = Harness::new();
    let mut plugin = harness.plugin(1, &[]).await;
    let refused = publish(&mut plugin, "", "1").await;
    assert_eq!((refused.success, &*refused.error_message), (false, "topic is required"));
    let refused = publish(&mut plugin, &"t".repeat(513), "1").await;
    assert!(!refused.success && refused.error_message.contains("513"), "{refused:?}");
    let refused = publish(&mut plugin, "t", vec![0; 1024 * 1024 + 1]).await;
    assert!(!refused.success && refused.error_message.contains("1048577"), "{refused:?}");
    assert!(refused.event_id.is_empty());

    let topic = "t".repeat(512);
    let mut events = subscribe(&mut plugin, &topic).await.unwrap();
    assert!(publish(&mut plugin, &topic, vec![0; 1024 * 1024]).await.success);
    assert_eq!(next(&mut events).await.payload.len(), 1024 * 1024);
}

#[tokio::test]
async fn a_subscription_to_nothing_is_refused_and_none_has_an_id() {
    let harness = Harness::new();
    let mut plugin = harness.plugin(1, &[]).await;
    let refused = subscribe(&mut plugin, "").await.unwrap_err();
    assert_eq!(refused.code(), Code::Unknown);
    assert_eq!(refused.message(), "topic is required unless subscribe_all is set");
    let refused = subscribe(&mut plugin, &"t".repeat(513)).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    let request = UnsubscribeRequest { subscription_id: "1".into() };
    let told = plugin.events.unsubscribe(request).await.unwrap().into_inner();
    assert!(!told.success && told.error_message.contains("cancel the Subscribe call"));
    assert_eq!(harness.services.subscriptions(), 0);
}

#[tokio::test]
async fn a_subscription_ends_with_its_call_or_with_the_connection_and_leaves_nothing() {
    let harness = Harness::new();
    let (mut stays, mut goes) = (harness.plugin(1, &[]).await, harness.plugin(1, &[]).await);
    let cancelled = subscribe(&mut stays, "t").await.unwrap();
    let mut kept = subscribe(&mut stays, "t").await.unwrap();
    let _lost = subscribe(&mut goes, "t").await.unwrap();
    assert_eq!(harness.services.subscriptions(), 3);
    drop(cancelled);
    becomes_true("the cancelled subscription is gone", || harness.services.subscriptions() == 2)
        .await;
    drop(goes);
    becomes_true("the connection's subscription is gone", || harness.services.subscriptions() == 1)
        .await;
    publish(&mut stays, "t", "1").await;
    next(&mut kept).await;
}

#[tokio::test]
async fn a_connection_that_the_gateway_drops_takes_its_subscriptions_along() {
    let harness = Harness::new();
    let mut plugin = harness.plugin(1, &[]).await;
    let mut events = subscribe(&mut plugin, "t").await.unwrap();
    drop(plugin.serving);
    assert!(timeout(PATIENCE, events.message()).await.unwrap().is_err());
    becomes_true("its subscription is gone", || harness.services.subscriptions() == 0).await;
}

#[tokio::test]
async fn a_slow_subscriber_delays_nobody_and_loses_the_newest_events_only() {
    let harness = Harness::new();
    let (mut slow, mut quick) = (harness.plugin(1, &[]).await, harness.plugin(2, &[]).await);
    let mut unread = subscribe(&mut slow, "t").await.unwrap();
    let mut read = subscribe(&mut quick, "t").await.unwrap();
    let payload = |number: u32| format!("{number:04096}");
    for number in 0..2000 {
        assert!(publish(&mut quick, "t", payload(number)).await.success);
        assert_eq!(next(&mut read).await.payload, payload(number));
    }
    let lost = harness.services.lost_events();
    assert!((1..1900).contains(&lost), "{lost} lost");
    // What the slow one did not lose is the oldest, complete and in order.
    for number in 0..2000 - u32::try_from(lost).unwrap() {
        assert_eq!(next(&mut unread).await.payload, payload(number));
    }
    // Once it has caught up, it gets what comes.
    publish(&mut quick, "t", "after").await;
    assert_eq!(next(&mut unread).await.payload, "after");
    assert_eq!(harness.services.lost_events(), lost);
}

#[tokio::test]
async fn what_waits_for_a_slow_subscriber_is_bounded_in_bytes_too() {
    let harness = Harness::new();
    let (mut slow, mut quick) = (harness.plugin(1, &[]).await, harness.plugin(2, &[]).await);
    let _unread = subscribe(&mut slow, "t").await.unwrap();
    for _ in 0..20 {
        assert!(publish(&mut quick, "t", vec![0; 1024 * 1024]).await.success);
    }
    // Four wait; one or two more are on their way.
    let lost = harness.services.lost_events();
    assert!((13..=16).contains(&lost), "{lost} lost");
}
