//! What the host is told when it starts: where it may write, and every deadline and bound it keeps.
//!
//! Values only; nothing here acts.

use super::permitted::Permitted;
use sidegate_model::options::{PluginOptions, RestartOptions};
use sidegate_model::plugin::{Command, PluginSpec};
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

/// What the host needs to know.
#[derive(Clone)]
pub struct HostSettings {
    /// Where the parent of the private folders, one for each plugin process, may be: the first that can
    /// hold sockets is used, and made when it is missing. Gateways of one user may share it. What
    /// gateways left behind that were killed is removed at the next start. Keep them short: a socket's
    /// path has room for 107 bytes in all.
    pub runtime_dirs: Vec<PathBuf>,
    /// Where the last records of plugins are kept over restarts of the gateway; `None` keeps none.
    pub records_dir: Option<PathBuf>,
    /// The process of the gateway that serves now, where this one takes over: what it still runs it ends
    /// in order.
    pub predecessor: Option<u32>,
    /// A program that calls [`reentered`](super::reentered) first of all; for the gateway's own
    /// binary `/proc/self/exe`, which stays the same when the file is replaced. With it each plugin
    /// gets a guard: nothing that a plugin starts outlives it or the gateway, however either ends.
    /// `None` for programs that cannot run themselves again: then plugins are plain children, only
    /// their process groups are ended with them, and a gateway that is killed leaves them behind.
    pub launcher: Option<PathBuf>,
    /// How many files plugins may hold open unless they raise it themselves: what the gateway was started
    /// with, which has raised its own limit. `None` leaves them what the gateway has.
    pub open_files: Option<u64>,
    /// The gateway's environment. Plugins get the few harmless variables of it that programs need
    /// (see the table in `process.rs`), and nothing else.
    pub environment: Vec<(OsString, OsString)>,
    /// Which commands may be run.
    pub permitted: Permitted,
    /// Deadlines and bounds.
    pub limits: HostLimits,
}

/// What the host must know of those who call its plugins, and does not decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallerFacts {
    /// How many threads call; each has its own connection to a plugin.
    pub shards: usize,
    /// Largest request body, in bytes.
    pub max_body_bytes: usize,
}

/// Every deadline and bound in a plugin's life. The defaults are the ones plugins are used to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostLimits {
    /// From the start of the process to its handshake line.
    pub start: Duration,
    /// One Initialize call.
    pub initialize: Duration,
    /// One GetEndpointRegistrations call.
    pub registrations: Duration,
    /// One GetManifest call.
    pub manifest: Duration,
    /// One session, as the plugin is told.
    pub session: Duration,
    /// One Ping call.
    pub ping: Duration,
    /// Between two pings.
    pub ping_every: Duration,
    /// One CloseSession call.
    pub close_session: Duration,
    /// One Shutdown call.
    pub shutdown: Duration,
    /// How long an instance that was replaced or removed may finish its requests.
    pub drain: Duration,
    /// From the request to end to the signal that ends it.
    pub kill_grace: Duration,
    /// How many plugins may be starting at once.
    pub concurrent_starts: usize,
    /// After this long a start no longer counts as one of those, so that plugins that hang never
    /// keep others waiting.
    pub start_slot: Duration,
    /// When a plugin that failed is started again.
    pub restart: RestartLimits,
}

/// When a plugin that failed is started again, and when no more.
///
/// The first failure is followed by a start at once, the next one by a pause of `base`, then each by
/// twice the pause before, up to `max`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestartLimits {
    /// The first pause.
    pub base: Duration,
    /// The longest pause, before up to a quarter of chance is added.
    pub max: Duration,
    /// This many failures within `window` park the plugin.
    pub park_after: usize,
    /// How long a failure is remembered.
    pub window: Duration,
    /// An instance that served this long makes up for all earlier failures.
    pub healthy_after: Duration,
    /// How many instances of one plugin may be on their way out before a reload has to wait.
    pub max_retiring: usize,
}

impl Default for HostLimits {
    fn default() -> Self {
        Self {
            start: Duration::from_secs(60),
            initialize: Duration::from_secs(30),
            registrations: Duration::from_secs(10),
            manifest: Duration::from_secs(5),
            session: Duration::from_secs(30),
            ping: Duration::from_secs(5),
            ping_every: Duration::from_secs(30),
            close_session: Duration::from_secs(5),
            shutdown: Duration::from_secs(10),
            drain: Duration::from_secs(300),
            kill_grace: Duration::from_secs(2),
            concurrent_starts: 8,
            start_slot: Duration::from_secs(2),
            restart: RestartLimits::default(),
        }
    }
}

