//! What the commands of things with names have in common: where the gateway is, how its answer is shown, and which thing
//! is meant.
//!
//! It knows no kind of thing.

use crate::client::{AdminApi, AdminApiFlags};
use crate::error::Failure;
use crate::find::{Noun, find};
use crate::output::{Column, Output, printable};
use clap::Args;
use serde::Serialize;
use sidegate_api::resource::Resource;

/// The words for what somebody may do.
pub(super) const ROLES: [&str; 3] = ["viewer", "operator", "admin"];

/// Where the gateway is, and how its answer is shown.
#[derive(Debug, Args)]
pub(super) struct Asking {
    #[command(flatten)]
    admin_api: AdminApiFlags,
    #[command(flatten)]
    pub(super) output: Output,
}

/// One thing, and the same.
#[derive(Debug, Args)]
pub(super) struct One {
    /// Name or id
    pub(super) name: String,
    #[command(flatten)]
    pub(super) asking: Asking,
}

impl Asking {
    pub(super) fn client(&self) -> Result<AdminApi, Failure> {
        self.admin_api.client()
    }

    /// Shows all things of a kind.
    ///
    /// # Errors
    /// What the gateway refuses.
    pub(super) async fn list<A: Noun + Serialize>(
        &self,
        columns: &[Column<Resource<A>>],
    ) -> Result<(), Failure> {
        let all = self.client()?.all(A::COLLECTION).await?;
        self.output.list(&all, columns)
    }

    /// Deletes the thing with this name or id, and tells what became of it.
    ///
    /// # Errors
    /// When there is none, or more than one; what the gateway refuses.
    pub(super) async fn delete<A: Noun + Serialize>(
        &self,
        wanted: &str,
        became: &str,
    ) -> Result<(), Failure> {
        let api = self.client()?;
        let thing: Resource<A> = find(&api, wanted).await?;
        api.delete(&format!("{}/{}", A::COLLECTION, thing.id)).await?;
        let noun = A::COLLECTION.trim_end_matches('s').replace('-', " ");
        eprintln!("{noun} {} ({}) is {became}", thing.id, printable(thing.attributes.name()));
        self.output.removed(&thing)
    }
}

impl One {
    /// The thing, and whom to ask further.
    ///
    /// # Errors
    /// When there is none, or more than one.
    pub(super) async fn find<A: Noun>(&self) -> Result<(AdminApi, Resource<A>), Failure> {
        let api = self.asking.client()?;
        let thing = find(&api, &self.name).await?;
        Ok((api, thing))
    }

    /// Deletes it.
    ///
    /// # Errors
    /// Those of [`Asking::delete`].
    pub(super) async fn delete<A: Noun + Serialize>(&self) -> Result<(), Failure> {
        self.asking.delete::<A>(&self.name, "deleted").await
    }
}
