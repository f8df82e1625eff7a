//! `sidegate edge`: the edges of a control plane, from their join token to their end. The join token of one is shown
//! once.
//!
//! It asks the admin API; it keeps no token.

use super::named::One;
use crate::client::AdminApiFlags;
use crate::error::Failure;
use crate::output::{Column, Output, json, print, printable};
use crate::values::duration;
use clap::{Args, Subcommand};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use sidegate_api::edge::{
    EdgeAttributes, EdgeFields, EdgePositionAttributes, EdgeState, JoinTokenFields,
    RejectedObjectAttributes,
};
use sidegate_api::resource::Resource;
use sidegate_model::duration::format_duration;

type Edge = Resource<EdgeAttributes>;

const COLUMNS: &[Column<Edge>] = &[
    ("ID", |edge| edge.id.clone()),
    ("NAME", |edge| edge.attributes.name.clone()),
    ("NAMESPACE", namespace),
    ("STATE", |edge| edge.attributes.state.as_str().to_owned()),
    ("READINESS", |edge| edge.attributes.readiness.clone().unwrap_or_default()),
    ("SERVES", serves),
    ("REJECTED", |edge| rejected(edge).len().to_string()),
    ("VERSION", |edge| edge.attributes.version.clone().unwrap_or_default()),
    ("LAST SEEN", last_seen),
];

/// A time that is over before one has read it says less than that it is there now.
fn last_seen(edge: &Edge) -> String {
    match (edge.attributes.state, &edge.attributes.last_seen_at) {
        (EdgeState::Connected, _) => "connected now".to_owned(),
        (_, Some(at)) => at.clone(),
        (_, None) => "never".to_owned(),
    }
}

const NEW: &[Column<Edge>] = &[
    ("id", |edge| edge.id.clone()),
    ("name", |edge| edge.attributes.name.clone()),
    ("namespace", namespace),
    ("join token expires", |edge| {
        edge.attributes.join_token_expires_at.clone().unwrap_or_default()
    }),
    ("join token", |edge| edge.attributes.join_token.clone().unwrap_or_default()),
    ("start it with", |edge| edge.attributes.join_command.clone().unwrap_or_default()),
];

const WHOLE: &[Column<Edge>] = &[
    ("id", |edge| edge.id.clone()),
    ("name", |edge| edge.attributes.name.clone()),
    ("namespace", namespace),
    ("state", |edge| edge.attributes.state.as_str().to_owned()),
    ("readiness", |edge| edge.attributes.readiness.clone().unwrap_or_default()),
    ("why", |edge| edge.attributes.readiness_reasons.join("; ")),
    ("version", |edge| edge.attributes.version.clone().unwrap_or_default()),
    ("clients", |edge| edge.attributes.client_url.clone().unwrap_or_default()),
    ("connected to", |edge| edge.attributes.replica.clone().unwrap_or_default()),
    ("connected since", |edge| edge.attributes.connected_since.clone().unwrap_or_default()),
    ("last seen", last_seen),
    ("certificate ends", |edge| edge.attributes.certificate_expires_at.clone().unwrap_or_default()),
    ("joined", |edge| edge.attributes.joined_at.clone().unwrap_or_default()),
    ("revoked", |edge| edge.attributes.revoked_at.clone().unwrap_or_default()),
    ("join token expires", |edge| {
        edge.attributes.join_token_expires_at.clone().unwrap_or_default()
    }),
    ("serves", serves),
    ("rejected", |edge| {
        let told = rejected(edge).into_iter().map(|it| format!("{}: {}", it.object, it.reason));
        told.collect::<Vec<_>>().join("; ")
    }),
    ("plugins", |edge| {
        let plugins = edge.attributes.plugins.iter();
        let told = plugins.map(|plugin| format!("{} {}", plugin.name, plugin.state.as_str()));
        told.collect::<Vec<_>>().join(", ")
    }),
];

fn namespace(edge: &Edge) -> String {
    shown_namespace(&edge.attributes.namespace)
}

fn shown_namespace(namespace: &str) -> String {
    if namespace.is_empty() { "(global)".to_owned() } else { namespace.to_owned() }
}

/// What it serves by, and where it is behind.
fn serves(edge: &Edge) -> String {
    let told = edge.attributes.positions.iter().map(|position| {
        let EdgePositionAttributes { namespace, revision, head_revision, is_current, .. } =
            position;
        let namespace = shown_namespace(namespace);
        match (revision, head_revision) {
            (Some(revision), _) if *is_current => format!("{namespace} {revision}"),
            (Some(revision), Some(head)) => format!("{namespace} {revision} of {head}"),
            (Some(revision), None) => format!("{namespace} {revision}"),
            (None, _) => format!("{namespace} nothing"),
        }
    });
    told.collect::<Vec<_>>().join(", ")
}

