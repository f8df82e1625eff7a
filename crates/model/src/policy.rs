//! What an operator forces on one plugin: who may call it, and how much of it. Names, values and
//! their bounds; who is let in and what is counted is the gateway's business.

use crate::allowed_origins::AllowedOrigins;
use crate::app::{App, MAX_RATE_LIMIT};
use crate::duration::{format_duration, parse_duration};
use crate::name::{reads_as_number, shortened};
use crate::scope;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Longest time a call may take, or a stream may pause.
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);
/// Shortest time a call may take.
const SHORTEST: Duration = Duration::from_millis(10);
/// Longest time a call may wait for its turn.
const LONGEST_QUEUE: Duration = Duration::from_secs(60);
/// Most calls at one time, and most that wait.
const MOST_CALLS: u32 = 100_000;
/// Largest body that can be allowed, in bytes.
const MOST_BODY: u64 = 1024 * 1024 * 1024;
/// Most apps that can be named.
const MOST_APPS: usize = 1000;

/// What an operator forces on one plugin. What is `None` is as the node does it.
///
/// ```
/// use sidegate_model::policy::PolicyOptions;
/// let raw = [("apps", "billing,7"), ("scopes_required", "files.read"), ("max_body", "64KiB")];
/// let raw = raw.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
/// let (policy, problems) = PolicyOptions::read(&raw);
/// assert!(problems.is_empty() && policy.demands_token());
/// assert_eq!(policy.max_body, Some(64 * 1024));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PolicyOptions {
    /// Every endpoint demands a token, whatever the plugin says.
    pub require_auth: bool,
    /// The apps that may call; `None` is all of them.
    pub apps: Option<AllowedApps>,
    /// What a token must allow, all of it, on every endpoint.
    pub scopes_required: Vec<String>,
    /// The issuers whose JWTs are taken, by name; none where nothing is said.
    pub issuers: BTreeSet<String>,
    /// No token is taken from the query.
    pub refuses_query_token: bool,
    /// Pages of which origins may ask; `None` is all.
    pub allowed_origins: Option<AllowedOrigins>,
    /// How long a single answer may take.
    pub timeout: Option<Duration>,
    /// How long a stream may pause; zero is no limit.
    pub stream_idle_timeout: Option<Duration>,
    /// Largest request body, in bytes.
    pub max_body: Option<u64>,
    /// Requests a minute, of all callers together.
    pub rate_limit: Option<u32>,
    /// Requests a minute of one anonymous client, by its address.
    pub rate_limit_per_client: Option<u32>,
    /// How many calls may be open at one time, and how others wait.
    pub concurrency: Option<ConcurrencyOptions>,
}

/// What an operator demands of every caller of one plugin, on top of what the plugin demands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CallerDemand {
    /// A valid token.
    pub token: bool,
    /// What that token must carry, all of it.
    pub scopes: Vec<String>,
}

/// How many calls may be open at one time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConcurrencyOptions {
    /// Calls at one time: single answers until they are there, streams until they end.
    pub max: u32,
    /// Calls that may wait for one to end; `None` is as many as `max`.
    pub queue: Option<u32>,
    /// How long a call may wait; `None` is [`QUEUE_TIMEOUT`].
    pub queue_timeout: Option<Duration>,
}

/// How long a call waits for its turn where nothing is said.
pub const QUEUE_TIMEOUT: Duration = Duration::from_secs(1);

impl ConcurrencyOptions {
    /// Calls that may wait.
    pub fn queue(&self) -> u32 {
        self.queue.unwrap_or(self.max)
    }

    /// How long a call may wait.
    pub fn queue_timeout(&self) -> Duration {
        self.queue_timeout.unwrap_or(QUEUE_TIMEOUT)
    }
}

/// Apps by number or by name. A name means whichever app has it at the time of the call.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AllowedApps {
    numbers: BTreeSet<u32>,
    names: BTreeSet<String>,
}

impl AllowedApps {
    /// Whether this app may call.
    pub fn allows(&self, app: &App) -> bool {
        self.numbers.contains(&app.id.0) || self.names.contains(&app.name)
    }

    /// The numbers that are named, in order.
    pub fn numbers(&self) -> impl Iterator<Item = u32> {
        self.numbers.iter().copied()
    }

