//! The condition of a change: `If-Match` with the versions that answers name in `ETag`, RFC 9110
//! 13.1.1. What a version is, is the model's business.

use super::error::ApiError;
use axum::extract::FromRequestParts;
use http::HeaderValue;
use http::header::IF_MATCH;
use http::request::Parts;
use sidegate_store::Precondition;

/// The condition that a request names; none where it names none.
pub(crate) struct IfMatch(pub(crate) Precondition);

impl<S: Send + Sync> FromRequestParts<S> for IfMatch {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        let mut versions = Vec::new();
        let mut any = true;
        for line in parts.headers.get_all(IF_MATCH) {
            // That there is something at all is demanded of every change.
            if line.as_bytes().trim_ascii() == b"*" {
                return Ok(Self(Precondition::None));
            }
            any = false;
            let read = line.to_str().ok().and_then(strong_tags);
            versions.extend(read.ok_or_else(|| {
                ApiError::bad_request(
                    "If-Match: send what an answer has in ETag, with its quotes, or *",
                )
            })?);
        }
        Ok(Self(if any { Precondition::None } else { Precondition::VersionIn(versions) }))
    }
}

/// The tag of a version, as a header.
pub(crate) fn etag(version: &str) -> Option<HeaderValue> {
    HeaderValue::from_str(&format!("\"{version}\"")).ok()
}

/// The texts of a list of entity tags; weak ones are left out, for they never match here.
fn strong_tags(list: &str) -> Option<Vec<String>> {
    let mut tags = Vec::new();
    let mut rest = list.trim();
    while !rest.is_empty() {
        let (is_weak, tag) = rest.strip_prefix("W/").map_or((false, rest), |tag| (true, tag));
        let (text, after) = tag.strip_prefix('"')?.split_once('"')?;
        if !is_weak {
            tags.push(text.to_owned());
        }
        rest = after.trim_start();
        if !rest.is_empty() {
            rest = rest.strip_prefix(',')?.trim_start();
        }
    }
    Some(tags)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_tags_are_read_and_weak_ones_never_match() {
        for (list, expected) in [
            ("\"a\"", Some(&["a"][..])),
            (" \"a\" , \"b,c\",W/\"d\" ", Some(&["a", "b,c"])),
            ("W/\"a\"", Some(&[])),
            ("\"\"", Some(&[""])),
            ("a", None),
            ("\"a", None),
            ("\"a\" \"b\"", None),
        ] {
            let expected = expected.map(|tags| tags.iter().map(ToString::to_string).collect());
            assert_eq!(strong_tags(list), expected, "{list}");
        }
    }
}
