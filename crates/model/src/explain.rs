//! What would happen to a request, and why: asked by operators, told by a node. Nothing is executed and
//! nothing is counted. How it is found out is the gateway's business.

mod hashed_request;

pub use hashed_request::HashedRequest;

use crate::plugin::PluginId;
use crate::status::PluginState;
use std::net::IpAddr;

/// A request that is thought of and never made.
#[derive(Clone, PartialEq, Eq)]
pub struct ImaginedRequest {
    /// The method, in capital letters.
    pub method: String,
    /// The path, with the query if there is one.
    pub target: String,
    /// Names and values of its headers.
    pub headers: Vec<(String, String)>,
    /// The address it comes from; `None` is the node itself.
    pub client: Option<IpAddr>,
}

/// Headers and query can be secrets.
impl std::fmt::Debug for ImaginedRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ImaginedRequest({} …)", self.method)
    }
}

/// What would happen to a request on one node.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    /// Who would answer.
    pub outcome: Outcome,
    /// The endpoint it names, once one is found.
    pub route: Option<ExplainedRoute>,
    /// Other endpoints of the plugin that have the path, and why they are not asked.
    pub rivals: Vec<Rival>,
    /// What was looked at, in the order in which it is: up to the one that ends the request.
    pub checks: Vec<Check>,
    /// The limits that would count it, and what is left of each.
    pub limits: Vec<LimitState>,
}

/// Who would answer a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The plugin.
    Plugin,
    /// The gateway itself, without a fault: its own addresses, and OPTIONS.
    Gateway {
        /// The HTTP status.
        status: u16,
    },
    /// Nobody yet: the plugin is being started, and the request would wait for it for a while.
    Waits,
    /// The gateway, which refuses.
    Refused {
        /// The HTTP status.
        status: u16,
        /// The code of the error.
        code: &'static str,
        /// What the client would be told.
        message: String,
    },
}

/// The endpoint that a request names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExplainedRoute {
    /// Number of the plugin.
    pub plugin_id: PluginId,
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
    pub state: PluginState,
    /// The process that would be asked.
    pub pid: Option<u32>,
}

/// An endpoint that has the path and is not asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rival {
    /// Its pattern, from `/plugins/` on.
    pub path: String,
    /// The methods it answers.
    pub methods: Vec<String>,
    /// Why it is not asked.
    pub reason: String,
}

/// One thing that is looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// What it is: a word that stays.
    pub name: &'static str,
    /// Whether the request passes it.
    pub passed: bool,
    /// What was found, in words.
    pub detail: String,
}

/// A limit, and what is left of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitState {
    /// What it is called: the option, or `app_rate_limit`.
    pub name: &'static str,
    /// How much there is: requests a minute, calls at one time, or bytes.
    pub limit: u64,
    /// How much of it is left now; of a size all of it.
    pub remaining: u64,
    /// Seconds until all of it is there again, where that is known.
    pub reset_seconds: Option<u64>,
}
