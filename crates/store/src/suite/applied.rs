//! What files of owners named. See the parent for all other promises.

use crate::{Store, StoreError};
use sidegate_model::applied::{AppliedKind, AppliedThing};

fn thing(name: &str, fields: &[&str]) -> AppliedThing {
    AppliedThing {
        kind: AppliedKind::Plugin,
        namespace: String::new(),
        name: name.to_owned(),
        fields: fields.iter().map(ToString::to_string).collect(),
    }
}

pub(super) async fn what_files_named_is_kept_by_owner_and_leaves_the_revision_alone(store: &Store) {
    let revision = store.revision().await.unwrap();
    assert!(matches!(store.applied("a").await, Err(StoreError::NotFound { .. })));
    let things = [thing("p", &["/command", "/config/a~1b"])];
    store.keep_applied("a", &things).await.unwrap();
    store.keep_applied("b", &[]).await.unwrap();
    assert_eq!(store.applied("a").await.unwrap().things, things);
    let others = [thing("q", &[])];
    store.keep_applied("a", &others).await.unwrap();
    assert_eq!(store.applied("a").await.unwrap().things, others);
    assert_eq!(store.applied("b").await.unwrap().things, []);
    assert_eq!(store.revision().await.unwrap(), revision);
}

pub(super) async fn what_files_cannot_have_named_is_refused_with_every_problem(store: &Store) {
    let wrong = [thing("", &[]), thing("p", &["/a", "hunter2"])];
    let Err(StoreError::Invalid { problems, .. }) = store.keep_applied("\n", &wrong).await else {
        panic!("it was kept");
    };
    assert_eq!(problems.len(), 3, "{problems:?}");
    assert!(problems[1].starts_with("things[1].fields[1]: "), "{problems:?}");
}
