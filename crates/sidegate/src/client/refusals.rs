//! Why an answer is none: nobody is there, somebody else is, or the gateway says no; in words that say what a
//! person can do, and of the kind that programs go by.

use super::{AdminApi, Answer};
use crate::error::{Failure, Kind};
use crate::trust;
use reqwest::StatusCode;
use serde_json::Value;

impl AdminApi {
    pub(super) fn unreachable(&self, error: &reqwest::Error) -> Failure {
        if let Some(failure) = trust::explained(error, &self.url, self.ca.as_deref()) {
            return failure;
        }
        let reason = innermost(error);
        let what = if error.is_timeout() { "does not answer in time" } else { "cannot be reached" };
        let failure = Failure::of(
            Kind::Unreachable,
            format!("the admin API at {} {what} ({reason})", self.url),
        );
        match self.url.strip_prefix("http://") {
            // Somebody is there, and speaks something else.
            Some(rest) if error.is_request() && !error.is_connect() && !error.is_timeout() => {
                failure.hint(format!(
                    "where that is the admin API with TLS, set SIDEGATE_URL to https://{rest}; the port for edges \
                     (SIDEGATE_SYNC_PORT) is not, the admin API of a control plane is on ADMIN_PORT (8080 by default)"
                ))
            }
            _ => failure.hint(
                "start the gateway with `sidegate serve`, or set SIDEGATE_URL to where it runs",
            ),
        }
    }

    pub(super) fn not_an_admin_api(&self, status: StatusCode) -> Failure {
        let status = status.as_u16();
        Failure::failed(format!("{} answered {status} with something that is not JSON", self.url))
            .hint("set SIDEGATE_URL to the admin API (port 8080), not to the port of the clients")
    }

    pub(super) fn port_for_clients(&self) -> Failure {
        Failure::failed(format!("{} is the port for clients, not the admin API", self.url)).hint(
            "set SIDEGATE_URL (or --url) to the admin API, which is on ADMIN_PORT (8080 by default)",
        )
    }

    pub(super) fn refused(&self, answer: &Answer) -> Failure {
        let (status, said) = (answer.status, problems_of(&answer.body));
        let Some((_, token_from)) = &self.token else {
            let what = format!("what answers at {} is no edge", self.url);
            return Failure::failed(what).hint(
                "set SIDEGATE_URL to ADMIN_HOST and ADMIN_PORT of an edge; at any other gateway see `sidegate plugin list`",
            );
        };
        match status {
            StatusCode::UNAUTHORIZED => Failure::of(Kind::Refused, format!(
                "the admin API at {} does not accept the token from {}{}",
                self.url,
                token_from,
                if said.is_empty() { said } else { format!(": {said}") }
            ))
            .hint("set SIDEGATE_ADMIN_TOKEN, or --data-dir to the data folder of that gateway"),
            StatusCode::FORBIDDEN if !said.is_empty() => Failure::of(Kind::Refused, said).hint(format!(
                "`sidegate whoami` shows the role of the token from {token_from}; an admin can make another one \
                 with `sidegate admin-token create`"
            )),
            _ if said.is_empty() => self.not_an_admin_api(status),
            _ => Failure::of(kind_of(status), said),
        }
    }
}

/// What kind of failure a refusal is.
fn kind_of(status: StatusCode) -> Kind {
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Kind::Refused,
        StatusCode::NOT_FOUND => Kind::NotFound,
        StatusCode::CONFLICT | StatusCode::PRECONDITION_FAILED => Kind::Conflict,
        StatusCode::BAD_REQUEST | StatusCode::PAYLOAD_TOO_LARGE => Kind::Usage,
        StatusCode::SERVICE_UNAVAILABLE
        | StatusCode::REQUEST_TIMEOUT
        | StatusCode::TOO_MANY_REQUESTS => Kind::Unreachable,
        _ => Kind::Failed,
    }
}

pub(super) fn innermost(error: &reqwest::Error) -> String {
    let mut reason: &dyn std::error::Error = error;
    while let Some(source) = reason.source() {
        reason = source;
    }
    reason.to_string()
}

/// What an error answer says: `{"errors":[{"title","detail"}]}` or `{"error": "…"}`.
fn problems_of(answer: &Value) -> String {
    let errors = answer["errors"].as_array().map_or(&[][..], Vec::as_slice);
    let lines: Vec<_> = errors
        .iter()
        .filter_map(|error| error["detail"].as_str().or_else(|| error["title"].as_str()))
        .collect();
    if lines.is_empty() {
        answer["error"].as_str().unwrap_or_default().to_owned()
    } else {
        lines.join("\n  ")
    }
}

/// Whether an answer has the form in which the gateway refuses requests of clients; the admin API
/// lists every problem beside that.
pub(super) fn is_for_clients(answer: &Value) -> bool {
    let is_refusal = ["error", "code", "request_id"].iter().all(|name| answer[name].is_string());
    is_refusal && answer["errors"].is_null()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_answer_of_the_port_for_clients_is_recognised() {
        let refusal = json!({"error": "Nothing.", "code": "not_found", "request_id": "r"});
        assert!(is_for_clients(&refusal));
        let mut of_admin = refusal.clone();
        of_admin["errors"] = json!([{"title": "Not Found", "code": "not_found", "detail": "d"}]);
        for other in [json!(null), json!({"error": "x"}), json!({"data": []}), of_admin] {
            assert!(!is_for_clients(&other), "{other}");
        }
    }

    #[test]
    fn all_problems_of_an_answer_are_told() {
        let many = json!({"errors": [{"title": "Bad", "detail": "name: a"}, {"title": "b"}]});
        assert_eq!(problems_of(&many), "name: a\n  b");
        assert_eq!(problems_of(&json!({"error": "Unauthorized"})), "Unauthorized");
    }
}
