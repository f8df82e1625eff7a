//! What a plugin's manifest says: shown, never obeyed, and never a reason not to run.

use crate::asking::bare;
use crate::bench::{Bench, With};
use crate::life::{good, ready};
use sidegate_model::plugin::PluginSpec;
use sidegate_model::status::{PluginState, PluginStatus};

async fn status_of(bench: &Bench, spec: PluginSpec) -> PluginStatus {
    bench.want(spec);
    let status = bench.status_where(7, |s| s.state == PluginState::Ready).await;
    bench.host.shutdown().await;
    status
}

#[tokio::test]
async fn hooks_and_wishes_are_shown() {
    let bench = Bench::new();
    bench.want(good(1));
    let (status, _) = ready(&bench, 1).await;
    assert_eq!(status.hooks, ["custom_endpoint"]);
    assert_eq!(status.requested_scopes, [""; 0]);
    let manifest = r#"{"capabilities":{"hooks":["custom_endpoint","studio_ui"]},
        "permissions":{"services":["plugins.read","kv.readwrite"]}}"#;
    let status = status_of(&bench, bare(7).with("manifest", manifest)).await;
    assert_eq!(status.hooks, ["custom_endpoint", "studio_ui"]);
    assert_eq!(status.requested_scopes, ["plugins.read", "kv.readwrite"]);
}

#[tokio::test]
async fn a_wish_is_no_warning() {
    let bench = Bench::new();
    let manifest = r#"{"permissions":{"services":["plugins.read","kv.readwrite"]}}"#;
    let spec = bare(7).with("manifest", manifest);
    bench.want(spec);
    let (status, _) = ready(&bench, 7).await;
    assert_eq!(status.warnings, [""; 0]);
    bench.host.shutdown().await;
}

#[tokio::test]
async fn a_plugin_with_nothing_but_other_hooks_runs_and_says_so() {
    let bench = Bench::new();
    let manifest = r#"{"capabilities":{"hooks":["pre_auth","studio_ui"]}}"#;
    let spec = bare(7).with("endpoints", "none").with("manifest", manifest);
    let status = status_of(&bench, spec).await;
    assert_eq!(
        status.warnings,
        ["offers only pre_auth, studio_ui: this gateway runs none of them"]
    );
    assert_eq!((status.endpoints.len(), status.restarts), (0, 0));
}

#[tokio::test]
async fn a_manifest_that_cannot_be_read_is_warned_about_and_no_more() {
    let bench = Bench::new();
    let status = status_of(&bench, bare(7).with("manifest", "{hooks")).await;
    assert!(matches!(&status.warnings[..], [one] if one.contains("manifest cannot be read")));
    assert_eq!(status.hooks, [""; 0]);
}

#[tokio::test]
async fn a_plugin_that_says_it_has_no_manifest_has_none() {
    let bench = Bench::new();
    let spec = bare(7).with("manifest", "{hooks").with("has_manifest", "false");
    assert_eq!(status_of(&bench, spec).await.warnings, [""; 0]);
}
