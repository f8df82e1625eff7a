//! The text is read as a scraper reads it: line by line, and strictly.

use super::*;
use http::StatusCode;
use sidegate_model::endpoint::{Endpoint, MethodSet};
use sidegate_model::plugin::PluginId;
use sidegate_model::policy::CallerDemand;
use sidegate_model::status::PluginState;
use sidegate_plugins::ConcurrencyFigures;
use sidegate_wire::ErrorCode;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

fn status(id: u32, name: &str) -> PluginStatus {
    PluginStatus {
        id: PluginId(id),
        name: name.to_owned(),
        slug: None,
        state: PluginState::Ready,
        reason: None,
        warnings: Vec::new(),
        reload_failure: None,
        pid: Some(std::process::id()),
        restarts: id,
        next_start_at: None,
        ready_since: None,
        is_outdated: false,
        hooks: Vec::new(),
        requested_scopes: Vec::new(),
        config_schema: None,
        endpoints: Vec::new(),
        raised: Vec::new(),
        demand: CallerDemand::default(),
        required: false,
        start_duration: Some(Duration::from_millis(1500)),
        in_flight: 3,
    }
}

fn without_calls(statuses: &[PluginStatus]) -> Plugins<'_> {
    Plugins { statuses, calls: &[] }
}

/// A text with something of every kind in it.
fn text(plugins: &[PluginStatus]) -> String {
    let metrics = Metrics::new(2);
    let name = RouteName { plugin: "odd \"name\" \\ here", route: "/a/*", method: "GET" };
    for shard in [0, 1] {
        let shard = metrics.shard(shard);
        shard.request_began();
        let route = shard.route(name);
        route.received(6);
        route.answered(StatusCode::OK, Duration::from_millis(3), 7);
        route.failed(ErrorCode::PluginError);
        route.refused_by(PolicyLimit::MaxConcurrent);
        route.cut();
        shard.request_ended();
    }
    metrics.shard(1).connection_opened();
    let waited = Duration::from_millis(1500);
    let now = ConcurrencyFigures { inside: 4, waiting: 2, waits: 3, waited };
    let calls = [CallFigures { plugin: "a".to_owned(), now }];
    metrics.render(Plugins { statuses: plugins, calls: &calls }, 0, &[], None)
}

#[test]
fn counts_of_a_plugin_that_is_gone_are_told_for_a_while_and_go_on_when_it_is_back() {
    let metrics = Metrics::new(2);
    for (shard, plugin) in [(0, "old"), (1, "old"), (0, "new"), (1, UNMATCHED.plugin)] {
        let name = RouteName { plugin, route: "/a", method: "GET" };
        let route = metrics.shard(shard).route(name);
        route.answered(StatusCode::OK, Duration::from_millis(3), 7);
        route.failed(ErrorCode::PluginError);
    }
    let begun = Instant::now();
    let at = |minutes: u64| begun + Duration::from_secs(minutes * 60);
    let both = [status(1, "old"), status(2, "new")];
    let told = |plugins: &[PluginStatus], minutes| {
        let text = metrics.render_at(without_calls(plugins), 0, at(minutes));
        ["old", "new", "-"]
            .map(|name| text.matches(&format!("plugin=\"{name}\",route")).count() > 0)
    };
    let errors = |plugins: &[PluginStatus], minutes| {
        let text = metrics.render_at(without_calls(plugins), 0, at(minutes));
        text.contains("sidegate_errors_total{plugin=\"old\"")
    };
    assert_eq!(told(&both, 0), [true; 3]);
    assert_eq!(told(&both, 100), [true; 3], "whoever is there is told");
    assert_eq!(told(&both[1..], 101), [true; 3], "the last counts are still collected");
    assert_eq!(told(&both[1..], 105), [true; 3]);
    assert_eq!((told(&both[1..], 106), errors(&both[1..], 106)), ([false, true, true], false));
    let text = metrics.render_at(without_calls(&both), 0, at(107));
    let counted =
        "sidegate_requests_total{plugin=\"old\",route=\"/a\",method=\"GET\",status=\"200\"} 2";
    assert!(text.contains(counted), "a counter never goes back: {text}");
    assert_eq!(told(&both[1..], 108), [true; 3], "it is missed anew");
}

fn endpoint(path: &str) -> Endpoint {
    Endpoint {
        path: path.to_owned(),
        methods: MethodSet::default(),
        description: String::new(),
        require_auth: false,
        scopes_required: Vec::new(),
        stream_response: false,
        metadata: BTreeMap::new(),
    }
}

