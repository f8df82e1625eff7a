//! The dashboard and the alert rules in `deploy/`, held against what gateways, edges and control planes really count.

use super::jwt::Scene;
use serde_json::{Value, json};
use sidegate_e2e::{ControlPlane, Gateway, eventually, long_story};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

/// Labels that whoever collects adds, and the one that buckets have.
const LABELS_OF_COLLECTORS: [&str; 3] = ["instance", "job", "le"];
/// What is counted by whoever collects.
const METRICS_OF_COLLECTORS: [&str; 1] = ["up"];

/// The names that samples can have, each with the labels that were seen.
#[derive(Default)]
struct Known(BTreeMap<String, BTreeSet<String>>);

impl Known {
    /// Reads a text of `/metrics`: a family that has no sample now has its names all the same.
    fn learn(&mut self, text: &str) {
        for line in text.lines() {
            if let Some(family) = line.strip_prefix("# TYPE ") {
                let (name, kind) = family.split_once(' ').unwrap();
                let endings: &[&str] = match kind {
                    "counter" => &["_total"],
                    "histogram" => &["_bucket", "_sum", "_count"],
                    _ => &[""],
                };
                for ending in endings {
                    self.0.entry(format!("{name}{ending}")).or_default();
                }
            } else if let Some((name, labels)) = line.split_once('{') {
                let labels = labels.rsplit_once('}').unwrap().0;
                let names = labels.split("\",").map(|label| label.split('=').next().unwrap());
                self.0.entry(name.to_owned()).or_default().extend(names.map(str::to_owned));
            }
        }
    }

    /// What of an expression is unknown.
    fn unknown_in(&self, expression: &str) -> Vec<String> {
        let Words { metrics, labels } = Words::of(expression);
        let mut unknown = Vec::new();
        let mut of_all = BTreeSet::new();
        for (metric, matched) in &metrics {
            if METRICS_OF_COLLECTORS.contains(&metric.as_str()) {
                continue;
            }
            let Some(known) = self.0.get(metric) else {
                unknown.push(format!("the metric {metric}"));
                continue;
            };
            let is_known = |label: &&String| {
                known.contains(*label) || LABELS_OF_COLLECTORS.contains(&label.as_str())
            };
            let strange = matched.iter().filter(|label| !is_known(label));
            unknown.extend(strange.map(|label| format!("the label {label} of {metric}")));
            of_all.extend(known.iter().cloned());
        }
        let strange = labels.iter().filter(|label| {
            !of_all.contains(*label) && !LABELS_OF_COLLECTORS.contains(&label.as_str())
        });
        unknown.extend(strange.map(|label| format!("the label {label}")));
        unknown
    }
}

/// What an expression names: metrics with the labels that they are chosen by, and labels that are grouped by.
#[derive(Debug, Default, PartialEq)]
struct Words {
    metrics: Vec<(String, BTreeSet<String>)>,
    labels: BTreeSet<String>,
}

impl Words {
    fn of(expression: &str) -> Self {
        const FUNCTIONS: [&str; 19] = [
            "sum",
            "rate",
            "max",
            "min",
            "increase",
            "histogram_quantile",
            "topk",
            "time",
            "and",
            "by",
            "offset",
            "count",
            "avg",
            "or",
            "on",
            "unless",
            "label_values",
            "s",
            "m",
        ];
        let mut words = Self::default();
        let mut rest = expression;
        let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
        while let Some(start) = rest.find(|c: char| c.is_ascii_alphabetic()) {
            // A number with a unit, or a variable of the dashboard, is no name.
            let before = rest[..start].chars().next_back();
            let end = rest[start..].find(|c| !is_word(c)).map_or(rest.len(), |at| start + at);
            let word = &rest[start..end];
            rest = &rest[end..];
            let is_name = before.is_none_or(|c| !is_word(c) && c != '$');
            if word == "by" {
                let (list, after) = rest.split_once(')').unwrap();
                let list = list.trim_start().trim_start_matches('(').split(',');
                words.labels.extend(list.map(|label| label.trim().to_owned()));
                rest = after;
            } else if is_name && !FUNCTIONS.contains(&word) {
                let mut matched = BTreeSet::new();
                if let Some(chosen) = rest.strip_prefix('{') {
                    let (chosen, after) = chosen.split_once('}').unwrap();
                    let names =
                        chosen.split("\",").map(|label| label.split(['=', '!']).next().unwrap());
                    matched.extend(names.map(|label| label.trim().to_owned()));
                    rest = after;
                }
                words.metrics.push((word.to_owned(), matched));
            }
        }
        words
    }
}

/// Every expression and every text of the dashboard.
fn collect(value: &Value, expressions: &mut Vec<String>, legends: &mut Vec<String>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                match value.as_str() {
                    Some(text) if name == "expr" => expressions.push(text.to_owned()),
                    Some(text) if name == "legendFormat" => legends.push(text.to_owned()),
                    _ => collect(value, expressions, legends),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, expressions, legends)),
        _ => {}
    }
}

