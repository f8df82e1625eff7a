//! What must stay inside: tokens, configured secrets, the gateway's environment. (No token the
//! stories get may ever be in a log; that is checked at the end of each of them.)

use serde_json::json;
use sidegate_api::plugin::WholeStatusAttributes;
use sidegate_api::state::State;
use sidegate_e2e::{Cli, Gateway, eventually, story};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

/// Every file below a folder.
fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let (folders, files): (Vec<_>, Vec<_>) =
        entries.map(|e| e.path()).partition(|path| path.is_dir());
    let below = folders.iter().flat_map(|folder| self::files(folder));
    files.into_iter().chain(below).filter(|path| path.is_file()).collect()
}

#[test]
fn a_plugin_sees_nothing_of_the_gateways_environment() {
    story(async {
        let builder = Gateway::builder().env("MY_SECRET", "hidden").env("LC_ALL", "C.UTF-8");
        let builder = builder.env("HOME", "/somewhere").env("DATABASE_PASSWORD", "hidden");
        let gateway = builder.start().await;
        gateway.plugin("r").program("e2e-plugin-routes").ready().await;
        let answer = gateway.get("/plugins/r/environment").send().await.expect(200);
        let seen = answer.json();
        let mut names: Vec<_> = seen.as_object().unwrap().keys().map(String::as_str).collect();
        names.sort_unstable();
        let expected = [
            "AI_STUDIO_PLUGIN",
            "LC_ALL",
            "PATH",
            "PLUGIN_MAX_PORT",
            "PLUGIN_MIN_PORT",
            "PLUGIN_PROTOCOL_VERSIONS",
            "PLUGIN_RUNTIME",
            "PLUGIN_UNIX_SOCKET_DIR",
            "TMPDIR",
        ];
        assert_eq!(names, expected);
        let folder = Path::new(seen["TMPDIR"].as_str().unwrap());
        let mode = std::fs::metadata(folder).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700, "its folder is private");
    });
}

#[test]
fn no_secret_is_logged_even_when_everything_is() {
    story(async {
        let gateway = Gateway::builder().env("LOG_LEVEL", "trace").start().await;
        let secret = "hunter2-of-the-webhook";
        gateway.admin().keep_secret(secret);
        gateway.admin().keep_secret("body-secret");
        gateway.admin().keep_secret("header-secret");
        gateway.plugin("webhook").config("webhook_secret", secret).ready().await;
        gateway.plugin("lab").config("require_auth", "true").ready().await;
        let token = gateway.token().await;
        for path in ["/plugins/lab/x".to_owned(), format!("/plugins/lab/x?token={token}")] {
            for wrong in ["nonsense-token", &token] {
                let request = gateway.post(&path).bearer(wrong).body("body-secret");
                request.header("cookie", "session=header-secret").send().await;
            }
        }
        // As a path it is no credential, but people do such things.
        gateway.get("/plugins/webhook/").bearer(&token).send().await;
        // Refused for their form, with a token inside.
        let mut raw = gateway.raw().await;
        raw.send(format!("GET /plugins/lab/x?token={token}  HTTP/1.1\r\nHost: a\r\n\r\n")).await;
        raw.answer().await.expect(400);
        let mut raw = gateway.raw().await;
        raw.send(format!("GET /x HTTP/1.1\r\nAuthorization: Bearer {token}\r\n\r\n")).await;
        raw.answer().await.expect(400);
        let many = async || (gateway.log().lines().count() > 20).then_some(());
        eventually("there is a log to speak of", many).await;
    });
}

#[test]
fn tokens_are_stored_as_hashes_only() {
    story(async {
        let gateway = Gateway::start().await;
        let token = gateway.token().await;
        let random = token.strip_prefix("sgt_").unwrap();
        let files = files(&gateway.data_dir());
        assert!(files.iter().any(|path| path.extension().is_some_and(|e| e == "db")), "{files:?}");
        for path in files {
            let bytes = std::fs::read(&path).unwrap();
            let found = bytes.windows(random.len()).any(|part| part == random.as_bytes());
            assert!(!found, "the token is in {}", path.display());
            let mode = std::fs::metadata(&path).unwrap().permissions().mode() & 0o077;
            assert_eq!(mode, 0, "{} is for the owner only", path.display());
        }
    });
}

#[test]
fn a_token_is_long_recognisable_and_never_the_same() {
    story(async {
        let gateway = Gateway::start().await;
        let app = gateway.app("a").create().await;
        let (first, second) = (app.token().create().await, app.token().create().await);
        assert_ne!(first, second);
        for token in [&first, &second] {
            assert!(
                token.starts_with("sgt_") && token.len() >= 47,
                "its length is {}",
                token.len()
            );
        }
        for path in ["tokens", "tokens/1", "apps/1"] {
            let shown = gateway.admin().get(path).await.to_string();
            assert!(!shown.contains(&first), "{path}");
        }
    });
}

#[test]
fn what_a_plugin_prints_is_in_the_log_under_its_name() {
    story(async {
        let gateway = Gateway::start().await;
        gateway.plugin("r").program("e2e-plugin-routes").ready().await;
        gateway.get("/plugins/r/print?text=find-me").send().await.expect(200);
        eventually("both lines are logged", async || {
            let log = gateway.log();
            let line = |text: &str| log.lines().find(|line| line.contains(text)).map(str::to_owned);
            let (out, err) = (line("stdout find-me")?, line("stderr find-me")?);
            assert!(out.contains("plugin=") && err.contains("plugin="), "{out}\n{err}");
            Some(())
        })
        .await;
    });
}

