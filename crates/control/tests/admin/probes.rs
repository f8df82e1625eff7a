//! The probes on the admin port.

use crate::harness::Admin;
use reqwest::Method;

#[tokio::test]
async fn whether_it_is_ready_and_what_is_counted_is_told_without_a_token() {
    let admin = Admin::start().await;
    let ask = async |path: &str| admin.request(Method::GET, path).send().await.unwrap();
    assert_eq!(ask("/health").await.status(), 200);
    let ready = ask("/ready").await;
    assert_eq!(ready.status(), 200);
    assert!(ready.text().await.unwrap().contains("\"ready\""));
    admin.plane.stalls.send_replace(true);
    assert_eq!(ask("/ready").await.status(), 503);
    let metrics = ask("/metrics").await;
    assert_eq!(
        (metrics.status().as_u16(), &metrics.headers()["content-type"]),
        (200, &"text/plain".parse().unwrap())
    );
    assert_eq!(metrics.text().await.unwrap(), "counted 1\n");
    assert_eq!(admin.request(Method::POST, "/metrics").send().await.unwrap().status(), 405);
}
