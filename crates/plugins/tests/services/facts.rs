//! Apps, credentials, budgets and what this gateway has none of.

use crate::harness::{Harness, Plugin, app};
use prost_types::Timestamp;
use serde_json::json;
use sidegate_model::UnixMillis;
use sidegate_model::app::{App, AppId};
use sidegate_model::clock::now_millis;
use sidegate_model::last_use::LastUse;
use sidegate_model::token::{Token, TokenHash, TokenId};
use sidegate_wire::management as wire;
use tonic::Code;

/// A desk with these apps, and a plugin that may ask for facts.
async fn desk_with(apps: impl IntoIterator<Item = App>) -> (Harness, Plugin) {
    let harness = Harness::new();
    for app in apps {
        harness.change(|snapshot| snapshot.with_app(app.id, Some(app)));
    }
    let scopes = [
        "apps.read",
        "budget.read",
        "control.send",
        "credentials.validate",
        "llms.read",
        "pricing.read",
    ];
    let plugin = harness.plugin(1, &scopes).await;
    (harness, plugin)
}

async fn page(
    plugin: &mut Plugin,
    is_active: Option<bool>,
    page: i32,
    limit: i32,
) -> (Vec<u32>, i64) {
    let request = wire::ListAppsRequest { context: None, is_active, page, limit };
    let listed = plugin.management.list_apps(request).await.unwrap().into_inner();
    (listed.apps.iter().map(|app| app.id).collect(), listed.total_count)
}

#[tokio::test]
async fn apps_are_listed_in_pages_of_a_stable_order() {
    let apps = (1..=25).map(|id| App { is_active: id % 5 != 0, ..app(id) });
    let (_desk, mut plugin) = desk_with(apps).await;
    let active: Vec<u32> = (1..=25).filter(|id| id % 5 != 0).collect();
    assert_eq!(page(&mut plugin, None, 0, 0).await, (active[..10].to_vec(), 20));
    assert_eq!(page(&mut plugin, None, -3, -1).await, (active[..10].to_vec(), 20));
    assert_eq!(page(&mut plugin, Some(true), 2, 8).await, (active[8..16].to_vec(), 20));
    assert_eq!(page(&mut plugin, Some(true), 3, 8).await, (active[16..].to_vec(), 20));
    assert_eq!(page(&mut plugin, Some(false), 1, 100).await, (vec![5, 10, 15, 20, 25], 5));
    assert_eq!(page(&mut plugin, None, i32::MAX, i32::MAX).await, (vec![], 20));
}

#[tokio::test]
async fn a_page_has_at_most_1000_apps_and_one_that_fits_no_message_is_refused_in_words() {
    let (harness, mut plugin) = desk_with((1..=1001).map(app)).await;
    assert_eq!(page(&mut plugin, None, 1, 5000).await.0.len(), 1000);
    for id in 1..=80 {
        let metadata = json!({ "notes": "x".repeat(60_000) }).as_object().unwrap().clone();
        let large = App { metadata, ..app(id) };
        harness.change(|snapshot| snapshot.with_app(AppId(id), Some(large)));
    }
    let request = wire::ListAppsRequest { limit: 1000, ..Default::default() };
    let refused = plugin.management.list_apps(request).await.unwrap_err();
    assert_eq!(refused.code(), Code::ResourceExhausted);
    assert!(refused.message().ends_with("with limit, 69 fit"), "{}", refused.message());
    assert_eq!(page(&mut plugin, None, 1, 69).await.0.len(), 69);
}

#[tokio::test]
async fn an_app_is_told_as_it_is_registered() {
    let (_desk, mut plugin) = desk_with([App { is_active: false, ..app(3) }]).await;
    let request = wire::GetAppRequest { context: None, app_id: 3 };
    let told = plugin.management.get_app(request).await.unwrap().into_inner().app.unwrap();
    let expected = wire::AppInfo {
        id: 3,
        name: "app 3".into(),
        description: "calls".into(),
        owner_email: "ops@example.com".into(),
        is_active: false,
        monthly_budget: 12.5,
        budget_reset_day: 1,
        rate_limit_rpm: 60,
        allowed_ips: vec![],
        created_at: Some(Timestamp { seconds: 1, nanos: 500_000_000 }),
        updated_at: Some(Timestamp { seconds: 2, nanos: 0 }),
        metadata: r#"{"tier":"gold"}"#.into(),
    };
    assert_eq!(told, expected);
    let request = wire::GetAppRequest { context: None, app_id: 4 };
    assert_eq!(plugin.management.get_app(request).await.unwrap_err().code(), Code::NotFound);
}

