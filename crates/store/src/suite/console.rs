//! The promises about users of the console, their sessions, and links into it. See the parent for where they run.

use super::admin_tokens::admin_token;
use crate::{
    NewConsoleLink, NewConsoleSession, NewUser, Page, Precondition, Proof, SessionHolder, Store,
    StoreError, UserDraft, Vouched,
};
use sidegate_model::actor::Who;
use sidegate_model::clock::now_millis;
use sidegate_model::console_session::{ConsoleSession, SignedInVia};
use sidegate_model::role::Role;
use sidegate_model::token::TokenHash;
use sidegate_model::user::{Identity, PasswordHash, User};

fn hashed(text: &str) -> PasswordHash {
    PasswordHash(format!("$argon2id${text}"))
}

async fn jane(store: &Store) -> User {
    let new = NewUser { password: Some(hashed("a")), ..NewUser::new("jane", Role::Operator) };
    store.create_user(&new).await.unwrap()
}

fn session(secret: &str, holder: SessionHolder) -> NewConsoleSession {
    NewConsoleSession {
        hash: TokenHash::of(secret),
        key: TokenHash::of(&format!("key of {secret}")),
        holder,
        peer: Some([192, 0, 2, 7].into()),
        expires_at: now_millis() + 60_000,
        idle_since: 0,
    }
}

async fn of_jane(store: &Store, secret: &str, user: &User) -> Option<ConsoleSession> {
    let proof = Proof::Password(hashed("a"));
    let new = session(secret, SessionHolder::User(user.id));
    store.begin_console_session(&new, &proof).await.unwrap()
}

async fn found(store: &Store, secret: &str) -> Option<ConsoleSession> {
    store.view().console_session_by_hash(TokenHash::of(secret)).await.unwrap()
}

pub(super) async fn a_user_is_saved_found_changed_and_deleted(store: &Store) {
    let view = store.view();
    let saved = jane(store).await;
    assert_eq!((&*saved.name, saved.role, saved.is_enabled), ("jane", Role::Operator, true));
    assert_eq!(saved.password_changed_at, Some(saved.created_at));
    assert_eq!(view.user(saved.id).await.unwrap(), saved);
    assert_eq!(view.user_by_name("jane").await.unwrap(), saved);
    let joe = store.create_user(&NewUser::new("joe", Role::Viewer)).await.unwrap();
    assert_eq!((&joe.password, joe.password_changed_at), (&None, None));
    let listed = view.list_users(Page::default()).await.unwrap();
    assert_eq!((listed.total, listed.items), (2, vec![saved.clone(), joe.clone()]));

    let amend = |user: &User| -> Result<_, StoreError> {
        Ok(UserDraft { role: Role::Admin, ..UserDraft::of(user) })
    };
    let changed = store.amend_user(saved.id, &Precondition::None, amend).await.unwrap();
    assert_eq!(changed.role, Role::Admin);
    assert_ne!(changed.version(), saved.version());
    let stale = Precondition::VersionIn(vec![saved.version()]);
    let refused = store.amend_user(saved.id, &stale, amend).await.unwrap_err();
    assert!(matches!(refused, StoreError::ChangedMeanwhile { .. }), "{refused}");
    let taken = |user: &User| -> Result<_, StoreError> {
        Ok(UserDraft { name: "joe".to_owned(), ..UserDraft::of(user) })
    };
    let refused = store.amend_user(saved.id, &Precondition::None, taken).await.unwrap_err();
    assert!(refused.to_string().contains("\"joe\" is taken by user 2"), "{refused}");
    store.delete_user(saved.id, &Precondition::None).await.unwrap();
    assert!(matches!(view.user(saved.id).await, Err(StoreError::NotFound { .. })));
    assert_eq!(jane(store).await.id.0, 3, "a number is never given again");
    assert_eq!(store.revision().await.unwrap(), 0, "they are no desired state");
}

pub(super) async fn a_user_without_the_right_name_is_refused(store: &Store) {
    let refused = store.create_user(&NewUser::new("Jane", Role::Admin)).await.unwrap_err();
    assert!(matches!(refused, StoreError::Invalid { .. }), "{refused}");
    jane(store).await;
    let refused = store.create_user(&NewUser::new("jane", Role::Admin)).await.unwrap_err();
    assert!(matches!(refused, StoreError::Conflict { .. }), "{refused}");
}