#[test]
fn counts_of_a_route_that_a_plugin_offers_no_more_go_and_its_errors_stay() {
    let metrics = Metrics::new(1);
    for route in ["/a", "/b"] {
        let route = metrics.shard(0).route(RouteName { plugin: "p", route, method: "GET" });
        route.answered(StatusCode::OK, Duration::from_millis(3), 7);
        route.failed(ErrorCode::PluginError);
    }
    let begun = Instant::now();
    let told = |routes: &[&str], minutes: u64| {
        let endpoints = routes.iter().map(|path| Arc::new(endpoint(path))).collect();
        let plugin = PluginStatus { endpoints, ..status(1, "p") };
        let text = metrics.render_at(
            without_calls(&[plugin]),
            0,
            begun + Duration::from_secs(minutes * 60),
        );
        let errors = "sidegate_errors_total{plugin=\"p\",code=\"plugin_error\"} 2";
        assert!(text.contains(errors), "a counter never goes back: {text}");
        ["/a", "/b"].map(|route| text.contains(&format!("plugin=\"p\",route=\"{route}\"")))
    };
    assert_eq!(told(&["/a", "/b"], 0), [true; 2]);
    assert_eq!(told(&["/a"], 1), [true; 2], "the last counts are still collected");
    assert_eq!(told(&["/a"], 6), [true, false]);
    assert_eq!(told(&["/a", "/b"], 7), [true; 2], "it is offered again");
    assert_eq!(told(&["/a"], 8), [true; 2], "it is missed anew");
    assert_eq!(told(&[], 100), [true; 2], "one that does not serve has lost none for good");
}

#[derive(Default)]
struct Scrape {
    types: BTreeMap<String, String>,
    helps: BTreeSet<String>,
    samples: BTreeMap<String, f64>,
}

/// Reads a name at the beginning of a line.
fn name(line: &str) -> (&str, &str) {
    let legal = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
    let end = line.find(|c| !legal(c)).unwrap_or(line.len());
    assert!(end > 0 && !line.starts_with(|c: char| c.is_ascii_digit()), "{line}");
    line.split_at(end)
}

/// Reads `{a="b",…}` and gives what follows.
fn skip_labels(mut rest: &str) -> &str {
    let mut names = BTreeSet::new();
    let Some(inner) = rest.strip_prefix('{') else { return rest };
    rest = inner;
    loop {
        let (label, after) = name(rest);
        assert!(names.insert(label), "{label} twice");
        let mut value = after.strip_prefix("=\"").expect("a value in quotes").char_indices();
        let end = loop {
            match value.next().expect("a quote at the end") {
                (_, '\\') => {
                    let (_, escaped) = value.next().expect("an escape");
                    assert!("\\n\"".contains(escaped));
                }
                (at, '"') => break at,
                _ => {}
            }
        };
        rest = &after[2 + end + 1..];
        match rest.strip_prefix(',') {
            Some(more) => rest = more,
            None => return rest.strip_prefix('}').expect("a brace at the end"),
        }
    }
}

fn scrape(text: &str) -> Scrape {
    let mut scrape = Scrape::default();
    let mut lines = text.lines();
    assert_eq!(lines.next_back(), Some("# EOF"));
    for line in lines {
        if let Some(meta) = line.strip_prefix("# ") {
            let (word, rest) = meta.split_once(' ').unwrap();
            let (family, told) = rest.split_once(' ').unwrap();
            let family = family.to_owned();
            match word {
                "TYPE" => assert!(scrape.types.insert(family, told.to_owned()).is_none(), "{line}"),
                "HELP" => assert!(scrape.helps.insert(family), "{line}"),
                other => panic!("{other} in {line}"),
            }
            continue;
        }
        let (sample, rest) = name(line);
        let value = skip_labels(rest).strip_prefix(' ').unwrap();
        let value: f64 = value.parse().unwrap_or_else(|_| panic!("no number in {line}"));
        let endings: &[&str] = match sample {
            s if scrape.types.get(s).is_some_and(|t| t == "gauge") => &[""],
            s if s.ends_with("_total") => &["_total"],
            _ => &["_bucket", "_sum", "_count"],
        };
        let family = endings.iter().find_map(|ending| sample.strip_suffix(ending)).unwrap();
        let kind = scrape.types.get(family).unwrap_or_else(|| panic!("{line} has no TYPE"));
        assert_eq!(kind == "counter", sample.ends_with("_total"), "{line}");
        assert!(scrape.helps.contains(family), "{line} has no HELP");
        let series = line.rsplit_once(' ').unwrap().0.to_owned();
        assert!(scrape.samples.insert(series, value).is_none(), "twice: {line}");
    }
    scrape
}

