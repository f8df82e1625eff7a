//! From an admitted HTTP request to the message a plugin receives.

use super::context::RequestContext;
use super::error::EdgeError;
use super::sanity;
use crate::generation::Generation;
use crate::identity::admit::Permit;
use crate::identity::authenticate::{Carrier, presented};
use crate::instance::{Features, Instance};
use crate::route::lookup::Match;
use bytes::Bytes;
use http::request::Parts;
use http::{HeaderName, header};
use memchr::memmem;
use percent_encoding::percent_decode_str;
use sidegate_model::token::TokenHash;
use sidegate_transport::codec::{Encoded, RequestParts};
use sidegate_wire::ErrorCode;
use std::borrow::Cow;
use std::sync::Arc;

/// A request that may pass.
pub struct Admitted {
    /// Where it goes.
    pub matched: Match,
    /// That it may.
    pub permit: Permit,
    /// Who answers.
    pub instance: Arc<Instance>,
}

/// What a plugin is asked, with the proof that it may be.
pub struct Question<'a> {
    /// The proof.
    pub permit: Permit,
    /// Where it goes.
    pub matched: Match,
    head: &'a Parts,
    body: Bytes,
    /// Names of headers that the plugin does not see.
    withheld: &'static [HeaderName],
    /// The query, where it is not the one that was sent.
    query: Option<String>,
}

/// Request headers that plugins do not see as headers: framing, and what has a field of its own.
static WITHHELD: [HeaderName; 3] = [header::HOST, header::TRANSFER_ENCODING, header::TRAILER];
/// The same and the credentials, where they hold a token of the gateway.
static WITHHELD_WITH_TOKEN: [HeaderName; 4] =
    [header::HOST, header::TRANSFER_ENCODING, header::TRAILER, header::AUTHORIZATION];

/// Makes of a request what its plugin may know, and tells who is asked.
pub fn build<'a>(
    context: &RequestContext,
    admitted: Admitted,
    head: &'a Parts,
    body: Bytes,
) -> (Question<'a>, Arc<Instance>) {
    let Admitted { matched, permit, instance } = admitted;
    let options = &matched.mount.plugin.options;
    let carried = match permit.app() {
        _ if options.pass_token => TokenPlaces::default(),
        Some(known) => TokenPlaces::of(head, known.carrier),
        None if options.optional_auth => TokenPlaces::of_refused(&context.generation, head),
        None => TokenPlaces::default(),
    };
    let withheld = if carried.header { &WITHHELD_WITH_TOKEN[..] } else { &WITHHELD };
    let query = carried.query_without;
    (Question { permit, matched, head, body, withheld, query }, instance)
}

impl Question<'_> {
    /// The message for a plugin with these features.
    ///
    /// # Errors
    /// 413 for what no message can hold.
    pub fn encode(
        &self,
        context: &RequestContext,
        features: Features,
    ) -> Result<Encoded, EdgeError> {
        let (app, path, uri) = (self.permit.app(), &self.matched.path, &self.head.uri);
        let parts = RequestParts {
            method: self.matched.method.as_str(),
            path: path.full(),
            relative_path: path.relative(),
            path_segments: path.segments(),
            headers: &self.head.headers,
            withheld: self.withheld,
            header_list: features.header_list,
            body: &self.body,
            query_string: self.query.as_deref().or(uri.query()).unwrap_or_default(),
            remote_addr: context.client(),
            host: sanity::host(self.head),
            protocol: "http",
            request_id: context.id.as_str(),
            facts: &context.edge.facts,
            app: app.map(|known| &*known.identity.encoded),
            scopes: app.map_or(&[], |known| &known.token.scopes),
            raw_path: if features.raw_path { uri.path() } else { "" },
        };
        parts.encode().map_err(|e| EdgeError::public(ErrorCode::BodyTooLarge, e.to_string()))
    }
}

/// Where a request carries a token that the gateway looked at: a client may put it into both.
#[derive(Default)]
struct TokenPlaces {
    /// It is in the credentials.
    header: bool,
    /// It is in the query, of which this remains.
    query_without: Option<String>,
}

impl TokenPlaces {
    /// For a request whose token was found good.
    fn of(head: &Parts, carrier: Carrier) -> Self {
        let query = head.uri.query();
        if carrier == Carrier::Header && query.is_none() {
            return Self { header: true, query_without: None };
        }
        let Ok((token, _)) = presented(&head.headers, query) else {
            return Self::default();
        };
        // However it is wrapped there.
        let holds_token = |bytes: &[u8]| memmem::find(bytes, token.as_bytes()).is_some();
        let mut credentials = head.headers.get_all(header::AUTHORIZATION).iter();
        let header = credentials.any(|value| holds_token(value.as_bytes()));
        let holds_token = |part: &str| {
            holds_token(part.as_bytes()) || holds_token(&Cow::from(percent_decode_str(part)))
        };
        let query = query.filter(|query| query.split('&').any(holds_token));
        let query_without = query.map(|query| {
            let kept: Vec<_> = query.split('&').filter(|part| !holds_token(part)).collect();
            kept.join("&")
        });
        Self { header, query_without }
    }

    /// For a request that passes without a caller. A token that is good no more may be good again.
    fn of_refused(generation: &Generation, head: &Parts) -> Self {
        match presented(&head.headers, head.uri.query()) {
            Ok((token, carrier)) if generation.tokens.get(&TokenHash::of(&token)).is_some() => {
                Self::of(head, carrier)
            }
            _ => Self::default(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;

    /// Whether the credentials are withheld, and what the plugin gets as a query instead.
    fn places(credentials: Option<&str>, target: &str, carrier: Carrier) -> (bool, Option<String>) {
        let request = Request::builder().uri(target);
        let request = match credentials {
            Some(value) => request.header(header::AUTHORIZATION, value),
            None => request,
        };
        let places = TokenPlaces::of(&request.body(()).unwrap().into_parts().0, carrier);
        (places.header, places.query_without)
    }

    #[test]
    fn a_consumed_token_is_withheld_wherever_it_stands() {
        let without = |text: &str| Some(text.to_owned());
        let (header, query) = (Carrier::Header, Carrier::Query);
        assert_eq!(places(Some("Bearer t"), "/", header), (true, None));
        assert_eq!(places(Some("bearer  t"), "/?a=1", header), (true, None));
        assert_eq!(places(Some("Bearer t"), "/?a=1&token=t&%74", header), (true, without("a=1")));
        assert_eq!(places(None, "/?token=%74&a=t&b=2", query), (false, without("b=2")));
        assert_eq!(places(Some("Basic x"), "/?token=t", query), (false, without("")));
        assert_eq!(places(Some("Basic \"t\","), "/?token=t", query), (true, without("")));
        assert_eq!(places(None, "/?a=b=%74&t=1&token=t&c=%zz", query), (false, without("c=%zz")));
    }
}