pub(super) async fn a_session_is_as_its_holder_is_and_goes_with_them(store: &Store) {
    let user = jane(store).await;
    let begun = of_jane(store, "s", &user).await.unwrap();
    assert_eq!((begun.who.name(), begun.role), ("user:jane", Role::Operator));
    assert_eq!((begun.via, begun.peer), (SignedInVia::Password, Some([192, 0, 2, 7].into())));
    assert_eq!(begun.key, TokenHash::of("key of s"));
    assert_eq!(found(store, "s").await, Some(begun.clone()));
    assert_eq!(found(store, "another").await, None);
    assert!(store.view().user(user.id).await.unwrap().last_signed_in_at.is_some());
    store.note_console_session_uses(&[(begun.id, begun.last_used_at + 5)]).await.unwrap();
    store.note_console_session_uses(&[(begun.id, begun.last_used_at + 1)]).await.unwrap();
    assert_eq!(found(store, "s").await.unwrap().last_used_at, begun.last_used_at + 5);

    let amend = |user: &User| -> Result<_, StoreError> {
        Ok(UserDraft { role: Role::Viewer, ..UserDraft::of(user) })
    };
    store.amend_user(user.id, &Precondition::None, amend).await.unwrap();
    assert_eq!(found(store, "s").await.unwrap().role, Role::Viewer);
    store.delete_user(user.id, &Precondition::None).await.unwrap();
    assert_eq!(found(store, "s").await, None);

    let token = store.create_admin_token(&admin_token("ci", Role::Admin)).await.unwrap();
    let new = session("t", SessionHolder::AdminToken(token.id));
    let begun = store.begin_console_session(&new, &Proof::AdminToken).await.unwrap().unwrap();
    assert_eq!((begun.who.name(), begun.token_expires_at), ("ci", token.expires_at));
    store.revoke_admin_token(token.id, &Precondition::None).await.unwrap();
    assert_eq!(found(store, "t").await, None);
    assert_eq!(store.begin_console_session(&new, &Proof::AdminToken).await.unwrap(), None);

    let root = TokenHash::of("root");
    let new = session("r", SessionHolder::Root(root));
    let begun = store.begin_console_session(&new, &Proof::AdminToken).await.unwrap().unwrap();
    assert_eq!((begun.who, begun.role, begun.root), (Who::Root, Role::Admin, Some(root)));
    store.end_console_session(begun.id).await.unwrap();
    assert_eq!(found(store, "r").await, None);
    let gone = store.end_console_session(begun.id).await.unwrap_err();
    assert!(matches!(gone, StoreError::NotFound { .. }), "{gone}");
}

pub(super) async fn what_was_proved_must_still_hold_when_a_session_begins(store: &Store) {
    let user = jane(store).await;
    store.set_password(user.id, &hashed("b"), None).await.unwrap();
    assert_eq!(of_jane(store, "s", &user).await, None, "the password is another one");
    let new = session("s", SessionHolder::User(user.id));
    let right = Proof::Password(hashed("b"));
    let disable = |user: &User| -> Result<_, StoreError> {
        Ok(UserDraft { is_enabled: false, ..UserDraft::of(user) })
    };
    store.amend_user(user.id, &Precondition::None, disable).await.unwrap();
    assert_eq!(store.begin_console_session(&new, &right).await.unwrap(), None);
    assert_eq!(found(store, "s").await, None);
}

pub(super) async fn a_link_is_burnt_once(store: &Store) {
    let user = jane(store).await;
    let link = |secret: &str, expires_at| NewConsoleLink {
        hash: TokenHash::of(secret),
        holder: SessionHolder::User(user.id),
        who: Who::of_user(user.id, "jane"),
        expires_at,
        session_ends_at: Some(7),
    };
    let (good, old) = (link("good", now_millis() + 60_000), link("old", 1));
    store.create_console_link(&good).await.unwrap();
    store.create_console_link(&old).await.unwrap();
    let stored = store.view().console_link_by_hash(good.hash).await.unwrap().unwrap();
    assert_eq!((stored.holder, stored.expires_at), (good.holder, good.expires_at));
    assert_eq!(stored.session_ends_at, Some(7));
    let begin = async |secret: &str, link: &NewConsoleLink| {
        let new = session(secret, link.holder);
        store.begin_console_session(&new, &Proof::Link(link.hash)).await.unwrap()
    };
    assert_eq!(begin("o", &old).await, None);
    assert_eq!(begin("s", &good).await.unwrap().via, SignedInVia::Link);
    assert_eq!(begin("again", &good).await, None);
    assert!(found(store, "s").await.is_some() && found(store, "again").await.is_none());
}

