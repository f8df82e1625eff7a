//! The renewal of the gateway's certificates, of the one for clients and the admin API's: both files, and that of the
//! authorities that vouch for clients, are looked at now and then, and a pair that fits takes the place of the one that is shown. What does not
//! fit changes nothing.

use crate::config::resolved::{Config, TlsPaths};
use crate::error::Failure;
use crate::plane::tls_identity;
use sidegate_control::{ShownCertificate, ShownCertificates, Tasks};
use sidegate_gateway::ShownIdentity;
use std::fs::metadata;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Between two looks at the files.
const PAUSE: Duration = Duration::from_secs(2);

/// What tells that a file is another one, was written to or may be read by others: device, inode, size,
/// and the times of the last change of its content and of anything else.
type Trace = Option<[i128; 7]>;

/// All files at one moment, through whatever links lead there.
type Seen = [Trace; 3];

/// Keeps the shown certificate as new as its files. Copies act as one.
#[derive(Clone)]
struct Renewal {
    paths: TlsPaths,
    /// How the names of the settings begin that name the files.
    settings: &'static str,
    shown: Arc<ShownIdentity>,
    /// The files as they were last read.
    read: Arc<Mutex<Read>>,
}

/// Both files as they were read.
#[derive(Clone, Copy)]
struct Read {
    seen: Seen,
    /// Whether they could be used.
    fits: bool,
}

impl Renewal {
    /// Renews what is shown, which was read from these files after they were `seen`.
    fn new(files: Files, shown: Arc<ShownIdentity>) -> Self {
        let Files { paths, settings, seen } = files;
        let read = Arc::new(Mutex::new(Read { seen, fits: true }));
        Self { paths, settings, shown, read }
    }

    fn read(&self) -> MutexGuard<'_, Read> {
        self.read.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads the files now and shows what is in them, changed or not; what was shown already is not
    /// worth a word.
    ///
    /// # Errors
    /// When they are no good; then nothing has changed.
    fn reload(&self) -> Result<(), Failure> {
        // Looked at first: what is written while they are read is seen at the next look.
        let seen = look(&self.paths);
        let before = std::mem::replace(&mut *self.read(), Read { seen, fits: false });
        let identity = tls_identity(&self.paths, self.settings)?;
        let expires_at = identity.expires_at();
        self.shown.show(identity);
        self.read().fits = true;
        if !before.fits || before.seen != seen {
            let certificate = self.certificate();
            let until = expires_at.map_or(String::new(), |at| format!(", valid until {}", utc(at)));
            tracing::info!(certificate, expires_at, "a certificate was read anew{until}");
        }
        Ok(())
    }

    /// The file with the certificate, for the log.
    fn certificate(&self) -> String {
        self.paths.certificate.display().to_string()
    }

    /// Looks at the files now and then. Never returns.
    async fn watch(self) {
        let mut before = self.read().seen;
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
        let is_read = self.read().seen == now;
        if !is_read
            && now == before
            && let Err(failure) = self.reload()
        {
            let (certificate, problem) = (self.certificate(), failure.message);
            tracing::warn!(
                certificate,
                problem,
                "the certificate's files have changed and cannot be used; the one before is still shown"
            );
        }
        now
    }
}

/// The files of one identity as they are before they are read for the first time: what changes while
/// they are read is a change that is seen.
struct Files {
    paths: TlsPaths,
    settings: &'static str,
    seen: Seen,
}

impl Files {
    fn look(paths: &TlsPaths, settings: &'static str) -> Self {
        Self { paths: paths.clone(), settings, seen: look(paths) }
    }
}

/// The files of all identities, looked at before any of them is read.
pub(crate) struct Unread {
    clients: Option<Files>,
    admin: Option<Files>,
}

