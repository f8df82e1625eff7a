//! How options are read, and which are refused.

use super::*;
use proptest::prelude::*;

fn raw(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn problem(name: &str, value: &str) -> String {
    PluginOptions::parse(&raw(&[(name, value)])).unwrap_err()[0].to_string()
}

#[test]
fn an_unknown_option_names_the_known_ones() {
    let text = problem("optional-auth", "true");
    assert!(text.contains("optional_auth") && text.contains("env.NAME"), "{text}");
}

#[test]
fn a_name_that_would_steer_a_terminal_is_told_harmlessly() {
    let text = problem("env.\u{1b}[2J", "x");
    assert!(text.starts_with("option env.\\u{1b}[2J: name variables"), "{text}");
}

#[test]
fn every_known_name_is_read() {
    for name in PluginOptions::NAMES {
        let value = match *name {
            "cors.origins" => "*",
            "cors.headers" | "cors.expose" => "X-A",
            "cors.credentials" | "optional_auth" | "pass_token" | "lenient_done" | "required"
            | "mtls" | "require_auth" => "true",
            "restart.park_after"
            | "max_body"
            | "rate_limit"
            | "rate_limit_per_client"
            | "max_concurrent"
            | "max_concurrent.queue" => "7",
            "stream_end" => "abort",
            "oauth.authorization_servers" => "plugin:oidc",
            "oauth.resource" => "https://api.example.com",
            "allowed_origins" => "same",
            "host" => "id.example.com",
            "stream_recheck" | "query_token" => "false",
            "sha256" => "ab00000000000000000000000000000000000000000000000000000000000000",
            _ => "1s",
        };
        // Some mean something only beside another one.
        let beside: &[_] = match *name {
            "cors.origins" => &[],
            name if name.starts_with(cors::PREFIX) => &[("cors.origins", "https://a")],
            name if name.starts_with("max_concurrent.") => &[("max_concurrent", "4")],
            _ => &[],
        };
        let before = PluginOptions::parse(&raw(beside)).unwrap();
        let with = [beside, &[(*name, value)]].concat();
        assert_ne!(PluginOptions::parse(&raw(&with)).unwrap(), before, "{name}");
    }
}

#[test]
fn a_value_that_does_not_fit_is_told_with_what_would() {
    assert!(problem("required", "yes").ends_with("use true or false"));
    assert!(problem("ping_timeout", "5").contains("as in 5s"));
    assert!(problem("restart.base", "0").ends_with("use 10ms to 1h"));
    assert!(problem("restart.park_after", "0").ends_with("use 1 to 1000"));
    assert!(problem("stream_end", "close").ends_with("use clean or abort"));
    let both = raw(&[("restart.base", "2s"), ("restart.max", "1s"), ("required", "true")]);
    let (options, problems) = PluginOptions::read(&both);
    assert!(problems[0].to_string().contains("1s is shorter than restart.base, which is 2s"));
    assert!(options.required && options.restart == RestartOptions::default());
}

#[test]
fn all_that_is_wrong_is_told_at_once() {
    let bad = raw(&[("a", ""), ("required", "1"), ("env.LD_PRELOAD", "x")]);
    assert_eq!(PluginOptions::parse(&bad).unwrap_err().len(), 3);
}

#[test]
fn a_checksum_that_cannot_be_read_is_refused_and_once_stored_lets_nothing_start() {
    assert!(problem("sha256", "sha256:abc").contains("64 hexadecimal digits"));
    let good = "ab".repeat(32);
    let stored = |pairs: &[(&str, &str)]| PluginOptions::read(&raw(pairs)).0.sha256;
    assert_eq!(stored(&[("sha256", "x")]), Some(Sha256([0; 32])));
    assert_eq!(stored(&[("sha256", &good), ("unknown", "")]), Some(Sha256([0xab; 32])));
    assert_eq!(stored(&[]), None);
}

#[test]
fn variables_of_the_protocol_and_of_the_loader_are_refused() {
    for name in [
        "AI_STUDIO_PLUGIN",
        "PLUGIN_PROTOCOL_VERSIONS",
        "PLUGIN_CLIENT_CERT",
        "TMPDIR",
        "PLUGIN_UNIX_SOCKET_DIR",
        "PLUGIN_RUNTIME",
        "LD_PRELOAD",
        "LD_LIBRARY_PATH",
        "LD_AUDIT",
        "",
        "1A",
        "A-B",
        "A=B",
        "Ä",
    ] {
        let text = problem(&format!("env.{name}"), "secret");
        assert!(!text.contains("secret"), "{text}");
    }
    assert!(problem("env.A", "x\0y").contains("NUL"));
}

#[test]
fn how_much_a_plugin_logs_can_be_said_although_the_name_looks_like_the_protocol() {
    let options = PluginOptions::parse(&raw(&[("env.PLUGIN_LOG_LEVEL", "debug")])).unwrap();
    assert_eq!(options.env.get("PLUGIN_LOG_LEVEL"), Some("debug"));
    assert!(problem("env.PLUGIN_LOG_LEVELS", "debug").contains("protocol"));
}

#[test]
fn values_of_variables_are_not_printed() {
    let options = PluginOptions::parse(&raw(&[("env.KEY", "hunter2")])).unwrap();
    let shown = format!("{options:?}");
    assert!(shown.contains("KEY") && !shown.contains("hunter2"), "{shown}");
}

#[test]
fn a_process_does_for_other_options_where_only_the_gateway_heeds_them() {
    let plain = PluginOptions::default();
    let with = |name, value| PluginOptions::parse(&raw(&[(name, value)])).unwrap();
    for (name, value) in [
        ("optional_auth", "true"),
        ("pass_token", "true"),
        ("lenient_done", "true"),
        ("required", "true"),
        ("drain_deadline", "1s"),
        ("restart.max", "1s"),
        ("stream_timeout", "0"),
        ("stream_end", "abort"),
        ("stream_recheck", "false"),
        ("apps", "billing"),
        ("oauth.authorization_servers", "plugin:oidc"),
        ("max_concurrent", "4"),
    ] {
        assert!(plain.same_process(&with(name, value)), "{name}");
    }
    for (name, value) in [("env.A", "b"), ("ping_interval", "1s"), ("start_timeout", "1s")] {
        assert!(!plain.same_process(&with(name, value)), "{name}");
    }
}

proptest! {
    #[test]
    fn nothing_that_is_written_makes_reading_panic(name in "\\PC{0,20}", value in "\\PC{0,20}") {
        let (options, problems) = PluginOptions::read(&raw(&[(&name, &value)]));
        let denies = ["sha256", "require_auth", "apps", "scopes_required", "query_token"];
        prop_assert!(denies.contains(&name.as_str()) || problems.is_empty() || options == PluginOptions::default());
    }
}
