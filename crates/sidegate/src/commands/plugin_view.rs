//! What the plugin commands print: a plugin with what it serves and how its last process ended, in
//! one shape for all of them, without its secrets.
//!
//! It asks the admin API and changes nothing.

use super::plugin_log_lines;
use super::plugin_schema::settings;
use crate::client::AdminApi;
use crate::error::Failure;
use crate::output::{Column, Output, field, plain, printable, text};
use clap::Args;
use serde_json::Value;
use sidegate_model::duration::format_duration;
use sidegate_model::scope::SERVICE_SCOPES;
use sidegate_model::secret::{for_people, hide_config, hide_options};
use std::time::Duration;

/// How many lines of a process that failed are shown.
const LAST_WORDS: usize = 5;

const COLUMNS: &[Column] = &[
    ("ID", |plugin| text(plugin, "id")),
    ("NAME", |plugin| text(plugin, "name")),
    ("SLUG", |plugin| text(plugin, "slug")),
    ("STATE", |plugin| status(plugin, "state")),
    ("RESTARTS", |plugin| status(plugin, "restarts")),
    ("WARNINGS", number_of_warnings),
    ("COMMAND", |plugin| text(plugin, "command")),
];

const DETAILS: &[Column] = &[
    ("id", |plugin| text(plugin, "id")),
    ("name", |plugin| text(plugin, "name")),
    ("description", |plugin| text(plugin, "description")),
    ("slug", |plugin| text(plugin, "slug")),
    ("state", |plugin| status(plugin, "state")),
    ("next start", next_start),
    ("reason", |plugin| status(plugin, "reason")),
    ("warnings", |plugin| warnings(plugin).join("\n")),
    ("process", |plugin| status(plugin, "pid")),
    ("restarts", |plugin| status(plugin, "restarts")),
    ("required", required),
    ("running", running),
    ("last failure", last_failure),
    ("command", |plugin| text(plugin, "command")),
    ("config", |plugin| text(plugin, "config")),
    ("settings", settings),
    ("options", |plugin| text(plugin, "options")),
    ("granted", |plugin| text(plugin, "service_scopes")),
    ("wishes", wishes),
    ("hooks", |plugin| status(plugin, "hooks")),
    ("endpoints", endpoints),
];

/// The flags of every command that prints plugins.
#[derive(Debug, Clone, Args)]
pub(crate) struct View {
    #[command(flatten)]
    output: Output,
    /// Print what looks like a secret in the configuration, and the values of env. options, which
    /// otherwise appear as …, and as {"$secret":"set"} in JSON
    #[arg(long)]
    show_secrets: bool,
}

impl View {
    /// Whether only data is printed, so that people must be told on stderr.
    pub(super) fn is_for_programs(&self) -> bool {
        self.output.is_quiet() || self.output.is_json()
    }

    /// The address of plugins, or of one, with their secrets where they are to be printed.
    pub(super) fn address(&self, path: &str) -> String {
        if self.show_secrets { format!("{path}?secrets=show") } else { path.to_owned() }
    }

    /// Prints many plugins, one a row.
    pub(super) fn list(&self, mut plugins: Vec<Value>) -> Result<(), Failure> {
        plugins.iter_mut().for_each(|plugin| self.mask(plugin));
        self.output.list(&plugins, COLUMNS)
    }

    /// Prints one plugin.
    pub(super) fn one(&self, mut plugin: Value) -> Result<(), Failure> {
        self.mask(&mut plugin);
        self.output.one(&plugin, DETAILS)
    }

    /// Prints a plugin that is gone.
    pub(super) fn removed(&self, mut plugin: Value) -> Result<(), Failure> {
        self.mask(&mut plugin);
        self.output.removed(&plugin)
    }

    /// The gateway hides secrets itself; one of another version may not.
    fn mask(&self, plugin: &mut Value) {
        if !self.show_secrets {
            let attributes = &mut plugin["attributes"];
            if let Some(config) = attributes["config"].as_object_mut() {
                hide_config(config);
            }
            if let Some(options) = attributes["options"].as_object_mut() {
                hide_options(options);
            }
        }
        if self.output.is_table() {
            for_people(&mut plugin["attributes"]["config"]);
            for_people(&mut plugin["attributes"]["options"]);
        }
    }
}

