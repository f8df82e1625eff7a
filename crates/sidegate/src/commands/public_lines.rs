//! What `plugin show` says of endpoints that need no token. Text only; who approves is elsewhere.

use sidegate_api::public_endpoints::PublicEndpointsAttributes;
use sidegate_api::route::EndpointAttributes;
use sidegate_model::endpoint::Method;
use sidegate_model::name::callable;

/// The lines of `plugin show` about it; nothing where nothing is public. Approvals of what is behind a
/// token now have no effect, and are left out.
pub(super) fn shown(
    id: &str,
    name: &str,
    public: &PublicEndpointsAttributes,
    endpoints: &[EndpointAttributes],
) -> String {
    let is_public = |entry: &&String| {
        let of = |it: &&EndpointAttributes| entry.split_once(' ').is_some_and(|e| e.1 == it.path);
        endpoints.iter().find(of).is_none_or(|endpoint| endpoint.public.is_some())
    };
    let mut served: Vec<_> =
        public.approved.iter().chain(&public.allowed).filter(is_public).cloned().collect();
    served.sort_by(|a, b| by_path(a).cmp(&by_path(b)));
    let served = (!served.is_empty()).then(|| format!("no token needed: {}", served.join(", ")));
    let pending = (!public.pending.is_empty()).then(|| {
        let (pending, callable) = (public.pending.join(", "), callable(id, name));
        format!(
            "waits for approval: {pending}  (`sidegate plugin approve-public {callable}` approves it)"
        )
    });
    served.into_iter().chain(pending).collect::<Vec<_>>().join("\n")
}

/// By path, and of one path by method in the order of an `Allow` header.
fn by_path(endpoint: &str) -> Option<(&str, Option<u8>)> {
    let (method, path) = endpoint.split_once(' ')?;
    Some((path, Method::parse(method).map(|method| method as u8)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn public(approved: &[&str], allowed: &[&str], pending: &[&str]) -> PublicEndpointsAttributes {
        let [approved, allowed, pending] =
            [approved, allowed, pending].map(|it| it.iter().map(ToString::to_string).collect());
        PublicEndpointsAttributes { approved, allowed, pending }
    }

    #[test]
    fn what_is_public_and_what_waits_is_shown_with_the_way_to_approve_it() {
        assert_eq!(shown("1", "p", &public(&[], &[], &[]), &[]), "");
        assert_eq!(
            shown("1", "p", &public(&["GET /b"], &["POST /a"], &[]), &[]),
            "no token needed: POST /a, GET /b"
        );
        assert_eq!(
            shown("7", "a b", &public(&["GET /b"], &[], &["GET /a", "POST /a"]), &[]),
            "no token needed: GET /b\nwaits for approval: GET /a, POST /a  \
             (`sidegate plugin approve-public 7` approves it)"
        );
    }

    #[test]
    fn an_approval_of_what_is_behind_a_token_now_is_not_shown_as_if_it_had_an_effect() {
        let behind = EndpointAttributes { path: "/b".to_owned(), ..EndpointAttributes::default() };
        assert_eq!(shown("1", "p", &public(&["GET /b"], &[], &[]), &[behind]), "");
    }
}
