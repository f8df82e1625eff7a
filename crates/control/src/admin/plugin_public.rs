//! What plugins offer without a token, over HTTP: approved, revoked and shown. Knows shapes and what
//! entries name; what is offered is told by the nodes, and what is refused decides the gateway.

use super::auth::Caller;
use super::error::ApiError;
use super::extract::{Fields, Id};
use super::if_match::IfMatch;
use super::state::AdminState;
use crate::fleet::{Offers, Overview};
use axum::extract::State;
use axum::response::Response;
use sidegate_api::error::{ErrorCode, Problem};
use sidegate_api::public_endpoints::{
    PublicEndpointFields, PublicEndpointsAttributes, PublicState,
};
use sidegate_model::endpoint::{Endpoint, Method};
use sidegate_model::name::callable;
use sidegate_model::plugin::{Plugin, PluginId, PluginOptions};
use sidegate_model::public_endpoints::{PublicEndpoints, PublicMode, is_approved};
use sidegate_model::status::PluginStatus;
use sidegate_store::PublicChange;

/// Most endpoints that a text names.
const MAX_NAMED: usize = 8;

/// What a plugin offers without a token now, and what was decided of it.
pub(super) struct PublicOffer<'a> {
    mode: PublicMode,
    decided: Option<&'a PublicEndpoints>,
    offered: PublicEndpoints,
}

impl<'a> PublicOffer<'a> {
    /// Of a plugin that does so, under options, by what was decided of it.
    pub(super) fn new(
        overview: &Overview,
        status: Option<&PluginStatus>,
        options: &PluginOptions,
        decided: Option<&'a PublicEndpoints>,
    ) -> Self {
        let endpoints = status.map_or(&[][..], |status| &status.endpoints);
        let offered = PublicEndpoints::offered(endpoints, options);
        Self { mode: overview.public_mode(), decided, offered }
    }

    /// Of a plugin as it is stored.
    pub(super) fn of(plugin: &'a Plugin, overview: &Overview) -> Self {
        let options = PluginOptions::read(&plugin.draft.options).0;
        let status = overview.summary(plugin.id);
        Self::new(overview, status, &options, plugin.public_endpoints.as_ref())
    }

    /// As answers show it.
    pub(super) fn shape(&self) -> PublicEndpointsAttributes {
        let undecided = self.undecided().texts();
        let (allowed, pending) = match self.mode {
            PublicMode::Allow => (undecided, Vec::new()),
            PublicMode::Approve => (Vec::new(), undecided),
        };
        let approved = self.decided.unwrap_or(&self.offered).texts();
        PublicEndpointsAttributes { approved, allowed, pending }
    }

    /// What becomes of one endpoint; nothing where a token is demanded.
    pub(super) fn of_endpoint(&self, endpoint: &Endpoint) -> Option<PublicState> {
        let is_offered = |method: &Method| self.offered.contains(*method, &endpoint.path);
        let mut offered = endpoint.methods.iter().filter(is_offered).peekable();
        offered.peek()?;
        let mut approved = offered.map(|method| is_approved(self.decided, method, &endpoint.path));
        Some(match (approved.all(|is_so| is_so), self.mode) {
            (true, _) => PublicState::Approved,
            (false, PublicMode::Allow) => PublicState::Allowed,
            (false, PublicMode::Approve) => PublicState::NotApproved,
        })
    }

    /// What an operator should know of it.
    pub(super) fn warning(&self, id: PluginId, name: &str) -> Option<String> {
        let pending = self.shape().pending;
        let (number, callable) = (pending.len(), callable(&id.to_string(), name));
        let (what, them) = match number {
            0 => return None,
            1 => ("endpoint waits", "it"),
            _ => ("endpoints wait", "them"),
        };
        let named = some(&pending);
        Some(format!(
            "{number} public {what} for approval: {named}; `sidegate plugin approve-public {callable}` approves {them}"
        ))
    }

    fn undecided(&self) -> PublicEndpoints {
        self.offered.filtered(|method, path| !is_approved(self.decided, method, path))
    }
}

/// The first few of them.
fn some(texts: &[String]) -> String {
    let named = texts[..texts.len().min(MAX_NAMED)].join(", ");
    match texts.len().saturating_sub(MAX_NAMED) {
        0 => named,
        more => format!("{named} and {more} more"),
    }
}