fn value(scrape: &Scrape, series: &str) -> f64 {
    *scrape.samples.get(series).unwrap_or_else(|| panic!("{series} in {:?}", scrape.samples.keys()))
}

fn is(found: f64, expected: f64) -> bool {
    (found - expected).abs() < 1e-9
}

#[test]
fn every_line_is_valid_and_every_family_is_announced_once() {
    let scrape = scrape(&text(&[status(1, "a"), status(2, "b \"quoted\" \\")]));
    for (series, expected) in [
        ("sidegate_plugin_state{plugin=\"a\",state=\"ready\"}", 1.0),
        ("sidegate_plugin_ready{plugin=\"a\"}", 1.0),
        ("sidegate_plugin_restarts_total{plugin=\"a\"}", 1.0),
        ("sidegate_plugin_start_duration_seconds{plugin=\"a\"}", 1.5),
        ("sidegate_plugin_requests_in_flight{plugin=\"a\"}", 3.0),
        ("sidegate_plugin_concurrent_requests{plugin=\"a\"}", 4.0),
        ("sidegate_plugin_queued_requests{plugin=\"a\"}", 2.0),
        ("sidegate_plugin_queue_waits_total{plugin=\"a\"}", 3.0),
        ("sidegate_plugin_queue_wait_seconds_total{plugin=\"a\"}", 1.5),
        ("sidegate_requests_in_flight", 0.0),
        ("sidegate_connections", 1.0),
    ] {
        assert!(is(value(&scrape, series), expected), "{series}");
    }
    assert!(value(&scrape, "sidegate_plugin_resident_memory_bytes{plugin=\"a\"}") > 100_000.0);
    assert!(value(&scrape, "sidegate_plugin_threads{plugin=\"a\"}") >= 1.0);
    assert!(value(&scrape, "sidegate_plugin_open_files{plugin=\"a\"}") >= 3.0);
    let received =
        scrape.samples.iter().find(|(s, _)| s.starts_with("sidegate_request_body_bytes_total"));
    assert!(is(*received.unwrap().1, 12.0));
}

#[test]
fn a_scrape_adds_up_what_the_shards_counted() {
    let scrape = scrape(&text(&[]));
    let route = r#"plugin="odd \"name\" \\ here",route="/a/*",method="GET""#;
    let plugin = r#"plugin="odd \"name\" \\ here""#;
    for (series, expected) in [
        (format!("sidegate_requests_total{{{route},status=\"200\"}}"), 2.0),
        (format!("sidegate_response_body_bytes_total{{{route}}}"), 14.0),
        (format!("sidegate_aborted_streams_total{{{route}}}"), 2.0),
        (format!("sidegate_errors_total{{{plugin},code=\"plugin_error\"}}"), 2.0),
        (format!("sidegate_policy_refusals_total{{{plugin},limit=\"max_concurrent\"}}"), 2.0),
        (format!("sidegate_request_duration_seconds_count{{{route}}}"), 2.0),
        (format!("sidegate_request_duration_seconds_sum{{{route}}}"), 0.006),
        (format!("sidegate_request_duration_seconds_bucket{{le=\"0.0025\",{route}}}"), 0.0),
        (format!("sidegate_request_duration_seconds_bucket{{le=\"0.005\",{route}}}"), 2.0),
        (format!("sidegate_request_duration_seconds_bucket{{le=\"+Inf\",{route}}}"), 2.0),
    ] {
        assert!(is(value(&scrape, &series), expected), "{series}");
    }
}

#[test]
fn a_process_that_is_gone_has_no_figures() {
    let removed_series = PluginStatus { pid: Some(u32::MAX), ..status(1, "a") };
    let none = PluginStatus { pid: None, start_duration: None, ..status(2, "b") };
    let scrape = scrape(&text(&[removed_series, none]));
    let figures = ["resident_memory_bytes", "cpu_seconds_total", "open_files", "threads"];
    for figure in figures {
        let series = format!("sidegate_plugin_{figure}{{");
        assert!(!scrape.samples.keys().any(|s| s.starts_with(&series)), "{figure}");
    }
    assert!(!scrape.samples.contains_key("sidegate_plugin_start_duration_seconds{plugin=\"b\"}"));
}

#[test]
fn a_removed_plugin_that_still_drains_and_its_namesake_are_one_series() {
    let old = PluginStatus { state: PluginState::Draining, ..status(1, "a") };
    let scrape = scrape(&text(&[old, status(2, "a")]));
    assert!(is(value(&scrape, "sidegate_plugin_restarts_total{plugin=\"a\"}"), 2.0));
}
