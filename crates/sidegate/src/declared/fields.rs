//! What a file can say: kinds of things and their fields, in one table. Reading, exporting, comparing and the
//! JSON Schema are made of it; it knows none of them.

use serde_json::{Value, json};
use sidegate_model::app::MAX_RATE_LIMIT;

/// What every file says first, so that a later form can be told from this one.
pub(crate) const API_VERSION: &str = "sidegate/v1";
/// What a file is.
pub(crate) const KIND: &str = "Configuration";

/// A kind of thing. In the order in which they are made: all are in namespaces, issuers name apps, and plugins both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    Namespace,
    App,
    Issuer,
    Plugin,
}

impl Kind {
    pub(crate) const ALL: [Self; 4] = [Self::Namespace, Self::App, Self::Issuer, Self::Plugin];

    /// The noun, as the API calls it.
    pub(crate) const fn noun(self) -> &'static str {
        match self {
            Self::Namespace => "namespace",
            Self::App => "app",
            Self::Issuer => "issuer",
            Self::Plugin => "plugin",
        }
    }

    /// The list, in files and in addresses.
    pub(crate) const fn plural(self) -> &'static str {
        match self {
            Self::Namespace => "namespaces",
            Self::App => "apps",
            Self::Issuer => "issuers",
            Self::Plugin => "plugins",
        }
    }

    /// What can be said of one, beside its name and namespace.
    pub(crate) const fn fields(self) -> &'static [Field] {
        match self {
            Self::Namespace => NAMESPACE,
            Self::App => APP,
            Self::Issuer => ISSUER,
            Self::Plugin => PLUGIN,
        }
    }

    /// Whether it is in a namespace, and can be managed by somebody, changed and deleted here. What is not is made, and then
    /// stays as it is.
    pub(crate) const fn is_managed(self) -> bool {
        !matches!(self, Self::Namespace)
    }

    /// Whether every export has a list of them, be it an empty one.
    pub(crate) const fn is_always_told(self) -> bool {
        matches!(self, Self::App | Self::Plugin)
    }

    /// The field of this name.
    pub(crate) fn field(self, name: &str) -> Option<&'static Field> {
        self.fields().iter().find(|field| field.name == name)
    }
}

/// What form a field has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// A text.
    Text,
    /// A duration; empty for none.
    Duration,
    /// True or false.
    Flag,
    /// A whole number, from 0 to this.
    Count(u32),
    /// A number of at least 0.
    Amount,
    /// A list of texts.
    Texts,
    /// The same, where neither order nor number counts.
    Set,
    /// An object of any members, whose texts can come from elsewhere; merged member by member.
    Settings,
    /// An object of texts, which can come from elsewhere; merged member by member.
    Options,
    /// An object of any members; merged member by member.
    Data,
}

impl Form {
    /// Whether files, and others, have their say on each member.
    pub(crate) fn is_merged(self) -> bool {
        matches!(self, Self::Settings | Self::Options | Self::Data)
    }

    /// Whether secrets can come from elsewhere.
    pub(crate) fn takes_references(self) -> bool {
        matches!(self, Self::Settings | Self::Options)
    }
}

/// A field.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Field {
    /// Its name, as the API has it.
    pub(crate) name: &'static str,
    pub(crate) form: Form,
    /// Whether every file that names the thing must say it; such a field never goes back to a default.
    pub(crate) required: bool,
    /// What it is where nobody says anything, as JSON.
    default: &'static str,
    /// Whether an export leaves it out where it is that.
    pub(crate) is_rare: bool,
    /// What it means, for the schema.
    pub(crate) what: &'static str,
}

impl Field {
    const fn new(name: &'static str, form: Form, what: &'static str) -> Self {
        let default = match form {
            Form::Text | Form::Duration => "\"\"",
            Form::Flag => "true",
            Form::Count(_) | Form::Amount => "0",
            Form::Texts | Form::Set => "[]",
            Form::Settings | Form::Options | Form::Data => "{}",
        };
        Self { name, form, required: false, default, is_rare: false, what }
    }

    const fn required(self) -> Self {
        Self { required: true, ..self }
    }

    const fn rare(self, default: &'static str) -> Self {
        Self { is_rare: true, default, ..self }
    }

    /// What it is where nobody says anything.
    pub(crate) fn default(&self) -> Value {
        serde_json::from_str(self.default).unwrap_or(json!(null))
    }
}

const NAMESPACE: &[Field] =
    &[Field::new("description", Form::Text, "Free text, said when it is made.")];

const APP: &[Field] = &[
    Field::new("owner_email", Form::Text, "E-mail address of who is responsible.").required(),
    Field::new("description", Form::Text, "Free text."),
    Field::new("is_active", Form::Flag, "Whether its tokens are accepted."),
    Field::new(
        "rate_limit",
        Form::Count(MAX_RATE_LIMIT),
        "Requests a minute on plugin endpoints; 0 is unlimited.",
    ),
    Field::new("monthly_budget", Form::Amount, "Budget a month, handed to plugins."),
    Field::new("metadata", Form::Data, "Values that plugins see with every request of this app."),
    Field::new(
        "max_staleness",
        Form::Duration,
        "How old an edge's knowledge may be for its tokens to be taken there, as in 1h; empty for as old as the edge allows.",
    )
    .rare("\"\""),
];

