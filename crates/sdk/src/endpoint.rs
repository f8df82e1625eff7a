//! One address a plugin answers, as it is announced to the host. Knows no handler.

use sidegate_wire::plugin::EndpointRegistration;
use sidegate_wire::routing::METHODS;

/// The metadata in which a gateway looks for scopes.
const SCOPES_REQUIRED: &str = "scopes_required";

/// An address below the plugin's mount: a path, the methods it answers and what the gateway does
/// before it asks the plugin.
///
/// A path is exact (`/users`) or ends in `/*` (`/files/*`, `/*`), which stands for everything
/// below. Exact paths come before wildcards, longer wildcards before shorter ones. An endpoint that
/// names no method answers `GET`; `GET` endpoints serve `HEAD` as well.
///
/// ```
/// use sidegate_sdk::{Endpoint, Plugin, Request, Response};
///
/// let files = Endpoint::new("/files/*")
///     .methods(["GET", "PUT"])
///     .require_auth(true)
///     .description("The files of the calling app");
/// Plugin::new("files", "1.0.0").endpoint(files, async |_: Request| Response::empty());
/// ```
#[derive(Clone, Debug, PartialEq)]
#[must_use = "an endpoint does nothing until it is given to a plugin"]
pub struct Endpoint {
    registration: EndpointRegistration,
}

impl Endpoint {
    /// An endpoint at this path below the mount, `/exact` or `/prefix/*`, for `GET` unless methods are
    /// named.
    pub fn new(path: impl Into<String>) -> Self {
        let registration = EndpointRegistration { path: path.into(), ..Default::default() };
        Self { registration }
    }

    /// Adds a method, in any letter case; one that is there already counts once.
    pub fn method(mut self, method: &str) -> Self {
        let method = method.to_ascii_uppercase();
        if !self.registration.methods.contains(&method) {
            self.registration.methods.push(method);
        }
        self
    }

    /// Adds several methods, as [`Self::method`] does.
    pub fn methods<'a>(self, methods: impl IntoIterator<Item = &'a str>) -> Self {
        methods.into_iter().fold(self, Self::method)
    }

    /// Adds every method that a gateway can route, from `GET` to `OPTIONS`.
    pub fn any_method(self) -> Self {
        self.methods(METHODS)
    }

    /// Whether the gateway lets only callers with a valid token through. The request then names
    /// the caller's app.
    pub fn require_auth(mut self, required: bool) -> Self {
        self.registration.require_auth = required;
        self
    }

    /// Adds scopes that a caller's token must carry, all of them; naming one implies a token. A scope has
    /// 1 to 128 printable ASCII characters without blank, comma, quote or backslash; a gateway that
    /// cannot read one lets nobody in. Hosts that know nothing of this demand a token and no more.
    ///
    /// ```
    /// use sidegate_sdk::Endpoint;
    /// let files = Endpoint::new("/files/*").scopes(["files.read"]);
    /// ```
    pub fn scopes<'a>(mut self, scopes: impl IntoIterator<Item = &'a str>) -> Self {
        for scope in scopes {
            self.registration.require_auth = true;
            let all = self.registration.metadata.entry(SCOPES_REQUIRED.to_owned());
            all.and_modify(|all| *all = format!("{all},{scope}"))
                .or_insert_with(|| scope.to_owned());
        }
        self
    }

    /// What the endpoint is for, for people.
    pub fn description(mut self, text: impl Into<String>) -> Self {
        self.registration.description = text.into();
        self
    }

    /// Adds a note of the plugin's own, which the gateway keeps and shows.
    pub fn metadata(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.registration.metadata.insert(key.into(), value.into());
        self
    }

    /// What the host is told of it.
    pub(crate) fn into_registration(self, stream_response: bool) -> EndpointRegistration {
        let Self { mut registration } = self;
        if registration.methods.is_empty() {
            registration.methods.push("GET".to_owned());
        }
        registration.stream_response = stream_response;
        registration
    }
}

impl From<&str> for Endpoint {
    fn from(path: &str) -> Self {
        Self::new(path)
    }
}

impl From<String> for Endpoint {
    fn from(path: String) -> Self {
        Self::new(path)
    }
}
