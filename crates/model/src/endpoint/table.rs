//! Which endpoint of a plugin a method and path name.

use super::{Endpoint, Method, MethodSet, SCOPES_REQUIRED, scopes_required};
use sidegate_wire::plugin as wire;
use sidegate_wire::routing::{PathTable, check_path};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// The endpoint that a method and path name.
#[derive(Debug, Clone)]
pub struct Named {
    /// The one with the most specific path of those that have the method.
    pub endpoint: Arc<Endpoint>,
    /// A HEAD that is served as a GET.
    pub via_get: bool,
    /// A valid token is demanded: by the endpoint itself, or by the one that GET names here.
    pub require_auth: bool,
    /// What that token must carry, likewise, in order; `None` is nothing, which costs nothing.
    pub scopes: Option<Arc<[String]>>,
}

impl Named {
    /// Whether both demand the same of a caller.
    pub fn demands_as_much_as(&self, other: &Self) -> bool {
        self.require_auth == other.require_auth && self.scopes == other.scopes
    }
}

impl PartialEq for Named {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.endpoint, &other.endpoint) && self.demands_as_much_as(other)
    }
}

/// An endpoint that on some paths demands what it does not demand elsewhere, a token or scopes,
/// because GET has a more specific endpoint there that does.
#[derive(Debug, Clone, PartialEq)]
pub struct Raised {
    /// The one that demands no token by itself.
    pub endpoint: Arc<Endpoint>,
    /// Where: the path of the endpoint that GET names there.
    pub path: String,
    /// The methods for which a token is demanded there.
    pub methods: MethodSet,
    /// All that a token must carry there, in order.
    pub scopes: Vec<String>,
}

/// What a method and path name.
#[derive(Debug, Clone, PartialEq)]
pub enum Resolution {
    /// An endpoint serves it.
    Endpoint(Named),
    /// An OPTIONS nobody registered: answered with these methods.
    Options(MethodSet),
    /// The path is known, the method is not.
    MethodNotAllowed(MethodSet),
    /// No endpoint has this path.
    NotFound,
}

/// What is registered for one path, by method.
type ByMethod = [Option<Arc<Endpoint>>; Method::ALL.len()];

/// What a path comes to whose most specific pattern this is: everything is known beforehand.
#[derive(Debug, Default)]
struct Row {
    named: [Option<Named>; Method::ALL.len()],
    allow: MethodSet,
}

/// The endpoints of one plugin, ready for lookup.
#[derive(Debug, Default)]
pub struct EndpointTable {
    rows: PathTable<Row>,
    endpoints: Vec<Arc<Endpoint>>,
    raised: Vec<Raised>,
    problems: Vec<String>,
}

impl EndpointTable {
    /// Takes a plugin's registrations. What is invalid is left out and told in
    /// [`EndpointTable::problems`]; of two registrations for one method and path the first counts.
    pub fn build(registrations: Vec<wire::EndpointRegistration>) -> Self {
        let mut mounted = Mounted::default();
        for registration in registrations {
            mounted.add(registration);
        }
        mounted.table()
    }

    /// The endpoints that are mounted, in the plugin's order.
    pub fn endpoints(&self) -> &[Arc<Endpoint>] {
        &self.endpoints
    }

    /// Where endpoints demand more than they say themselves, in the plugin's order.
    pub fn raised(&self) -> &[Raised] {
        &self.raised
    }

    /// What was wrong with the registrations, for the plugin's status.
    pub fn problems(&self) -> &[String] {
        &self.problems
    }

    /// Finds what `method` on `path` (relative to the slug, starting with `/`) names: exact before
    /// wildcard, longer wildcard before shorter, each for the method itself first. HEAD names what
    /// GET names, unless it is registered on that very pattern or a more specific one. No method
    /// passes without a token, or a scope, where GET needs it, unless it is registered as
    /// specifically as GET.
    pub fn resolve(&self, method: Option<Method>, path: &str) -> Resolution {
        let Some(row) = self.rows.most_specific(path) else { return Resolution::NotFound };
        match method.map(|method| (method, &row.named[method as usize])) {
            Some((_, Some(named))) => Resolution::Endpoint(named.clone()),
            Some((Method::Options, None)) => Resolution::Options(row.allow),
            _ => Resolution::MethodNotAllowed(row.allow),
        }
    }

    /// What a client may send to a path; nothing where no endpoint has it.
    pub fn allow(&self, path: &str) -> MethodSet {
        self.rows.most_specific(path).map(|row| row.allow).unwrap_or_default()
    }
}

/// Registrations while they are taken.
#[derive(Default)]
struct Mounted {
    by_path: PathTable<ByMethod>,
    endpoints: Vec<Arc<Endpoint>>,
    problems: Vec<String>,
}

