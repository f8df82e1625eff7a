//! Who may use the admin API: whoever presents its token. Runs before a body is read.

use super::error::ApiError;
use super::state::AdminState;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::HeaderMap;
use http::header::AUTHORIZATION;
use sidegate_api::error::ErrorCode;
use sidegate_model::token::TokenHash;
use subtle::ConstantTimeEq;

/// Lets a request pass that carries the admin token.
pub(crate) async fn require_admin(
    State(state): State<AdminState>,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    check(request.headers(), &state.settings.admin_token)?;
    Ok(next.run(request).await)
}

fn check(headers: &HeaderMap, expected: &TokenHash) -> Result<(), ApiError> {
    let refuse = |detail: &str| Err(ApiError::new(ErrorCode::Unauthorized, detail));
    let mut given = headers.get_all(AUTHORIZATION).iter();
    let (Some(value), None) = (given.next(), given.next()) else {
        return refuse("send the admin token in one header: Authorization: Bearer <token>");
    };
    let Some(presented) = value.to_str().ok().and_then(bearer) else {
        return refuse("the Authorization header is not of the form: Bearer <token>");
    };
    // Hashes are compared, so even the time tells nothing about the token's text.
    if bool::from(TokenHash::of(presented).0.ct_eq(&expected.0)) {
        Ok(())
    } else {
        refuse("this is not the admin token")
    }
}

fn bearer(value: &str) -> Option<&str> {
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then_some(token.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_let_in(values: &[&str]) -> bool {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, value.parse().unwrap());
        }
        check(&headers, &TokenHash::of("secret")).is_ok()
    }

    #[test]
    fn only_the_token_itself_is_let_in() {
        assert!(is_let_in(&["Bearer secret"]));
        assert!(is_let_in(&["bEARER  secret "]));
        for bad in [&[][..], &["secret"], &["Basic secret"], &["Bearer"], &["Bearer "]] {
            assert!(!is_let_in(bad), "{bad:?}");
        }
        assert!(!is_let_in(&["Bearer secret2"]));
        assert!(!is_let_in(&["Bearer secret", "Bearer secret"]));
        assert!(!is_let_in(&["Bearer secret", "Basic x"]));
    }
}