    /// The names that are named, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    fn read(text: &str) -> Result<Option<Self>, String> {
        if text.trim() == "*" {
            return Ok(None);
        }
        let mut apps = Self::default();
        for item in text.split(',').map(str::trim) {
            if item.is_empty() {
                return Err(
                    "name apps by name or number, with commas between them, or * for all".into()
                );
            }
            if item == "*" {
                return Err("* is all apps: write it alone, or name the apps".into());
            }
            if !reads_as_number(item) {
                apps.names.insert(item.to_owned());
                continue;
            }
            let number = item.parse().map_err(|_| format!("{item} is no number of an app"))?;
            apps.numbers.insert(number);
        }
        if apps.numbers.len() + apps.names.len() > MOST_APPS {
            return Err(format!("name at most {MOST_APPS} apps"));
        }
        Ok(Some(apps))
    }
}

/// What is wrong with one of the options. Never holds more than the option's own value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("option {name}: {problem}")]
pub struct InvalidPolicy {
    name: &'static str,
    problem: String,
}

/// Every option of the policy.
pub(crate) const NAMES: [&str; 14] = [
    "require_auth",
    "apps",
    "scopes_required",
    "issuers",
    "query_token",
    "allowed_origins",
    "timeout",
    "stream_idle_timeout",
    "max_body",
    "rate_limit",
    "rate_limit_per_client",
    "max_concurrent",
    "max_concurrent.queue",
    "max_concurrent.queue_timeout",
];

impl PolicyOptions {
    /// Reads what is valid and tells what is not. Of what says who may call, an invalid value lets
    /// nobody in; else it counts as not said.
    pub fn read(raw: &BTreeMap<String, String>) -> (Self, Vec<InvalidPolicy>) {
        let mut options = Reader { raw, problems: Vec::new() };
        let apps = options.value("apps", AllowedApps::read);
        let scopes = options.value("scopes_required", scopes);
        let max = options.value("max_concurrent", |text| count(text, 1, MOST_CALLS));
        let queue = options.value("max_concurrent.queue", |text| count(text, 0, MOST_CALLS));
        let longest = |text: &str| time(text, SHORTEST, LONGEST_QUEUE);
        let queue_timeout = options.value("max_concurrent.queue_timeout", longest);
        if max.is_none() && !raw.contains_key("max_concurrent") {
            options.means_nothing("max_concurrent.queue");
            options.means_nothing("max_concurrent.queue_timeout");
        }
        let denies = |name| raw.contains_key(name);
        let policy = Self {
            require_auth: options.value("require_auth", always).is_some() || denies("require_auth"),
            // A list that cannot be read is a list of nobody.
            apps: apps.unwrap_or_else(|| denies("apps").then(AllowedApps::default)),
            scopes_required: scopes.unwrap_or_else(|| match denies("scopes_required") {
                // No token carries a scope without a name.
                true => vec![String::new()],
                false => Vec::new(),
            }),
            // A list that cannot be read names nobody.
            issuers: options.value("issuers", issuers).unwrap_or_default(),
            // What cannot be read takes none, as the safer one of both.
            refuses_query_token: !options
                .value("query_token", flag)
                .unwrap_or(!denies("query_token")),
            // A list that cannot be read names no page.
            allowed_origins: options
                .value("allowed_origins", AllowedOrigins::read)
                .or_else(|| denies("allowed_origins").then(AllowedOrigins::default)),
            timeout: options.value("timeout", |text| time(text, SHORTEST, LONGEST)),
            stream_idle_timeout: options
                .value("stream_idle_timeout", |text| time(text, Duration::ZERO, LONGEST)),
            max_body: options.value("max_body", size),
            rate_limit: options.value("rate_limit", |text| count(text, 1, MAX_RATE_LIMIT)),
            rate_limit_per_client: options
                .value("rate_limit_per_client", |text| count(text, 1, MAX_RATE_LIMIT)),
            concurrency: max.map(|max| ConcurrencyOptions { max, queue, queue_timeout }),
        };
        (policy, options.problems)
    }

    /// Whether nobody may call without a token.
    pub fn demands_token(&self) -> bool {
        self.require_auth || self.apps.is_some() || !self.scopes_required.is_empty()
    }

