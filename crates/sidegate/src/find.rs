//! Finding a thing by what a person calls it: its name or its number. The text of a token is never
//! taken for one.
//!
//! It asks the admin API; it changes nothing.

use crate::client::AdminApi;
use crate::error::{Failure, Kind};
use clap::Args;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::de::DeserializeOwned;
use sidegate_api::admin_token::AdminTokenAttributes;
use sidegate_api::app::AppAttributes;
use sidegate_api::edge::EdgeAttributes;
use sidegate_api::issuer::IssuerAttributes;
use sidegate_api::namespace::NamespaceAttributes;
use sidegate_api::plugin::PluginAttributes;
use sidegate_api::resource::Resource;
use sidegate_api::token::TokenAttributes;
use sidegate_api::user::UserAttributes;
use sidegate_model::token::{ADMIN_TOKEN_PREFIX, TOKEN_PREFIX};

/// Shorter texts than this are no whole tokens, in bytes.
const SHORTEST_TOKEN: usize = 40;

/// Attributes of things that have names and a list of their own.
pub(crate) trait Noun: DeserializeOwned {
    /// Where they are, below the beginning of all addresses.
    const COLLECTION: &'static str;

    /// What one is called.
    fn name(&self) -> &str;

    /// Where one is, where its name is unique only in what one edge sees.
    fn namespace(&self) -> Option<&str> {
        None
    }
}

/// Among which things somebody looks by name.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Within {
    /// The namespace of the thing, where several have one of that name; "" is the global one
    #[arg(long, value_name = "NAMESPACE")]
    namespace: Option<String>,
}

/// Which things a list is to have.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct Narrowed {
    /// Only those in this namespace; "" is the global one
    #[arg(long, value_name = "NAMESPACE")]
    namespace: Option<String>,
    /// Only those that this one looks after; "" is nobody
    #[arg(long, value_name = "NAME")]
    managed_by: Option<String>,
}

impl Narrowed {
    /// What of it is said in the query of a list, which it begins.
    pub(crate) fn query(&self) -> String {
        let said = [("namespace", &self.namespace), ("managed_by", &self.managed_by)];
        let said = said.into_iter().filter_map(|(name, text)| Some((name, text.as_ref()?)));
        let said = said
            .map(|(name, text)| format!("{name}={}", utf8_percent_encode(text, NON_ALPHANUMERIC)));
        let said: Vec<_> = said.collect();
        if said.is_empty() { String::new() } else { format!("?{}", said.join("&")) }
    }
}

impl Within {
    /// Within this one, if it is one.
    pub(crate) fn of(namespace: Option<String>) -> Self {
        Self { namespace }
    }

    fn has<A: Noun>(&self, thing: &A) -> bool {
        self.namespace.as_deref().is_none_or(|wanted| thing.namespace() == Some(wanted))
    }
}

impl Noun for PluginAttributes {
    const COLLECTION: &'static str = "plugins";

    fn name(&self) -> &str {
        &self.name
    }

    fn namespace(&self) -> Option<&str> {
        Some(&self.namespace)
    }
}

impl Noun for AppAttributes {
    const COLLECTION: &'static str = "apps";

    fn name(&self) -> &str {
        &self.name
    }

    fn namespace(&self) -> Option<&str> {
        Some(&self.namespace)
    }
}

impl Noun for IssuerAttributes {
    const COLLECTION: &'static str = "issuers";

    fn name(&self) -> &str {
        &self.name
    }

    fn namespace(&self) -> Option<&str> {
        Some(&self.namespace)
    }
}

impl Noun for TokenAttributes {
    const COLLECTION: &'static str = "tokens";

    fn name(&self) -> &str {
        &self.name
    }
}

impl Noun for AdminTokenAttributes {
    const COLLECTION: &'static str = "admin-tokens";

    fn name(&self) -> &str {
        &self.name
    }
}

impl Noun for UserAttributes {
    const COLLECTION: &'static str = "users";

    fn name(&self) -> &str {
        &self.name
    }
}

impl Noun for NamespaceAttributes {
    const COLLECTION: &'static str = "namespaces";

    fn name(&self) -> &str {
        &self.name
    }
}

impl Noun for EdgeAttributes {
    const COLLECTION: &'static str = "edges";

    fn name(&self) -> &str {
        &self.name
    }
}

/// The same within a namespace, where one is named.
///
/// # Errors
/// When there is none, or more than one.
pub(crate) async fn find_within<A: Noun>(
    api: &AdminApi,
    wanted: &str,
    within: &Within,
) -> Result<Resource<A>, Failure> {
    let found = find_all(api, wanted, |thing| within.has(thing)).await?;
    only_one(A::COLLECTION, wanted, found)
}

/// The one member of its collection with this id or, when no id fits, this name.
///
/// # Errors
/// When there is none, or more than one.
pub(crate) async fn find<A: Noun>(api: &AdminApi, wanted: &str) -> Result<Resource<A>, Failure> {
    find_among(api, wanted, |_| true).await
}

