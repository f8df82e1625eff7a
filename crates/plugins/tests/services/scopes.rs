//! What an operator grants is what a plugin may ask, from the next call on.

use crate::harness::{Harness, Plugin, spec};
use sidegate_model::plugin::PluginId;
use sidegate_model::scope::SERVICE_SCOPES;
use sidegate_wire::events::PublishRequest;
use sidegate_wire::health::HealthCheckRequest;
use sidegate_wire::health::health_client::HealthClient;
use sidegate_wire::host;
use sidegate_wire::management as wire;
use tonic::{Code, Status};

/// Asks every method that needs a scope, in the order of the scopes' names.
async fn ask_everything(plugin: &mut Plugin) -> Vec<(&'static str, &'static str, Option<Status>)> {
    let mut answers = Vec::new();
    macro_rules! ask {
        ($($scope:literal $method:ident $request:ident)+) => {$(
            let answer = plugin.management.$method(wire::$request::default()).await;
            answers.push(($scope, stringify!($method), answer.err()));
        )+};
    }
    ask! {
        "apps.read" list_apps ListAppsRequest
        "apps.read" get_app GetAppRequest
        "budget.read" get_budget_status GetBudgetStatusRequest
        "control.send" queue_control_payload QueueControlPayloadRequest
        "credentials.validate" validate_credential ValidateCredentialRequest
        "kv.readwrite" write_plugin_kv WritePluginKvRequest
        "kv.readwrite" read_plugin_kv ReadPluginKvRequest
        "kv.readwrite" delete_plugin_kv DeletePluginKvRequest
        "llms.read" list_ll_ms ListLlMsRequest
        "llms.read" get_llm GetLlmRequest
        "pricing.read" list_model_prices ListModelPricesRequest
        "pricing.read" get_model_price GetModelPriceRequest
    }
    macro_rules! ask_sidegate {
        ($($method:ident $request:ident)+) => {$(
            let answer = plugin.sidegate.$method(host::$request::default()).await;
            answers.push(("kv.readwrite", stringify!($method), answer.err()));
        )+};
    }
    ask_sidegate! {
        read_entry ReadEntryRequest
        write_entry WriteEntryRequest
        take_entry TakeEntryRequest
        list_entries ListEntriesRequest
        seal SealRequest
        open OpenRequest
    }
    answers
}

#[tokio::test]
async fn each_scope_opens_its_methods_and_no_other() {
    let harness = Harness::new();
    let mut plugin = harness.plugin(7, &[]).await;
    for granted in SERVICE_SCOPES {
        harness.grant(7, &[granted]);
        let answers = ask_everything(&mut plugin).await;
        assert_eq!(answers.len(), 18);
        for (scope, method, refused) in answers {
            let denied = refused.is_some_and(|status| status.code() == Code::PermissionDenied);
            assert_eq!(denied, scope != granted, "{method} with {granted}");
        }
    }
}

#[tokio::test]
async fn a_refusal_names_the_scope_and_how_to_grant_it() {
    let harness = Harness::new();
    let mut plugin = harness.plugin(7, &["apps.read"]).await;
    let ask = wire::ReadPluginKvRequest { key: "k".into(), context: None };
    let refused = plugin.management.read_plugin_kv(ask.clone()).await.unwrap_err();
    assert_eq!(
        refused.message(),
        "insufficient scope: kv.readwrite (plugin: 7); an operator grants it with: sidegate plugin grant plugin-7 kv.readwrite"
    );
    // A name that a shell would take apart is replaced by the number.
    let renamed = sidegate_model::plugin::PluginSpec { name: "my plugin".into(), ..spec(7, &[]) };
    harness.change(|snapshot| snapshot.with_plugin(PluginId(7), Some(renamed)));
    let refused = plugin.management.read_plugin_kv(ask).await.unwrap_err();
    assert!(refused.message().ends_with("plugin grant 7 kv.readwrite"), "{}", refused.message());
}

#[tokio::test]
async fn a_grant_and_its_revocation_count_from_the_next_call_on() {
    let harness = Harness::new();
    let mut plugin = harness.plugin(7, &[]).await;
    let mut code = async || {
        let ask = wire::ReadPluginKvRequest { key: "k".into(), context: None };
        plugin.management.read_plugin_kv(ask).await.unwrap_err().code()
    };
    assert_eq!(code().await, Code::PermissionDenied);
    harness.grant(7, &["kv.readwrite"]);
    assert_eq!(code().await, Code::NotFound);
    harness.grant(7, &[]);
    assert_eq!(code().await, Code::PermissionDenied);
}

#[tokio::test]
async fn a_plugin_that_is_not_wanted_any_more_is_granted_nothing() {
    let harness = Harness::new();
    let mut plugin = harness.plugin(7, &SERVICE_SCOPES).await;
    harness.change(|snapshot| snapshot.with_plugin(PluginId(7), None));
    for (scope, method, refused) in ask_everything(&mut plugin).await {
        let refused = refused.unwrap();
        assert_eq!(refused.code(), Code::PermissionDenied, "{method}");
        assert!(refused.message().contains(scope), "{method}: {}", refused.message());
    }
}

#[tokio::test]
async fn events_and_the_licence_need_no_scope() {
    let harness = Harness::new();
    let mut plugin = harness.plugin(7, &[]).await;
    let event = PublishRequest { topic: "t".into(), ..Default::default() };
    assert!(plugin.events.publish(event).await.unwrap().into_inner().success);
    let ask = wire::GetLicenseInfoRequest::default();
    let licence = plugin.management.get_license_info(ask).await.unwrap().into_inner();
    assert!(licence.license_valid && licence.entitlements.is_empty());
    assert_eq!((licence.days_remaining, &*licence.license_type), (-1, "community"));
    assert_eq!(licence.expires_at, None);
}

#[tokio::test]
async fn a_service_that_is_not_offered_is_unimplemented_and_breaks_nothing() {
    let harness = Harness::new();
    let mut plugin = harness.plugin(7, &[]).await;
    let mut health = HealthClient::new(plugin.channel.clone());
    let refused = health.check(HealthCheckRequest::default()).await.unwrap_err();
    assert_eq!(refused.code(), Code::Unimplemented);
    plugin.management.get_license_info(wire::GetLicenseInfoRequest::default()).await.unwrap();
}
