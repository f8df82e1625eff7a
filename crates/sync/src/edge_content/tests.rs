//! What an edge makes of manifests: objects are rejected one by one, and snapshots share what did not change.

use super::*;
use crate::signature::Signer;
use crate::testing::{plugins, published, simple_app};
use sidegate_model::namespace::Namespace;
use sidegate_model::plugin::PluginId;
use sidegate_model::snapshot::Snapshot;

fn signer() -> Signer {
    Signer::from_seed(&[1; 32]).unwrap()
}

/// Reads a revision; configurations of these plugins cannot be opened.
fn read(
    revision: u64,
    content: &Snapshot,
    before: &Versions,
    sealed: &[u32],
) -> Arc<NamespaceContent> {
    let (manifest, blobs) = published(&signer(), (1, revision), content);
    let blob = |entry: &Entry| {
        let blob = blobs.iter().find(|blob| blob.digest == entry.digest);
        blob.map(|blob| blob.bytes.clone()).ok_or("it is not there")
    };
    let mut open = |object: Object| match &object {
        Object::Plugin(plugin) if sealed.contains(&plugin.id.0) => {
            Err("it is sealed with another key".to_owned())
        }
        _ => Ok(object),
    };
    let read = NamespaceContent::read(&manifest, before, &Features::default(), blob, &mut open);
    Arc::new(read.unwrap())
}

fn commands(content: &NamespaceContent) -> Vec<(u32, String)> {
    let assembly = Assembly::default().with(&Arc::new(content.clone()), 1);
    let plugins = assembly.snapshot().plugins.values();
    plugins.map(|spec| (spec.id.0, spec.command.clone())).collect()
}

#[test]
fn a_rejected_object_keeps_its_last_good_version_and_all_others_are_new() {
    let first = read(1, &plugins(&[1, 2], 1), &Versions::new(), &[]);
    let second = read(2, &plugins(&[1, 2, 3], 2), first.versions(), &[2, 3]);
    let (old, new) = ("file:///opt/v1".to_owned(), "file:///opt/v2".to_owned());
    assert_eq!(commands(&second), [(1, new.clone()), (2, old.clone())]);
    let rejected: Vec<_> = second.rejected().iter().map(|(name, r)| (name.key(), r)).collect();
    let reason = "it is sealed with another key".to_owned();
    let told = |keeps_last_good| Rejected { reason: reason.clone(), keeps_last_good };
    assert_eq!(rejected, [("2", &told(true)), ("3", &told(false))]);
    assert_eq!(second.kept(), [(first.manifest().clone(), vec![ObjectName::plugin(PluginId(2))])]);
    // What was kept is kept on, and good again once it is.
    let third = read(3, &plugins(&[1, 2], 3), second.versions(), &[2]);
    assert_eq!(commands(&third)[1], (2, old));
    let fourth = read(4, &plugins(&[1, 2], 2), third.versions(), &[]);
    assert_eq!((commands(&fourth)[1].clone(), fourth.kept()), ((2, new), vec![]));
}

#[test]
fn a_token_that_is_not_understood_opens_nothing_and_keeps_no_other_from_being_revoked() {
    use sidegate_model::token::{Token, TokenHash, TokenId};
    let token = |number: u8| Token {
        id: TokenId(number.into()),
        app_id: sidegate_model::app::AppId(1),
        name: String::new(),
        hash: TokenHash([number; 32]),
        hint: String::new(),
        scopes: Vec::new(),
        expires_at: None,
        created_at: 0,
        updated_at: 0,
        replaced_by: None,
        last_used: <_>::default(),
    };
    let mut hashes = [1, 2, 3].map(|number| {
        let mut token = token(number);
        token.hash.0[0] = 9;
        token
    });
    hashes.sort_unstable_by_key(|token| token.hash);
    let shard = crate::object::TokenShard::new(9, hashes.map(Arc::new));
    let blob = Object::Tokens(shard).encode().unwrap();
    let mut message: crate::message::Object = prost::Message::decode(blob.bytes).unwrap();
    let Some(crate::message::object::Body::Tokens(tokens)) = &mut message.body else { panic!() };
    tokens.tokens[1].required_features = vec!["quantum".to_owned()];
    let bytes = prost::Message::encode_to_vec(&message);
    let name = ObjectName::tokens(9);
    let read = Object::decode(&name, &bytes, &Features::default()).unwrap();
    let Object::Tokens(shard) = &read else { panic!("{read:?}") };
    let ids: Vec<_> = shard.tokens.iter().map(|token| token.id.0).collect();
    assert_eq!(ids, [1, 3]);
    let said = read.left_out().unwrap();
    assert!(said.starts_with("token 2: it needs quantum, which"), "{said}");
    let knowing = Object::decode(&name, &bytes, &Features::of(["quantum"])).unwrap();
    assert_eq!(knowing.left_out(), None);
}