/// The same where only those are looked at by name that are `meant`, if there are any.
///
/// # Errors
/// When there is none, or more than one.
pub(crate) async fn find_among<A: Noun>(
    api: &AdminApi,
    wanted: &str,
    meant: impl Fn(&A) -> bool,
) -> Result<Resource<A>, Failure> {
    let mut named = find_all(api, wanted, |_| true).await?;
    if named.iter().any(|member| meant(&member.attributes)) {
        named.retain(|member| meant(&member.attributes));
    }
    only_one(A::COLLECTION, wanted, named)
}

/// The one with this id, or else all with this name, of those that pass.
async fn find_all<A: Noun>(
    api: &AdminApi,
    wanted: &str,
    passes: impl Fn(&A) -> bool,
) -> Result<Vec<Resource<A>>, Failure> {
    let collection = A::COLLECTION;
    refuse_token_text(collection, wanted)?;
    let is_number = wanted.bytes().all(|b| b.is_ascii_digit()) && wanted.parse::<u32>().is_ok();
    if is_number && let Some(found) = api.get_if_there(&format!("{collection}/{wanted}")).await? {
        return Ok(vec![found]);
    }
    let name = utf8_percent_encode(wanted, NON_ALPHANUMERIC);
    let mut named = api.all::<A>(&format!("{collection}?name={name}")).await?;
    named.retain(|member| member.attributes.name() == wanted && passes(&member.attributes));
    Ok(named)
}

/// A token is a secret: it is neither sent as a name nor printed.
fn refuse_token_text(collection: &str, wanted: &str) -> Result<(), Failure> {
    let wanted = wanted.trim();
    let is_secret = [TOKEN_PREFIX, ADMIN_TOKEN_PREFIX].iter().any(|p| wanted.starts_with(p));
    // Other nouns may be called so, unless it is as long as a token is.
    if !is_secret || (!collection.ends_with("tokens") && wanted.len() < SHORTEST_TOKEN) {
        return Ok(());
    }
    let noun = collection.trim_end_matches('s');
    Err(Failure::usage(format!(
        "this is the text of a token: give the number or name of the {noun}"
    ))
    .hint(format!("`sidegate {noun} list` shows them")))
}

fn only_one<A: Noun>(
    collection: &str,
    wanted: &str,
    mut named: Vec<Resource<A>>,
) -> Result<Resource<A>, Failure> {
    let noun = collection.trim_end_matches('s');
    match named.len() {
        1 => Ok(named.remove(0)),
        0 => Err(Failure::of(
            Kind::NotFound,
            format!("there is no {noun} with the name or id {wanted:?}"),
        )
        .hint(format!("`sidegate {noun} list` shows what there is"))),
        count => {
            let told = |member: &Resource<A>| match member.attributes.namespace() {
                Some(namespace) => format!("{} (namespace {namespace:?})", member.id),
                None => member.id.clone(),
            };
            let ids: Vec<_> = named.iter().map(told).collect();
            let ids = ids.join(", ");
            let hint = match named[0].attributes.namespace() {
                Some(_) => format!("say which one with --namespace, or use one of the ids {ids}"),
                None => format!("use one of the ids {ids}"),
            };
            Err(Failure::usage(format!("{count} {noun}s are named {wanted:?}")).hint(hint))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sidegate_api::resource::ResourceType;

    #[test]
    fn a_name_that_is_not_there_or_not_unique_is_said_with_a_way_out() {
        let missing = only_one::<PluginAttributes>("plugins", "eco", vec![]).unwrap_err();
        assert_eq!(missing.message, "there is no plugin with the name or id \"eco\"");
        let token = |id: &str| Resource {
            kind: ResourceType::Token,
            id: id.to_owned(),
            attributes: TokenAttributes::default(),
        };
        let twins = vec![token("3"), token("4")];
        let twice = only_one("tokens", "twin", twins).unwrap_err();
        assert_eq!(twice.message, "2 tokens are named \"twin\"");
        assert_eq!(twice.hint.as_deref(), Some("use one of the ids 3, 4"));
        let app = |id: &str, namespace: &str| Resource {
            kind: ResourceType::App,
            id: id.to_owned(),
            attributes: AppAttributes { namespace: namespace.to_owned(), ..<_>::default() },
        };
        let twins = vec![app("3", "berlin"), app("4", "oslo")];
        let hint = only_one("apps", "billing", twins).unwrap_err().hint.unwrap();
        assert!(
            hint.starts_with("say which one with --namespace, or use one of the ids 3 ("),
            "{hint}"
        );
    }

    #[test]
    fn the_text_of_a_token_is_refused_and_never_repeated() {
        let token = format!("sgt_{}", "x".repeat(43));
        let rows = [
            ("tokens", token.as_str()),
            ("apps", &token),
            ("tokens", " sgt_abcd"),
            ("admin-tokens", "sga_abcd"),
        ];
        for (collection, wanted) in rows {
            let failure = refuse_token_text(collection, wanted).unwrap_err();
            let said = failure.message + &failure.hint.unwrap();
            assert!(
                !said.contains("sgt_") && !said.contains("sga_") && said.contains("number or name"),
                "{said}"
            );
        }
        assert!(refuse_token_text("apps", "sgt_team").is_ok());
        assert!(refuse_token_text("tokens", "ci").is_ok());
    }
}
