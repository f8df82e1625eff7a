//! Writes of who knows what it changes: each on the condition that the thing still has a version, in values that
//! are made elsewhere.

use super::{AdminApi, Answer, Ask, wrapped};
use crate::error::{Failure, Kind};
use reqwest::{Method, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use sidegate_api::operation::Fields;
use sidegate_api::resource::Resource;

/// A thing that is to be changed, and the version that it must still have.
pub(crate) struct Change<'a> {
    pub(crate) path: &'a str,
    pub(crate) version: &'a str,
}

impl AdminApi {
    /// Puts something in the place of what is there; gives what it is then.
    pub(crate) async fn put<A: DeserializeOwned>(
        &self,
        path: &str,
        fields: &(impl Fields + Serialize),
    ) -> Result<Resource<A>, Failure> {
        self.shown(&self.call(Method::PUT, path, Some(&wrapped(fields))).await?)
    }

    /// Creates something.
    pub(crate) async fn create_value(&self, path: &str, body: &Value) -> Result<(), Failure> {
        self.call(Method::POST, path, Some(body)).await.map(drop)
    }

    /// Changes something; gives its version after that.
    pub(crate) async fn change_at(
        &self,
        change: &Change<'_>,
        body: &Value,
    ) -> Result<Option<String>, Failure> {
        Ok(self.write(Method::PATCH, change, Some(body)).await?.version)
    }

    /// Deletes something.
    pub(crate) async fn delete_at(&self, change: &Change<'_>) -> Result<(), Failure> {
        self.write(Method::DELETE, change, None).await.map(drop)
    }

    async fn write(
        &self,
        method: Method,
        change: &Change<'_>,
        body: Option<&Value>,
    ) -> Result<Answer, Failure> {
        let Change { path, version } = change;
        let ask = Ask { version: Some(version), ..Ask::with_json(method, path, body) };
        let answer = self.ask(&ask).await?;
        if answer.status == StatusCode::PRECONDITION_FAILED {
            let message = "it was changed by others since it was read; nothing of it is written";
            return Err(Failure::of(Kind::Conflict, message).hint("run the command again"));
        }
        self.accepted(answer)
    }
}