/// A plugin with what it serves now; the one shape in which every command here prints a plugin.
pub(super) async fn whole(api: &AdminApi, id: &str, view: &View) -> Result<Value, Failure> {
    let status = api.get(&format!("plugins/{id}/status")).await?;
    let mut plugin = api.get(&view.address(&format!("plugins/{id}"))).await?;
    for name in ["endpoints", "required", "instance"] {
        plugin["attributes"][name] = field(&status, name).clone();
    }
    plugin["attributes"]["last_failure"] = last_failure_of(api, id).await?;
    let schema = api.get(&format!("plugins/{id}/config-schema")).await?;
    plugin["attributes"]["config_schema"] = field(&schema, "schema").clone();
    Ok(plugin)
}

/// What a manifest wishes to ask of the gateway and no operator has granted.
pub(super) struct UnmetWishes {
    /// What can be granted.
    pub(super) grantable: Vec<String>,
    /// What this gateway has no service for.
    pub(super) unknown: Vec<String>,
}

/// The wishes of a plugin that runs; of another none are known.
pub(super) fn unmet_wishes(plugin: &Value) -> UnmetWishes {
    let names = |value: &Value| -> Vec<String> {
        value.as_array().into_iter().flatten().map(plain).collect()
    };
    let granted = names(field(plugin, "service_scopes"));
    let mut wished = names(&field(plugin, "status")["requested_scopes"]);
    wished.retain(|scope| !granted.contains(scope));
    let (grantable, unknown) =
        wished.into_iter().partition(|scope| SERVICE_SCOPES.contains(&scope.as_str()));
    UnmetWishes { grantable, unknown }
}

/// What a plugin is called in a command that a person may copy: its name, or its id where a shell
/// would take the name apart.
pub(super) fn callable(plugin: &Value) -> String {
    let name = text(plugin, "name");
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if name.chars().all(plain) && !name.starts_with('-') { name } else { text(plugin, "id") }
}

/// What an operator should know although it runs.
pub(super) fn warnings(plugin: &Value) -> Vec<String> {
    let warnings = field(plugin, "status")["warnings"].as_array().map_or(&[][..], Vec::as_slice);
    warnings.iter().map(plain).collect()
}

/// How many there are, so that nobody has to show each plugin; nothing where there are none.
fn number_of_warnings(plugin: &Value) -> String {
    match warnings(plugin).len() {
        0 => String::new(),
        number => number.to_string(),
    }
}

/// The last process that did not end in order, with its last words; null when there is none.
async fn last_failure_of(api: &AdminApi, id: &str) -> Result<Value, Failure> {
    let records = api.get(&format!("plugins/{id}/records?lines={LAST_WORDS}")).await?;
    let records = records.as_array().map_or(&[][..], Vec::as_slice);
    let failed = records.iter().find(|record| field(record, "in_order") == &Value::Bool(false));
    Ok(failed.map_or(Value::Null, |record| record["attributes"].clone()))
}

fn status(plugin: &Value, name: &str) -> String {
    plain(&field(plugin, "status")[name])
}

/// When the pause after a failure ends; rounded up, so that it never says that it is over.
fn next_start(plugin: &Value) -> String {
    let millis = field(plugin, "status")["next_start_in_ms"].as_u64();
    let seconds = millis.map(|millis| Duration::from_secs(millis.div_ceil(1000)));
    seconds.map_or(String::new(), |seconds| format!("in {}", format_duration(seconds)))
}

fn wishes(plugin: &Value) -> String {
    let wishes = unmet_wishes(plugin);
    let (callable, arguments) = (callable(plugin), wishes.grantable.join(" "));
    let grantable = (!arguments.is_empty()).then(|| {
        format!(
            "{}  (`sidegate plugin grant {callable} {arguments}` grants it)",
            wishes.grantable.join(", ")
        )
    });
    let unknown = (!wishes.unknown.is_empty())
        .then(|| format!("{}  (no service of this gateway)", wishes.unknown.join(", ")));
    grantable.into_iter().chain(unknown).collect::<Vec<_>>().join("\n")
}

fn required(plugin: &Value) -> String {
    if field(plugin, "required") == true { "true".to_owned() } else { String::new() }
}

fn running(plugin: &Value) -> String {
    let instance = field(plugin, "instance");
    let Some(uptime) = instance["uptime_ms"].as_u64() else { return String::new() };
    let uptime = format_duration(Duration::from_secs(uptime / 1000));
    let start = instance["start_duration_ms"].as_u64().map(Duration::from_millis);
    let start =
        start.map_or(String::new(), |took| format!(", started in {}", format_duration(took)));
    let sha256 = instance["sha256"].as_str();
    let sha256 = sha256.map_or(String::new(), |sum| format!("\nsha256 {sum}"));
    format!("for {uptime}{start}{sha256}")
}

