//! A request that is to be explained elsewhere, without the token in it: where the text of one would be, there are as
//! many stars, so that all else about it is the same, and beside it is the hash.

use super::ImaginedRequest;
use crate::token::{ADMIN_TOKEN_PREFIX, TOKEN_PREFIX, TokenHash};
use percent_encoding::percent_decode_str;
use std::borrow::Cow;

const STAR: &str = "*";
/// What tokens of the gateway begin with; the last is of those by which edges join.
const PREFIXES: [&str; 3] = [TOKEN_PREFIX, ADMIN_TOKEN_PREFIX, "sgj_"];
const BEARER: &str = "bearer";

/// A request of whose token only the hash is known.
#[derive(Clone, PartialEq, Eq)]
pub struct HashedRequest {
    /// The request, with stars in place of every token.
    pub request: ImaginedRequest,
    /// The hash of the token that is presented, if one is.
    pub token: Option<TokenHash>,
}

/// Headers and query can be secrets.
impl std::fmt::Debug for HashedRequest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "HashedRequest({} …)", self.request.method)
    }
}

impl HashedRequest {
    /// Takes the token out of a request: the bearer header, else the parameter `token` of the query, as clients present
    /// them. Whatever else looks like a token of the gateway, or is a credential, is replaced as well.
    pub fn new(mut request: ImaginedRequest) -> Self {
        let mut presented = None;
        // The first of each name is the one that counts.
        let mut is_first = true;
        for (name, value) in &mut request.headers {
            if name.eq_ignore_ascii_case("authorization") {
                let (scheme, rest) = value.split_once(' ').unwrap_or(("", value));
                let token = rest.trim_ascii();
                let is_bearer = scheme.eq_ignore_ascii_case(BEARER) && rest.is_ascii();
                if is_first && is_bearer && !token.is_empty() {
                    presented = Some(TokenHash::of(token));
                }
                is_first = false;
                let separator = if scheme.is_empty() { "" } else { " " };
                *value = format!("{scheme}{separator}{}", stars(rest));
            } else {
                *value = without_tokens(value);
            }
        }
        if let Some((path, query)) = request.target.split_once('?') {
            let mut tokens = query.split('&').filter_map(|part| part.strip_prefix("token="));
            if let (None, Some(value), None) = (presented, tokens.next(), tokens.next()) {
                let text = percent_decode_str(value).decode_utf8().ok();
                presented = text.filter(|text| !text.is_empty()).map(|text| TokenHash::of(&text));
            }
            let parts: Vec<_> = query.split('&').map(hidden_part).collect();
            request.target = format!("{}?{}", without_tokens(path), parts.join("&"));
        } else {
            request.target = without_tokens(&request.target);
        }
        Self { request, token: presented }
    }

    /// Whether a text stands for a token of which only the hash is known.
    pub fn is_hidden(presented: &str) -> bool {
        presented.bytes().all(|byte| byte == b'*')
    }
}

/// A part of a query without the token in it.
fn hidden_part(part: &str) -> Cow<'_, str> {
    let Some((name, value)) = part.split_once('=') else {
        return without_tokens(part).into();
    };
    let decoded = percent_decode_str(value).decode_utf8_lossy();
    match name == "token" || without_tokens(&decoded) != decoded {
        true => format!("{name}={}", stars(value)).into(),
        false => part.into(),
    }
}

/// A text with stars for every word that begins like a token.
fn without_tokens(text: &str) -> String {
    let mut hidden = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = PREFIXES.iter().filter_map(|prefix| rest.find(prefix)).min() {
        let (before, word) = rest.split_at(at);
        let is_character = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
        let end = word.find(|c| !is_character(c)).unwrap_or(word.len());
        hidden.push_str(before);
        hidden.push_str(&stars(&word[..end]));
        rest = &word[end..];
    }
    hidden.push_str(rest);
    hidden
}

fn stars(text: &str) -> String {
    STAR.repeat(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "sgt_0123456789012345678901234567890123456789012";

    fn hashed(target: &str, headers: &[(&str, &str)]) -> HashedRequest {
        let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
        HashedRequest::new(ImaginedRequest {
            method: "GET".to_owned(),
            target: target.to_owned(),
            headers: headers.iter().map(owned).collect(),
            client: None,
        })
    }

    fn shown(hashed: &HashedRequest) -> String {
        format!("{} {:?}", hashed.request.target, hashed.request.headers)
    }

    #[test]
    fn the_token_that_counts_is_hashed_and_none_goes_along() {
        let bearer = format!("Bearer {TOKEN}");
        let query = format!("/plugins/echo/x?a=1&token={TOKEN}");
        let escaped = query.replace("sgt_", "s%67t_");
        let hash = TokenHash::of(TOKEN);
        for (case, expected) in [
            (hashed("/x", &[("Authorization", &bearer)]), Some(hash)),
            (hashed("/x", &[("authorization", "bEARER   other ")]), Some(TokenHash::of("other"))),
            (hashed(&query, &[]), Some(hash)),
            (hashed(&escaped, &[]), Some(hash)),
            (hashed(&query, &[("authorization", "Bearer other")]), Some(TokenHash::of("other"))),
            (hashed(&query, &[("authorization", "Basic c2d0Xw==")]), Some(hash)),
            (hashed("/x?token=a&token=b", &[]), None),
            (hashed("/x?token=", &[("x-key", TOKEN), ("cookie", &bearer)]), None),
            (hashed(&format!("/{TOKEN}/x?b={TOKEN}&{TOKEN}"), &[]), None),
        ] {
            let shown = shown(&case);
            assert_eq!(case.token, expected, "{shown}");
            for secret in ["0123456789", "other", "c2d0Xw", "token=a", "token=b"] {
                assert!(!shown.contains(secret), "{shown}");
            }
        }
        let same = hashed("/x?a=1", &[("accept", "*/*")]);
        assert_eq!(shown(&same), "/x?a=1 [(\"accept\", \"*/*\")]");
    }

    #[test]
    fn what_is_left_is_as_long_as_it_was() {
        let target = format!("/x?token={TOKEN}");
        let hashed = hashed(&target, &[]);
        assert_eq!(hashed.request.target.len(), target.len());
        let stars = hashed.request.target.strip_prefix("/x?token=").unwrap();
        assert!(HashedRequest::is_hidden(stars) && !HashedRequest::is_hidden(TOKEN));
    }
}
