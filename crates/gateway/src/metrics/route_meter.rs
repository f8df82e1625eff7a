//! What is counted of one route, and the table in which a shard finds its routes' counts.
//!
//! A request finds its meter once and then only adds. Meters outlive every generation, and each
//! shard has its own, so that cores do not fight for one cache line.

use super::policy_limit::PolicyLimit;
use super::tally::Tally;
use http::StatusCode;
use sidegate_wire::ErrorCode;
use std::hash::{BuildHasher as _, RandomState};
use std::num::NonZeroU16;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// Upper borders of the buckets of durations; one more holds the rest.
pub(super) const BORDERS: [Duration; 12] = [
    Duration::from_micros(1000),
    Duration::from_micros(2500),
    Duration::from_millis(5),
    Duration::from_millis(10),
    Duration::from_millis(25),
    Duration::from_millis(50),
    Duration::from_millis(100),
    Duration::from_millis(250),
    Duration::from_secs(1),
    Duration::from_secs(5),
    Duration::from_secs(30),
    Duration::from_secs(60),
];

/// Where a request was routed: registered names only, `-` for what matched nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RouteName<'a> {
    /// Name of the plugin.
    pub plugin: &'a str,
    /// The registered path.
    pub route: &'a str,
    /// The method, as far as it is one that can be registered.
    pub method: &'static str,
}

/// The name of no route.
pub(crate) const UNMATCHED: RouteName<'static> = RouteName { plugin: "-", route: "-", method: "-" };

/// The counts of one route on one shard.
#[derive(Debug)]
pub struct RouteMeter {
    plugin: Box<str>,
    route: Box<str>,
    method: &'static str,
    pub(super) statuses: Tally,
    /// By place in [`ErrorCode::ALL`], counted from 1.
    errors: Tally,
    /// By place in [`PolicyLimit::ALL`].
    refusals: [AtomicU64; PolicyLimit::ALL.len()],
    pub(super) durations: [AtomicU64; BORDERS.len() + 1],
    pub(super) nanos: AtomicU64,
    pub(super) sent_bytes: AtomicU64,
    pub(super) received_bytes: AtomicU64,
    pub(super) aborted: AtomicU64,
}

impl RouteMeter {
    fn new(name: RouteName<'_>) -> Self {
        Self {
            plugin: name.plugin.into(),
            route: name.route.into(),
            method: name.method,
            statuses: Tally::default(),
            errors: Tally::default(),
            refusals: Default::default(),
            durations: Default::default(),
            nanos: AtomicU64::new(0),
            sent_bytes: AtomicU64::new(0),
            received_bytes: AtomicU64::new(0),
            aborted: AtomicU64::new(0),
        }
    }

