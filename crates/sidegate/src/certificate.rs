//! The renewal of the gateway's certificates, of the one for clients and the admin API's: both files are looked at now and then, and a pair that
//! fits takes the place of the one that is shown. What does not fit changes nothing.

use crate::config::resolved::{Config, TlsPaths};
use crate::error::Failure;
use crate::plane::tls_identity;
use sidegate_gateway::edge::tls::ShownIdentity;
use std::fs::metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::task::JoinSet;

/// Between two looks at the files.
const PAUSE: Duration = Duration::from_secs(2);

/// What tells that a file is another one or was written to: device, inode, size, time of the change.
type Trace = Option<(u64, u64, u64, i64, i64)>;

/// Both files at one moment, through whatever links lead there.
type Seen = [Trace; 2];

/// Keeps the shown certificate as new as its files. Copies act as one.
#[derive(Clone)]
struct Renewal {
    paths: TlsPaths,
    /// How the names of the settings begin that name the files.
    settings: &'static str,
    shown: Arc<ShownIdentity>,
    /// The files as they were last read.
    read: Arc<Mutex<Seen>>,
}

impl Renewal {
    /// Renews what is shown, which was read from these files just now.
    fn new(paths: TlsPaths, settings: &'static str, shown: Arc<ShownIdentity>) -> Self {
        let read = Arc::new(Mutex::new(look(&paths)));
        Self { paths, settings, shown, read }
    }

    /// Reads the files now and shows what is in them, changed or not.
    ///
    /// # Errors
    /// When they are no good; then nothing has changed.
    fn reload(&self) -> Result<(), Failure> {
        // Looked at first: what is written while they are read is seen at the next look.
        let seen = look(&self.paths);
        *self.read.lock().unwrap_or_else(PoisonError::into_inner) = seen;
        let identity = tls_identity(&self.paths, self.settings)?;
        let expires_at = identity.expires_at();
        self.shown.show(identity);
        let certificate = self.paths.certificate.display().to_string();
        tracing::info!(certificate, expires_at, "a certificate was read anew");
        Ok(())
    }

    /// Looks at the files now and then. Never returns.
    async fn watch(self) {
        let mut before = *self.read.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            tokio::time::sleep(PAUSE).await;
            let renewal = self.clone();
            let looked = tokio::task::spawn_blocking(move || renewal.look_again(before)).await;
            before = looked.unwrap_or(before);
        }
    }

    /// Reads the files if they have changed and then stood still between two looks: the certificate
    /// and its key are two files and cannot change at once.
    fn look_again(&self, before: Seen) -> Seen {
        let now = look(&self.paths);
        let is_read = *self.read.lock().unwrap_or_else(PoisonError::into_inner) == now;
        if !is_read
            && now == before
            && let Err(failure) = self.reload()
        {
            let problem = failure.message;
            tracing::warn!(
                problem,
                "the certificate's files have changed and cannot be used; the one before is still shown"
            );
        }
        now
    }
}

/// All renewals of a server. Copies act as one.
#[derive(Clone)]
pub(crate) struct Renewals(Vec<Renewal>);

impl Renewals {
    /// Those of what is shown to clients and by the admin API.
    pub(crate) fn new(config: &Config, [clients, admin]: [Option<Arc<ShownIdentity>>; 2]) -> Self {
        let all = [(clients, &config.tls, "TLS"), (admin, &config.admin_tls, "ADMIN_TLS")];
        let of = |(shown, paths, settings): (Option<_>, &Option<TlsPaths>, _)| {
            Some(Renewal::new(paths.clone()?, settings, shown?))
        };
        Self(all.into_iter().filter_map(of).collect())
    }

    /// Looks at all files now and then, until what is given back is dropped.
    pub(crate) fn watch(&self) -> JoinSet<()> {
        self.0.iter().cloned().map(Renewal::watch).collect()
    }

    /// Reads the certificates anew, changed or not.
    pub(crate) fn reload(&self) {
        for failure in self.0.iter().filter_map(|renewal| renewal.reload().err()) {
            tracing::error!("a certificate is not reloaded: {}", failure.message);
        }
    }
}

fn look(paths: &TlsPaths) -> Seen {
    let trace = |path: &Path| {
        let found = metadata(path).ok()?;
        Some((found.dev(), found.ino(), found.size(), found.mtime(), found.mtime_nsec()))
    };
    [trace(&paths.certificate), trace(&paths.key)]
}