impl Mounted {
    fn add(&mut self, registration: wire::EndpointRegistration) {
        let path = registration.path;
        if let Err(reason) = check_path(&path) {
            self.problems.push(format!("endpoint {path:?} skipped: {reason}"));
            return;
        }
        let mut methods = MethodSet::default();
        for name in &registration.methods {
            match Method::parse(name) {
                Some(method) => methods.insert(method),
                None => self
                    .problems
                    .push(format!("endpoint {path:?}: unknown method {name:?} ignored")),
            }
        }
        if methods.is_empty() {
            self.problems.push(format!("endpoint {path:?} skipped: it names no known method"));
            return;
        }
        let metadata = registration.metadata.into_iter().collect();
        let scopes_required = scopes_required(&metadata).unwrap_or_else(|reason| {
            self.problems.push(format!(
                "endpoint {path:?} lets nobody in: metadata {SCOPES_REQUIRED}: {reason}"
            ));
            vec![String::new()]
        });
        let endpoint = Arc::new(Endpoint {
            methods,
            description: registration.description,
            require_auth: registration.require_auth,
            scopes_required,
            stream_response: registration.stream_response,
            metadata,
            path,
        });
        if self.mount(&endpoint) {
            self.endpoints.push(endpoint);
        }
    }

    fn mount(&mut self, endpoint: &Arc<Endpoint>) -> bool {
        let slots = self.by_path.entry(&endpoint.path);
        let mut mounted = false;
        for method in endpoint.methods.iter() {
            let slot = &mut slots[method as usize];
            if slot.is_some() {
                let path = &endpoint.path;
                self.problems.push(format!(
                    "endpoint {path:?}: {} is registered twice, the first one counts",
                    method.as_str()
                ));
            } else {
                *slot = Some(endpoint.clone());
                mounted = true;
            }
        }
        mounted
    }

    /// Finds out for each pattern what every method names there.
    fn table(self) -> EndpointTable {
        let mut raised = Vec::new();
        let rows = self.by_path.map(|candidates| Row::new(candidates, &mut raised));
        let raised = in_order(raised, &self.endpoints);
        EndpointTable { rows, endpoints: self.endpoints, raised, problems: self.problems }
    }
}

impl Row {
    /// The row of a pattern, from what is registered for it and for all that contain it, the most
    /// specific first. Tells what it has to raise.
    fn new(candidates: &[&ByMethod], raised: &mut Vec<Raised>) -> Self {
        let find = |method: Method| {
            let mut ranked = candidates.iter().enumerate();
            ranked.find_map(|(rank, by_method)| Some((rank, by_method[method as usize].as_ref()?)))
        };
        let mut row = Self::default();
        let get = find(Method::Get);
        for method in Method::ALL {
            let own = find(method);
            let above = get.filter(|(get, _)| own.is_none_or(|(own, _)| *get < own));
            let via_get = method == Method::Head && above.is_some();
            let Some((_, endpoint)) = (if via_get { above } else { own }) else { continue };
            let demanding = above.map(|(_, get)| get).filter(|get| demands_more(get, endpoint));
            let scopes = all_scopes(endpoint, demanding);
            if let Some(get) = demanding {
                let (endpoint, path) = (endpoint.clone(), get.path.clone());
                let methods = [method].into_iter().collect();
                raised.push(Raised { endpoint, path, methods, scopes: scopes.clone() });
            }
            row.named[method as usize] = Some(Named {
                endpoint: endpoint.clone(),
                via_get,
                require_auth: endpoint.demands_token() || demanding.is_some(),
                scopes: (!scopes.is_empty()).then(|| scopes.into()),
            });
        }
        let registered = candidates.iter().flat_map(|by_method| by_method.iter().flatten());
        let methods = registered.flat_map(|endpoint| endpoint.methods.iter());
        row.allow = methods.collect::<MethodSet>().with_implied();
        row
    }
}

/// Whether `get` demands what `endpoint` does not.
fn demands_more(get: &Endpoint, endpoint: &Endpoint) -> bool {
    let lacks = |scope| !endpoint.scopes_required.contains(scope);
    get.demands_token() && !endpoint.demands_token() || get.scopes_required.iter().any(lacks)
}

/// What both demand together, in order and each scope once.
fn all_scopes(endpoint: &Endpoint, get: Option<&Arc<Endpoint>>) -> Vec<String> {
    let more = get.into_iter().flat_map(|get| &get.scopes_required);
    let all: BTreeSet<_> = endpoint.scopes_required.iter().chain(more).cloned().collect();
    all.into_iter().collect()
}

/// One entry for each endpoint and path, in the order of the endpoints.
fn in_order(found: Vec<Raised>, endpoints: &[Arc<Endpoint>]) -> Vec<Raised> {
    let place = |raised: &Raised| endpoints.iter().position(|e| Arc::ptr_eq(e, &raised.endpoint));
    let mut merged: BTreeMap<_, Raised> = BTreeMap::new();
    for raised in found {
        let same = merged.entry((place(&raised), raised.path.clone()));
        same.and_modify(|known| known.methods = known.methods.union(raised.methods))
            .or_insert(raised);
    }
    merged.into_values().collect()
}

#[cfg(test)]
mod tests;
