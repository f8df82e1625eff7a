//! Attacks on the check of JWTs and on what clients find at the root: each has an id, by which the pages know it. The tables
//! of the pages are made of those here.

use super::jwt::Scene;
use serde_json::{Value, json};
use sidegate_e2e::{Gateway, Issuer, eventually, story};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

mod by_token;

use by_token::{BY_TOKENS, foreign, good};

/// An attack that a story of its own tries.
struct ByStory {
    id: &'static str,
    attack: &'static str,
    outcome: &'static str,
    test: &'static str,
}

const ABOUT_ISSUERS: [ByStory; 27] = [
    ByStory {
        id: "J-33",
        attack: "a token in the address (`?token=`)",
        outcome: "401",
        test: "a_jwt_of_anybody_else_or_for_anything_else_is_401_without_a_question_to_anybody",
    },
    ByStory {
        id: "J-34",
        attack: "an ID token where an issuer may say `JWT`",
        outcome: "401",
        test: "an_id_token_is_none_for_access_also_where_an_issuer_says_jwt",
    },
    ByStory {
        id: "J-35",
        attack: "an issuer or its keys at an address within (SSRF), by address, by name, in other spellings",
        outcome: "400 when it is added, or nobody is asked and 503",
        test: "keys_are_fetched_from_no_address_within",
    },
    ByStory {
        id: "J-36",
        attack: "an issuer whose keys are elsewhere by a redirect, or too long",
        outcome: "nobody is followed, 503",
        test: "keys_that_are_too_much_or_elsewhere_are_not_taken",
    },
    ByStory {
        id: "J-37",
        attack: "many tokens with unknown `kid`, so that the issuer is asked again and again",
        outcome: "401, and one question in 10 s",
        test: "a_new_key_counts_at_once_and_one_that_is_gone_no_more",
    },
    ByStory {
        id: "J-38",
        attack: "a plugin that is trusted as an issuer calls itself as somebody else",
        outcome: "its keys are not taken",
        test: "a_plugin_that_calls_itself_otherwise_is_no_issuer_and_the_log_says_why",
    },
    ByStory {
        id: "J-39",
        attack: "a plugin takes the slug of one that is an issuer",
        outcome: "keys of the one before open nothing",
        test: "a_provider_that_is_switched_off_renamed_or_deleted_is_no_issuer_any_more",
    },
    ByStory {
        id: "J-40",
        attack: "a stream outlives the issuer or the app",
        outcome: "it is cut",
        test: "a_stream_ends_with_what_its_jwt_stands_on",
    },
    ByStory {
        id: "J-41",
        attack: "a token for another host than the plugin's own",
        outcome: "401",
        test: "a_jwt_for_a_plugin_at_its_own_host_opens_it_and_one_for_another_host_does_not",
    },
    ByStory {
        id: "J-42",
        attack: "many clients that nobody knows, so that apps are made without end (`create_apps`)",
        outcome: "401 beyond its number, 503 beyond 20 in 10 s; nobody else waits",
        test: "a_flood_of_new_clients_is_slowed_down_and_holds_up_nobody",
    },
    ByStory {
        id: "J-43",
        attack: "a JWT that is not good, so that an app is made of it",
        outcome: "401, and none is made",
        test: "no_app_is_made_for_a_jwt_that_is_not_good_nor_where_nobody_wants_it",
    },
    ByStory {
        id: "J-65",
        attack: "a client of one issuer whose app would have the name of another one's (`corp`, `a/b` and `corp/a`, `b`), or that looks like another",
        outcome: "400 when `create_apps` is set; 401",
        test: "a_new_client_is_never_taken_for_that_of_another_issuer_or_for_an_app_of_another_name",
    },
    ByStory {
        id: "J-67",
        attack: "a client whose app would have the name of an app of an operator's (`create_apps`)",
        outcome: "401 until an operator binds it",
        test: "an_app_of_an_operators_is_never_taken_by_a_client_that_is_called_like_it",
    },
    ByStory {
        id: "J-68",
        attack: "an issuer whose clients use up all apps that may be made for it, so that others have none (`create_apps`)",
        outcome: "401 for its new clients; other issuers' apps are made, and tokens, apps and memory are as before",
        test: "an_issuer_that_uses_up_its_apps_takes_nothing_from_other_issuers_tokens_or_memory",
    },
    ByStory {
        id: "J-66",
        attack: "a JWT that is remembered, of an issuer that was replaced by one of the same name and address with other keys",
        outcome: "401",
        test: "a_jwt_that_is_remembered_is_worth_nothing_at_another_issuer_of_the_same_name",
    },
    ByStory {
        id: "T-01",
        attack: "a client certificate of another authority, an expired one, one for servers",
        outcome: "the handshake fails",
        test: "a_certificate_that_nobody_vouches_for_is_refused_in_the_handshake_and_none_is_not",
    },
    ByStory {
        id: "T-02",
        attack: "a certificate of the right authority that nobody has bound to an app",
        outcome: "401",
        test: "a_client_is_named_by_fingerprint_uri_or_name_and_the_first_in_this_order_counts",
    },
    ByStory {
        id: "T-03",
        attack: "a connection that outlives its certificate, or the authority of it",
        outcome: "401",
        test: "authorities_are_read_anew_and_open_connections_are_judged_by_those_of_now",
    },
    ByStory {
        id: "T-04",
        attack: "a stream that outlives its certificate, its binding, the issuer or the app",
        outcome: "it is cut",
        test: "a_certificate_opens_nothing_once_it_ends_is_unbound_or_its_app_or_issuer_is_off",
    },
    ByStory {
        id: "T-05",
        attack: "a page of another origin makes a browser ask, which shows its certificate (CSRF)",
        outcome: "401, or 403 by `allowed_origins`",
        test: "a_page_of_another_origin_gets_nothing_by_the_certificate_of_its_browser",
    },
    ByStory {
        id: "T-06",
        attack: "a wrong token beside a good certificate",
        outcome: "401",
        test: "a_client_certificate_comes_in_as_its_app_and_the_plugin_learns_whose_it_is",
    },
    ByStory {
        id: "T-12",
        attack: "credentials that cannot be read beside a good certificate: `Bearer` alone or with bytes that are no text, another scheme, two lines",
        outcome: "401, two lines 400",
        test: "beside_credentials_that_cannot_be_read_no_certificate_counts",
    },
    ByStory {
        id: "T-07",
        attack: "a JWT whose `iss` is the name of an issuer of certificates",
        outcome: "401",
        test: "a_jwt_in_the_name_of_an_issuer_of_certificates_opens_nothing",
    },
    ByStory {
        id: "T-08",
        attack: "a header in which a proxy would tell of a certificate",
        outcome: "401",
        test: "what_a_header_says_of_a_certificate_is_not_believed",
    },
    ByStory {
        id: "T-09",
        attack: "a name that only looks like the right one: another case, a wildcard, a subject without `subjectAltName`, another kind of name",
        outcome: "401",
        test: "a_client_is_never_named_by_what_only_looks_like_its_name",
    },
    ByStory {
        id: "T-10",
        attack: "a connection that outlives an authority between the certificate and the one that is known",
        outcome: "401",
        test: "a_connection_that_outlives_an_authority_between_is_401_from_then_on",
    },
    ByStory {
        id: "T-11",
        attack: "a TLS session that is gone on with after the certificate was unbound or its authority is gone",
        outcome: "401, or the handshake fails",
        test: "a_session_that_is_gone_on_with_brings_back_no_certificate_that_does_not_count_any_more",
    },
];

