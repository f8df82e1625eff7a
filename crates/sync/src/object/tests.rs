//! Objects and manifests keep their laws, whatever is in them.

use super::*;
use crate::content::Content;
use crate::manifest::{Manifest, Position, Publication};
use crate::signature::{PinnedSigners, Signer, VerifyError};
use crate::testing::{app, issuer, plugin, token};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use sidegate_model::namespace::Namespace;
use sidegate_model::plugin::PluginId;
use sidegate_model::snapshot::Snapshot;
use std::sync::Arc;

fn any_object() -> impl Strategy<Value = Object> {
    prop_oneof![
        plugin().prop_map(|spec| {
            let registered_at = (spec.reloads % 2 == 0).then_some(i64::from(spec.reloads));
            let (id, spec) = (spec.id, (spec.reloads % 3 != 0).then(|| Arc::new(spec)));
            Object::Plugin(PluginObject { id, registered_at, spec })
        }),
        issuer().prop_map(|issuer| Object::Issuer(IssuerObject(Arc::new(issuer)))),
        vec(app(), 0..5).prop_map(|apps| {
            let mut table = Snapshot::default().apps;
            apps.into_iter().for_each(|app| table.insert(app));
            let shard = table.iter().next().map_or(0, |app| app.id.0.to_le_bytes()[0]);
            Object::Apps(AppShard::new(shard, table.part(shard).cloned()))
        }),
        vec(token(), 0..5).prop_map(|tokens| {
            let shard = tokens.first().map_or(0, |token| token.hash.0[0]);
            let mut table = Snapshot::default().tokens;
            for mut token in tokens {
                token.hash.0[0] = shard;
                table.insert(token);
            }
            Object::Tokens(TokenShard::new(shard, table.part(shard).cloned()))
        }),
    ]
}

fn publication(revision: u64) -> Publication {
    Publication {
        namespace: Namespace::parse("berlin").unwrap(),
        position: Position { lineage: 1, revision },
        parent: Some(Digest::of(b"before")),
        author: "root".to_owned(),
        at: 1_700_000_000_000,
    }
}

/// Any snapshot, and one with the same content that came about in another order.
fn twice(
    plugins: &[sidegate_model::plugin::PluginSpec],
    apps: &[sidegate_model::app::App],
    tokens: &[sidegate_model::token::Token],
) -> (Snapshot, Snapshot) {
    let mut forward = Snapshot::default();
    for spec in plugins {
        forward =
            forward.with_plugin(spec.id, Some(spec.clone())).with_registered(spec.id, Some(7));
    }
    apps.iter().for_each(|app| forward.apps.insert(app.clone()));
    tokens.iter().for_each(|token| forward.tokens.insert(token.clone()));
    let mut backward = Snapshot::default().at(99);
    for app in forward.apps.iter() {
        backward.apps.insert((**app).clone());
    }
    for token in forward.tokens.iter() {
        token.last_used.touch(1_800_000_000_000);
        backward.tokens.insert((**token).clone());
    }
    let reverse = forward.plugins.values().rev();
    for spec in reverse {
        backward =
            backward.with_registered(spec.id, Some(7)).with_plugin(spec.id, Some((**spec).clone()));
    }
    (forward, backward)
}

proptest! {
    #[test]
    fn an_object_is_decoded_to_what_was_encoded(object in any_object()) {
        let blob = object.encode().unwrap();
        let known = Features::default();
        let decoded = Object::decode(&blob.name, &blob.bytes, &known).unwrap();
        prop_assert_eq!(&decoded, &object);
        prop_assert_eq!(decoded.encode().unwrap(), blob);
    }

    #[test]
    fn equal_content_has_equal_bytes_however_it_came_about(
        plugins in vec(plugin(), 0..4), apps in vec(app(), 0..8), tokens in vec(token(), 0..8),
    ) {
        let (forward, backward) = twice(&plugins, &apps, &tokens);
        let (a, b) = (Content::of(&forward).unwrap(), Content::of(&backward).unwrap());
        prop_assert_eq!(a.blobs().collect::<Vec<_>>(), b.blobs().collect::<Vec<_>>());
        let manifest = |content: &Content, revision| {
            Manifest::new(publication(revision), content.blobs()).unwrap()
        };
        prop_assert_eq!(manifest(&a, 1).content_id(), manifest(&b, 2).content_id());
        prop_assert_ne!(manifest(&a, 1).encode(), manifest(&b, 2).encode());
    }

    #[test]
    fn content_that_follows_another_is_what_it_would_be_alone(
        plugins in vec(plugin(), 1..4), apps in vec(app(), 0..8), tokens in vec(token(), 1..8),
        drop: Index,
    ) {
        let (first, _) = twice(&plugins, &apps, &tokens);
        let content = Content::of(&first).unwrap();
        let gone = drop.get(&plugins).id;
        let mut next = first.with_plugin(gone, None);
        next.tokens.remove(&drop.get(&tokens).hash);
        next.apps.insert(sidegate_model::app::App {
            name: "new".into(), ..crate::testing::simple_app(7)
        });
        let followed = content.followed_by(&next).unwrap();
        let alone = Content::of(&next).unwrap();
        prop_assert_eq!(
            followed.blobs().collect::<Vec<_>>(), alone.blobs().collect::<Vec<_>>()
        );
    }

    #[test]
    fn a_manifest_is_decoded_to_what_was_encoded(objects in vec(any_object(), 0..6)) {
        let blobs: std::collections::BTreeMap<_, _> = objects.iter()
            .map(|object| (object.name(), object.encode().unwrap())).collect();
        let manifest = Manifest::new(publication(3), blobs.values()).unwrap();
        prop_assert_eq!(Manifest::decode(&manifest.encode()).unwrap(), manifest);
    }

    #[test]
    fn bytes_from_anywhere_are_read_or_refused(bytes in vec(any::<u8>(), 0..200)) {
        let _ = Manifest::decode(&bytes);
        let _ = Object::decode(&ObjectName::apps(0), &bytes, &Features::default());
    }
}

