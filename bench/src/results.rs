//! What was measured, before anybody judges it: tables of slices, memory, losses. And the two ways
//! to compare contestants of one table.

use crate::load::Slice;

/// One figure of a slice.
pub type Figure = fn(&Slice) -> f64;

/// Processor time of the gateway for each request.
pub const GATEWAY: Figure = |slice| slice.gateway_us;
/// Processor time of the plugin for each request.
pub const PLUGIN: Figure = |slice| slice.plugin_us;
/// The median latency.
pub const MEDIAN_LATENCY: Figure = |slice| slice.latency_us[0];

/// One case, measured for several contestants in the same rounds.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    /// Its name, by which `--only` finds it.
    pub case: String,
    /// What is counted: `request` or `chunk`.
    pub unit: &'static str,
    /// The contestants in the order in which they were measured.
    pub rows: Vec<Row>,
}

/// A contestant's slices, one for each round.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Its name.
    pub name: String,
    /// Round by round.
    pub slices: Vec<Slice>,
}

/// How one contestant stands to another. 0.8 is: a fifth less.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ratio {
    /// Median of the ratios of the rounds. This is what counts.
    pub median: f64,
    /// Between these the median lies with a confidence of 95 %, whatever the ratios are spread like;
    /// the smallest and the largest of too few rounds for that.
    pub interval: (f64, f64),
    /// Ratio of the best of all rounds to the best of all rounds.
    pub best: f64,
}

/// A figure of one contestant over all rounds.
#[derive(Debug, Clone, Copy)]
pub struct Summary {
    /// The smallest.
    pub min: f64,
    /// The one in the middle.
    pub median: f64,
}

impl Row {
    /// The median of a figure over the rounds; `None` without any.
    pub fn median_of(&self, figure: Figure) -> Option<f64> {
        (!self.slices.is_empty()).then(|| self.summary(figure).median)
    }

    /// Smallest and median value of a figure over the rounds.
    pub fn summary(&self, figure: Figure) -> Summary {
        let values = self.slices.iter().map(figure);
        let min = values.clone().fold(f64::INFINITY, f64::min);
        Summary { min, median: median(values.collect()) }
    }
}

impl Table {
    /// An empty table for these contestants.
    pub fn new<'a>(
        case: impl Into<String>,
        unit: &'static str,
        names: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let row = |name: &str| Row { name: name.to_owned(), slices: Vec::new() };
        Self { case: case.into(), unit, rows: names.into_iter().map(row).collect() }
    }

    /// The row of a contestant.
    pub fn row(&self, name: &str) -> Option<&Row> {
        self.rows.iter().find(|row| row.name == name)
    }

    /// How `ours` stands to `theirs`; `None` where one of them was not measured.
    pub fn ratio(&self, ours: &str, theirs: &str, figure: Figure) -> Option<Ratio> {
        let (ours, theirs) = (self.row(ours)?, self.row(theirs)?);
        let rounds = ours.slices.iter().zip(&theirs.slices);
        let ratios: Vec<f64> = rounds.map(|(a, b)| figure(a) / figure(b)).collect();
        if ratios.is_empty() {
            return None;
        }
        let best = ours.summary(figure).min / theirs.summary(figure).min;
        let interval = median_interval(ratios.clone());
        Some(Ratio { median: median(ratios), interval, best })
    }
}

/// In which order so many contestants have their turns in a round: each round another begins, so
/// that nobody always comes after the same neighbour in the same state of the machine.
///
/// ```
/// use sidegate_bench::results::turns;
/// assert_eq!(turns(1, 3).collect::<Vec<_>>(), [1, 2, 0]);
/// ```
pub fn turns(round: usize, contestants: usize) -> impl Iterator<Item = usize> {
    (0..contestants).map(move |turn| (round + turn) % contestants)
}

/// The middle value; of an even number of them, between the two in the middle. 0 of none.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    match (values.len() / 2, values.len() % 2) {
        (0, 0) => 0.0,
        (middle, 0) => f64::midpoint(values[middle - 1], values[middle]),
        (middle, _) => values[middle],
    }
}