#[test]
fn a_closer_look_rejects_objects_too() {
    let first = read(1, &plugins(&[1, 2], 1), &Versions::new(), &[]);
    let mut second = (*read(2, &plugins(&[1, 2], 2), first.versions(), &[])).clone();
    second.reject(&ObjectName::plugin(PluginId(1)), "no such program", first.versions());
    second.reject(&ObjectName::plugin(PluginId(9)), "it is not in there", first.versions());
    assert_eq!(commands(&second)[0].1, "file:///opt/v1");
    assert_eq!(second.rejected().len(), 1);
}

#[test]
fn what_is_kept_has_a_bound_and_the_oldest_goes_first() {
    let count = u32::try_from(MAX_KEPT_MANIFESTS).unwrap() + 3;
    let ids: Vec<_> = (1..=count).collect();
    let mut content = read(1, &plugins(&ids, 1), &Versions::new(), &[]);
    // In each revision one more is rejected from now on, so each is kept from another manifest.
    for step in 1..=count {
        let sealed: Vec<_> = (1..=step).collect();
        let revision = u64::from(step) + 1;
        content = read(revision, &plugins(&ids, revision), content.versions(), &sealed);
        assert!(content.kept().len() <= MAX_KEPT_MANIFESTS);
    }
    assert_eq!(content.versions().len(), MAX_KEPT_MANIFESTS);
    assert!(!content.rejected()[&ObjectName::plugin(PluginId(1))].keeps_last_good);
    assert!(content.rejected()[&ObjectName::plugin(PluginId(count))].keeps_last_good);
}

#[test]
fn a_snapshot_is_that_of_all_namespaces_and_shares_what_did_not_change() {
    let mut global = plugins(&[1], 1);
    (0..512).for_each(|id| global.apps.insert(simple_app(id)));
    let mut own = plugins(&[2], 1).with_registered(PluginId(3), Some(7));
    own.apps.insert(simple_app(1000));
    let first = read(1, &global, &Versions::new(), &[]);
    let assembly = Assembly::default().with(&first, 1);
    let own = in_namespace("berlin", &own);
    let both = assembly.with(&own, 2);
    let snapshot = both.snapshot();
    assert_eq!((snapshot.plugins.len(), snapshot.apps.len(), snapshot.revision), (2, 513, 2));
    assert_eq!(snapshot.registered.get(&PluginId(3)), Some(&7));
    let mut next = global.clone();
    next.apps.insert(sidegate_model::app::App { name: "other".to_owned(), ..simple_app(7) });
    let third = both.with(&read(2, &next, first.versions(), &[]), 3);
    let same = |shard: &u8| third.snapshot().apps.is_same_part(&snapshot.apps, *shard);
    assert_eq!((0..=255).filter(same).count(), 255);
    let spec = |snapshot: &Snapshot| snapshot.plugins[&PluginId(1)].clone();
    assert!(Arc::ptr_eq(&spec(third.snapshot()), &spec(snapshot)));
    assert_eq!(third.content(&Namespace::global()).unwrap().manifest().position().revision, 2);
}

fn in_namespace(namespace: &str, content: &Snapshot) -> Arc<NamespaceContent> {
    let content = crate::Content::of(content).unwrap();
    let publication = crate::Publication {
        namespace: Namespace::parse(namespace).unwrap(),
        position: Position { lineage: 1, revision: 1 },
        parent: None,
        author: String::new(),
        at: 0,
    };
    let manifest = signer().sign(crate::Manifest::new(publication, content.blobs()).unwrap());
    let blob = |entry: &Entry| {
        let mut blobs = content.blobs();
        let blob = blobs.find(|blob| blob.digest == entry.digest);
        blob.map(|blob| blob.bytes.clone()).ok_or("it is not there")
    };
    let known = Features::default();
    let read = NamespaceContent::read(&manifest, &Versions::new(), &known, blob, &mut Ok);
    Arc::new(read.unwrap())
}