impl HostLimits {
    /// The limits of a plugin with these options.
    pub(super) fn with(&self, options: &PluginOptions) -> Self {
        Self {
            start: options.start_timeout.unwrap_or(self.start),
            initialize: options.initialize_timeout.unwrap_or(self.initialize),
            ping: options.ping_timeout.unwrap_or(self.ping),
            ping_every: options.ping_interval.unwrap_or(self.ping_every),
            drain: options.drain_deadline.unwrap_or(self.drain),
            restart: self.restart.with(&options.restart),
            ..self.clone()
        }
    }

    /// The limits of this plugin. One that runs elsewhere costs nothing while it is away, so it is
    /// never parked unless its operator says when.
    pub(super) fn of(&self, spec: &PluginSpec) -> Self {
        let mut limits = self.with(&spec.options);
        let remote = matches!(Command::parse(&spec.command), Ok(Command::Remote(_)));
        if remote && spec.options.restart.park_after.is_none() {
            limits.restart.park_after = usize::MAX;
        }
        limits
    }

    /// The longest an orderly stop can take: every polite step at its deadline, then the kill.
    pub(super) fn stop(&self) -> Duration {
        self.close_session + self.shutdown + self.kill_grace * 2 + Duration::from_secs(5)
    }
}

impl RestartLimits {
    /// A first pause that is longer than the longest one makes all pauses as long.
    fn with(&self, options: &RestartOptions) -> Self {
        let base = options.base.unwrap_or(options.max.map_or(self.base, |max| max.min(self.base)));
        let park_after = options.park_after.and_then(|count| usize::try_from(count).ok());
        Self {
            base,
            max: options.max.unwrap_or(self.max).max(base),
            park_after: park_after.unwrap_or(self.park_after),
            window: options.window.unwrap_or(self.window),
            healthy_after: options.healthy_after.unwrap_or(self.healthy_after),
            ..self.clone()
        }
    }
}

impl Default for RestartLimits {
    fn default() -> Self {
        Self {
            base: Duration::from_millis(200),
            max: Duration::from_secs(30),
            park_after: 10,
            window: Duration::from_secs(20 * 60),
            healthy_after: Duration::from_secs(60),
            max_retiring: 8,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sidegate_model::plugin::PluginId;

    fn limits_with(name: &str, value: &str) -> HostLimits {
        let raw = [(name.to_owned(), value.to_owned())].into();
        HostLimits::default().with(&PluginOptions::parse(&raw).unwrap())
    }

    #[test]
    fn an_option_changes_its_limit_and_no_other() {
        type Limit = fn(&mut HostLimits) -> &mut Duration;
        let seconds = Duration::from_secs;
        let rows: [(&str, Limit); 9] = [
            ("start_timeout", |l| &mut l.start),
            ("initialize_timeout", |l| &mut l.initialize),
            ("ping_interval", |l| &mut l.ping_every),
            ("ping_timeout", |l| &mut l.ping),
            ("drain_deadline", |l| &mut l.drain),
            ("restart.base", |l| &mut l.restart.base),
            ("restart.max", |l| &mut l.restart.max),
            ("restart.window", |l| &mut l.restart.window),
            ("restart.healthy_after", |l| &mut l.restart.healthy_after),
        ];
        for (name, limit) in rows {
            let mut expected = HostLimits::default();
            *limit(&mut expected) = seconds(7);
            assert_eq!(limits_with(name, "7s"), expected, "{name}");
        }
        assert_eq!(limits_with("restart.park_after", "3").restart.park_after, 3);
        assert_eq!(limits_with("required", "true"), HostLimits::default());
    }

    #[test]
    fn a_plugin_that_runs_elsewhere_is_parked_only_where_its_operator_says_so() {
        let park_after = |command: &str, options: &[(&str, &str)]| {
            let pair = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
            let options = PluginOptions::parse(&options.iter().map(pair).collect()).unwrap();
            let spec = PluginSpec { options, ..PluginSpec::new(PluginId(1), "p", command) };
            HostLimits::default().of(&spec).restart.park_after
        };
        assert_eq!(park_after("file:///opt/p", &[]), RestartLimits::default().park_after);
        assert_eq!(park_after("grpc://a:1", &[]), usize::MAX);
        assert_eq!(park_after("grpc://a:1", &[("restart.park_after", "3")]), 3);
    }

    #[test]
    fn the_first_pause_is_never_longer_than_the_longest() {
        let restart = limits_with("restart.base", "10m").restart;
        assert_eq!(restart.max, restart.base);
        let restart = limits_with("restart.max", "50ms").restart;
        assert_eq!((restart.base, restart.max), (restart.max, Duration::from_millis(50)));
    }
}
