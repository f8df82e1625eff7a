//! Getting an identity by a join token.

use crate::control_plane::ControlPlane;
use crate::edge::{Edge, Site, snapshot};
use crate::{DAY, DEADLINE, HOUR, Time};
use sidegate_enrolment::edge::{ControlPlanes, EdgeIdentity, EnrolError, JoinError, keep_joining};
use sidegate_enrolment::{AcceptorLimits, ControlUrl, JoinToken};
use sidegate_sync::Namespace;
use std::os::unix::fs::PermissionsExt as _;
use tokio::sync::watch;
use tokio::time::timeout;

#[tokio::test]
async fn an_edge_joins_once_and_syncs_as_the_one_that_its_token_names() {
    let control = ControlPlane::start(&Time::new()).await;
    control.publish("", 1, &snapshot(1));
    let site = Site::new(&control);
    let identity = site.joined(&control, "one").await;
    let peer = identity.peer();
    assert_eq!((&*peer.edge, peer.namespace.as_str()), ("one", "berlin"));
    assert_eq!(identity.certificate().expires_at, control.time.now() + DAY);
    let known = identity.trust().borrow().clone();
    assert_eq!(known.signers, [control.signer()]);
    assert_eq!(known.data_keys.keys().map(Namespace::as_str).collect::<Vec<_>>(), ["", "berlin"]);
    let mut edge = Edge::start(&site, &identity);
    edge.serves(1).await;
    assert_eq!(*control.attached().borrow(), [peer]);
    edge.stop().await;
    control.stop().await;
}

#[tokio::test]
async fn an_identity_on_the_disk_is_found_again_and_needs_no_token() {
    let control = ControlPlane::start(&Time::new()).await;
    let site = Site::new(&control);
    let token = control.token("one", "");
    let joined = site.join(&control, &token).await.unwrap();
    assert_eq!(site.found(&control).certificate(), joined.certificate());
    // Even one that is not valid any more.
    control.time.pass(2 * HOUR);
    let again = site.join(&control, &token).await.unwrap();
    assert_eq!(again.certificate(), joined.certificate());
    site.dial(&again).await.unwrap();
    let files = std::fs::read_dir(site.identity_folder()).unwrap();
    let mut names: Vec<_> = files.map(|file| file.unwrap()).collect();
    names.sort_by_key(std::fs::DirEntry::file_name);
    let modes: Vec<_> = names
        .iter()
        .map(|file| (file.file_name().into_string().unwrap(), file.metadata().unwrap()))
        .map(|(name, data)| (name, data.permissions().mode() & 0o777))
        .collect();
    assert_eq!(modes, [("identity.pem".to_owned(), 0o600), ("trust-bundle".to_owned(), 0o600)]);
}

#[tokio::test]
async fn a_token_does_not_reach_a_control_plane_that_it_does_not_pin() {
    let time = Time::new();
    let (ours, other) = (ControlPlane::start(&time).await, ControlPlane::start(&time).await);
    let site = Site::new(&other);
    let refused = site.join(&ours, &ours.token("one", "")).await.unwrap_err();
    assert!(
        refused.to_string().contains("is not the control plane that this edge knows"),
        "{refused}"
    );
    // That does not get better, and is told at once.
    let (_stop, stopped) = watch::channel(false);
    let token = ours.token("two", "");
    let folder = site.identity_folder();
    let joining = keep_joining(&folder, &site.control, &token, time.clock(), stopped);
    let ended = timeout(DEADLINE, Box::pin(joining)).await.expect("it is not tried for ever");
    assert!(matches!(ended, Err(JoinError::Enrol(EnrolError::Stranger(_)))), "{ended:?}");
    // Where another one may be the right one, it is tried again.
    let nowhere = ControlUrl::parse("https://127.0.0.1:1").unwrap();
    let both = Site::with(ControlPlanes::new(vec![other.url(), nowhere], None).unwrap());
    assert!(both.join(&ours, &token).await.unwrap_err().is_temporary());
    assert!(other.issued().borrow().is_empty());
}

#[tokio::test]
async fn a_token_is_used_once_but_a_lost_answer_is_given_again() {
    let control = ControlPlane::start(&Time::new()).await;
    let token = control.token("one", "");
    let site = Site::new(&control);
    let first = site.join(&control, &token).await.unwrap();
    // As if the answer had never come: the key is there, the certificate is not.
    let file = site.identity_folder().join("identity.pem");
    let text = std::fs::read_to_string(&file).unwrap();
    let (_, key) = text.split_once('\n').unwrap();
    let (key, _) = key.split_once("-----BEGIN CERTIFICATE").unwrap();
    let joining = site.identity_folder().join("joining.key");
    std::fs::write(&joining, key).unwrap();
    std::fs::set_permissions(&joining, std::fs::Permissions::from_mode(0o600)).unwrap();
    std::fs::remove_file(&file).unwrap();
    let again = site.join(&control, &token).await.unwrap();
    assert_eq!(again.certificate().key, first.certificate().key);
    assert!(!joining.exists());
    site.dial(&again).await.unwrap();
    // Another edge has another key.
    let other = Site::new(&control);
    let refused = other.join(&control, &token).await.unwrap_err();
    assert!(refused.to_string().contains("was used already, by another key"), "{refused}");
    assert!(!refused.is_temporary());
}