fn sample() -> message::Object {
    let spec = sidegate_model::plugin::PluginSpec::new(PluginId(7), "echo", "file:///opt/echo");
    let object = PluginObject { id: PluginId(7), registered_at: None, spec: Some(Arc::new(spec)) };
    message::Object { required_features: vec![], body: Some(Body::Plugin(object.to_message())) }
}

fn decoded(object: &message::Object) -> Result<Object, Rejection> {
    let known = Features::of(["old"]);
    Object::decode(&ObjectName::plugin(PluginId(7)), &object.encode_to_vec(), &known)
}

#[test]
fn fields_of_a_later_version_are_overlooked_unless_the_object_says_that_they_must_not() {
    let mut bytes = sample().encode_to_vec();
    // Field 99, a text.
    bytes.extend([0x9a, 0x06, 3, b'n', b'e', b'w']);
    let name = ObjectName::plugin(PluginId(7));
    assert!(Object::decode(&name, &bytes, &Features::default()).is_ok());
    let mut later = sample();
    later.required_features = vec!["old".to_owned()];
    assert!(decoded(&later).is_ok());
    later.required_features.push("quantum".to_owned());
    let said = decoded(&later).unwrap_err().to_string();
    assert_eq!(said, "it needs quantum, which this version does not know; upgrade the edge");
}

#[test]
fn an_option_of_a_later_version_is_never_overlooked() {
    let with = |name: &str, value: &str| {
        let mut object = sample();
        let Some(Body::Plugin(plugin)) = &mut object.body else { unreachable!() };
        let option = message::PluginOption { name: name.to_owned(), value: value.to_owned() };
        plugin.spec.as_mut().unwrap().options.push(option);
        decoded(&object).map_err(|rejection| rejection.to_string())
    };
    assert!(with("require_auth", "true").is_ok());
    for (name, value) in [("sandbox", "strict"), ("require_auth", "always"), ("timeout", "900000h")]
    {
        let said = with(name, value).unwrap_err();
        assert_eq!(said, format!("options: this version does not understand {name:?}"));
    }
}

#[test]
fn an_object_under_another_name_is_rejected() {
    let bytes = sample().encode_to_vec();
    let wrong = Object::decode(&ObjectName::plugin(PluginId(8)), &bytes, &Features::default());
    assert_eq!(wrong, Err(Rejection::Invalid("it is plugin/7 instead".to_owned())));
    assert_eq!(ObjectName::parse("plugin", "007").unwrap().meaning(), None);
}

#[test]
fn a_manifest_counts_only_with_the_signature_of_a_pinned_signer() {
    let (ours, next, other) =
        (Signer::generate().unwrap(), Signer::generate().unwrap(), Signer::generate().unwrap());
    let pinned = PinnedSigners::new([ours.key(), next.key()]).unwrap();
    let manifest = || Manifest::new(publication(1), []).unwrap();
    for signer in [&ours, &next] {
        let again = Signer::from_seed(&signer.seed()).unwrap();
        assert_eq!(again.key(), signer.key());
        let signed = again.sign(manifest());
        assert_eq!(pinned.verify(&signed.to_message()).unwrap(), signed);
    }
    let foreign = pinned.verify(&other.sign(manifest()).to_message());
    assert!(matches!(foreign, Err(VerifyError::NotSigned(_))));
    let signed = ours.sign(manifest()).to_message();
    for at in 0..signed.manifest.len() {
        let mut changed = signed.manifest.to_vec();
        changed[at] ^= 1;
        let changed = message::SignedManifest { manifest: changed.into(), ..signed.clone() };
        assert!(pinned.verify(&changed).is_err());
    }
}

#[test]
fn a_higher_lineage_counts_more_than_any_revision() {
    let at = |lineage, revision| Position { lineage, revision };
    assert!(at(1, 9) < at(2, 1) && at(1, 8) < at(1, 9));
}

#[test]
fn one_changed_token_among_a_hundred_thousand_moves_a_hundredth_at_most() {
    let token = |number: u32| sidegate_model::token::Token {
        id: sidegate_model::token::TokenId(number),
        app_id: sidegate_model::app::AppId(number % 100),
        name: format!("token {number}"),
        hash: sidegate_model::token::TokenHash::of(&number.to_string()),
        hint: "sgt_abcd".to_owned(),
        scopes: vec!["files.read".to_owned()],
        expires_at: None,
        created_at: 1_700_000_000_000,
        updated_at: 1_700_000_000_000,
        replaced_by: None,
        last_used: <_>::default(),
    };
    let mut snapshot = Snapshot::default();
    (0..100_000).for_each(|number| snapshot.tokens.insert(token(number)));
    let before = Content::of(&snapshot).unwrap();
    snapshot.tokens.remove(&token(7).hash);
    let after = before.followed_by(&snapshot).unwrap();
    let known: std::collections::BTreeSet<_> = before.blobs().map(|blob| blob.digest).collect();
    let size = |blobs: &mut dyn Iterator<Item = &Blob>| -> usize {
        blobs.map(|blob| blob.bytes.len()).sum()
    };
    let whole = size(&mut before.blobs());
    let moved = size(&mut after.blobs().filter(|blob| !known.contains(&blob.digest)));
    let manifest = Manifest::new(publication(2), after.blobs()).unwrap().encode().len();
    println!("{moved} bytes of blobs and {manifest} of a manifest, of {whole}");
    assert!((moved + manifest) * 100 <= whole);
}
