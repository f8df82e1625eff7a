//! The operator's word to the gateway about one plugin, and how it is written: `name=value`.
//!
//! Knows names, values and their bounds; what is done with them is the gateway's business.

use crate::authorization::{
    self, AuthorizationOptions, InvalidAuthorization, RESOURCE_OPTION, SERVERS_OPTION,
};
use crate::cors::{self, CorsOptions, InvalidCors};
use crate::duration::{InvalidDuration, format_duration, parse_duration};
use crate::name::shortened;
use crate::own_host::{HOST_OPTION, InvalidHost, OwnHost};
use crate::policy::{self, InvalidPolicy, PolicyOptions};
use crate::sealing::SEALED_PREFIX;
use crate::secret::{InvalidSettingPath, SettingPath};
use crate::sha256::Sha256;
use crate::stream_options::{StreamEnd, StreamOptions};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Duration;

mod write;

/// Largest value of one environment variable, in bytes.
pub const MAX_ENV_VALUE_BYTES: usize = 32 * 1024;

/// Most settings that an operator can call secrets.
const MOST_SECRET_SETTINGS: usize = 256;

const MILLISECOND: Duration = Duration::from_millis(1);
const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The operator's word to the gateway about one plugin; never sent to the plugin, but for `env`.
/// What is `None` is as the gateway does it by default.
///
/// ```
/// use sidegate_model::plugin::PluginOptions;
/// use std::time::Duration;
/// let raw = [("required", "true"), ("restart.base", "1s"), ("env.MODE", "test")];
/// let raw = raw.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
/// let options = PluginOptions::parse(&raw).unwrap();
/// assert!(options.required);
/// assert_eq!(options.restart.base, Some(Duration::from_secs(1)));
/// assert_eq!(options.env.get("MODE"), Some("test"));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PluginOptions {
    /// A valid token fills the caller's identity also where none is demanded.
    pub optional_auth: bool,
    /// The plugin receives the caller's gateway token instead of having it removed.
    pub pass_token: bool,
    /// A stream that ends without DONE counts as complete.
    pub lenient_done: bool,
    /// Its sockets speak TLS, with certificates that are made for one process.
    pub mtls: bool,
    /// Only a program of exactly these bytes is started.
    pub sha256: Option<Sha256>,
    /// The gateway is not ready while this plugin does not serve.
    pub required: bool,
    /// How long an instance that was replaced or removed may finish its requests.
    pub drain_deadline: Option<Duration>,
    /// From the start of the process to its handshake line.
    pub start_timeout: Option<Duration>,
    /// One Initialize call.
    pub initialize_timeout: Option<Duration>,
    /// Between two pings.
    pub ping_interval: Option<Duration>,
    /// One Ping call.
    pub ping_timeout: Option<Duration>,
    /// When it is started again after a failure.
    pub restart: RestartOptions,
    /// Pages of which other origins may ask it from within a browser; `None` leaves it to the plugin.
    pub cors: Option<CorsOptions>,
    /// How its streams are treated.
    pub stream: StreamOptions,
    /// Who may call it, and how much of it.
    pub policy: PolicyOptions,
    /// Where clients get tokens for it, where its registrations do not say so.
    pub authorization: AuthorizationOptions,
    /// A host at which it is mounted at `/`.
    pub host: Option<OwnHost>,
    /// Settings of its configuration that are secrets whatever they are called.
    pub secret_settings: BTreeSet<SettingPath>,
    /// Variables the plugin's environment has beside those every plugin has.
    pub env: ExtraEnv,
}

/// When a plugin that failed is started again, and when no more.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RestartOptions {
    /// The first pause.
    pub base: Option<Duration>,
    /// The longest pause.
    pub max: Option<Duration>,
    /// This many failures within `window` park the plugin.
    pub park_after: Option<u32>,
    /// How long a failure is remembered.
    pub window: Option<Duration>,
    /// An instance that served this long makes up for all earlier failures.
    pub healthy_after: Option<Duration>,
}

/// Environment variables by name. Values can be secrets: `Debug` shows names only.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ExtraEnv(BTreeMap<String, String>);

impl ExtraEnv {
    /// The value of a variable.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Names and values, in the order of names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// Gives a variable that is there another value.
    pub fn change(&mut self, name: &str, value: &str) {
        if let Some(known) = self.0.get_mut(name) {
            value.clone_into(known);
        }
    }
}