fn rejected(edge: &Edge) -> Vec<&RejectedObjectAttributes> {
    edge.attributes.positions.iter().flat_map(|position| &position.rejected).collect()
}

/// Manage the edges of a control plane
///
/// An edge is a gateway elsewhere that gets what this control plane publishes. Creating one prints the command that
/// starts it; the join token in that command works once, and for a while.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Create(Create),
    List(List),
    /// Show an edge: where it is, what it serves by, and what it does not take
    Show(One),
    JoinToken(NewToken),
    /// Bar an edge, at once, and replace the keys that it knew; another join token lets it in again
    Revoke(One),
    /// Bar an edge and forget it
    Delete(One),
}

/// Register an edge; its join token is shown this one time
#[derive(Debug, Args)]
struct Create {
    /// What it is called; unique, of a-z, 0-9 and -
    name: String,
    /// Namespace that it gets beside the global one, for life
    #[arg(long, value_name = "NAME", default_value = "")]
    namespace: String,
    /// For how long its join token works, for example 1h; what SIDEGATE_JOIN_TOKEN_EXPIRY says if not given
    #[arg(long, value_name = "DURATION", value_parser = life)]
    join_token_expires_in: Option<String>,
    #[command(flatten)]
    admin_api: AdminApiFlags,
    #[command(flatten)]
    output: Output,
}

/// List edges, and how each is doing
#[derive(Debug, Args)]
struct List {
    /// Only those of this namespace
    #[arg(long, value_name = "NAME")]
    namespace: Option<String>,
    /// Only those in this state
    #[arg(long, value_parser = ["waiting", "connected", "offline", "revoked"])]
    state: Option<String>,
    #[command(flatten)]
    admin_api: AdminApiFlags,
    #[command(flatten)]
    output: Output,
}

/// Give an edge another join token; certificates that it had count no more
#[derive(Debug, Args)]
struct NewToken {
    #[command(flatten)]
    one: One,
    /// For how long it works, for example 1h; what SIDEGATE_JOIN_TOKEN_EXPIRY says if not given
    #[arg(long, value_name = "DURATION", value_parser = life)]
    join_token_expires_in: Option<String>,
}

fn life(text: &str) -> Result<String, String> {
    duration(text).map(format_duration)
}

/// Runs the command.
pub(crate) async fn run(arguments: &Arguments) -> Result<(), Failure> {
    match &arguments.action {
        Action::Create(create) => create_edge(create).await,
        Action::List(list) => list_edges(list).await,
        Action::Show(one) => {
            let (_, edge) = one.find().await?;
            one.asking.output.one(&edge, WHOLE)
        }
        Action::JoinToken(new) => {
            let (api, edge) = new.one.find::<EdgeAttributes>().await?;
            let join_token_expires_in = new.join_token_expires_in.clone();
            let path = format!("edges/{}/join-token", edge.id);
            let edge = api.post(&path, &JoinTokenFields { join_token_expires_in }).await?;
            shown_once(&edge, &new.one.asking.output)
        }
        Action::Revoke(one) => {
            let (api, edge) = one.find::<EdgeAttributes>().await?;
            let edge: Edge = api.tell(&format!("edges/{}/revoke", edge.id)).await?;
            eprintln!("edge {} ({}) is revoked", edge.id, printable(&edge.attributes.name));
            one.asking.output.removed(&edge)
        }
        Action::Delete(one) => one.delete::<EdgeAttributes>().await,
    }
}

async fn create_edge(create: &Create) -> Result<(), Failure> {
    let api = create.admin_api.client()?;
    let fields = EdgeFields {
        name: Some(create.name.clone()),
        namespace: Some(create.namespace.clone()),
        join_token_expires_in: create.join_token_expires_in.clone(),
    };
    let when_taken =
        "choose another name, or give that one another join token: `sidegate edge join-token`";
    let edge: Edge = api.create("edges", &fields, when_taken).await?;
    shown_once(&edge, &create.output)
}

async fn list_edges(list: &List) -> Result<(), Failure> {
    let quoted = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let namespace = list.namespace.as_deref().map(|text| format!("namespace={}", quoted(text)));
    let state = list.state.as_deref().map(|text| format!("state={}", quoted(text)));
    let filters: Vec<_> = namespace.into_iter().chain(state).collect();
    let path = match filters.is_empty() {
        true => "edges".to_owned(),
        false => format!("edges?{}", filters.join("&")),
    };
    let edges: Vec<Edge> = list.admin_api.client()?.all(&path).await?;
    list.output.list(&edges, COLUMNS)
}

fn shown_once(edge: &Edge, output: &Output) -> Result<(), Failure> {
    if output.is_json() {
        return json(edge);
    }
    if output.is_quiet() {
        return print(&(edge.attributes.join_command.clone().unwrap_or_default() + "\n"));
    }
    output.one(edge, NEW)?;
    eprintln!(
        "Start it with this command now: the join token is not stored and cannot be shown again."
    );
    Ok(())
}
