//! Endpoints: what a plugin offers. Which of them a method and path name is in `endpoint/table.rs`.

mod table;

pub use table::{EndpointTable, Named, Raised, Resolution};

use crate::policy;
use sidegate_wire::routing::METHODS;
use std::collections::BTreeMap;

/// The metadata in which a registration names the scopes that a token must carry.
pub const SCOPES_REQUIRED: &str = "scopes_required";

/// The HTTP methods an endpoint can be registered for, in the order of [`METHODS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Method {
    /// GET
    Get,
    /// HEAD
    Head,
    /// POST
    Post,
    /// PUT
    Put,
    /// PATCH
    Patch,
    /// DELETE
    Delete,
    /// OPTIONS
    Options,
}

impl Method {
    /// Every method, in the order of an `Allow` header.
    pub const ALL: [Self; 7] =
        [Self::Get, Self::Head, Self::Post, Self::Put, Self::Patch, Self::Delete, Self::Options];

    /// Reads a method in any letter case; `None` for all others.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|m| m.as_str().eq_ignore_ascii_case(text))
    }

    /// In capitals, as on the wire.
    pub fn as_str(self) -> &'static str {
        METHODS[self as usize]
    }
}

/// A set of methods, a bit for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MethodSet(u8);

impl MethodSet {
    /// Adds one.
    pub fn insert(&mut self, method: Method) {
        self.0 |= 1 << method as u8;
    }

    /// Whether it holds `method`.
    pub fn contains(self, method: Method) -> bool {
        self.0 & (1 << method as u8) != 0
    }

    /// Whether it holds none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Both sets together.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// What a client may send here: HEAD comes with GET, OPTIONS is always answered.
    #[must_use]
    pub fn with_implied(mut self) -> Self {
        if self.contains(Method::Get) {
            self.insert(Method::Head);
        }
        self.insert(Method::Options);
        self
    }

    /// The members in the order of [`Method::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Method> {
        Method::ALL.into_iter().filter(move |m| self.contains(*m))
    }
}

impl FromIterator<Method> for MethodSet {
    fn from_iter<T: IntoIterator<Item = Method>>(methods: T) -> Self {
        let mut set = Self::default();
        methods.into_iter().for_each(|method| set.insert(method));
        set
    }
}

impl std::fmt::Display for MethodSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<_> = self.iter().map(Method::as_str).collect();
        f.write_str(&names.join(", "))
    }
}

/// One endpoint of a plugin.
#[derive(Debug, Clone, PartialEq)]
pub struct Endpoint {
    /// The path as registered: `/exact` or `/prefix/*`.
    pub path: String,
    /// The methods it was registered for; what is implied by them is not in it, see
    /// [`MethodSet::with_implied`].
    pub methods: MethodSet,
    /// What it is for, in words of the plugin for people.
    pub description: String,
    /// The plugin asks for a valid token; see [`Endpoint::demands_token`].
    pub require_auth: bool,
    /// What that token must carry, all of it, in order. A scope without a name, which no token
    /// carries, stands for a list that cannot be read.
    pub scopes_required: Vec<String>,
    /// The gateway uses the streaming call.
    pub stream_response: bool,
    /// The plugin's own notes: kept and shown, never read.
    pub metadata: BTreeMap<String, String>,
}

impl Endpoint {
    /// Whether nobody gets here without a valid token, as far as its own registration goes.
    pub fn demands_token(&self) -> bool {
        self.require_auth || !self.scopes_required.is_empty()
    }
}

/// The scopes that a registration's metadata names, in order.
///
/// # Errors
/// What is wrong with the list.
fn scopes_required(metadata: &BTreeMap<String, String>) -> Result<Vec<String>, String> {
    let Some(text) = metadata.get(SCOPES_REQUIRED) else { return Ok(Vec::new()) };
    let mut scopes = policy::scopes(text)?;
    scopes.sort_unstable();
    Ok(scopes)
}
