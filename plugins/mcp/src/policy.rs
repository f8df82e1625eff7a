//! What may pass between an app and a server. The same rules decide about calls and about lists, and nothing here knows by
//! which way a message came.

mod lists;
pub(crate) mod pattern;
mod subject;

use serde::{Deserialize, Serialize};

use crate::caller::Caller;

pub(crate) use lists::{filter, filter_any, for_one_now};
pub(crate) use subject::{Kind, Subject};

/// What the configuration says of one kind of things.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Access {
    /// What passes; everything where nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    allow: Option<Vec<String>>,
    /// What does not, even so.
    deny: Vec<String>,
}

/// A scope that callers of some tools need.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ScopeRule {
    tool: String,
    pub(crate) scope: String,
}

/// What holds for one server.
#[derive(Clone, Debug, Default)]
pub(crate) struct Policy {
    pub(crate) server: String,
    pub(crate) tools: Access,
    pub(crate) resources: Access,
    pub(crate) prompts: Access,
    pub(crate) scopes: Vec<ScopeRule>,
    /// Methods that pass besides those of the protocol.
    pub(crate) methods: Vec<String>,
    /// Whether an app may use what nothing is said of.
    pub(crate) open: bool,
}

/// What is to be done with a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Pass,
    /// As if it did not exist.
    Deny,
    /// It is there for those who show this scope.
    NeedsScope(String),
}

impl Policy {
    /// Whether the caller may use a thing of this name.
    pub(crate) fn judge(&self, caller: &Caller, kind: Kind, name: &str) -> Verdict {
        // A name that could be a disguise is none for a rule about scopes, either.
        let is_scoped = kind == Kind::Tool && !self.scopes.is_empty();
        let is_odd = is_scoped && pattern::readings(kind, name).is_none();
        if is_odd || !self.lets_through(caller, kind, name) {
            return Verdict::Deny;
        }
        let mut rules = self.scopes.iter().filter(|_| is_scoped);
        let missing =
            rules.find(|rule| pattern::covers(&rule.tool, name) && !caller.has_scope(&rule.scope));
        missing.map_or(Verdict::Pass, |rule| Verdict::NeedsScope(rule.scope.clone()))
    }

    /// Whether the caller is told of a thing. One that needs a scope is: how would anybody ask for it?
    pub(crate) fn lets_through(&self, caller: &Caller, kind: Kind, name: &str) -> bool {
        let access = self.access(kind);
        let restricts = |allow: &[String]| allow.iter().any(|one| one != "*");
        let own = self.own(caller, kind);
        let is_restricted = access.allow.as_deref().is_some_and(restricts)
            || !access.deny.is_empty()
            || own.as_deref().is_some_and(|own| restricts(own) || own.is_empty());
        let readings = match pattern::readings(kind, name) {
            Some(readings) => readings,
            // Where nothing is held back no name can be a disguise.
            None if !is_restricted => return true,
            None => return false,
        };
        let in_all = |allow: &[String]| {
            readings.iter().all(|name| allow.iter().any(|one| pattern::matches(one, name)))
        };
        let denied =
            readings.iter().any(|name| access.deny.iter().any(|one| pattern::covers(one, name)));
        !denied
            && access.allow.as_deref().is_none_or(in_all)
            && own.as_deref().map_or(self.open, in_all)
    }

    /// Whether the app may use the server at all.
    pub(crate) fn admits(&self, caller: &Caller) -> bool {
        let mut servers = caller.patterns("mcp_servers");
        servers
            .as_mut()
            .is_none_or(|servers| servers.any(|one| pattern::matches(one, &self.server)))
    }

    /// Whether lists depend on who asks.
    pub(crate) fn restricts(&self, caller: &Caller, kind: Kind) -> bool {
        let access = self.access(kind);
        access.allow.is_some()
            || !access.deny.is_empty()
            || !self.open
            || self.own(caller, kind).is_some()
    }

    /// What the app's metadata say: of this server, or else of all.
    fn own(&self, caller: &Caller, kind: Kind) -> Option<Vec<String>> {
        let key = kind.key();
        let of_this = format!("{key}.{}", self.server);
        let collect =
            |key: &str| caller.patterns(key).map(|all| all.map(str::to_owned).collect::<Vec<_>>());
        collect(&of_this).or_else(|| collect(key))
    }

    fn access(&self, kind: Kind) -> &Access {
        match kind {
            Kind::Tool => &self.tools,
            Kind::Resource => &self.resources,
            Kind::Prompt => &self.prompts,
        }
    }
}

#[cfg(test)]
mod tests;
