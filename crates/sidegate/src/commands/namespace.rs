//! `sidegate namespace`: which edges get what.
//!
//! It asks the admin API; the rules of a namespace are checked there.

use super::named::{Asking, One};
use crate::error::Failure;
use crate::output::{Column, optional};
use clap::{Args, Subcommand};
use sidegate_api::namespace::{NamespaceAttributes, NamespaceFields};
use sidegate_api::resource::Resource;

type Namespace = Resource<NamespaceAttributes>;

const COLUMNS: &[Column<Namespace>] = &[
    ("ID", |namespace| namespace.id.clone()),
    ("NAME", |namespace| namespace.attributes.name.clone()),
    ("REVISION", |namespace| optional(namespace.attributes.head.as_ref())),
    ("DESCRIPTION", |namespace| namespace.attributes.description.clone()),
];

const DETAILS: &[Column<Namespace>] = &[
    ("id", |namespace| namespace.id.clone()),
    ("name", |namespace| namespace.attributes.name.clone()),
    ("description", |namespace| namespace.attributes.description.clone()),
    ("revision", |namespace| optional(namespace.attributes.head.as_ref())),
    ("created", |namespace| namespace.attributes.created_at.clone()),
];

/// Manage namespaces, which say which edges get what
///
/// Every edge gets the global namespace, which has no name and is always there, and one of its own, if it has one.
/// Plugins and apps are in one for life; a gateway that stands alone serves the global one.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    Create(Create),
    /// List all namespaces but the global one
    List(Asking),
    /// Forget a namespace that nothing is in
    Delete(One),
}

/// Register a namespace
#[derive(Debug, Args)]
struct Create {
    /// Its name: 1 to 63 characters from a-z, 0-9 and '-'
    name: String,
    /// Free text
    #[arg(long, value_name = "TEXT")]
    description: Option<String>,
    #[command(flatten)]
    asking: Asking,
}

/// Runs the command.
pub(crate) async fn run(arguments: &Arguments) -> Result<(), Failure> {
    match &arguments.action {
        Action::Create(create) => {
            let api = create.asking.client()?;
            let (name, description) = (Some(create.name.clone()), create.description.clone());
            let fields = NamespaceFields { name, description };
            let when_taken = "`sidegate namespace list` shows what there is";
            let namespace: Namespace = api.create("namespaces", &fields, when_taken).await?;
            create.asking.output.one(&namespace, DETAILS)
        }
        Action::List(asking) => asking.list(COLUMNS).await,
        Action::Delete(one) => one.delete::<NamespaceAttributes>().await,
    }
}