impl fmt::Debug for ExtraEnv {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// An option that is unknown or has an unusable value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidOption {
    /// No such option.
    #[error("option {0:?} is unknown: known are {known}", known = PluginOptions::NAMES.join(", "))]
    Unknown(String),
    /// A value that does not fit.
    #[error("option {name}: {value:?} is not valid: use true or false")]
    NotBool {
        /// The option.
        name: String,
        /// What was given.
        value: String,
    },
    /// A checksum that is none.
    #[error("option sha256: {0:?} is not valid: use 64 hexadecimal digits")]
    NotSha256(String),
    /// A value that is no duration.
    #[error("option {name}: {problem}")]
    NotDuration {
        /// The option.
        name: String,
        /// What is wrong.
        problem: InvalidDuration,
    },
    /// A value that is no number, or a value beyond its bounds.
    #[error("option {name}: {value:?} is not valid: use {least} to {most}")]
    OutOfRange {
        /// The option.
        name: String,
        /// What was given.
        value: String,
        /// The least that is accepted.
        least: String,
        /// The most that is accepted.
        most: String,
    },
    /// A value that is none of a few words.
    #[error("option {name}: {value:?} is not valid: use {words}", words = .words.join(" or "))]
    NotWord {
        /// The option.
        name: String,
        /// What was given.
        value: String,
        /// What is accepted.
        words: &'static [&'static str],
    },
    /// Two options that contradict each other.
    #[error("option restart.max: {max} is shorter than restart.base, which is {base}")]
    MaxBelowBase {
        /// The first pause.
        base: String,
        /// The longest pause.
        max: String,
    },
    /// What is wrong with an option of `cors`.
    #[error(transparent)]
    Cors(#[from] InvalidCors),
    /// What is wrong with an option about tokens of others.
    #[error("option {name}: {problem}")]
    Authorization {
        /// The option.
        name: &'static str,
        /// What is wrong.
        problem: InvalidAuthorization,
    },
    /// What is wrong with an option of the policy.
    #[error(transparent)]
    Policy(#[from] InvalidPolicy),
    /// What is no name of a host.
    #[error("option {HOST_OPTION}: {0}")]
    Host(#[from] InvalidHost),
    /// A path that names no setting.
    #[error("option secret_settings: {0}")]
    SecretSetting(#[from] InvalidSettingPath),
    /// Too many of them.
    #[error("option secret_settings: name at most {MOST_SECRET_SETTINGS} settings")]
    TooManySecretSettings,
    /// A variable that cannot be set.
    #[error("option env.{}: {problem}", .name.escape_debug())]
    Env {
        /// Name of the variable.
        name: String,
        /// What is wrong, and what to do. Never holds the value.
        problem: &'static str,
    },
}

impl PluginOptions {
    /// Every option there is; `NAME` stands for any environment variable.
    pub const NAMES: &'static [&'static str] = &ALL;

    /// Reads options as the operator wrote them.
    ///
    /// # Errors
    /// Every [`InvalidOption`], in the order of names.
    pub fn parse(raw: &BTreeMap<String, String>) -> Result<Self, Vec<InvalidOption>> {
        let (options, problems) = Self::read(raw);
        if problems.is_empty() { Ok(options) } else { Err(problems) }
    }

    /// Reads what is valid and tells what is not. What is not valid counts as not said, except that
    /// a demand for certain bytes never turns into none: then no program has them.
    pub fn read(raw: &BTreeMap<String, String>) -> (Self, Vec<InvalidOption>) {
        let mut options = Self::default();
        let mut problems = Vec::new();
        for (name, value) in raw {
            problems.extend(options.set(name, value).err());
        }
        let (cors, wrong) = CorsOptions::read(raw);
        options.cors = cors;
        problems.extend(wrong.into_iter().map(InvalidOption::Cors));
        let (policy, wrong) = PolicyOptions::read(raw);
        options.policy = policy;
        problems.extend(wrong.into_iter().map(InvalidOption::Policy));
        let RestartOptions { base, max, .. } = &mut options.restart;
        if let (Some(first), Some(longest)) = (*base, *max)
            && longest < first
        {
            problems.push(InvalidOption::MaxBelowBase {
                base: format_duration(first),
                max: format_duration(longest),
            });
            (*base, *max) = (None, None);
        }
        (options, problems)
    }

    fn set(&mut self, name: &str, value: &str) -> Result<(), InvalidOption> {
        let time = |least, most| duration(name, value, least, most).map(Some);
        match name {
            "optional_auth" => self.optional_auth = boolean(name, value)?,
            "pass_token" => self.pass_token = boolean(name, value)?,
            "lenient_done" => self.lenient_done = boolean(name, value)?,
            "mtls" => self.mtls = boolean(name, value)?,
            "sha256" => {
                let read = Sha256::parse(value);
                self.sha256 = Some(read.unwrap_or(Sha256([0; 32])));
                read.ok_or_else(|| InvalidOption::NotSha256(shortened(value)))?;
            }
            "required" => self.required = boolean(name, value)?,
            "drain_deadline" => self.drain_deadline = time(Duration::ZERO, DAY)?,
            "start_timeout" => self.start_timeout = time(10 * MILLISECOND, HOUR)?,
            "initialize_timeout" => self.initialize_timeout = time(10 * MILLISECOND, HOUR)?,
            "ping_interval" => self.ping_interval = time(10 * MILLISECOND, DAY)?,
            "ping_timeout" => self.ping_timeout = time(10 * MILLISECOND, HOUR)?,
            "restart.base" => self.restart.base = time(10 * MILLISECOND, HOUR)?,
            "restart.max" => self.restart.max = time(10 * MILLISECOND, DAY)?,
            "restart.park_after" => self.restart.park_after = Some(count(name, value)?),
            "restart.window" => self.restart.window = time(SECOND, 30 * DAY)?,
            "restart.healthy_after" => self.restart.healthy_after = time(SECOND, DAY)?,
            // Read together, because they say something only together.
            _ if name.starts_with(cors::PREFIX) && Self::NAMES.contains(&name) => {}
            _ if policy::NAMES.contains(&name) => {}
            "stream_timeout" => self.stream.timeout = time(Duration::ZERO, 365 * DAY)?,
            "stream_end" => {
                self.stream.end =
                    StreamEnd::parse(value).ok_or_else(|| InvalidOption::NotWord {
                        name: name.to_owned(),
                        value: shortened(value),
                        words: StreamEnd::WORDS,
                    })?;
            }
            "stream_recheck" => self.stream.recheck = boolean(name, value)?,
            SERVERS_OPTION => {
                let named = authorization::authorization_servers(value);
                self.authorization.servers = named.map_err(about(SERVERS_OPTION))?;
            }
            RESOURCE_OPTION => {
                let named = authorization::resource(value).map_err(about(RESOURCE_OPTION))?;
                self.authorization.resource = Some(named);
            }
            HOST_OPTION => self.host = Some(OwnHost::parse(value)?),
            "secret_settings" => self.secret_settings = setting_paths(value)?,
            _ => match name.strip_prefix("env.") {
                Some(variable) => self.set_env(variable, value)?,
                None => return Err(InvalidOption::Unknown(shortened(name))),
            },
        }
        Ok(())
    }

    fn set_env(&mut self, name: &str, value: &str) -> Result<(), InvalidOption> {
        match env_problem(name, value) {
            Some(problem) => Err(InvalidOption::Env { name: shortened(name), problem }),
            None => {
                self.env.0.insert(name.to_owned(), value.to_owned());
                Ok(())
            }
        }
    }

    /// Whether a process that was started with `self` does for `other` as well: only what the
    /// gateway itself heeds while the process runs is different.
    pub fn same_process(&self, other: &Self) -> bool {
        let others = Self {
            optional_auth: self.optional_auth,
            pass_token: self.pass_token,
            lenient_done: self.lenient_done,
            required: self.required,
            drain_deadline: self.drain_deadline,
            restart: self.restart.clone(),
            cors: self.cors.clone(),
            stream: self.stream.clone(),
            policy: self.policy.clone(),
            authorization: self.authorization.clone(),
            host: self.host.clone(),
            secret_settings: self.secret_settings.clone(),
            ..other.clone()
        };
        *self == others
    }
}

fn about(name: &'static str) -> impl Fn(InvalidAuthorization) -> InvalidOption {
    move |problem| InvalidOption::Authorization { name, problem }
}

fn boolean(name: &str, value: &str) -> Result<bool, InvalidOption> {
    let wrong = |_| InvalidOption::NotBool { name: name.to_owned(), value: shortened(value) };
    value.parse().map_err(wrong)
}

fn setting_paths(value: &str) -> Result<BTreeSet<SettingPath>, InvalidOption> {
    let named = value.split(',').map(str::trim).filter(|path| !path.is_empty());
    let paths: BTreeSet<_> = named.map(str::parse).collect::<Result<_, InvalidSettingPath>>()?;
    if paths.len() > MOST_SECRET_SETTINGS {
        return Err(InvalidOption::TooManySecretSettings);
    }
    Ok(paths)
}

fn count(name: &str, value: &str) -> Result<u32, InvalidOption> {
    const LEAST: u32 = 1;
    const MOST: u32 = 1000;
    value.parse().ok().filter(|n| (LEAST..=MOST).contains(n)).ok_or_else(|| {
        InvalidOption::OutOfRange {
            name: name.to_owned(),
            value: shortened(value),
            least: LEAST.to_string(),
            most: MOST.to_string(),
        }
    })
}

fn duration(
    name: &str,
    value: &str,
    least: Duration,
    most: Duration,
) -> Result<Duration, InvalidOption> {
    let read = parse_duration(value)
        .map_err(|problem| InvalidOption::NotDuration { name: name.to_owned(), problem })?;
    if (least..=most).contains(&read) {
        return Ok(read);
    }
    Err(InvalidOption::OutOfRange {
        name: name.to_owned(),
        value: shortened(value),
        least: format_duration(least),
        most: format_duration(most),
    })
}

/// Plugins read from it how much they log; the gateway itself sets nothing there.
const LOG_LEVEL: &str = "PLUGIN_LOG_LEVEL";

/// Why a variable cannot be given to a plugin. What the protocol says stays the gateway's, and
/// what changes the code a program loads would make it another program.
fn env_problem(name: &str, value: &str) -> Option<&'static str> {
    let begins = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let goes_on = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if !begins || !goes_on || name.len() > 128 {
        return Some("name variables with 1 to 128 letters, digits and '_', no digit first");
    }
    let of_the_protocol =
        matches!(name, "AI_STUDIO_PLUGIN" | "TMPDIR") || name.starts_with("PLUGIN_");
    if of_the_protocol && name != LOG_LEVEL {
        return Some("this variable belongs to the plugin protocol; the gateway sets it");
    }
    let steers_the_loader = name.starts_with("LD_")
        || name.starts_with("DYLD_")
        || matches!(name, "GLIBC_TUNABLES" | "GCONV_PATH" | "BASH_ENV" | "ENV");
    if steers_the_loader {
        return Some(
            "this variable changes which code a program runs; put the code into the plugin",
        );
    }
    // Sealed it is longer than what is in it, which was looked at before.
    let most = MAX_ENV_VALUE_BYTES * if value.starts_with(SEALED_PREFIX) { 2 } else { 1 };
    if value.contains('\0') || value.len() > most {
        return Some("the value is longer than 32768 bytes or holds a NUL");
    }
    None
}

/// The names of options but for those of the policy.
const OWN: &[&str] = &[
    "optional_auth",
    "pass_token",
    "lenient_done",
    "mtls",
    "sha256",
    "required",
    "drain_deadline",
    "start_timeout",
    "initialize_timeout",
    "ping_interval",
    "ping_timeout",
    "restart.base",
    "restart.max",
    "restart.park_after",
    "restart.window",
    "restart.healthy_after",
    "cors.origins",
    "cors.headers",
    "cors.expose",
    "cors.credentials",
    "cors.max_age",
    "stream_timeout",
    "stream_end",
    "stream_recheck",
    SERVERS_OPTION,
    RESOURCE_OPTION,
    HOST_OPTION,
    "secret_settings",
    "env.NAME",
];

/// Those of the policy at the end.
const ALL: [&str; OWN.len() + policy::NAMES.len()] = {
    let mut all = [""; OWN.len() + policy::NAMES.len()];
    let mut at = 0;
    while at < all.len() {
        all[at] = if at < OWN.len() { OWN[at] } else { policy::NAMES[at - OWN.len()] };
        at += 1;
    }
    all
};

#[cfg(test)]
mod tests;
