//! An OpenID Connect provider by which people sign in: what an operator says of it, and what it says of itself, which is
//! asked for when somebody wants to sign in and believed for a while.

use sidegate_jwt::fetch::FetchError;
use sidegate_jwt::key_set::KeySet;
use sidegate_jwt::metadata::{Metadata, discover, fetch_keys};
use sidegate_model::issuer::Algorithm;
use sidegate_model::role::Role;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;

/// How long metadata and keys are believed.
const BELIEVED: Duration = Duration::from_secs(300);
/// How often one that is away, or whose keys do not fit, is asked again.
const PAUSE: Duration = Duration::from_secs(5);

/// The group that everybody is in.
pub const EVERYBODY: &str = "*";

/// What an operator says of a provider.
#[derive(Clone, PartialEq, Eq)]
pub struct OidcProvider {
    /// By which it is told from others here, in addresses and behind the `@` of users' names.
    pub name: String,
    /// What people read on the sign-in page.
    pub title: String,
    /// Its `iss`.
    pub issuer: String,
    /// The id that the console has there.
    pub client_id: String,
    /// The secret of that, where it has one.
    pub client_secret: Option<String>,
    /// What it is asked for besides `openid`.
    pub scopes: Vec<String>,
    /// The claim that says in which groups somebody is.
    pub groups_claim: String,
    /// What each group may do; the strongest one counts.
    pub roles: BTreeMap<String, Role>,
    /// By which its ID tokens may be signed.
    pub algorithms: Vec<Algorithm>,
    /// Whether it may be at a private address.
    pub allow_private: bool,
}

impl fmt::Debug for OidcProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, issuer, client_id, .. } = self;
        write!(f, "OidcProvider({name}, {issuer}, {client_id}, …)")
    }
}

impl OidcProvider {
    /// What somebody in these groups may do; none where no group of theirs may do anything.
    pub(crate) fn role(&self, groups: &[String]) -> Option<Role> {
        let of = |group: &str| self.roles.get(group).copied();
        groups
            .iter()
            .filter_map(|group| of(group))
            .chain(of(EVERYBODY))
            .reduce(|one, other| if one.covers(other) { one } else { other })
    }
}

/// A provider with what is known of it.
pub(crate) struct Provider {
    pub(crate) settings: OidcProvider,
    known: Mutex<Known>,
    /// Who asks it: one at a time.
    asking: Semaphore,
}

#[derive(Default)]
struct Known {
    metadata: Option<(Instant, Arc<Metadata>)>,
    keys: Option<Arc<KeySet>>,
    failed_at: Option<Instant>,
}

impl Known {
    /// Notes that it is asked, where it may be asked once more. Whoever gives up while it is asked has failed, too.
    fn begin_to_ask(&mut self) -> Result<(), Away> {
        if self.failed_at.is_some_and(|at| at.elapsed() < PAUSE) {
            return Err(Away::JustNow);
        }
        self.failed_at = Some(Instant::now());
        Ok(())
    }
}

/// Why nothing is known of a provider.
#[derive(Debug)]
pub(crate) enum Away {
    /// It was asked just now, in vain.
    JustNow,
    /// Asking failed.
    Failed(FetchError),
}

impl fmt::Display for Away {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::JustNow => f.write_str("it was asked a moment ago, in vain"),
            Self::Failed(error) => error.fmt(f),
        }
    }
}

impl Provider {
    pub(crate) fn new(settings: OidcProvider) -> Self {
        Self { settings, known: Mutex::default(), asking: Semaphore::new(1) }
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The turn to ask, once nobody else does; `None` is never given, since it is never closed.
    async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        self.asking.acquire().await.ok()
    }

    /// What it says of itself. One asks, and the others wait for that.
    pub(crate) async fn metadata(&self) -> Result<Arc<Metadata>, Away> {
        let _turn = self.turn().await;
        {
            let mut known = self.known();
            if let Some((at, metadata)) = &known.metadata
                && at.elapsed() < BELIEVED
            {
                return Ok(metadata.clone());
            }
            known.begin_to_ask()?;
        }
        let begun = Instant::now();
        let found = discover(&self.settings.issuer, self.settings.allow_private).await;
        let metadata = Arc::new(found.map_err(Away::Failed)?);
        let mut known = self.known();
        known.failed_at = None;
        known.metadata = Some((begun, metadata.clone()));
        Ok(metadata)
    }

    /// Its keys; with `others`, as they are now, where they were not asked for a moment ago.
    pub(crate) async fn keys(&self, jwks_uri: &str, others: bool) -> Result<Arc<KeySet>, Away> {
        let _turn = self.turn().await;
        let limit = if others { PAUSE } else { BELIEVED };
        {
            let mut known = self.known();
            if let Some(keys) = known.keys.clone().filter(|keys| keys.fetched.elapsed() < limit) {
                return Ok(keys);
            }
            known.begin_to_ask()?;
        }
        let Self { settings, .. } = self;
        let found = fetch_keys(&settings.issuer, Some(jwks_uri), settings.allow_private).await;
        let keys = Arc::new(found.map_err(Away::Failed)?);
        let mut known = self.known();
        known.failed_at = None;
        known.keys = Some(keys.clone());
        Ok(keys)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn corp() -> OidcProvider {
        let roles = [("ops", Role::Operator), ("root", Role::Admin), ("staff", Role::Viewer)];
        OidcProvider {
            name: "corp".to_owned(),
            title: "Corp".to_owned(),
            issuer: "https://id.example".to_owned(),
            client_id: "console".to_owned(),
            client_secret: Some("s3cret".to_owned()),
            scopes: Vec::new(),
            groups_claim: "groups".to_owned(),
            roles: roles.map(|(group, role)| (group.to_owned(), role)).into(),
            algorithms: vec![Algorithm::Es256],
            allow_private: false,
        }
    }

    #[test]
    fn the_strongest_group_counts_and_nobody_comes_in_without_one() {
        let role = |groups: &[&str]| {
            let groups: Vec<_> = groups.iter().map(|&group| group.to_owned()).collect();
            corp().role(&groups)
        };
        assert_eq!(role(&["staff", "root", "ops"]), Some(Role::Admin));
        assert_eq!(role(&["staff", "nobody"]), Some(Role::Viewer));
        assert_eq!(role(&["Ops", "*", ""]), None);
        let mut open = corp();
        open.roles.insert(EVERYBODY.to_owned(), Role::Viewer);
        assert_eq!(open.role(&[]), Some(Role::Viewer));
        assert_eq!(open.role(&["ops".to_owned()]), Some(Role::Operator));
    }

    #[test]
    fn a_secret_is_in_no_log() {
        assert!(!format!("{:?}", corp()).contains("s3cret"));
    }
}