    /// What every caller must bring, whoever it is.
    pub fn demand(&self) -> CallerDemand {
        CallerDemand { token: self.demands_token(), scopes: self.scopes_required.clone() }
    }

    /// Whether both say the same of who may call.
    pub fn same_callers(&self, other: &Self) -> bool {
        self.require_auth == other.require_auth
            && self.apps == other.apps
            && self.scopes_required == other.scopes_required
            && self.issuers == other.issuers
            && self.refuses_query_token == other.refuses_query_token
            && self.allowed_origins == other.allowed_origins
    }
}

struct Reader<'a> {
    raw: &'a BTreeMap<String, String>,
    problems: Vec<InvalidPolicy>,
}

impl Reader<'_> {
    fn value<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        let text = self.raw.get(name)?;
        let problem = |problem| self.problems.push(InvalidPolicy { name, problem });
        read(text.trim()).map_err(problem).ok()
    }

    /// Tells an option that says something only together with `max_concurrent`.
    fn means_nothing(&mut self, name: &'static str) {
        if self.raw.contains_key(name) {
            let problem = "it means nothing without max_concurrent".to_owned();
            self.problems.push(InvalidPolicy { name, problem });
        }
    }
}

/// What a plugin demands is never weakened, so there is one value only.
fn always(text: &str) -> Result<(), String> {
    if text == "true" {
        return Ok(());
    }
    Err("use true, or remove the option: what the plugin itself demands cannot be weakened".into())
}

fn flag(text: &str) -> Result<bool, String> {
    text.parse().map_err(|_| format!("{:?} is not valid: use true or false", shortened(text)))
}

/// Most issuers that can be named.
const MOST_ISSUERS: usize = 32;

/// Names with commas between them.
fn issuers(text: &str) -> Result<BTreeSet<String>, String> {
    let names: BTreeSet<_> = text.split(',').map(|name| name.trim().to_owned()).collect();
    match names.contains("") {
        true => Err("name issuers, with commas between them, or remove the option".into()),
        false if names.len() > MOST_ISSUERS => Err(format!("name at most {MOST_ISSUERS} issuers")),
        false => Ok(names),
    }
}

/// Scopes with commas or blanks between them.
///
/// # Errors
/// A text for the first one that is none.
pub fn scopes(text: &str) -> Result<Vec<String>, String> {
    let mut scopes: Vec<String> = Vec::new();
    for item in text.split([',', ' ']).filter(|item| !item.is_empty()) {
        scope::check(item)?;
        if !scopes.iter().any(|known| known == item) {
            scopes.push(item.to_owned());
        }
    }
    match scopes.len() {
        0 => Err("name scopes, with commas between them".into()),
        n if n > scope::MAX_SCOPES => Err(format!("name at most {} scopes", scope::MAX_SCOPES)),
        _ => Ok(scopes),
    }
}

fn count(text: &str, least: u32, most: u32) -> Result<u32, String> {
    let wrong = || format!("{:?} is not valid: use {least} to {most}", shortened(text));
    let digits = Some(text).filter(|text| text.bytes().all(|b| b.is_ascii_digit()));
    let number = digits.and_then(|digits| digits.parse().ok());
    number.filter(|n| (least..=most).contains(n)).ok_or_else(wrong)
}

fn time(text: &str, least: Duration, most: Duration) -> Result<Duration, String> {
    let read = parse_duration(text).map_err(|problem| problem.to_string())?;
    if (least..=most).contains(&read) {
        return Ok(read);
    }
    let (least, most) = (format_duration(least), format_duration(most));
    Err(format!("{:?} is not valid: use {least} to {most}", shortened(text)))
}

