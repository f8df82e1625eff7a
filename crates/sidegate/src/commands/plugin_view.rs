//! What the plugin commands print: a plugin with what it serves and how its last process ended, in
//! one shape for all of them, without its secrets.
//!
//! It asks the admin API and changes nothing.

use super::plugin_log_lines;
use super::plugin_schema::settings;
use super::public_lines;
use super::whoami::has_role;
use crate::client::AdminApi;
use crate::error::Failure;
use crate::output::{Column, Output, listed, object_text, optional, printable};
use clap::Args;
use serde::Serialize;
use serde_json::{Map, Value};
use sidegate_api::plugin::{PluginAttributes, SchemaAttributes, WholeStatusAttributes};
use sidegate_api::public_endpoints::PublicState;
use sidegate_api::record::RecordAttributes;
use sidegate_api::resource::Resource;
use sidegate_api::role::Role;
use sidegate_api::route::{DemandedBy, EndpointAttributes};
use sidegate_model::duration::format_duration;
pub(super) use sidegate_model::name::callable;
use sidegate_model::scope::SERVICE_SCOPES;
use sidegate_model::secret::{SecretPlaces, for_people, hide_config, hide_options};
use std::time::Duration;

/// How many lines of a process that failed are shown.
const LAST_WORDS: usize = 5;

/// A plugin of a list.
pub(super) type Plugin = Resource<PluginAttributes>;

/// A plugin with all that is told of it.
pub(super) type WholePlugin = Resource<WholeAttributes>;

/// All that is told of a plugin.
#[derive(Debug, Default, Serialize)]
pub(super) struct WholeAttributes {
    /// What is stored, and how it is doing.
    #[serde(flatten)]
    pub(super) plugin: PluginAttributes,
    /// What it serves.
    pub(super) endpoints: Vec<EndpointAttributes>,
    /// Whether the gateway is ready only while it serves.
    pub(super) required: bool,
    /// The process that serves.
    pub(super) instance: Option<RecordAttributes>,
    /// The last process that did not end in order, with its last words.
    pub(super) last_failure: Option<RecordAttributes>,
    /// What it says of its configuration.
    pub(super) config_schema: Value,
}

const COLUMNS: &[Column<Plugin>] = &[
    ("ID", |plugin| plugin.id.clone()),
    ("NAME", |plugin| plugin.attributes.name.clone()),
    ("NAMESPACE", |plugin| plugin.attributes.namespace.clone()),
    ("SLUG", |plugin| optional(plugin.attributes.slug.as_ref())),
    ("STATE", |plugin| plugin.attributes.status.summary.state.as_str().to_owned()),
    ("RESTARTS", |plugin| plugin.attributes.status.summary.restarts.to_string()),
    ("WARNINGS", |plugin| number_of_warnings(&plugin.attributes)),
    ("COMMAND", |plugin| plugin.attributes.command.clone()),
];

const DETAILS: &[Column<WholePlugin>] = &[
    ("id", |plugin| plugin.id.clone()),
    ("name", |plugin| plugin.attributes.plugin.name.clone()),
    ("namespace", |plugin| plugin.attributes.plugin.namespace.clone()),
    ("managed by", |plugin| plugin.attributes.plugin.managed_by.clone()),
    ("description", |plugin| plugin.attributes.plugin.description.clone()),
    ("slug", |plugin| optional(plugin.attributes.plugin.slug.as_ref())),
    ("state", |plugin| plugin.attributes.plugin.status.summary.state.as_str().to_owned()),
    ("next start", |plugin| next_start(plugin.attributes.plugin.status.summary.next_start_in_ms)),
    ("reason", |plugin| optional(plugin.attributes.plugin.status.summary.reason.as_ref())),
    ("warnings", |plugin| plugin.attributes.plugin.status.summary.warnings.join("\n")),
    ("process", |plugin| optional(plugin.attributes.plugin.status.summary.pid.as_ref())),
    ("restarts", |plugin| plugin.attributes.plugin.status.summary.restarts.to_string()),
    ("required", |plugin| optional(plugin.attributes.required.then_some(&true))),
    ("running", |plugin| running(plugin.attributes.instance.as_ref())),
    ("last failure", |plugin| last_failure(&plugin.attributes)),
    ("command", |plugin| plugin.attributes.plugin.command.clone()),
    ("config", |plugin| object_text(&plugin.attributes.plugin.config)),
    ("settings", |plugin| settings(&plugin.attributes.config_schema)),
    ("options", |plugin| object_text(&plugin.attributes.plugin.options)),
    ("granted", |plugin| listed(&plugin.attributes.plugin.service_scopes)),
    ("wishes", |plugin| wishes(&plugin.id, &plugin.attributes.plugin)),
    ("hooks", |plugin| listed(&plugin.attributes.plugin.status.manifest.hooks)),
    ("endpoints", |plugin| endpoints(&plugin.attributes)),
    ("public", |plugin| public(&plugin.id, &plugin.attributes)),
];