const ISSUER: &[Field] = &[
    Field::new("url", Form::Text, "Its iss, exactly as its JWTs say it.").required(),
    Field::new(
        "audiences",
        Form::Texts,
        "A JWT must be for one of these; {slug} stands for the slug of the plugin that is called.",
    )
    .rare("[]"),
    Field::new("clients", Form::Data, "For which app each of its clients speaks, by name."),
    Field::new("is_active", Form::Flag, "Whether its JWTs are taken."),
    Field::new("scopes", Form::Texts, "The scopes that its JWTs may carry; none for all.")
        .rare("[]"),
    Field::new("jwks_uri", Form::Text, "Where its keys are; empty for where its metadata say.")
        .rare("\"\""),
    Field::new("algorithms", Form::Texts, "How its JWTs may be signed.")
        .rare("[\"ES256\", \"RS256\", \"EdDSA\"]"),
    Field::new(
        "client_claims",
        Form::Texts,
        "The claims that may name the client, of which the first that is there counts.",
    )
    .rare("[\"client_id\", \"azp\"]"),
    Field::new("token_types", Form::Texts, "What the typ of a JWT may be.").rare("[\"at+jwt\"]"),
    Field::new(
        "create_apps",
        Form::Count(1000),
        "How many apps are made at most for clients that are bound to none; standalone only.",
    )
    .rare("0"),
    Field::new("create_apps_owner", Form::Text, "The address of whoever owns them.").rare("\"\""),
    Field::new("create_apps_rate_limit", Form::Count(u32::MAX), "Requests a minute of each.")
        .rare("60"),
    Field::new("allow_private", Form::Flag, "Whether its keys may be at a private address.")
        .rare("false"),
    Field::new("leeway", Form::Duration, "How far clocks may differ, at most 5m.").rare("\"30s\""),
    Field::new(
        "keys_max_age",
        Form::Duration,
        "How long its keys are good after they were fetched, where it is away; at most 7d.",
    )
    .rare("\"1h\""),
];

const PLUGIN: &[Field] = &[
    Field::new(
        "command",
        Form::Text,
        "The program, as file:///absolute/path, or where one runs already, as grpc://host:port.",
    )
    .required(),
    Field::new("slug", Form::Text, "Where its endpoints are mounted: /plugins/{slug}/."),
    Field::new("description", Form::Text, "Free text."),
    Field::new("is_active", Form::Flag, "Whether it runs."),
    Field::new("config", Form::Settings, "The plugin's configuration, without its slug."),
    Field::new("options", Form::Options, "The operator's word to the gateway, texts by name."),
    Field::new("service_scopes", Form::Set, "What it may ask of the gateway."),
    Field::new("hook_type", Form::Text, "Primary hook; custom_endpoint is what this gateway runs.")
        .rare("\"custom_endpoint\""),
    Field::new(
        "hook_types",
        Form::Texts,
        "All hooks. Those besides custom_endpoint are kept and not acted upon.",
    )
    .rare("[\"custom_endpoint\"]"),
];

/// The known name that was probably meant.
pub(crate) fn near<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let by_distance = known.into_iter().map(|known| (distance(name, known), known));
    let (distance, nearest) = by_distance.min()?;
    (distance <= (name.len() / 3).max(1)).then_some(nearest)
}

/// How many letters must be changed, left out or put in.
fn distance(a: &str, b: &str) -> usize {
    let same = |c: char| if c == '-' { '_' } else { c.to_ascii_lowercase() };
    let b: Vec<char> = b.chars().map(same).collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, a) in a.chars().map(same).enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in b.iter().enumerate() {
            let changed = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use sidegate_api::app::AppFields;
    use sidegate_api::issuer::IssuerFields;
    use sidegate_api::plugin::PluginFields;

    /// What the API takes and no file says, each for a reason.
    const ELSEWHERE: [&str; 8] = [
        // Said beside the fields.
        "name",
        "namespace",
        // By the command that applies.
        "managed_by",
        // Other names, and fields without a meaning, for existing clients.
        "rate_limit_rpm",
        "checksum",
        "oci_reference",
        "load_immediately",
        "hook_types_customized",
    ];

    fn known(schema: &schemars::Schema) -> Vec<String> {
        schema.as_value()["properties"].as_object().unwrap().keys().cloned().collect()
    }

    #[test]
    fn every_field_of_the_api_is_in_the_table_or_has_a_reason_not_to_be() {
        let rows = [
            (Kind::App, known(&schemars::schema_for!(AppFields))),
            (Kind::Issuer, known(&schemars::schema_for!(IssuerFields))),
            (Kind::Plugin, known(&schemars::schema_for!(PluginFields))),
        ];
        for (kind, names) in rows {
            for field in kind.fields() {
                assert!(names.iter().any(|name| name == field.name), "{}", field.name);
                assert!(!field.default().is_null());
            }
            for name in names {
                let is_known = kind.field(&name).is_some() || ELSEWHERE.contains(&name.as_str());
                assert!(is_known, "{kind:?} {name}: put it into the table");
            }
        }
    }

    #[test]
    fn a_slip_is_recognised_and_another_word_is_not() {
        let names = || PLUGIN.iter().map(|field| field.name);
        for (slip, meant) in [
            ("comand", Some("command")),
            ("service-scopes", Some("service_scopes")),
            ("Options", Some("options")),
            ("isactive", Some("is_active")),
            ("replicas", None),
            ("x", None),
        ] {
            assert_eq!(near(slip, names()), meant, "{slip}");
        }
    }
}