/// Bytes, or with a unit.
fn size(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "" => Some(1),
        "KiB" => Some(1024),
        "MiB" => Some(1024 * 1024),
        "GiB" => Some(1024 * 1024 * 1024),
        _ => None,
    };
    let read = digits.parse::<u64>().ok().zip(unit).and_then(|(n, unit)| n.checked_mul(unit));
    read.filter(|bytes| *bytes <= MOST_BODY).ok_or_else(|| {
        format!(
            "{:?} is not valid: use bytes, as in 65536, 64KiB or 8MiB, at most 1GiB",
            shortened(text)
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::AppId;

    fn read(options: &[(&str, &str)]) -> (PolicyOptions, Vec<String>) {
        let raw = options.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let (policy, problems) = PolicyOptions::read(&raw);
        (policy, problems.iter().map(ToString::to_string).collect())
    }

    fn app(id: u32, name: &str) -> App {
        App {
            id: AppId(id),
            name: name.to_owned(),
            description: String::new(),
            owner_email: "o@example.com".into(),
            is_active: true,
            monthly_budget: 0.0,
            rate_limit: 0,
            metadata: serde_json::Map::new(),
            namespace: <_>::default(),
            max_staleness: None,
            managed_by: String::new(),
            made_for: None,
            created_at: 0,
            updated_at: 0,
        }
    }

    #[test]
    fn what_a_plugin_demands_cannot_be_weakened() {
        for text in ["false", "", "yes", "True"] {
            let (policy, problems) = read(&[("require_auth", text)]);
            assert_eq!(problems.len(), 1, "{text}");
            assert!(policy.demands_token(), "{text}");
        }
        assert_eq!(read(&[("require_auth", "true")]).1, [""; 0]);
    }

    #[test]
    fn apps_are_named_by_number_or_name() {
        let (policy, problems) = read(&[("apps", "billing, 7")]);
        let apps = policy.apps.unwrap();
        assert!(problems.is_empty());
        assert!(apps.allows(&app(1, "billing")) && apps.allows(&app(7, "x")));
        assert!(!apps.allows(&app(8, "Billing")));
        assert_eq!(read(&[("apps", " * ")]).0, PolicyOptions::default());
    }

    #[test]
    fn a_list_that_cannot_be_read_lets_nobody_in() {
        for text in ["", "a,", "a,*", "99999999999"] {
            let (policy, problems) = read(&[("apps", text)]);
            assert_eq!(problems.len(), 1, "{text:?}");
            assert!(policy.demands_token() && !policy.apps.unwrap().allows(&app(1, "a")));
        }
        for text in ["", ",", "a\"b"] {
            let (policy, problems) = read(&[("scopes_required", text)]);
            assert_eq!((problems.len(), policy.scopes_required.len()), (1, 1), "{text:?}");
        }
    }

    #[test]
    fn issuers_and_the_query_that_cannot_be_read_let_nobody_in() {
        let (policy, problems) = read(&[("issuers", "corp, lab"), ("query_token", "false")]);
        assert_eq!(problems, [""; 0]);
        assert!(policy.issuers.iter().eq(["corp", "lab"]) && policy.refuses_query_token);
        for text in ["", "a,", ","] {
            let (policy, problems) = read(&[("issuers", text), ("query_token", text)]);
            assert_eq!(problems.len(), 2, "{text:?}");
            assert!(policy.issuers.is_empty() && policy.refuses_query_token, "{text:?}");
        }
        let (policy, problems) = read(&[("query_token", "true")]);
        assert!(problems.is_empty() && policy == PolicyOptions::default());
    }

    #[test]
    fn values_have_their_bounds() {
        let refused = [
            ("timeout", "0"),
            ("timeout", "25h"),
            ("stream_idle_timeout", "5"),
            ("max_body", "1kb"),
            ("max_body", "2GiB"),
            ("max_body", "-1"),
            ("rate_limit", "0"),
            ("rate_limit", "+1"),
            ("rate_limit_per_client", "2147483648"),
            ("max_concurrent", "0"),
            ("max_concurrent.queue", "1"),
            ("max_concurrent.queue_timeout", "1s"),
        ];
        for (name, value) in refused {
            let (policy, problems) = read(&[(name, value)]);
            assert_eq!(policy, PolicyOptions::default(), "{name}={value}");
            assert!(problems[0].starts_with(&format!("option {name}: ")), "{problems:?}");
        }
        let (policy, problems) = read(&[
            ("max_concurrent", "4"),
            ("max_concurrent.queue", "0"),
            ("stream_idle_timeout", "0"),
            ("max_body", "0"),
        ]);
        assert!(problems.is_empty(), "{problems:?}");
        let concurrency = policy.concurrency.unwrap();
        assert_eq!((concurrency.max, concurrency.queue()), (4, 0));
        assert_eq!(concurrency.queue_timeout(), QUEUE_TIMEOUT);
        assert_eq!(policy.max_body, Some(0));
    }
}
