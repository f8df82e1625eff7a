//! What must stay inside: tokens, configured secrets, the gateway's environment. (No token the
//! stories get may ever be in a log; that is checked at the end of each of them.)

use sidegate_api::plugin::WholeStatusAttributes;
use sidegate_api::state::State;
use sidegate_e2e::{Gateway, eventually, story};
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
