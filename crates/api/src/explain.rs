//! What would happen to a request, as the admin API tells it. How it is found out is the gateway's
//! business.

use crate::operation::Fields;
use crate::state::State;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sidegate_model::explain::{Check, ExplainedRoute, Explanation, LimitState, Outcome, Rival};
use std::collections::BTreeMap;

/// A request to explain. It is never made. Absent and `null` both mean: nothing said.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExplainFields {
    /// The method; GET where nothing is said.
    pub method: Option<String>,
    /// The path from `/` on, with the query if there is one; must be said.
    pub path: Option<String>,
    /// A token that it would present, as a bearer token.
    pub token: Option<String>,
    /// Other headers that it would have, by name.
    pub headers: Option<BTreeMap<String, String>>,
    /// The address that it would come from; 127.0.0.1 where nothing is said.
    pub client: Option<String>,
    /// The node that is asked; needed where there are several.
    pub node: Option<String>,
}

/// Token, headers and query can be secrets.
impl std::fmt::Debug for ExplainFields {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ExplainFields").field("method", &self.method).finish_non_exhaustive()
    }
}

impl Fields for ExplainFields {
    const NOUN: &'static str = "explanation";
}

/// What would happen to a request on one node at this moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ExplanationAttributes {
    /// The node that was asked.
    pub node: String,
    /// Who would answer.
    pub answered_by: AnsweredBy,
    /// The HTTP status; `null` where the plugin decides it.
    pub status: Option<u16>,
    /// The code of the gateway's error.
    pub code: Option<String>,
    /// What the client would be told of it.
    pub message: Option<String>,
    /// The endpoint that the request names.
    pub route: Option<ExplainedRouteAttributes>,
    /// Other endpoints of the plugin that have the path, and why they are not asked.
    pub rivals: Vec<RivalAttributes>,
    /// What was looked at, in order, up to what ends the request.
    pub checks: Vec<CheckAttributes>,
    /// The limits that would count it, and what is left of each.
    pub limits: Vec<LimitAttributes>,
}

/// Who would answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AnsweredBy {
    /// The plugin is asked.
    Plugin,
    /// The gateway itself, whether it refuses or not.
    Gateway,
    /// Nobody yet: the plugin is being started, and the request would wait for it for a while.
    Nobody,
}

/// The endpoint that a request names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ExplainedRouteAttributes {
    /// Number of the plugin.
    pub plugin_id: u32,
    /// Name of the plugin.
    pub plugin: String,
    /// The endpoint's pattern, from `/plugins/` on.
    pub path: String,
    /// The method that the plugin would see.
    pub method: String,
    /// What the plugin would see as the path below its slug.
    pub relative_path: String,
    /// Whether it answers with a stream.
    pub stream_response: bool,
    /// Where the plugin is in its life.
    pub state: State,
    /// The process that would be asked, where the node started it.
    pub pid: Option<u32>,
}

/// An endpoint that has the path and is not asked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RivalAttributes {
    /// Its pattern, from `/plugins/` on.
    pub path: String,
    /// The methods it answers.
    pub methods: Vec<String>,
    /// Why it is not asked.
    pub reason: String,
}

/// One thing that is looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CheckAttributes {
    /// What it is: a word that stays.
    pub name: String,
    /// Whether the request passes it.
    pub passed: bool,
    /// What was found, in words.
    pub detail: String,
}

/// A limit, and what is left of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LimitAttributes {
    /// The name of the option, or `app_rate_limit` for the app's own.
    pub name: String,
    /// How much there is: requests a minute, calls at one time, or bytes.
    pub limit: u64,
    /// How much of it is left now; of a size all of it.
    pub remaining: u64,
    /// Seconds until all of it is there again, where that is known.
    pub reset_seconds: Option<u64>,
}

impl ExplanationAttributes {
    /// What a node told.
    pub fn of(node: &str, explanation: Explanation) -> Self {
        let Explanation { outcome, route, rivals, checks, limits } = explanation;
        let (answered_by, status, code, message) = match outcome {
            Outcome::Plugin => (AnsweredBy::Plugin, None, None, None),
            Outcome::Waits => (AnsweredBy::Nobody, None, None, None),
            Outcome::Gateway { status } => (AnsweredBy::Gateway, Some(status), None, None),
            Outcome::Refused { status, code, message } => {
                (AnsweredBy::Gateway, Some(status), Some(code.to_owned()), Some(message))
            }
        };
        Self {
            node: node.to_owned(),
            answered_by,
            status,
            code,
            message,
            route: route.map(Into::into),
            rivals: rivals.into_iter().map(Into::into).collect(),
            checks: checks.into_iter().map(Into::into).collect(),
            limits: limits.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<ExplainedRoute> for ExplainedRouteAttributes {
    fn from(route: ExplainedRoute) -> Self {
        Self {
            plugin_id: route.plugin_id.0,
            plugin: route.plugin,
            path: route.path,
            method: route.method,
            relative_path: route.relative_path,
            stream_response: route.stream_response,
            state: route.state.into(),
            pid: route.pid,
        }
    }
}

impl From<Rival> for RivalAttributes {
    fn from(Rival { path, methods, reason }: Rival) -> Self {
        Self { path, methods, reason }
    }
}

impl From<Check> for CheckAttributes {
    fn from(Check { name, passed, detail }: Check) -> Self {
        Self { name: name.to_owned(), passed, detail }
    }
}

impl From<LimitState> for LimitAttributes {
    fn from(state: LimitState) -> Self {
        let LimitState { name, limit, remaining, reset_seconds } = state;
        Self { name: name.to_owned(), limit, remaining, reset_seconds }
    }
}