const ABOUT_PLACES: [ByStory; 13] = [
    ByStory {
        id: "W-01",
        attack: "DNS rebinding: a page reaches the gateway by a name of its own (`allowed_origins=same`)",
        outcome: "403 `origin_not_allowed`",
        test: "a_name_that_leads_here_is_not_the_gateways_own_by_the_clients_word",
    },
    ByStory {
        id: "W-02",
        attack: "`Origin: null`, another port or scheme, a name that ends or begins alike, several lines",
        outcome: "403 `origin_not_allowed`",
        test: "a_page_that_may_not_ask_is_403_whoever_asks_and_programs_pass",
    },
    ByStory {
        id: "W-03",
        attack: "a forged `Host` or `X-Forwarded-Host`, so that documents name another host",
        outcome: "they name `SIDEGATE_PUBLIC_URL`",
        test: "a_protected_endpoint_says_at_the_root_who_gives_tokens_for_it",
    },
    ByStory {
        id: "W-04",
        attack: "paths that step out of a document's place",
        outcome: "404",
        test: "nothing_is_told_at_the_root_of_what_nobody_says_anything_about",
    },
    ByStory {
        id: "W-05",
        attack: "what the gateway says of itself, and other plugins, at a plugin's own host",
        outcome: "404",
        test: "at_its_own_host_a_plugin_is_mounted_at_the_root_and_nothing_else_is_there",
    },
    ByStory {
        id: "W-06",
        attack: "out of a plugin's own host by `..`",
        outcome: "400",
        test: "at_its_own_host_a_plugin_is_mounted_at_the_root_and_nothing_else_is_there",
    },
    ByStory {
        id: "W-07",
        attack: "a plugin's own host in other case, with a port or a dot at its end, or told by anybody in `X-Forwarded-Host`",
        outcome: "the same host; not believed",
        test: "at_its_own_host_a_plugin_is_mounted_at_the_root_and_nothing_else_is_there",
    },
    ByStory {
        id: "W-08",
        attack: "a second plugin takes the host of another",
        outcome: "409",
        test: "two_plugins_with_one_host_are_a_conflict",
    },
    ByStory {
        id: "W-09",
        attack: "a cookie for the hosts of others (`Domain`)",
        outcome: "it stays at the host that set it",
        test: "cookies_stay_at_the_host_that_set_them_once_a_plugin_has_a_host_of_its_own",
    },
    ByStory {
        id: "W-10",
        attack: "a page of the gateway's host at a plugin's own host, and the other way",
        outcome: "403 `origin_not_allowed`",
        test: "a_page_of_a_plugins_own_host_is_of_the_same_origin_there",
    },
    ByStory {
        id: "W-11",
        attack: "two hosts, or half of one: in the target and in `Host`, with a user before it, in `Forwarded`",
        outcome: "400, 404",
        test: "who_names_two_hosts_or_half_of_one_is_at_no_plugins_own",
    },
    ByStory {
        id: "W-12",
        attack: "a connection over HTTP/2 that was made for one host asks another one of the same certificate (`:authority`)",
        outcome: "the plugin of that host answers, and knows nothing of the first",
        test: "on_one_connection_each_host_is_answered_by_its_own_plugin",
    },
    ByStory {
        id: "W-13",
        attack: "a client certificate that was shown to one host (SNI), for another one on the same connection",
        outcome: "421 `misdirected_request`",
        test: "a_client_certificate_counts_for_the_host_to_which_it_was_shown_and_for_no_other_on_the_connection",
    },
];