/// When, how and why, with the last words.
fn last_failure(plugin: &Value) -> String {
    let failure = field(plugin, "last_failure");
    if failure.is_null() {
        return String::new();
    }
    let mut lines =
        vec![format!("{}  {}", plain(&failure["ended_at"]), plugin_log_lines::ending(failure))];
    lines.extend(failure["out_of_memory"].as_str().map(|told| format!("out of memory: {told}")));
    // Where that is why it does not serve now, it stands above already.
    let reason = plain(&failure["reason"]);
    if !status(plugin, "reason").contains(&reason) {
        lines.push(reason);
    }
    let words = failure["lines"].as_array().map_or(&[][..], Vec::as_slice);
    lines.extend(words.iter().map(|line| format!("| {}", printable(&plain(&line["message"])))));
    lines.join("\n")
}

fn endpoints(plugin: &Value) -> String {
    let slug = text(plugin, "slug");
    let shown = |endpoint: &Value| {
        let (methods, path) = (text(endpoint, "methods"), text(endpoint, "path"));
        if slug.is_empty() {
            return format!("{methods} {path}  (not served: the plugin has no slug)");
        }
        let marks = [("stream_response", "stream"), ("require_auth", "needs a token")];
        let marks = marks.iter().filter(|(name, _)| endpoint[name] == true);
        let raised = endpoint["raised"].as_array().map_or(&[][..], Vec::as_slice);
        let raised = raised.iter().map(|at| format!("needs a token on {}", plain(&at["path"])));
        let marks: Vec<_> = marks.map(|(_, mark)| (*mark).to_owned()).chain(raised).collect();
        let marks =
            if marks.is_empty() { String::new() } else { format!("  ({})", marks.join(", ")) };
        format!("{methods} /plugins/{slug}{path}{marks}")
    };
    let endpoints = field(plugin, "endpoints").as_array().map_or(&[][..], Vec::as_slice);
    endpoints.iter().map(shown).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn endpoints_say_whether_they_stream_and_demand_a_token() {
        let endpoint = |path: &str, stream: bool, auth: bool| json!({"path": path, "methods": ["GET"], "stream_response": stream, "require_auth": auth});
        let list = [endpoint("/a", false, false), endpoint("/b", true, false)];
        let mut raised = endpoint("/*", false, false);
        raised["raised"] = json!([{"path": "/c", "methods": ["POST"]}]);
        let list = [&list[..], &[endpoint("/c", true, true), raised]].concat();
        let plugin = json!({"attributes": {"slug": "s", "endpoints": list}});
        assert_eq!(
            endpoints(&plugin),
            "GET /plugins/s/a\nGET /plugins/s/b  (stream)\nGET /plugins/s/c  (stream, needs a token)\n\
             GET /plugins/s/*  (needs a token on /c)"
        );
    }

    #[test]
    fn only_wishes_that_were_not_granted_are_shown_with_the_way_to_grant_them() {
        let plugin = |granted: &[&str], wished: &[&str]| {
            let status = json!({"requested_scopes": wished});
            json!({"attributes": {"name": "p", "service_scopes": granted, "status": status}})
        };
        assert_eq!(wishes(&plugin(&[], &[])), "");
        assert_eq!(wishes(&plugin(&["kv.readwrite"], &["kv.readwrite"])), "");
        assert_eq!(
            wishes(&plugin(&["kv.readwrite"], &["llms.read", "kv.readwrite", "x"])),
            "llms.read  (`sidegate plugin grant p llms.read` grants it)\n\
             x  (no service of this gateway)"
        );
    }

    #[test]
    fn a_list_counts_warnings_and_stays_empty_where_there_are_none() {
        let plugin = |warnings: Value| json!({"attributes": {"status": {"warnings": warnings}}});
        assert_eq!(number_of_warnings(&plugin(json!(["a", "b"]))), "2");
        assert_eq!(number_of_warnings(&plugin(json!([]))), "");
        assert_eq!(number_of_warnings(&json!({})), "");
    }

    #[test]
    fn the_next_start_is_told_while_there_is_one() {
        let plugin =
            |millis: Value| json!({"attributes": {"status": {"next_start_in_ms": millis}}});
        assert_eq!(next_start(&plugin(json!(2001))), "in 3s");
        assert_eq!(next_start(&plugin(json!(null))), "");
    }

    #[test]
    fn a_name_that_a_shell_takes_apart_is_replaced_by_the_id() {
        let plugin = |name: &str| json!({"id": "3", "attributes": {"name": name}});
        assert_eq!(callable(&plugin("my-echo")), "my-echo");
        for name in ["my echo", "a$b", "-x", "a;b"] {
            assert_eq!(callable(&plugin(name)), "3", "{name}");
        }
    }
}