pub(super) async fn another_password_or_none_to_sign_in_with_ends_sessions(store: &Store) {
    let user = jane(store).await;
    let kept = of_jane(store, "kept", &user).await.unwrap();
    of_jane(store, "other", &user).await.unwrap();
    store.set_password(user.id, &hashed("a"), Some(kept.id)).await.unwrap();
    assert!(found(store, "kept").await.is_some() && found(store, "other").await.is_none());
    of_jane(store, "third", &user).await.unwrap();
    store.end_console_sessions_like(kept.id).await.unwrap();
    assert!(found(store, "kept").await.is_none() && found(store, "third").await.is_none());

    of_jane(store, "fourth", &user).await.unwrap();
    let set = |is_enabled| {
        move |user: &User| -> Result<_, StoreError> {
            Ok(UserDraft { is_enabled, ..UserDraft::of(user) })
        }
    };
    store.amend_user(user.id, &Precondition::None, set(false)).await.unwrap();
    store.amend_user(user.id, &Precondition::None, set(true)).await.unwrap();
    assert_eq!(found(store, "fourth").await, None, "it does not come back");
}

pub(super) async fn one_holder_has_so_many_sessions_and_ended_ones_are_forgotten(store: &Store) {
    let root = SessionHolder::Root(TokenHash::of("root"));
    for number in 0..52 {
        let new = session(&number.to_string(), root);
        store.begin_console_session(&new, &Proof::AdminToken).await.unwrap().unwrap();
    }
    let listed = store.view().list_console_sessions(0, 0, Page::default()).await.unwrap();
    assert_eq!(listed.total, 50);
    assert!(found(store, "0").await.is_none() && found(store, "51").await.is_some());
    let later = NewConsoleSession { idle_since: now_millis() + 1000, ..session("new", root) };
    store.begin_console_session(&later, &Proof::AdminToken).await.unwrap().unwrap();
    let listed = store.view().list_console_sessions(0, 0, Page::default()).await.unwrap();
    assert_eq!(listed.total, 1);
}

fn vouched(subject: &str, name: &str, role: Role) -> Vouched {
    let identity =
        Identity { issuer: "https://id.example".to_owned(), subject: subject.to_owned() };
    Vouched { identity, name: name.to_owned(), role }
}

pub(super) async fn whoever_a_provider_vouches_for_is_known_by_identity(store: &Store) {
    jane(store).await;
    let ann = vouched("1", "ann@corp", Role::Viewer);
    let first = store.vouched_user(&ann).await.unwrap();
    assert_eq!((&*first.name, first.role), ("ann@corp", Role::Viewer));
    assert_eq!((&first.identity, &first.password), (&Some(ann.identity.clone()), &None));
    // The word of today counts, and a name that changed there changes nothing here.
    let now = Vouched { name: "anna@corp".to_owned(), role: Role::Admin, ..ann.clone() };
    let again = store.vouched_user(&now).await.unwrap();
    assert_eq!((again.id, &*again.name, again.role), (first.id, "ann@corp", Role::Admin));
    // Somebody else of the same name takes nobody's place.
    let other = store.vouched_user(&vouched("2", "ann@corp", Role::Viewer)).await.unwrap();
    assert!(
        other.id != first.id && other.name.starts_with("ann.") && other.name.ends_with("@corp")
    );
    let local = store.vouched_user(&vouched("3", "jane", Role::Admin)).await.unwrap();
    assert!(local.name.starts_with("jane."), "{}", local.name);
    let refused = store.set_password(first.id, &hashed("a"), None).await.unwrap_err();
    assert!(matches!(refused, StoreError::Conflict { .. }), "{refused}");

    let new = session("s", SessionHolder::User(first.id));
    let proof = Proof::Identity(ann.identity.clone());
    let begun = store.begin_console_session(&new, &proof).await.unwrap().unwrap();
    assert_eq!((begun.via, begun.role), (SignedInVia::Oidc, Role::Admin));
    assert_eq!(begun.issuer.as_deref(), Some("https://id.example"));
    let of_another = Proof::Identity(vouched("2", "", Role::Viewer).identity);
    let wrong = session("t", SessionHolder::User(first.id));
    assert_eq!(store.begin_console_session(&wrong, &of_another).await.unwrap(), None);
    let ended = store.end_sessions_of(&ann.identity).await.unwrap();
    assert_eq!((ended.map(|user| user.id), found(store, "s").await), (Some(first.id), None));
    assert_eq!(
        store.end_sessions_of(&vouched("9", "", Role::Viewer).identity).await.unwrap(),
        None
    );

    let off = |user: &User| -> Result<_, StoreError> {
        Ok(UserDraft { is_enabled: false, ..UserDraft::of(user) })
    };
    store.amend_user(first.id, &Precondition::None, off).await.unwrap();
    let still = store.vouched_user(&ann).await.unwrap();
    assert_eq!((still.is_enabled, still.role), (false, Role::Admin), "nothing becomes of them");
    assert_eq!(store.begin_console_session(&new, &proof).await.unwrap(), None);
}
