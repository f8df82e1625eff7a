//! What an issuer may say, field by field.

use super::*;

fn draft() -> IssuerDraft {
    let audiences = vec!["https://gw.example/plugins/{slug}".to_owned()];
    IssuerDraft { audiences, ..IssuerDraft::new("corp", "https://id.example/") }
}

fn wrong(draft: &IssuerDraft) -> Vec<&'static str> {
    draft.validate().err().unwrap_or_default().iter().map(|wrong| wrong.field).collect()
}

#[test]
fn a_complete_draft_is_accepted_and_every_wrong_field_is_reported_at_once() {
    assert_eq!(draft().validate(), Ok(()));
    let bad = IssuerDraft {
        name: "a,b".to_owned(),
        jwks_uri: Some("ftp://x/y".to_owned()),
        audiences: vec![],
        algorithms: vec![Algorithm::Es256; 2],
        client_claims: vec![String::new()],
        token_types: vec!["x".repeat(2000)],
        scopes: vec!["a b".to_owned()],
        clients: [(String::new(), "app".to_owned())].into(),
        leeway: u64::MAX,
        keys_max_age: u64::MAX,
        ..IssuerDraft::new("", "https://")
    };
    let all = [
        "name",
        "url",
        "jwks_uri",
        "audiences",
        "algorithms",
        "client_claims",
        "token_types",
        "scopes",
        "clients",
        "leeway",
        "keys_max_age",
    ];
    assert_eq!(wrong(&bad), all);
}

#[test]
fn keys_come_over_tls_or_from_this_machine_where_that_is_allowed() {
    for (url, private, fine) in [
        ("https://id.example", false, true),
        ("https://id.example:8443/a/b", false, true),
        ("https://[::1]:8443", false, true),
        ("http://id.example", true, false),
        ("http://127.0.0.1:80/x", false, false),
        ("http://127.0.0.1:80/x", true, true),
        ("http://[::1]:80", true, true),
        ("http://localhost:80", true, true),
        ("http://localhost.example:80", true, false),
        ("http://127.0.0.1@id.example", true, false),
        ("https://id.example?x", false, false),
        ("https://id.example/#x", false, false),
        ("https://id.example:0", false, false),
        ("https://id.example:+1", false, false),
        ("https://id example", false, false),
        ("id.example", false, false),
    ] {
        let draft = IssuerDraft { allow_private: private, ..IssuerDraft::new("n", url) };
        assert_eq!(!wrong(&draft).contains(&"url"), fine, "{url} {private}");
    }
}

#[test]
fn an_audience_stands_for_one_plugin_where_it_says_so() {
    let issuer = Issuer { id: IssuerId(1), draft: draft(), created_at: 0, updated_at: 0 };
    let is_for = |audience: &str, slug| issuer.is_for(&[audience.to_owned()], slug, None);
    assert!(is_for("https://gw.example/plugins/echo", "echo"));
    assert!(!is_for("https://gw.example/plugins/echo", "other"));
    assert!(!is_for("https://gw.example/plugins/{slug}", "echo"));
    assert!(!is_for("https://gw.example/plugins/echo/", "echo"));
}

#[test]
fn an_audience_stands_for_all_below_it_where_it_says_so() {
    let audiences = vec!["https://gw.example/plugins/{slug}/*".to_owned()];
    let draft = IssuerDraft { audiences, ..draft() };
    let issuer = Issuer { id: IssuerId(1), draft, created_at: 0, updated_at: 0 };
    let is_for = |audience: &str| issuer.is_for(&[audience.to_owned()], "echo", None);
    assert!(is_for("https://gw.example/plugins/echo"));
    assert!(is_for("https://gw.example/plugins/echo/mcp"));
    assert!(!is_for("https://gw.example/plugins/echo2/mcp"));
    assert!(!is_for("https://gw.example/plugins/other/echo"));
    assert!(!is_for("https://gw.example/plugins/"));
}

#[test]
fn an_audience_follows_a_plugin_to_its_own_host_and_to_no_other() {
    let audiences = vec!["https://gw.example:8443/plugins/{slug}/*".to_owned()];
    let draft = IssuerDraft { audiences, ..draft() };
    let issuer = Issuer { id: IssuerId(1), draft, created_at: 0, updated_at: 0 };
    let host = OwnHost::parse("id.example").unwrap();
    for (audience, with, without) in [
        ("https://id.example:8443/mcp", true, false),
        ("https://id.example:8443", true, false),
        ("https://gw.example:8443/plugins/echo/mcp", true, true),
        ("https://id.example/mcp", false, false),
        ("http://id.example:8443/mcp", false, false),
        ("https://other.example:8443/mcp", false, false),
    ] {
        let is_for = |host| issuer.is_for(&[audience.to_owned()], "echo", host);
        assert_eq!((is_for(Some(&host)), is_for(None)), (with, without), "{audience}");
    }
}

#[test]
fn a_plugin_is_an_issuer_without_an_address_of_its_keys() {
    let own = IssuerDraft { url: "plugin:oidc".to_owned(), ..draft() };
    assert_eq!(own.validate(), Ok(()));
    assert_eq!(own.plugin().unwrap().as_str(), "oidc");
    let keys = IssuerDraft { jwks_uri: Some("https://id.example/keys".to_owned()), ..own };
    assert_eq!(wrong(&keys), ["jwks_uri"]);
    assert_eq!(wrong(&IssuerDraft { url: "plugin:NO".to_owned(), ..draft() }), ["url"]);
    assert_eq!(draft().plugin(), None);
}

#[test]
fn no_word_means_an_algorithm_but_its_own() {
    for word in ["none", "None", "HS256", "es256", "RS1", ""] {
        assert_eq!(Algorithm::parse(word), None, "{word}");
    }
    for algorithm in Algorithm::ALL {
        assert_eq!(Algorithm::parse(algorithm.as_str()), Some(algorithm));
        assert_eq!(serde_json::to_value(algorithm).unwrap(), algorithm.as_str());
    }
}

#[test]
fn an_issuer_of_certificates_says_nothing_of_keys_and_audiences() {
    let named = |client: &str| [(client.to_owned(), "app".to_owned())].into();
    let clients = named("uri:spiffe://corp/a");
    let own = IssuerDraft { clients, ..IssuerDraft::new("machines", "tls:machines") };
    assert_eq!(own.validate(), Ok(()));
    assert!(own.is_of_certificates() && !draft().is_of_certificates());
    let keys = Some("https://id.example/keys".to_owned());
    let all = IssuerDraft { jwks_uri: keys, audiences: vec!["a".to_owned()], ..own.clone() };
    assert_eq!(wrong(&all), ["jwks_uri", "audiences"]);
    assert_eq!(wrong(&IssuerDraft { clients: named("svc"), ..own.clone() }), ["clients"]);
    assert_eq!(wrong(&IssuerDraft { url: "tls:NO".to_owned(), ..own }), ["url"]);
}