/// The flags of every command that prints plugins.
#[derive(Debug, Clone, Args)]
pub(crate) struct View {
    #[command(flatten)]
    output: Output,
}

impl View {
    /// For what is no plugin.
    pub(super) fn output(&self) -> &Output {
        &self.output
    }

    /// Whether only data is printed, so that people must be told on stderr.
    pub(super) fn is_for_programs(&self) -> bool {
        self.output.is_quiet() || self.output.is_json()
    }

    /// Prints many plugins, one a row.
    pub(super) fn list(&self, mut plugins: Vec<Plugin>) -> Result<(), Failure> {
        plugins.iter_mut().for_each(|plugin| self.mask(&mut plugin.attributes));
        self.output.list(&plugins, COLUMNS)
    }

    /// Prints one plugin.
    pub(super) fn one(&self, mut plugin: WholePlugin) -> Result<(), Failure> {
        self.mask(&mut plugin.attributes.plugin);
        self.output.one(&plugin, DETAILS)
    }

    /// Prints a plugin that is gone.
    pub(super) fn removed(&self, mut plugin: Plugin) -> Result<(), Failure> {
        self.mask(&mut plugin.attributes);
        self.output.removed(&plugin)
    }

    /// The gateway hides secrets itself; one of another version may not.
    fn mask(&self, plugin: &mut PluginAttributes) {
        hide_config(&mut plugin.config, &SecretPlaces::default());
        hide_options(&mut plugin.options);
        if self.output.is_table() {
            let shown = |members: &mut Map<String, Value>| {
                members.values_mut().for_each(for_people);
            };
            shown(&mut plugin.config);
            shown(&mut plugin.options);
        }
    }
}

/// A plugin with what it serves now; the one shape in which every command here prints a plugin.
pub(super) async fn whole(api: &AdminApi, id: &str) -> Result<WholePlugin, Failure> {
    let status: Resource<WholeStatusAttributes> = api.get(&format!("plugins/{id}/status")).await?;
    let plugin: Plugin = api.get(&format!("plugins/{id}")).await?;
    let last_failure = last_failure_of(api, id).await?;
    let schema: Resource<SchemaAttributes> =
        api.get(&format!("plugins/{id}/config-schema")).await?;
    let attributes = WholeAttributes {
        plugin: plugin.attributes,
        endpoints: status.attributes.endpoints,
        required: status.attributes.required,
        instance: status.attributes.instance,
        last_failure,
        config_schema: schema.attributes.schema,
    };
    Ok(Resource { kind: plugin.kind, id: plugin.id, attributes })
}

/// What a manifest wishes to ask of the gateway and no operator has granted.
pub(super) struct UnmetWishes {
    /// What can be granted.
    pub(super) grantable: Vec<String>,
    /// What this gateway has no service for.
    pub(super) unknown: Vec<String>,
}

/// The wishes of a plugin that runs; of another none are known.
pub(super) fn unmet_wishes(plugin: &PluginAttributes) -> UnmetWishes {
    let mut wished = plugin.status.manifest.requested_scopes.clone();
    wished.retain(|scope| !plugin.service_scopes.contains(scope));
    let (grantable, unknown) =
        wished.into_iter().partition(|scope| SERVICE_SCOPES.contains(&scope.as_str()));
    UnmetWishes { grantable, unknown }
}