#[tokio::test]
async fn a_token_that_has_expired_or_was_never_made_is_refused() {
    let control = ControlPlane::start(&Time::new()).await;
    let site = Site::new(&control);
    let token = control.token("one", "");
    let pinned = control.authorities().issuing().certificate().key();
    let made_up = JoinToken::generate(pinned).unwrap();
    let refused = site.join(&control, &made_up).await.unwrap_err();
    assert!(refused.to_string().contains("the join token is not valid"), "{refused}");
    control.time.pass(HOUR);
    let refused = site.join(&control, &token).await.unwrap_err();
    assert!(refused.to_string().contains("the join token has expired"), "{refused}");
    assert!(!refused.is_temporary());
    assert!(EdgeIdentity::load(&site.identity_folder(), control.time.clock()).unwrap().is_none());
    // The folder is as good as new for the next token.
    site.joined(&control, "one").await;
}

#[tokio::test]
async fn an_edge_goes_on_trying_to_join_while_it_is_told_to_come_later_or_nobody_is_there() {
    // One token is tried in a minute, and this is not the one.
    let time = Time::new();
    let control = ControlPlane::start_with(&time, AcceptorLimits::default(), 1).await;
    let site = Site::new(&control);
    site.joined(&control, "one").await;
    let other = Site::new(&control);
    let refused = other.join(&control, &control.token("two", "")).await.unwrap_err();
    assert!(refused.to_string().contains("too many edges come at once"), "{refused}");
    assert!(refused.is_temporary());
    // The first control plane is not there, and the second is.
    let nobody = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let gone = format!("https://{}", nobody.local_addr().unwrap());
    drop(nobody);
    let gone = ControlUrl::parse(&gone).unwrap();
    let control = ControlPlane::start(&time).await;
    let site = Site::with(ControlPlanes::new(vec![gone.clone(), control.url()], None).unwrap());
    let (stop, stopped) = watch::channel(false);
    let token = control.token("two", "");
    let folder = site.identity_folder();
    let joining = keep_joining(&folder, &site.control, &token, time.clock(), stopped.clone());
    let joined = timeout(DEADLINE, Box::pin(joining)).await.unwrap().unwrap().unwrap();
    assert_eq!(joined.peer().edge, "two");
    site.dial(&joined).await.unwrap();
    // It gives up when it is stopped.
    let nowhere = Site::with(ControlPlanes::new(vec![gone], None).unwrap());
    stop.send_replace(true);
    let folder = nowhere.identity_folder();
    let joining = keep_joining(&folder, &nowhere.control, &token, time.clock(), stopped);
    assert!(timeout(DEADLINE, Box::pin(joining)).await.unwrap().unwrap().is_none());
}

#[tokio::test]
async fn a_damaged_identity_is_refused_by_name_and_says_what_to_do() {
    let control = ControlPlane::start(&Time::new()).await;
    let site = Site::new(&control);
    site.joined(&control, "one").await;
    for name in ["identity.pem", "trust-bundle"] {
        let file = site.identity_folder().join(name);
        let whole = std::fs::read(&file).unwrap();
        for at in (0..whole.len()).step_by(7) {
            let mut damaged = whole.clone();
            damaged[at] ^= 1;
            std::fs::write(&file, &damaged).unwrap();
            let loaded = EdgeIdentity::load(&site.identity_folder(), control.time.clock());
            let told = loaded.unwrap_err().to_string();
            assert!(told.contains(name) && told.contains("join again"), "{told}");
        }
        std::fs::write(&file, &whole[..whole.len() / 2]).unwrap();
        let cut = EdgeIdentity::load(&site.identity_folder(), control.time.clock());
        assert!(cut.unwrap_err().to_string().contains(name));
        std::fs::write(&file, &whole).unwrap();
    }
    std::fs::remove_file(site.identity_folder().join("trust-bundle")).unwrap();
    let told = EdgeIdentity::load(&site.identity_folder(), control.time.clock()).unwrap_err();
    assert!(told.to_string().contains("trust-bundle: it is missing"), "{told}");
}