    /// Whose counts these are.
    pub fn name(&self) -> RouteName<'_> {
        RouteName { plugin: &self.plugin, route: &self.route, method: self.method }
    }

    /// A request was answered, with so many bytes.
    pub fn answered(&self, status: StatusCode, took: Duration, bytes: u64) {
        // No status is zero.
        if let Some(status) = NonZeroU16::new(status.as_u16()) {
            self.statuses.add(status);
        }
        let bucket = BORDERS.iter().take_while(|border| took > **border).count();
        self.durations[bucket].fetch_add(1, Ordering::Relaxed);
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.nanos.fetch_add(nanos, Ordering::Relaxed);
        self.sent_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// A request's body was read.
    pub fn received(&self, bytes: usize) {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.received_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// An answer was an error of the table.
    pub fn failed(&self, code: ErrorCode) {
        self.errors.add(NonZeroU16::MIN.saturating_add(code as u16));
    }

    /// A request exceeded a limit that an operator has set.
    pub fn refused_by(&self, limit: PolicyLimit) {
        self.refusals[limit as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// An answer was cut.
    pub fn cut(&self) {
        self.aborted.fetch_add(1, Ordering::Relaxed);
    }

    /// How often each limit was exceeded, where it was.
    pub(super) fn refusals(&self) -> impl Iterator<Item = (PolicyLimit, u64)> {
        let counts = self.refusals.iter().map(|count| count.load(Ordering::Relaxed));
        PolicyLimit::ALL.into_iter().zip(counts).filter(|(_, n)| *n > 0)
    }

    /// How often each error was the answer.
    pub(super) fn errors(&self) -> impl Iterator<Item = (ErrorCode, u64)> {
        let code = |place: u16| ErrorCode::ALL.get(usize::from(place).checked_sub(1)?).copied();
        self.errors.read().into_iter().filter_map(move |(place, n)| Some((code(place)?, n)))
    }
}

/// A hash of a name, in a few steps: every request needs one.
fn hash(seed: u64, name: RouteName<'_>) -> u64 {
    let texts = [name.route, name.plugin, name.method];
    texts.into_iter().fold(seed, |hash, text| {
        let (words, rest) = text.as_bytes().as_chunks();
        let last = rest.iter().fold(text.len() as u64, |last, byte| last << 8 | u64::from(*byte));
        let hash = words.iter().fold(hash, |hash, word| mix(hash, u64::from_le_bytes(*word)));
        mix(hash, last)
    })
}

/// Both halves of a product, of which each depends on all that was multiplied.
fn mix(hash: u64, word: u64) -> u64 {
    const FACTOR: u128 = 0x9e37_79b9_7f4a_7c15;
    let product = u128::from(hash ^ word) * FACTOR;
    (product ^ product >> 64) as u64
}

/// How many chains the table has: a node with ten thousand routes finds two or three in each.
const CHAINS: usize = 4096;

#[derive(Debug)]
struct Link {
    hash: u64,
    meter: Arc<RouteMeter>,
    next: OnceLock<Box<Link>>,
}

/// The meters of a shard by the names of their routes. It only grows, so that finding one takes no
/// lock; only registered names get in.
#[derive(Debug)]
pub(super) struct RouteMeters {
    /// Where hashes begin: not to be guessed by those who choose the names of routes.
    seed: u64,
    chains: Box<[OnceLock<Box<Link>>]>,
}

impl Default for RouteMeters {
    fn default() -> Self {
        let chains = (0..CHAINS).map(|_| OnceLock::new()).collect();
        Self { seed: RandomState::new().hash_one(CHAINS), chains }
    }
}

impl RouteMeters {
    /// The meter of a route, made when it is asked for first.
    pub(super) fn of(&self, name: RouteName<'_>) -> Arc<RouteMeter> {
        let hash = hash(self.seed, name);
        let new = || {
            let meter = Arc::new(RouteMeter::new(name));
            Box::new(Link { hash, meter, next: OnceLock::new() })
        };
        // The remainder is below the number of chains.
        let chain = usize::try_from(hash % CHAINS as u64).unwrap_or_default();
        let mut link = self.chains[chain].get_or_init(new);
        while link.hash != hash || link.meter.name() != name {
            link = link.next.get_or_init(new);
        }
        link.meter.clone()
    }

    /// All that were made.
    pub(super) fn all(&self) -> impl Iterator<Item = &RouteMeter> {
        let first = self.chains.iter().filter_map(OnceLock::get);
        let links =
            first.flat_map(|link| std::iter::successors(Some(link), |link| link.next.get()));
        links.map(|link| &*link.meter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_has_one_meter_however_many_there_are() {
        let meters = RouteMeters::default();
        let routes: Vec<_> = (0..20_000).map(|n| format!("/{n}")).collect();
        for _ in 0..2 {
            for route in &routes {
                meters.of(RouteName { route, ..UNMATCHED }).cut();
            }
        }
        assert_eq!(meters.all().count(), routes.len());
        assert!(meters.all().all(|meter| meter.aborted.load(Ordering::Relaxed) == 2));
    }

    #[test]
    fn names_spread_over_the_chains() {
        let mut chains = vec![0_u32; CHAINS];
        for n in 0..2 * CHAINS {
            let (plugin, route) = (format!("plugin-{}", n % 64), format!("/items/{}", n / 64));
            let hash = hash(7, RouteName { plugin: &plugin, route: &route, method: "GET" });
            chains[usize::try_from(hash % CHAINS as u64).unwrap()] += 1;
        }
        assert!(chains.iter().all(|length| *length < 16), "{:?}", chains.iter().max());
    }

    #[test]
    fn a_duration_at_a_border_belongs_below_it() {
        let meter = RouteMeter::new(UNMATCHED);
        for took in [Duration::ZERO, BORDERS[0], BORDERS[11], Duration::from_secs(61)] {
            meter.answered(StatusCode::OK, took, 0);
        }
        let counts = meter.durations.each_ref().map(|count| count.load(Ordering::Relaxed));
        assert_eq!((counts[0], counts[11], counts[12]), (2, 1, 1));
    }
}