#[test]
fn what_is_no_good_token_opens_nothing_whatever_it_says_and_nobody_is_asked_because_of_it() {
    story(async {
        let (scene, other) = (Scene::new().await, Issuer::start().await);
        assert_eq!(scene.fares(&good(&scene).sign()).await, 200);
        // The first key that is not known is asked for, and the answer is that there is none.
        assert_eq!(scene.fares(&good(&scene).head("kid", "k0").sign()).await, 401);
        let asked = scene.issuer.asked();
        for attack in &BY_TOKENS {
            let token = (attack.token)(&scene, &other);
            let fares = scene.fares(&token).await;
            assert_eq!(fares, attack.status, "{}: {}", attack.id, attack.attack);
        }
        assert_eq!((scene.issuer.asked(), other.asked()), (asked, 0));
        assert_eq!(scene.fares(&good(&scene).sign()).await, 200, "the good one still is");
    });
}

#[test]
fn an_id_token_is_none_for_access_also_where_an_issuer_says_jwt() {
    story(async {
        let scene = Scene::with(json!({"token_types": ["JWT"]})).await;
        let plain = || scene.token().head("typ", "JWT");
        assert_eq!(scene.fares(&plain().sign()).await, 200);
        for claim in ["nonce", "at_hash", "c_hash"] {
            assert_eq!(scene.fares(&plain().claim(claim, "x").sign()).await, 401, "{claim}");
        }
        assert_eq!(scene.fares(&scene.token().sign()).await, 401, "it says at+jwt");
    });
}

#[test]
fn a_jwt_that_is_remembered_is_worth_nothing_at_another_issuer_of_the_same_name() {
    story(async {
        let (scene, other) = (Scene::new().await, Issuer::start().await);
        let remembered = scene.token().sign();
        for _ in 0..2 {
            assert_eq!(scene.fares(&remembered).await, 200);
        }
        let keys = json!({"jwks_uri": format!("{}/keys", other.url())});
        scene.change_issuer(&keys).await;
        assert_eq!(scene.fares(&remembered).await, 401, "its key is another one's");
        assert_eq!(scene.fares(&foreign(&scene, &other).sign()).await, 200);
        scene.change_issuer(&json!({"url": other.url(), "jwks_uri": ""})).await;
        assert_eq!(scene.fares(&remembered).await, 401);
        assert_eq!(scene.fares(&foreign(&scene, &other).sign()).await, 401);
        scene.change_issuer(&json!({"url": scene.issuer.url()})).await;
        assert_eq!(scene.fares(&remembered).await, 200, "and is what it was");
    });
}