#[test]
fn a_secret_of_the_configuration_is_not_in_any_error() {
    story(async {
        let gateway = Gateway::start().await;
        gateway.admin().keep_secret("hunter2");
        let plugin = gateway.plugin("m").program("e2e-plugin-misbehave");
        let plugin = plugin.config("start", "refuse").config("password", "hunter2").add().await;
        let failed = |s: &WholeStatusAttributes| {
            matches!(s.summary.state, State::Backoff | State::Parked | State::Stopped)
        };
        let status = plugin.wait_for("it has failed", failed).await;
        assert!(!format!("{status:?}").contains("hunter2"), "{status:?}");
        let answer = gateway.get("/plugins/m/x").send().await;
        assert!(!answer.describe().contains("hunter2"));
    });
}

#[test]
fn secrets_are_encrypted_at_rest_and_hidden_whoever_calls_them_so() {
    story(async {
        let gateway = Gateway::start().await;
        let secrets = ["hunter-by-name", "hunter-by-schema", "hunter-by-operator", "hunter-by-env"];
        secrets.into_iter().for_each(|secret| gateway.admin().keep_secret(secret));
        let plugin = gateway.plugin("r").program("e2e-plugin-routes");
        let plugin = plugin.config("api_key", secrets[0]).config("certificate", secrets[1]);
        let plugin = plugin.config("endpoint", secrets[2]).option("env.MODE", secrets[3]);
        plugin.option("secret_settings", "endpoint").ready().await;
        let set = json!({"$secret": "set"});
        let cli = gateway.cli();
        let hidden = eventually("what its schema calls a secret is one", async || {
            let shown = cli.json(&["plugin", "show", "r"]).await["attributes"].take();
            (shown["config"]["certificate"] == set).then_some(shown)
        });
        let shown = hidden.await;
        assert_eq!((&shown["config"]["api_key"], &shown["config"]["endpoint"]), (&set, &set));
        assert_eq!(shown["options"]["env.MODE"], set);
        let in_files = || {
            let files = files(&gateway.data_dir());
            let texts = files.iter().map(|file| std::fs::read(file).unwrap());
            let has = |bytes: &[u8], text: &str| {
                bytes.windows(text.len()).any(|window| window == text.as_bytes())
            };
            texts
                .flat_map(|bytes| secrets.map(|text| has(&bytes, text)))
                .filter(|found| *found)
                .count()
        };
        eventually("none is in a file", async || (in_files() == 0).then_some(())).await;
        // What is only hidden from now on is no reason for a new process, and nobody waits for one.
        cli.ok(&["plugin", "update", "r", "--set", "plain=x"]).await;
        cli.ok(&["plugin", "update", "r", "--option", "secret_settings=endpoint,plain"]).await;
        // The plugin has all of them.
        let config = gateway.get("/plugins/r/config").send().await.expect(200).json();
        assert_eq!(config["certificate"], secrets[1]);
        assert_eq!(config["endpoint"], secrets[2]);
    });
}

#[test]
fn a_gateway_without_the_key_of_its_secrets_refuses_to_start_and_with_it_goes_on() {
    story(async {
        let mut gateway = Gateway::start().await;
        let plugin = gateway.plugin("r").program("e2e-plugin-routes");
        plugin.config("api_key", "hunter2").ready().await;
        gateway.stop();
        let data = gateway.data_dir();
        let key = data.join("secrets.key");
        let mode = std::fs::metadata(&key).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let aside = data.join("elsewhere");
        std::fs::rename(&key, &aside).unwrap();
        let data_dir = data.to_str().unwrap();
        let with = |more: &[(&str, &str)]| {
            let usual = [("DATA_DIR", data_dir), ("PORT", "0"), ("ADMIN_PORT", "0")];
            Cli::with(&[&usual[..], more].concat())
        };
        let said = with(&[]).fails(1, &["serve"]).await;
        assert!(
            said.contains("the key of the secrets is missing") && said.contains("restore"),
            "{said}"
        );
        assert!(!key.exists(), "no other one was made in its place");
        std::fs::write(data.join("wrong"), "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=").unwrap();
        let wrong = data.join("wrong");
        let other = [("SIDEGATE_SECRETS_KEY_FILE", wrong.to_str().unwrap())];
        let said = with(&other).fails(1, &["serve"]).await;
        assert!(
            said.contains("sealed with key") && said.contains("SIDEGATE_SECRETS_KEY_FILE"),
            "{said}"
        );
        // A new key in front of it takes its place.
        let old = std::fs::read_to_string(&aside).unwrap();
        let new = std::fs::read_to_string(&wrong).unwrap();
        std::fs::write(&key, format!("{new}\n{old}")).unwrap();
        let seen = async |gateway: &Gateway| {
            gateway.plugin_by_id(1).wait_ready().await;
            let config = gateway.get("/plugins/r/config").send().await.expect(200).json();
            assert_eq!(config["api_key"], "hunter2");
        };
        let mut gateway = gateway.start_again().await;
        seen(&gateway).await;
        gateway.stop();
        std::fs::write(&key, new).unwrap();
        let gateway = gateway.start_again().await;
        seen(&gateway).await;
    });
}