fn token(id: u32, text: &str, app: u32, expires_at: Option<UnixMillis>) -> Token {
    Token {
        id: TokenId(id),
        app_id: AppId(app),
        name: String::new(),
        hash: TokenHash::of(text),
        hint: String::new(),
        scopes: vec![],
        expires_at,
        created_at: 0,
        updated_at: 0,
        replaced_by: None,
        last_used: LastUse::default(),
    }
}

#[tokio::test]
async fn a_credential_is_valid_exactly_where_the_edge_would_let_it_in() {
    let (harness, mut plugin) = desk_with([app(1), App { is_active: false, ..app(2) }]).await;
    let far = 4_000_000_000_999;
    let tokens = [
        token(11, "good", 1, None),
        token(12, "ends", 1, Some(far)),
        token(13, "expired", 1, Some(1)),
        token(14, "inactive", 2, None),
        token(15, "orphan", 9, None),
    ];
    harness.change(|mut snapshot| {
        snapshot.tokens = tokens.into_iter().collect();
        snapshot
    });
    let mut validated = async |secret: &str| {
        let request = wire::ValidateCredentialRequest { context: None, secret: secret.into() };
        plugin.management.validate_credential(request).await.unwrap().into_inner()
    };
    let valid = |credential_id, expires_at| wire::ValidateCredentialResponse {
        valid: true,
        app_id: 1,
        credential_id,
        expires_at,
    };
    assert_eq!(validated("good").await, valid(11, None));
    assert_eq!(validated("ends").await, valid(12, Some(4_000_000_000)));
    for bad in ["expired", "inactive", "orphan", "unknown", "", "good "] {
        assert_eq!(validated(bad).await, wire::ValidateCredentialResponse::default(), "{bad:?}");
    }
}

#[tokio::test]
async fn a_budget_is_all_there_because_nothing_is_counted() {
    let (_desk, mut plugin) = desk_with([app(1)]).await;
    let ask = |app_id| wire::GetBudgetStatusRequest { context: None, app_id, llm_id: Some(4) };
    let told = plugin.management.get_budget_status(ask(1)).await.unwrap().into_inner();
    assert_eq!((told.app_id, told.llm_id), (1, Some(4)));
    assert_eq!((told.monthly_budget, told.remaining_budget, told.current_usage), (12.5, 12.5, 0.0));
    assert_eq!((told.tokens_used, told.requests_count, told.percentage_used), (0, 0, 0.0));
    assert!(!told.is_over_budget);
    let now = now_millis() / 1000;
    assert!(told.period_start <= now && now <= told.period_end);
    let days = (told.period_end - told.period_start) / 86_400;
    assert!((28..=31).contains(&days), "{days} days");
    let refused = plugin.management.get_budget_status(ask(2)).await.unwrap_err();
    assert_eq!(refused.code(), Code::NotFound);
}

#[tokio::test]
async fn of_llms_and_prices_there_are_none() {
    let (_desk, mut plugin) = desk_with([]).await;
    let plugin = &mut plugin.management;
    let llms = plugin.list_ll_ms(wire::ListLlMsRequest::default()).await.unwrap().into_inner();
    assert_eq!((llms.llms.len(), llms.total_count), (0, 0));
    let prices = plugin.list_model_prices(wire::ListModelPricesRequest::default()).await.unwrap();
    assert!(prices.into_inner().model_prices.is_empty());
    let llm = plugin.get_llm(wire::GetLlmRequest::default()).await.unwrap_err();
    assert_eq!(llm.code(), Code::NotFound);
    let price = plugin.get_model_price(wire::GetModelPriceRequest::default()).await.unwrap_err();
    assert_eq!(price.code(), Code::NotFound);
}

#[tokio::test]
async fn a_payload_for_a_control_plane_is_refused_in_words_and_not_as_an_error() {
    let (_desk, mut plugin) = desk_with([]).await;
    for (bytes, words) in [
        (0, "the payload is empty"),
        (1, "this gateway has no control plane to send to"),
        (1024 * 1024, "this gateway has no control plane to send to"),
        (1024 * 1024 + 1, "the payload has 1048577 bytes, 1048576 are the most"),
    ] {
        let payload = vec![1; bytes];
        let request = wire::QueueControlPayloadRequest { payload, ..Default::default() };
        let told = plugin.management.queue_control_payload(request).await.unwrap().into_inner();
        assert_eq!((told.success, &*told.error_message, told.pending_count), (false, words, 0));
    }
}