/// The expressions of the alert rules, and the labels that their texts show.
fn rules() -> Vec<(String, BTreeSet<String>)> {
    let text = file("prometheus/alerts.yaml");
    let mut rules = Vec::new();
    for rule in text.split("- alert: ").skip(1) {
        let (_, after) = rule.split_once("expr:").unwrap();
        let (expression, rest) = after.split_at(after.find("labels:").unwrap());
        let expression = expression.trim_start_matches(" |").split("for:").next().unwrap();
        let shown = rest.split("$labels.").skip(1);
        let name = |text: &str| text.split([' ', '}']).next().unwrap_or_default().to_owned();
        rules.push((expression.trim().to_owned(), shown.map(name).collect()));
    }
    rules
}

fn file(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy").join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What a gateway with TLS, an edge and a control plane count, with samples of everything that has labels.
async fn everything_that_is_counted() -> Known {
    let mut known = Known::default();
    let (builder, certificate) = Gateway::builder().tls();
    let gateway = builder.start().await;
    gateway
        .plugin("lab")
        .option("max_concurrent", "1")
        .option("max_concurrent.queue", "0")
        .ready()
        .await;
    let connection = || async {
        let tls = certificate.connect(gateway.addr(), &["http/1.1"]).await;
        sidegate_e2e::Connection::over(tls, sidegate_e2e::Version::Http1, "localhost").await
    };
    let ask = async |path: &str| connection().await.request("GET", path).send().await;
    ask("/plugins/lab/x").await.expect(200);
    ask("/plugins/lab/fail").await.expect(502);
    let hanging = connection().await.request("GET", "/plugins/lab/sleep?ms=2000").send();
    let (_, busy) = tokio::join!(hanging, async {
        eventually("the plugin is busy", async || {
            (ask("/plugins/lab/x").await.status == 503).then_some(())
        })
        .await;
    });
    let () = busy;
    known.learn(gateway.admin().probe("/metrics").await.text());

    let scene = Scene::new().await;
    assert_eq!(scene.fares(&scene.token().sign()).await, 200);
    known.learn(scene.gateway.get("/metrics").send().await.text());

    let control = ControlPlane::start_with(None, &[]).await;
    control.admin().post("namespaces", &json!({"name": "north"})).await;
    let edge = control.edge("north-1", "north").await.start().await;
    let text = eventually("an edge has a certificate and a snapshot", async || {
        let text = edge.get("/metrics").send().await.text().to_owned();
        let has = |name: &str| text.contains(name);
        (has("sidegate_snapshot_revision{") && has("sidegate_edge_certificate")).then_some(text)
    })
    .await;
    known.learn(&text);
    known.learn(control.admin().probe("/metrics").await.text());
    known
}

#[test]
fn dashboard_and_alerts_ask_for_nothing_that_is_not_counted() {
    long_story(Duration::from_secs(90), async {
        let known = everything_that_is_counted().await;
        let mut wrong = Vec::new();
        let dashboard: Value = serde_json::from_str(&file("grafana/sidegate.json")).unwrap();
        let (mut expressions, mut legends) = (Vec::new(), Vec::new());
        collect(&dashboard, &mut expressions, &mut legends);
        assert!(expressions.len() > 30, "the dashboard is read: {expressions:?}");
        for (expression, legend) in expressions.iter().zip(&legends) {
            wrong.extend(
                known.unknown_in(expression).into_iter().map(|what| (what, expression.clone())),
            );
            let grouped = Words::of(expression).labels;
            let shown = legend.split("{{").skip(1).map(|text| text.split("}}").next().unwrap());
            let strange = shown.filter(|label| !grouped.contains(*label) && *label != "instance");
            wrong.extend(
                strange.map(|label| (format!("{label} of the legend"), expression.clone())),
            );
        }
        let rules = rules();
        assert!(rules.len() >= 15, "the rules are read: {rules:?}");
        for (expression, shown) in &rules {
            let mut unknown = known.unknown_in(expression);
            let Words { metrics, labels } = Words::of(expression);
            for label in
                shown.iter().filter(|label| !LABELS_OF_COLLECTORS.contains(&label.as_str()))
            {
                let of_metrics = metrics.iter().filter_map(|(name, _)| known.0.get(name));
                let is_kept = if labels.is_empty() {
                    of_metrics.flatten().any(|l| l == label)
                } else {
                    labels.contains(label)
                };
                if !is_kept {
                    unknown.push(format!("{label}, which a text shows"));
                }
            }
            wrong.extend(unknown.into_iter().map(|what| (what, expression.clone())));
        }
        assert!(wrong.is_empty(), "{wrong:#?}");
        // That what is wrong is found.
        for invented in [
            "rate(sidegate_inventions_total[5m])",
            "sum by (colour) (sidegate_connections)",
            "sidegate_plugin_state{colour=\"red\"}",
            "sidegate_requests",
        ] {
            assert!(!known.unknown_in(invented).is_empty(), "{invented}");
        }
    });
}
