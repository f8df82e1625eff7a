//! `sidegate export`: what operators decided, as a file that `sidegate apply` reads.
//!
//! It asks the admin API; it changes nothing and shows no secret.

use crate::client::AdminApiFlags;
use crate::declared::document::Key;
use crate::declared::fields::{API_VERSION, KIND, Kind};
use crate::declared::live::{Live, LiveThing};
use crate::declared::node::{Content, Node};
use crate::declared::{schema, write};
use crate::error::Failure;
use crate::output::{json, print};
use clap::{Args, ValueEnum};
use serde_json::{Value, json};

/// The form of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Form {
    Yaml,
    Json,
}

/// Print namespaces, apps, issuers and plugins as a file that `sidegate apply` reads
///
/// The file has what operators decide, and every field of it: no numbers, times or states. Secrets are not in it;
/// {"$secret": "set"} stands in their place and keeps what is stored. Tokens are not in it at all: only their hashes are
/// known. Nor are approvals of public endpoints, which are of what a plugin offers while it runs.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Only what is in this namespace; "" is the global one
    #[arg(long, value_name = "NAME")]
    namespace: Option<String>,
    /// Only what this owner manages; the file says so
    #[arg(long, value_name = "OWNER")]
    managed_by: Option<String>,
    /// Form of the file
    #[arg(long, value_enum, default_value = "yaml", value_name = "FORM")]
    output: Form,
    /// Print the JSON Schema of such a file, for editors; no gateway is asked
    #[arg(long, conflicts_with_all = ["namespace", "managed_by", "output"])]
    schema: bool,
    #[command(flatten)]
    admin_api: AdminApiFlags,
}

/// Runs the command.
pub(crate) async fn run(arguments: &Arguments) -> Result<(), Failure> {
    if arguments.schema {
        return json(&schema::schema());
    }
    let mut live = Live::read(&arguments.admin_api.client()?).await?;
    let is_meant = |key: &Key, thing: &LiveThing| {
        let of = if key.kind.is_managed() { &key.namespace } else { &key.name };
        arguments.namespace.as_ref().is_none_or(|namespace| namespace == of)
            && arguments.managed_by.as_ref().is_none_or(|owner| *owner == thing.managed_by)
    };
    live.things.retain(|key, thing| is_meant(key, thing));
    let file = file(&live, arguments.managed_by.as_deref());
    match arguments.output {
        Form::Yaml => print(&write::yaml(&file)),
        Form::Json => json(&file.value()),
    }
}

/// A file with all of it.
fn file(live: &Live, owner: Option<&str>) -> Node {
    let text = |text: &str| Node::from(json!(text));
    let mut members =
        vec![("apiVersion".to_owned(), text(API_VERSION)), ("kind".to_owned(), text(KIND))];
    members.extend(owner.map(|owner| ("owner".to_owned(), text(owner))));
    for kind in Kind::ALL {
        let of_kind = live.things.iter().filter(|(key, _)| key.kind == kind);
        let things: Vec<_> = of_kind.map(|(key, live)| thing(key, live)).collect();
        if kind.is_always_told() || !things.is_empty() {
            let list = Node { line: 0, content: Content::List(things) };
            members.push((kind.plural().to_owned(), list));
        }
    }
    Node { line: 0, content: Content::Members(members) }
}

fn thing(key: &Key, live: &LiveThing) -> Node {
    let mut members = vec![("name".to_owned(), json!(key.name))];
    if !key.namespace.is_empty() {
        members.push(("namespace".to_owned(), json!(key.namespace)));
    }
    for field in key.kind.fields() {
        let value = live.fields.get(field.name).cloned().unwrap_or(Value::Null);
        if !field.is_rare || value != field.default() {
            members.push((field.name.to_owned(), value));
        }
    }
    let members = members.into_iter().map(|(name, value)| (name, Node::from(value))).collect();
    Node { line: 0, content: Content::Members(members) }
}