/// How many warnings there are, so that nobody has to show each plugin; nothing where there are none.
fn number_of_warnings(plugin: &PluginAttributes) -> String {
    match plugin.status.summary.warnings.len() {
        0 => String::new(),
        number => number.to_string(),
    }
}

/// The last process that did not end in order, with its last words.
async fn last_failure_of(api: &AdminApi, id: &str) -> Result<Option<RecordAttributes>, Failure> {
    // Not everybody may see what plugins print.
    let lines = if has_role(api, Role::Operator).await? { LAST_WORDS } else { 0 };
    let path = format!("plugins/{id}/records?lines={lines}");
    let records: Vec<Resource<RecordAttributes>> = api.list(&path).await?;
    let mut records = records.into_iter().map(|record| record.attributes);
    Ok(records.find(|record| record.in_order == Some(false)))
}

/// When the pause after a failure ends; rounded up, so that it never says that it is over.
fn next_start(millis: Option<u64>) -> String {
    let seconds = millis.map(|millis| Duration::from_secs(millis.div_ceil(1000)));
    seconds.map_or(String::new(), |seconds| format!("in {}", format_duration(seconds)))
}

fn wishes(id: &str, plugin: &PluginAttributes) -> String {
    let wishes = unmet_wishes(plugin);
    let (callable, arguments) = (callable(id, &plugin.name), wishes.grantable.join(" "));
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

fn public(id: &str, whole: &WholeAttributes) -> String {
    let plugin = &whole.plugin;
    public_lines::shown(id, &plugin.name, &plugin.public_endpoints, &whole.endpoints)
}

fn running(instance: Option<&RecordAttributes>) -> String {
    let Some(instance) = instance else { return String::new() };
    let uptime = format_duration(Duration::from_secs(instance.uptime_ms / 1000));
    let start = instance.start_duration_ms.map(Duration::from_millis);
    let start =
        start.map_or(String::new(), |took| format!(", started in {}", format_duration(took)));
    let sha256 = instance.sha256.as_ref();
    let sha256 = sha256.map_or(String::new(), |sum| format!("\nsha256 {sum}"));
    format!("for {uptime}{start}{sha256}")
}

/// When, how and why, with the last words.
fn last_failure(plugin: &WholeAttributes) -> String {
    let Some(failure) = &plugin.last_failure else { return String::new() };
    let ended_at = optional(failure.ended_at.as_ref());
    let mut lines = vec![format!("{ended_at}  {}", plugin_log_lines::ending(failure))];
    lines.extend(failure.out_of_memory.as_ref().map(|told| format!("out of memory: {told}")));
    // Where that is why it does not serve now, it stands above already.
    let reason = optional(failure.reason.as_ref());
    if !optional(plugin.plugin.status.summary.reason.as_ref()).contains(&reason) {
        lines.push(reason);
    }
    let words = failure.lines.as_deref().unwrap_or_default();
    lines.extend(words.iter().map(|line| format!("| {}", printable(&line.message))));
    lines.join("\n")
}

fn endpoints(plugin: &WholeAttributes) -> String {
    let slug = plugin.plugin.slug.as_ref();
    let shown = |endpoint: &EndpointAttributes| {
        let (methods, path) = (listed(&endpoint.methods), &endpoint.path);
        let Some(slug) = slug else {
            return format!("{methods} {path}  (not served: the plugin has no slug)");
        };
        let stream = endpoint.stream_response.then(|| "stream".to_owned());
        let by_policy_alone = endpoint.demanded_by == [DemandedBy::Policy];
        let token = endpoint.require_auth.then(|| {
            let by = if by_policy_alone { " by policy" } else { "" };
            format!("{}{by}", token_with(&endpoint.scopes_required))
        });
        let waits = endpoint.public == Some(PublicState::NotApproved);
        let waits = waits.then(|| "waits for approval".to_owned());
        let raised = endpoint.raised.iter();
        let raised = raised.map(|at| format!("{} on {}", token_with(&at.scopes_required), at.path));
        let marks: Vec<_> = stream.into_iter().chain(token).chain(waits).chain(raised).collect();
        let marks =
            if marks.is_empty() { String::new() } else { format!("  ({})", marks.join(", ")) };
        format!("{methods} /plugins/{slug}{path}{marks}")
    };
    plugin.endpoints.iter().map(shown).collect::<Vec<_>>().join("\n")
}

fn token_with(scopes: &[String]) -> String {
    match scopes {
        [] => "needs a token".to_owned(),
        _ => format!("needs a token with {}", listed(scopes)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sidegate_api::plugin::{ManifestSummary, StatusAttributes, StatusSummary};
    use sidegate_api::route::RaisedAttributes;

    #[test]
    fn endpoints_say_whether_they_stream_and_demand_a_token() {
        let endpoint = |path: &str, stream: bool, auth: bool| EndpointAttributes {
            path: path.to_owned(),
            methods: vec!["GET".to_owned()],
            stream_response: stream,
            require_auth: auth,
            ..EndpointAttributes::default()
        };
        let raised = |scopes: &[&str]| RaisedAttributes {
            path: "/c".to_owned(),
            methods: vec!["POST".to_owned()],
            scopes_required: scopes.iter().map(ToString::to_string).collect(),
        };
        let by_policy = EndpointAttributes {
            scopes_required: vec!["x".to_owned(), "y".to_owned()],
            demanded_by: vec![DemandedBy::Policy],
            raised: vec![raised(&["x", "y", "z"])],
            ..endpoint("/d", true, true)
        };
        let list = vec![
            endpoint("/a", false, false),
            endpoint("/b", true, false),
            endpoint("/c", true, true),
            EndpointAttributes {
                public: Some(PublicState::NotApproved),
                ..endpoint("/e", false, false)
            },
            by_policy,
            EndpointAttributes { raised: vec![raised(&[])], ..endpoint("/*", false, false) },
        ];
        let slug = Some("s".to_owned());
        let plugin = PluginAttributes { slug, ..PluginAttributes::default() };
        let whole = WholeAttributes { plugin, endpoints: list, ..WholeAttributes::default() };
        assert_eq!(
            endpoints(&whole),
            "GET /plugins/s/a\nGET /plugins/s/b  (stream)\nGET /plugins/s/c  (stream, needs a token)\n\
             GET /plugins/s/e  (waits for approval)\n\
              GET /plugins/s/d  (stream, needs a token with x, y by policy, needs a token with x, y, z on /c)\n\
             GET /plugins/s/*  (needs a token on /c)"
        );
    }

    #[test]
    fn only_wishes_that_were_not_granted_are_shown_with_the_way_to_grant_them() {
        let wishes = |granted: &[&str], wished: &[&str]| {
            let texts = |names: &[&str]| names.iter().map(ToString::to_string).collect();
            let manifest =
                ManifestSummary { requested_scopes: texts(wished), ..ManifestSummary::default() };
            let plugin = PluginAttributes {
                name: "p".to_owned(),
                service_scopes: granted.iter().map(ToString::to_string).collect(),
                status: StatusAttributes { manifest, ..StatusAttributes::default() },
                ..PluginAttributes::default()
            };
            wishes("1", &plugin)
        };
        assert_eq!(wishes(&[], &[]), "");
        assert_eq!(wishes(&["kv.readwrite"], &["kv.readwrite"]), "");
        assert_eq!(
            wishes(&["kv.readwrite"], &["llms.read", "kv.readwrite", "x"]),
            "llms.read  (`sidegate plugin grant p llms.read` grants it)\n\
             x  (no service of this gateway)"
        );
    }

    #[test]
    fn a_list_counts_warnings_and_stays_empty_where_there_are_none() {
        let number = |warnings: &[&str]| {
            let warnings = warnings.iter().map(ToString::to_string).collect();
            let summary = StatusSummary { warnings, ..StatusSummary::default() };
            let status = StatusAttributes { summary, ..StatusAttributes::default() };
            number_of_warnings(&PluginAttributes { status, ..PluginAttributes::default() })
        };
        assert_eq!(number(&["a", "b"]), "2");
        assert_eq!(number(&[]), "");
    }

    #[test]
    fn the_next_start_is_told_while_there_is_one() {
        assert_eq!(next_start(Some(2001)), "in 3s");
        assert_eq!(next_start(None), "");
    }
}
