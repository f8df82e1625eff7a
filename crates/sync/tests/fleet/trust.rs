//! What edges trust comes down the stream: keys open what is sealed, and a signature proves what was undone.

use crate::control_plane::ControlPlane;
use crate::edge::Edge;
use crate::raw::Raw;
use crate::{commands, snapshot};
use sidegate_model::plugin::{PluginId, PluginOptions, PluginSpec};
use sidegate_model::sealing::Keyring;
use sidegate_model::snapshot::Snapshot;
use sidegate_sync::message::control_message::Body;
use sidegate_sync::server::{AppliedState, Said};
use sidegate_sync::{Namespace, sealed_settings};
use std::path::Path;
use tempfile::TempDir;

const SECRETS: [&str; 2] = ["hunter2", "swordfish"];

/// A plugin with a secret setting and a secret variable.
fn secret(version: &str) -> PluginSpec {
    let mut spec = PluginSpec::new(PluginId(2), "p2", "file:///b");
    spec.config.insert("password".to_owned(), format!("hunter2{version}").into());
    spec.config.insert("region".to_owned(), "eu".into());
    let raw = [("env.PIN".to_owned(), "swordfish".to_owned())].into();
    spec.options = PluginOptions::parse(&raw).unwrap();
    spec
}

fn sealed(version: &str, key: u8) -> Snapshot {
    let spec = sealed_settings::seal(&secret(version), None, &Keyring::single([key; 32]));
    snapshot(&[(1, "file:///a")]).with_plugin(spec.id, Some(spec))
}

fn has(snapshot: &Snapshot, namespace: &str, version: &str) -> bool {
    let namespace = Namespace::parse(namespace).unwrap();
    let wanted = PluginSpec { namespace, ..secret(version) };
    snapshot.plugins.get(&PluginId(2)).is_some_and(|spec| **spec == wanted)
}

/// All files below a folder.
fn files(folder: &Path) -> Vec<Vec<u8>> {
    let mut all = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => all.extend(files(&path)),
            false => all.push(std::fs::read(path).unwrap()),
        }
    }
    all
}

fn holds_secrets(bytes: &[u8]) -> bool {
    SECRETS.iter().any(|secret| bytes.windows(secret.len()).any(|at| at == secret.as_bytes()))
}

#[tokio::test]
async fn secrets_are_opened_at_the_edge_and_lie_nowhere_in_clear() {
    let control = ControlPlane::start().await;
    control.trust("7");
    control.publish("berlin", 1, &sealed("", 7));
    let folder = TempDir::new().unwrap();
    let mut edge = Edge::start(&control, "one", "berlin", folder.path());
    edge.serves(|snapshot| has(snapshot, "berlin", "")).await;
    assert!(edge.keys.has(&Namespace::global()));
    edge.stop().await;
    let bootstrap = control.bootstrap_file();
    let address = control.stop().await;
    let stored = files(folder.path());
    assert!(stored.len() >= 4 && !stored.iter().any(|file| holds_secrets(file)));
    assert!(bootstrap.windows(8).any(|at| at == b"$sealed:") && !holds_secrets(&bootstrap));
    // With what is on its disk it needs nobody.
    let edge = Edge::start_at(address, control.signer(), ("one", "berlin"), folder.path());
    assert!(has(&edge.snapshot(), "berlin", ""));
    edge.stop().await;
    // And so does a new one that has the keys.
    let other = TempDir::new().unwrap();
    std::fs::write(other.path().join("trust"), "7").unwrap();
    let place = (other.path(), Some(bootstrap.as_slice()));
    let (edge, _) = Edge::start_with(address, control.signer(), ("two", "berlin"), place);
    assert!(has(&edge.snapshot(), "berlin", ""));
    edge.stop().await;
    assert!(!files(other.path()).iter().any(|file| holds_secrets(file)));
}

fn rejection(applied: &AppliedState) -> Option<(bool, String)> {
    let rejected = applied.rejected.values().next()?;
    Some((rejected.keeps_last_good, rejected.reason.clone()))
}

#[tokio::test]
async fn what_no_key_opens_keeps_its_last_good_version_until_the_key_is_there() {
    let control = ControlPlane::start().await;
    control.trust("7");
    control.publish("", 1, &sealed("-old", 7));
    let folder = TempDir::new().unwrap();
    let mut edge = Edge::start(&control, "one", "", folder.path());
    edge.serves(|snapshot| has(snapshot, "", "-old")).await;
    control.publish("", 2, &sealed("-new", 8));
    let rejected = control.said(|_, said| match said {
        Said::Applied(applied) => rejection(applied),
        _ => None,
    });
    let (keeps_last_good, reason) = rejected.await;
    assert!(
        keeps_last_good && reason.contains("which is not among those that are known"),
        "{reason}"
    );
    assert!(has(&edge.snapshot(), "", "-old"));
    control.trust("8");
    edge.serves(|snapshot| has(snapshot, "", "-new")).await;
    let healed = control.said(|_, said| match said {
        Said::Applied(applied) => {
            let is_second = applied.manifest.is_some_and(|(at, _)| at.revision == 2);
            (is_second && applied.rejected.is_empty()).then_some(())
        }
        _ => None,
    });
    healed.await;
}

#[tokio::test]
async fn an_edge_of_a_restored_control_plane_proves_what_it_has_and_then_follows() {
    let control = ControlPlane::start().await;
    control.publish("", 1, &snapshot(&[(1, "file:///a")]));
    let folder = TempDir::new().unwrap();
    let mut edge = Edge::start(&control, "one", "", folder.path());
    edge.serves(|snapshot| snapshot.plugins.len() == 1).await;
    let backup = control.head("");
    control.publish("", 2, &snapshot(&[(1, "file:///a"), (2, "file:///b")]));
    edge.serves(|snapshot| snapshot.plugins.len() == 2).await;
    let address = control.stop().await;
    control.restore("", backup);
    let control = control.start_again(address).await;
    let proof = control.said(|_, said| match said {
        Said::Ahead(manifest) => Some(manifest.position()),
        _ => None,
    });
    let proof = proof.await;
    assert_eq!((proof.lineage, proof.revision), (1, 2));
    control.publish_at("", (2, 1), &snapshot(&[(1, "file:///a")]));
    edge.serves(|snapshot| commands(snapshot) == [(1, "file:///a".to_owned())]).await;
}

#[tokio::test]
async fn whoever_is_barred_is_not_sent_the_keys_that_are_made_because_of_it() {
    let control = ControlPlane::start().await;
    control.trust("7");
    let mut edge = Raw::connect(&control, "one").await;
    // Until it has all that was there before.
    edge.is_heard().await;
    // In one moment for the stream, as when the process of the control plane has much to do.
    control.trust("8");
    control.publish("", 1, &sealed("", 8));
    control.send_away("this edge was revoked");
    match edge.hear().await {
        Body::Goodbye(goodbye) => assert_eq!(goodbye.reason, "this edge was revoked"),
        other => panic!("it is told of what is new: {other:?}"),
    }
    assert!(edge.is_over().await, "and nothing after");
}