/// Between which of its values the median of what they are a sample of lies with a confidence of 95 %:
/// of n values the k-th from either end, where fewer than k of n tossed coins show heads with a chance
/// of at most 2.5 %. Of fewer than six values the outer ones.
///
/// ```
/// use sidegate_bench::results::median_interval;
/// let values = |n: u32| (1..=n).map(f64::from).collect();
/// assert_eq!(median_interval(values(25)), (8.0, 18.0));
/// assert_eq!(median_interval(values(6)), (1.0, 6.0));
/// ```
pub fn median_interval(mut values: Vec<f64>) -> (f64, f64) {
    const TAIL: f64 = 0.025;
    values.sort_by(f64::total_cmp);
    let (Some(first), Some(last)) = (values.first(), values.last()) else { return (0.0, 0.0) };
    let mut interval = (*first, *last);
    let mut chance = 0.5_f64.powf(values.len() as f64);
    let mut below = chance;
    for (k, low) in values.iter().enumerate().take(values.len() / 2) {
        if below > TAIL {
            break;
        }
        interval = (*low, values[values.len() - 1 - k]);
        chance *= (values.len() - k) as f64 / (k + 1) as f64;
        below += chance;
    }
    interval
}

/// What cost memory while nothing was done with it.
#[derive(Debug, Clone, PartialEq)]
pub struct Memory {
    /// Its case, by which `--only` finds it.
    pub case: &'static str,
    /// Of whom.
    pub name: String,
    /// How many there were.
    pub count: u64,
    /// Growth of the gateway's resident memory in KiB for each.
    pub gateway_kib: f64,
    /// The same of the plugin.
    pub plugin_kib: f64,
}

/// What was lost or late while something went on that must harm nobody.
#[derive(Debug, Clone, PartialEq)]
pub struct Trial {
    /// What went on.
    pub case: String,
    /// Of whom.
    pub name: String,
    /// Requests answered and events received.
    pub good: u64,
    /// Requests or events that never came, or broken.
    pub lost: u64,
    /// Those that came more than a second late.
    pub delayed: u64,
    /// The longest any of them took, in microseconds.
    pub max_us: f64,
    /// The first thing that went wrong.
    pub first_problem: Option<String>,
}

/// Everything of one run.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Results {
    /// Costs and latencies.
    pub tables: Vec<Table>,
    /// Idle streams and sessions.
    pub memory: Vec<Memory>,
    /// Losses.
    pub trials: Vec<Trial>,
    /// What a reader must know besides.
    pub notes: Vec<String>,
}

impl Results {
    /// The table of a case.
    pub fn table(&self, case: &str) -> Option<&Table> {
        self.tables.iter().find(|table| table.case == case)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(ours: &[f64], theirs: &[f64]) -> Table {
        let mut table = Table::new("case", "request", ["ours", "theirs"]);
        for (row, values) in table.rows.iter_mut().zip([ours, theirs]) {
            let slice = |value: &f64| Slice { gateway_us: *value, ..Slice::default() };
            row.slices = values.iter().map(slice).collect();
        }
        table
    }

    #[test]
    fn a_ratio_is_taken_within_each_round() {
        // The machine was twice as slow in the second round, for both.
        let table = table(&[8.0, 16.0, 9.0], &[10.0, 20.0, 10.0]);
        let ratio = table.ratio("ours", "theirs", GATEWAY).unwrap();
        assert_eq!(ratio, Ratio { median: 0.8, interval: (0.8, 0.9), best: 0.8 });
        assert_eq!(table.ratio("ours", "nobody", GATEWAY), None);
        let summary = table.row("ours").unwrap().summary(GATEWAY);
        assert_eq!((summary.min, summary.median), (8.0, 9.0));
    }

    #[test]
    fn without_rounds_there_is_no_ratio() {
        assert_eq!(table(&[], &[]).ratio("ours", "theirs", GATEWAY), None);
    }

    #[test]
    fn the_median_of_an_even_number_lies_between() {
        assert_eq!(median(vec![4.0, 1.0, 3.0, 2.0]), 2.5);
        assert_eq!((median(vec![5.0]), median(vec![])), (5.0, 0.0));
    }
}