/// `POST /plugins/{id}/public-endpoints`
pub(crate) async fn change(
    State(state): State<AdminState>,
    caller: Caller,
    Id(id): Id,
    IfMatch(precondition): IfMatch,
    Fields(fields): Fields<PublicEndpointFields>,
) -> Result<Response, ApiError> {
    let fields = fields.settle(named)?;
    let plugin = state.control.view().plugin(PluginId(id)).await?;
    let change = decided(&plugin, &state.overview(), &fields)?;
    let control = state.control.by(caller.context());
    let published = control.change_public_endpoints(plugin.id, change, precondition).await?;
    Ok(state.changed_plugin(published.revision, published.value).await)
}

fn named(fields: PublicEndpointFields) -> Result<PublicEndpointFields, Vec<Problem>> {
    let is_empty = |list: &Option<Vec<String>>| list.as_ref().is_none_or(Vec::is_empty);
    if is_empty(&fields.approve) && is_empty(&fields.revoke) {
        let how = "name endpoints, as in {\"approve\": [\"GET /hello\"]}, or all with [\"*\"]";
        return Err(vec![Problem::at("approve", how)]);
    }
    Ok(fields)
}

/// What the entries come to for a plugin.
fn decided(
    plugin: &Plugin,
    overview: &Overview,
    fields: &PublicEndpointFields,
) -> Result<PublicChange, ApiError> {
    let options = PluginOptions::read(&plugin.draft.options).0;
    let offers = overview.offers(plugin.id, &options);
    let (approve, revoke) = (fields.approve.as_deref(), fields.revoke.as_deref());
    let needs_offer = plugin.public_endpoints.is_none() || approve.is_some_and(|it| !it.is_empty());
    if needs_offer && offers.is_none() {
        let name = &plugin.draft.name;
        let detail =
            format!("plugin {name:?} does not run, so what it offers is not known: start it first");
        return Err(ApiError::new(ErrorCode::Conflict, detail));
    }
    let mut problems = Vec::new();
    let offers = offers.unwrap_or_default();
    let approve = Entries { field: "approve", named: approve.unwrap_or_default() }
        .among(&offers, &mut problems);
    // One that is offered no longer must be revocable.
    let known = offers.any.union(plugin.public_endpoints.as_ref().unwrap_or(&offers.any));
    let known = Offers { any: known.clone(), each: known };
    let revoke =
        Entries { field: "revoke", named: revoke.unwrap_or_default() }.among(&known, &mut problems);
    let both = approve.filtered(|method, path| revoke.contains(method, path));
    if !both.is_empty() {
        let what = format!("{} is in approve too: name it once", some(&both.texts()));
        problems.push(Problem::at("revoke", what));
    }
    match problems.is_empty() {
        true => Ok(PublicChange { approve, revoke, undecided: offers.each }),
        false => Err(problems.into()),
    }
}

/// Most entries of one request.
const MAX_ENTRIES: usize = 100;

/// Entries of a request.
struct Entries<'a> {
    field: &'static str,
    named: &'a [String],
}

impl Entries<'_> {
    /// What they name of these endpoints; tells those that name none.
    fn among(&self, offers: &Offers, problems: &mut Vec<Problem>) -> PublicEndpoints {
        let mut all = PublicEndpoints::default();
        if self.named.len() > MAX_ENTRIES {
            let what = format!("name at most {MAX_ENTRIES} at once");
            problems.push(Problem::at(self.field, what));
            return all;
        }
        for (index, entry) in self.named.iter().enumerate() {
            let named = named_by(entry, offers);
            if named.is_empty() && entry != "*" {
                let those = match some(&offers.any.texts()) {
                    none if none.is_empty() => "there are none".to_owned(),
                    those => format!("those are {those}"),
                };
                let entry: String = entry.chars().take(200).collect();
                let what = format!(
                    "{entry:?} names no endpoint that the plugin offers without a token; {those}"
                );
                problems.push(Problem::at(&format!("{}[{index}]", self.field), what));
            }
            all = all.union(&named);
        }
        all
    }
}

fn named_by(entry: &str, offers: &Offers) -> PublicEndpoints {
    if entry == "*" {
        return offers.each.clone();
    }
    let exact = PublicEndpoints::parse(entry).ok();
    offers.any.filtered(|method, path| entry == path || exact == Some((method, path)))
}
