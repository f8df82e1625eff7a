//! The limits that the server of the `h2` crate sets, and its farewell.

use super::against_h2::{Both, begin, body, both, finish};
use super::{TIMEOUT, pattern, request, soon, whole};
use crate::http2::{Failure, Reading};
use h2::server::Builder;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_more_calls_are_open_than_the_server_takes_and_all_are_answered() {
    const CALLS: usize = 50;
    for most in [1, 3] {
        let mut builder = Builder::new();
        builder.max_concurrent_streams(most);
        let mut both = both(builder).await;
        let call = |_| both.client.call(request(20_000), TIMEOUT, Reading::Whole).unwrap();
        let calls: Vec<_> = (0..CALLS).map(call).collect();
        let calls: Vec<_> = calls.into_iter().map(|call| tokio::spawn(whole(call))).collect();
        let open = Arc::new(AtomicUsize::new(0));
        for _ in 0..CALLS {
            let (request, respond) = soon(both.asked.recv()).await.unwrap();
            let now_open = open.fetch_add(1, SeqCst) + 1;
            assert!(now_open <= most as usize, "{now_open} calls are open, {most} may be");
            let open = Arc::clone(&open);
            tokio::spawn(async move {
                assert!(body(request).await == pattern(1, 20_000));
                // The server's crate counts as well, and refuses what is too much.
                open.fetch_sub(1, SeqCst);
                finish(begin(respond), pattern(4, 1000));
            });
        }
        for call in calls {
            assert_eq!(soon(call).await.unwrap(), (pattern(4, 1000), Ok(())));
        }
    }
}

#[tokio::test]
async fn a_call_that_is_dropped_while_it_waits_for_a_place_is_never_made() {
    let mut builder = Builder::new();
    builder.max_concurrent_streams(1);
    let mut both = both(builder).await;
    let call = || both.client.call(request(5), TIMEOUT, Reading::Whole).unwrap();
    let (first, second, third, fourth) = (call(), call(), call(), call());
    drop((second, fourth));
    let mut ids = Vec::new();
    for _ in 0..2 {
        let (_request, respond) = soon(both.asked.recv()).await.unwrap();
        ids.push(respond.stream_id().as_u32());
        finish(begin(respond), Vec::new());
    }
    assert_eq!(soon(whole(first)).await.1, Ok(()));
    assert_eq!(soon(whole(third)).await.1, Ok(()));
    drop(both.client);
    assert!(soon(both.asked.recv()).await.is_none());
    assert_eq!(ids, [1, 5]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn large_requests_pass_through_small_windows() {
    let mut builder = Builder::new();
    builder.initial_window_size(100).max_frame_size(16_384);
    let mut both = both(builder).await;
    let call = |_| both.client.call(request(300_000), TIMEOUT, Reading::Whole).unwrap();
    let calls: Vec<_> = (0..3).map(call).collect();
    for _ in 0..calls.len() {
        let (request, respond) = soon(both.asked.recv()).await.unwrap();
        tokio::spawn(async move {
            assert!(body(request).await == pattern(1, 300_000));
            finish(begin(respond), Vec::new());
        });
    }
    for call in calls {
        assert_eq!(soon(whole(call)).await, (Vec::new(), Ok(())));
    }
}

#[tokio::test]
async fn calls_that_are_open_at_a_farewell_finish_and_later_ones_are_unheard() {
    let Both { client, driver, mut asked, farewell } = both(Builder::new()).await;
    let call = client.call(request(100_000), TIMEOUT, Reading::Whole).unwrap();
    let (request_came, respond) = soon(asked.recv()).await.unwrap();
    farewell.notify_one();
    soon(async {
        while client.is_open() {
            tokio::task::yield_now().await;
        }
    })
    .await;
    let late = client.call(request(5), TIMEOUT, Reading::Whole);
    assert!(matches!(late, Err(Failure::Unheard(_))));
    assert!(soon(body(request_came)).await == pattern(1, 100_000));
    finish(begin(respond), pattern(4, 200_000));
    assert_eq!(soon(whole(call)).await, (pattern(4, 200_000), Ok(())));
    soon(driver).await.unwrap();
}