impl Unread {
    /// Looks at the files that the settings name.
    pub(crate) fn look(config: &Config) -> Self {
        let of = |paths: &Option<TlsPaths>, settings| {
            paths.as_ref().map(|paths| Files::look(paths, settings))
        };
        Self { clients: of(&config.tls, "TLS"), admin: of(&config.admin_tls, "ADMIN_TLS") }
    }
}

/// All renewals of a server. Copies act as one.
#[derive(Clone)]
pub(crate) struct Renewals(Vec<Renewal>);

impl Renewals {
    /// Those of what is shown to clients and by the admin API.
    pub(crate) fn new(files: Unread, [clients, admin]: [Option<Arc<ShownIdentity>>; 2]) -> Self {
        let all = [files.clients.zip(clients), files.admin.zip(admin)];
        Self(all.into_iter().flatten().map(|(files, shown)| Renewal::new(files, shown)).collect())
    }

    /// Looks at all files now and then, beside.
    pub(crate) fn watch(&self, beside: &mut Tasks) {
        for renewal in self.0.iter().cloned() {
            beside.spawn("looks for renewed certificates", renewal.watch());
        }
    }

    /// Reads the certificates anew, changed or not.
    pub(crate) fn reload(&self) {
        for renewal in &self.0 {
            if let Err(failure) = renewal.reload() {
                let certificate = renewal.certificate();
                tracing::error!(certificate, "a certificate is not reloaded: {}", failure.message);
            }
        }
    }
}

impl ShownCertificates for Renewals {
    fn shown(&self) -> Vec<ShownCertificate> {
        let shown = |renewal: &Renewal| ShownCertificate {
            setting: format!("{}_CERT_PATH", renewal.settings),
            path: renewal.certificate(),
            expires_at: renewal.shown.expires_at().map(|seconds| seconds.saturating_mul(1000)),
        };
        self.0.iter().map(shown).collect()
    }
}

/// A time in seconds since the Unix epoch, for people.
fn utc(seconds: i64) -> String {
    let time = jiff::Timestamp::from_second(seconds);
    time.map_or_else(|_| seconds.to_string(), |time| time.to_string())
}

fn look(paths: &TlsPaths) -> Seen {
    let trace = |path: &Path| {
        let found = metadata(path).ok()?;
        let which = [found.dev(), found.ino(), found.size()].map(i128::from);
        let times = [found.mtime(), found.mtime_nsec(), found.ctime(), found.ctime_nsec()];
        let [device, inode, size] = which;
        let [written, written_nanos, changed, changed_nanos] = times.map(i128::from);
        Some([device, inode, size, written, written_nanos, changed, changed_nanos])
    };
    let clients = paths.client_ca.as_deref().and_then(trace);
    [trace(&paths.certificate), trace(&paths.key), clients]
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::{Permissions, set_permissions};
    use std::os::unix::fs::PermissionsExt as _;
    use std::time::Instant;

    #[test]
    fn a_file_that_others_may_read_now_is_another_one_although_nothing_was_written_to_it() {
        let folder = tempfile::tempdir().unwrap();
        let [certificate, key] = ["c", "k"].map(|name| folder.path().join(name));
        for path in [&certificate, &key] {
            std::fs::write(path, "x").unwrap();
        }
        let paths = TlsPaths { certificate, client_ca: None, key };
        let seen = look(&paths);
        assert_eq!(look(&paths), seen);
        // The clock of a file system may stand still for a moment.
        let begun = Instant::now();
        while look(&paths) == seen {
            assert!(begun.elapsed() < Duration::from_secs(20), "it looks the same");
            for mode in [0o600, 0o640] {
                set_permissions(&paths.key, Permissions::from_mode(mode)).unwrap();
            }
        }
        assert_eq!(look(&paths)[0], seen[0]);
    }

    #[test]
    fn times_are_told_to_people_in_utc() {
        assert_eq!(utc(1_893_456_000), "2030-01-01T00:00:00Z");
        assert_eq!(utc(i64::MAX), i64::MAX.to_string());
    }
}