#[test]
fn keys_are_fetched_from_no_address_within() {
    story(async {
        let (gateway, within) = (Gateway::start().await, Issuer::start().await);
        let issuer = |url: &str, jwks_uri: &str| json!({"name": url, "url": url, "jwks_uri": jwks_uri, "audiences": ["a"]});
        for (url, jwks_uri) in [
            ("http://127.0.0.1:80", ""),
            ("http://169.254.169.254/latest", ""),
            ("file:///etc/passwd", ""),
            ("https://id.example", "http://169.254.169.254/keys"),
            ("https://id.example", "gopher://127.0.0.1/"),
            ("https://user@id.example", ""),
        ] {
            let (status, said) =
                gateway.admin().refused("POST", "issuers", &issuer(url, jwks_uri)).await;
            assert_eq!(status, 400, "{url} {jwks_uri}: {said}");
        }
        let port = within.url().rsplit(':').next().unwrap().to_owned();
        let mut names = Vec::new();
        for host in [
            "127.0.0.1",
            "localhost",
            "[::1]",
            "[::ffff:127.0.0.1]",
            "127.1",
            "2130706433",
            "0.0.0.0",
        ] {
            for (url, jwks_uri) in [
                (format!("https://{host}:{port}"), String::new()),
                (
                    format!("https://id{}.example", names.len()),
                    format!("https://{host}:{port}/keys"),
                ),
            ] {
                let _: Value = gateway.admin().post("issuers", &issuer(&url, &jwks_uri)).await;
                names.push(url);
            }
        }
        let plugin = gateway.plugin("r").program("e2e-plugin-routes");
        plugin.option("issuers", &names.join(",")).option("require_auth", "true").ready().await;
        for (at, name) in names.iter().enumerate() {
            let path = format!("issuers/{}", at + 1);
            let error = eventually(&format!("{name} was tried"), async || {
                let issuer: Value = gateway.admin().get(&path).await;
                issuer["attributes"]["keys"]["error"].as_str().map(str::to_owned)
            })
            .await;
            let refused = ["no address of the public network", "lookup", "resolve", "not known"];
            assert!(refused.iter().any(|why| error.contains(why)), "{name}: {error}");
        }
        assert_eq!(within.asked(), 0);
    });
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The names of all stories.
fn stories() -> BTreeSet<String> {
    let folder = std::fs::read_dir(root().join("e2e/tests")).unwrap();
    let files = folder.map(|entry| entry.unwrap().path());
    let sources = files.filter(|path| path.extension().is_some_and(|end| end == "rs"));
    let texts: Vec<_> = sources.map(|path| std::fs::read_to_string(path).unwrap()).collect();
    let named = texts.iter().flat_map(|text| text.split("#[test]\nfn ").skip(1));
    named.map(|rest| rest.split('(').next().unwrap().to_owned()).collect()
}

fn table<'a>(rows: impl IntoIterator<Item = [&'a str; 4]>) -> String {
    let mut table = "| id | attack | what happens | test |\n|---|---|---|---|\n".to_owned();
    for [id, attack, outcome, test] in rows {
        let _ = writeln!(table, "| {id} | {attack} | {outcome} | `{test}` |");
    }
    table
}

/// Holds the table of a page against what it is made of, or renews it.
#[expect(clippy::disallowed_methods, reason = "whether tables are renewed is said so")]
fn check(page: &str, table: &str) {
    const BEGIN: &str = "<!-- attacks: made of e2e/tests/jwt_attacks.rs -->\n";
    const END: &str = "<!-- end -->";
    let path = root().join(page);
    let text = std::fs::read_to_string(&path).unwrap();
    let (before, rest) = text.split_once(BEGIN).expect("the page has a place for the table");
    let (is, after) = rest.split_once(END).expect("the place has an end");
    if is == table {
        return;
    }
    assert!(
        std::env::var_os("SIDEGATE_RENEW").is_some(),
        "the attacks in {page} are others than those that are tried: SIDEGATE_RENEW=1 cargo test -p sidegate-e2e --test stories the_pages_name_every_attack"
    );
    std::fs::write(&path, format!("{before}{BEGIN}{table}{END}{after}")).unwrap();
}

#[test]
fn the_pages_name_every_attack_that_is_tried_and_the_test_that_does() {
    let known = stories();
    for attack in ABOUT_ISSUERS.iter().chain(&ABOUT_PLACES) {
        assert!(known.contains(attack.test), "{}: no story {}", attack.id, attack.test);
    }
    let ids: Vec<_> = BY_TOKENS.iter().map(|attack| attack.id).collect();
    let ids = ids.into_iter().chain(ABOUT_ISSUERS.iter().chain(&ABOUT_PLACES).map(|it| it.id));
    let all: Vec<_> = ids.collect();
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len(), "an id stands twice");
    let statuses = BY_TOKENS.map(|attack| (attack.id, attack.attack, attack.status.to_string()));
    let test =
        "what_is_no_good_token_opens_nothing_whatever_it_says_and_nobody_is_asked_because_of_it";
    let tokens = statuses.iter().map(|(id, attack, status)| [*id, *attack, status.as_str(), test]);
    let row = |it: &'static ByStory| [it.id, it.attack, it.outcome, it.test];
    check("docs/jwt.md", &table(tokens.chain(ABOUT_ISSUERS.iter().map(row))));
    check("docs/oauth-discovery.md", &table(ABOUT_PLACES.iter().map(row)));
}
